/*
 * Gradients of parameters, each taken by the optimizer at once; parameters between arena and memory; what the host sees.
 * Included by fused.h.
 */
#ifndef QUERN_FUSED_UPDATE_H
#define QUERN_FUSED_UPDATE_H

/* The bits of the larger magnitude; NaN is larger than all. */
DEVICE uint larger(uint top, float v) { return max(top, as_uint(v) & 0x7fffffffu); }

DEVICE uint larger4(uint top, float4 v) { return larger(larger(larger(larger(top, v.x), v.y), v.z), v.w); }

/* Four parameters from `at` on, the first `count` of them real. Gives the bits of the largest magnitude that is left there. */
DEVICE uint fused_update_four(MEM float *mem, uint at, uint size, uint count, float4 g, float rate, float decay) {
    float4 form = LOAD4(mem + NET_FORM_0); /* as one: of three loads nvcc makes now two, now one */
    Update u = {rate, decay, form.x, form.y, form.z};
    MEM float *w = mem + at, *m = w + size, *v = m + size;
    if (count >= 4) {
        return larger4(0, update_four(NET(NET_RULE), u, g, w, m, v));
    }
    uint top = 0;
    for (uint q = 0; q < count; q++) {
        top = larger(top, update_at(NET(NET_RULE), u, pick(g, q), w + q, m + q, v + q));
    }
    return top;
}

/* dW of the first layer in four columns from c on and four inputs from 4 q on, and the update of these weights. */
PART void fused_first_weights(MEM float *mem, uint x, uint c, uint q, uint rows, float rate, float decay,
                                const bool bytes, const bool shifts) {
    float scale = NET_FLOAT(NET_SCALE), shift = NET_FLOAT(NET_SHIFT), left_out = fused_scale(mem);
    uint x_stride = NET(NET_X_STRIDE), g = LAYER(0, LAYER_G) + c, g_stride = LAYER(0, LAYER_STRIDE);
    float4 sum[4];
    UNROLL for (int i = 0; i < 4; i++) {
        sum[i] = MAKE4(0.0f, 0.0f, 0.0f, 0.0f);
    }
    uint at = x + (bytes ? q : 4 * q);
    for (uint b = 0; b < rows; b++) {
        float4 v = x_four(mem, at + b * x_stride, bytes, shifts, scale, shift);
        float4 d = LOAD4(mem + g + b * g_stride);
        sum[0] = MAKE4(v.x * d.x + sum[0].x, v.y * d.x + sum[0].y, v.z * d.x + sum[0].z, v.w * d.x + sum[0].w);
        sum[1] = MAKE4(v.x * d.y + sum[1].x, v.y * d.y + sum[1].y, v.z * d.y + sum[1].z, v.w * d.y + sum[1].w);
        sum[2] = MAKE4(v.x * d.z + sum[2].x, v.y * d.z + sum[2].y, v.z * d.z + sum[2].z, v.w * d.z + sum[2].w);
        sum[3] = MAKE4(v.x * d.w + sum[3].x, v.y * d.w + sum[3].y, v.z * d.w + sum[3].z, v.w * d.w + sum[3].w);
    }
    uint w = LAYER(0, LAYER_W), stride = LAYER(0, LAYER_W_STRIDE), size = LAYER(0, LAYER_W_SIZE);
    UNROLL for (int i = 0; i < 4; i++) {
        float4 s = MAKE4(sum[i].x * left_out, sum[i].y * left_out, sum[i].z * left_out, sum[i].w * left_out);
        fused_update_four(mem, w + (c + i) * stride + 4 * q, size, NET(NET_INPUTS) - 4 * q, s, rate, decay);
    }
}

/* Column sums of the gradient: the biases of a layer, one to a thread. */
PART void fused_biases(MEM float *mem, uint l, uint rows, uint own, uint t, float rate, float decay) {
    uint width = l == 0 ? own : LAYER(l, LAYER_OUT), g = LAYER(l, LAYER_G), stride = LAYER(l, LAYER_STRIDE);
    uint bias = LAYER(l, LAYER_B), size = LAYER(l, LAYER_B_SIZE);
    for (uint j = t; j < width; j += FUSED_THREADS) {
        float sum = 0.0f;
        for (uint b = 0; b < rows; b++) {
            sum += mem[g + b * stride + j];
        }
        fused_update_four(mem, bias + j, size, 1, MAKE4(sum, 0.0f, 0.0f, 0.0f), rate, decay);
    }
}

/* dW of a layer above the first, one input and four outputs to a thread, and the update of these weights. */
PART void fused_weights(MEM float *mem, uint l, uint slot, uint rows, uint t, float rate, float decay) {
    uint out = LAYER(l, LAYER_OUT), fours = (out + 3) / 4, units = LAYER(l, LAYER_IN) * fours;
    uint x = fused_y(mem, l - 1, slot), x_stride = fused_y_stride(mem, l - 1);
    uint g = LAYER(l, LAYER_G), g_stride = LAYER(l, LAYER_STRIDE);
    for (uint u = t; u < units; u += FUSED_THREADS) {
        uint k = u / fours, j = u % fours * 4;
        float4 sum = MAKE4(0.0f, 0.0f, 0.0f, 0.0f);
        for (uint b = 0; b < rows; b++) {
            float v = mem[x + b * x_stride + k];
            float4 d = LOAD4(mem + g + b * g_stride + j);
            sum = MAKE4(v * d.x + sum.x, v * d.y + sum.y, v * d.z + sum.z, v * d.w + sum.w);
        }
        fused_update_four(mem, LAYER(l, LAYER_W) + k * LAYER(l, LAYER_W_STRIDE) + j, LAYER(l, LAYER_W_SIZE), out - j,
                          sum, rate, decay);
    }
}

/* ---- state between arena and memory ------------------------------------------------------------------------------------ */

/* Where the moment `which` (0: the parameters) lies in the arena. */
DEVICE uint fused_arena(MEM const float *mem, uint which) {
    return which == 0 ? 0 : NET(which == 1 ? NET_M_ARENA : NET_V_ARENA);
}

/* Copies parameters and moments in, or back out: the own columns of the first layer, the others if `all`. */
PART void fused_state(MEM float *mem, __global float *arena, bool in, uint c0, uint own, bool all, uint t) {
    uint moments = MOMENTS(NET(NET_RULE));
    for (uint which = 0; which <= moments; which++) {
        __global float *from = arena + fused_arena(mem, which);
        for (uint l = 0; l < (all ? NET(NET_LAYERS) : 1); l++) {
            uint inputs = LAYER(l, LAYER_IN), out = LAYER(l, LAYER_OUT), stride = LAYER(l, LAYER_W_STRIDE);
            uint width = l == 0 ? own : out, first = l == 0 ? c0 : 0;
            MEM float *w = mem + LAYER(l, LAYER_W) + which * LAYER(l, LAYER_W_SIZE);
            MEM float *b = mem + LAYER(l, LAYER_B) + which * LAYER(l, LAYER_B_SIZE);
            for (uint i = t; i < inputs * width; i += FUSED_THREADS) {
                uint k = i / width, j = i % width;
                __global float *there = from + LAYER(l, LAYER_W_ARENA) + k * out + first + j;
                MEM float *here = w + (l == 0 ? j * stride + k : k * stride + j);
                if (in) {
                    *here = *there;
                } else {
                    *there = *here;
                }
            }
            for (uint j = t; j < width; j += FUSED_THREADS) {
                __global float *there = from + LAYER(l, LAYER_B_ARENA) + first + j;
                if (in) {
                    b[j] = *there;
                } else {
                    *there = b[j];
                }
            }
        }
    }
}

/* ---- what the host sees --------------------------------------------------------------------------------------------------- */

/* The step's entry in the log, by one thread; it counts them up now and then, since waiting for the host's memory takes long. */
PART void fused_log(MEM const float *mem, __global volatile uint *log, uint index, uint rows, bool tell) {
    float loss = 0.0f, hits = 0.0f;
    for (uint b = 0; b < rows; b++) {
        loss += mem[NET(NET_LOSSES) + b];
        hits += mem[NET(NET_HITS) + b];
    }
    log[1 + 2 * index] = as_uint(loss);
    log[2 + 2 * index] = (uint)hits;
    if (tell) {
        FENCE_HOST();
        log[0] = index + 1;
    }
}

/* Leaves the pass as metrics_forward would after the last step. */
PART void fused_leave(__global uint *pass, Moment next) {
    pass[PASS_INDEX] = next.index;
    pass[PASS_ROWS] = next.rows;
    pass[PASS_FIRST] = next.first;
    pass[PASS_STEP_LOW] = next.step_low;
    pass[PASS_STEP_HIGH] = next.step_high;
    pass[PASS_EPOCH_LOW] = next.epoch_low;
    pass[PASS_EPOCH_HIGH] = next.epoch_high;
    if (next.index < pass[PASS_COUNT]) {
        pass[PASS_RATE] = pass[PASS_WORDS + next.index];
        pass[PASS_DECAY] = pass[PASS_WORDS + pass[PASS_COUNT] + next.index];
    }
}

#endif
