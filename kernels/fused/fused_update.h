/*
 * Gradients of parameters, each taken by the optimizer at once; parameters between arena and memory; what the host sees.
 * Included by fused.h.
 */
#ifndef QUERN_FUSED_UPDATE_H
#define QUERN_FUSED_UPDATE_H

/* The bits of the larger magnitude; NaN is larger than all. */
DEVICE uint larger(uint top, float v) { return max(top, as_uint(v) & 0x7fffffffu); }

DEVICE uint larger4(uint top, float4 v) { return larger(larger(larger(larger(top, v.x), v.y), v.z), v.w); }

/* `count` fours of parameters, `stride` apart, by a rule; `rule` and `count` are constants after inlining. All loads come first. */
DEVICE uint update_fours_by(const uint rule, Update u, const int count, const float4 *g, MEM float *w, uint stride,
                            uint size) {
    float4 w4[4], m4[4], v4[4];
    uint top = 0;
    /* not up to `count`: the compilers of OpenCL unroll before they inline, or leave the arrays in memory */
    UNROLL for (int i = 0; i < 4; i++) {
        if (i < count) {
            w4[i] = LOAD4(w + i * stride);
            m4[i] = MOMENTS(rule) > 0 ? LOAD4(w + i * stride + size) : g[i];
            v4[i] = MOMENTS(rule) > 1 ? LOAD4(w + i * stride + 2 * size) : g[i];
        }
    }
    UNROLL for (int i = 0; i < 4; i++) {
        if (i < count) {
            w4[i] = update_values(rule, u, w4[i], g[i], &m4[i], &v4[i]);
            top = larger4(top, w4[i]);
        }
    }
    UNROLL for (int i = 0; i < 4; i++) {
        if (i < count) {
            STORE4(w4[i], w + i * stride);
        }
        if (i < count && MOMENTS(rule) > 0) {
            STORE4(m4[i], w + i * stride + size);
        }
        if (i < count && MOMENTS(rule) > 1) {
            STORE4(v4[i], w + i * stride + 2 * size);
        }
    }
    return top;
}

/*
 * The update of `count` fours of parameters from `at` on, `stride` apart, with their gradients. Gives the bits of the largest
 * magnitude that is left there. The gaps, whose parameters, moments and gradients are zeros, stay so by every rule.
 */
DEVICE uint fused_update_fours(MEM float *mem, Description net, uint at, uint stride, uint size, const int count,
                               const float4 *g, float rate, float decay) {
    Update u = {rate, decay, NET_FLOAT(NET_FORM_0), NET_FLOAT(NET_FORM_1), NET_FLOAT(NET_FORM_2)};
    switch (NET(NET_RULE)) {
#define CASE(optimizer, moments, call) \
    case RULE(optimizer, moments):     \
        return update_fours_by(RULE(optimizer, moments), u, count, g, mem + at, stride, size);
        RULES(CASE)
#undef CASE
    default:
        return 0;
    }
}

DEVICE uint fused_update_four(MEM float *mem, Description net, uint at, uint size, float4 g, float rate, float decay) {
    return fused_update_fours(mem, net, at, 0, size, 1, &g, rate, decay);
}

/*
 * Work on the parameters above the first layer is dealt to the threads as cards are, one layer's behind the other's, a warp's
 * together; and from the last thread on, since the first ones have most to do in the first layer.
 */
DEVICE uint dealt_on(uint dealt, uint pieces) { return dealt + (pieces + FUSED_WARP - 1) / FUSED_WARP * FUSED_WARP; }

/* The number of a thread among those to which the next pieces are dealt. */
DEVICE uint dealt_to(uint t, uint dealt) { return (FUSED_THREADS - 1 - t - dealt) % FUSED_THREADS; }

/* Sums over the rows, for four inputs of X and four columns of G: dW of the first layer, but for what is left out. */
DEVICE void fused_first_sums(MEM const float *mem, uint x, uint x_stride, MEM const float *g, uint g_stride, uint rows,
                             const bool bytes, const bool shifts, float scale, float shift, float4 *sum) {
    UNROLL_4 for (uint b = 0; b < rows; b++) {
        float4 v = x_four(mem, x, bytes, shifts, scale, shift);
        float4 d = LOAD4(g);
        sum[0] = times4(d.x, v, sum[0]);
        sum[1] = times4(d.y, v, sum[1]);
        sum[2] = times4(d.z, v, sum[2]);
        sum[3] = times4(d.w, v, sum[3]);
        x += x_stride;
        g += g_stride;
    }
}

/* dW of the first layer in four columns from c on and four inputs from 4 q on, and the update of these weights. */
PART void fused_first_weights(MEM float *mem, Description net, uint x, uint c, uint q, uint rows, float rate,
                              float decay) {
    float scale = NET_FLOAT(NET_SCALE), shift = NET_FLOAT(NET_SHIFT), left_out = fused_scale(net);
    uint x_stride = NET(NET_X_STRIDE), g_stride = LAYER(0, LAYER_STRIDE);
    MEM const float *g = mem + LAYER(0, LAYER_G) + c;
    float4 sum[4];
    UNROLL for (int i = 0; i < 4; i++) { sum[i] = MAKE4(0.0f, 0.0f, 0.0f, 0.0f); }
    if (NET(NET_PIXELS) == 0) {
        fused_first_sums(mem, x + 4 * q, x_stride, g, g_stride, rows, false, false, scale, shift, sum);
    } else if (shift == 0.0f) {
        fused_first_sums(mem, x + q, x_stride, g, g_stride, rows, true, false, scale, shift, sum);
    } else {
        fused_first_sums(mem, x + q, x_stride, g, g_stride, rows, true, true, scale, shift, sum);
        uint real = NET(NET_INPUTS) - 4 * q; /* the gaps of X are not zeros when they are shifted */
        UNROLL for (int i = 0; i < 4; i++) {
            sum[i] =
                MAKE4(sum[i].x, real > 1 ? sum[i].y : 0.0f, real > 2 ? sum[i].z : 0.0f, real > 3 ? sum[i].w : 0.0f);
        }
    }
    UNROLL for (int i = 0; i < 4; i++) {
        sum[i] = MAKE4(sum[i].x * left_out, sum[i].y * left_out, sum[i].z * left_out, sum[i].w * left_out);
    }
    uint stride = LAYER(0, LAYER_W_STRIDE);
    fused_update_fours(mem, net, LAYER(0, LAYER_W) + c * stride + 4 * q, stride, LAYER(0, LAYER_W_SIZE), 4, sum, rate,
                       decay);
}

/* dW1 in the own columns with its update: four inputs and four columns to a thread. */
PART void fused_first_update(MEM float *mem, Description net, uint x, uint rows, uint own, uint t, float rate,
                             float decay) {
    uint inputs4 = (NET(NET_INPUTS) + 3) / 4, q = t, c = 0;
    for (;;) {
        while (q >= inputs4 && c < own) {
            q -= inputs4;
            c += 4;
        }
        if (c >= own) {
            break;
        }
        fused_first_weights(mem, net, x, c, q, rows, rate, decay);
        q += FUSED_THREADS;
    }
}

/* dW of a layer above the first, two inputs and four outputs to a thread, and the update of these weights. */
PART void fused_weights(MEM float *mem, Description net, uint l, uint slot, uint rows, uint t, float rate,
                        float decay) {
    uint in = LAYER(l, LAYER_IN), fours = LAYER(l, LAYER_FOURS), w_stride = LAYER(l, LAYER_W_STRIDE);
    uint x_stride = fused_y_stride(net, l - 1), g_stride = LAYER(l, LAYER_STRIDE);
    Share share = share_of(t, FUSED_THREADS, fours, LAYER(l, LAYER_FOURS_INVERSE));
    uint j = 4 * share.item;
    for (uint k = 2 * share.row; k < in && j < 4 * fours; k += 2 * share.rows) {
        MEM const float *x = mem + fused_y(net, l - 1, slot) + k, *g = mem + LAYER(l, LAYER_G) + j;
        float4 sum[2] = {MAKE4(0.0f, 0.0f, 0.0f, 0.0f), MAKE4(0.0f, 0.0f, 0.0f, 0.0f)};
        UNROLL_4 for (uint b = 0; b < rows; b++) {
            float4 d = LOAD4(g);
            sum[0] = times4(x[0], d, sum[0]);
            sum[1] = times4(x[1], d, sum[1]);
            x += x_stride;
            g += g_stride;
        }
        fused_update_fours(mem, net, LAYER(l, LAYER_W) + k * w_stride + j, w_stride, LAYER(l, LAYER_W_SIZE), 2, sum,
                           rate, decay);
    }
}

/* db of all layers with its update, four columns to a thread; of the first layer, of the block's. */
PART void fused_biases(MEM float *mem, Description net, uint rows, uint t, float rate, float decay) {
    for (uint piece = t; piece < NET(NET_BIASES); piece += FUSED_THREADS) {
        uint at = piece, l = 0, fours = (NET(NET_COLUMNS) + 3) / 4;
        while (at >= fours) {
            at -= fours;
            l++;
            fours = LAYER(l, LAYER_FOURS);
        }
        MEM const float *g = mem + LAYER(l, LAYER_G) + 4 * at;
        uint g_stride = LAYER(l, LAYER_STRIDE);
        float4 sum = MAKE4(0.0f, 0.0f, 0.0f, 0.0f);
        UNROLL_4 for (uint b = 0; b < rows; b++) {
            sum = times4(1.0f, LOAD4(g), sum);
            g += g_stride;
        }
        fused_update_four(mem, net, LAYER(l, LAYER_B) + 4 * at, LAYER(l, LAYER_B_SIZE), sum, rate, decay);
    }
}

/* ---- state between arena and memory ------------------------------------------------------------------------------------ */

/* Where the moment `which` (0: the parameters) lies in the arena. */
DEVICE uint fused_arena(Description net, uint which) {
    return which == 0 ? 0 : NET(which == 1 ? NET_M_ARENA : NET_V_ARENA);
}

/* Copies parameters and moments in, or back out: the own columns of the first layer, the others if `all`. */
PART void fused_state(MEM float *mem, Description net, __global float *arena, bool in, uint c0, uint own, bool all,
                      uint t) {
    uint moments = MOMENTS(NET(NET_RULE));
    for (uint which = 0; which <= moments; which++) {
        __global float *from = arena + fused_arena(net, which);
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

/*
 * The step's entry in the log, by one thread. It keeps entries to itself until the host is told, since waiting for the host's
 * memory takes long: `since` is the first that the host does not have.
 */
PART void fused_log(MEM float *mem, Description net, __global volatile uint *log, uint index, uint rows, uint since,
                    bool tell) {
    float loss = 0.0f, hits = 0.0f;
    UNROLL_4 for (uint b = 0; b < rows; b++) {
        loss += mem[NET(NET_LOSSES) + b];
        hits += mem[NET(NET_HITS) + b];
    }
    MEM uint *kept = (MEM uint *)mem + NET(NET_LOG);
    kept[2 * (index % LOG_STEPS)] = as_uint(loss);
    kept[2 * (index % LOG_STEPS) + 1] = (uint)hits;
    if (tell) {
        for (uint i = since; i <= index; i++) {
            log[1 + 2 * i] = kept[2 * (i % LOG_STEPS)];
            log[2 + 2 * i] = kept[2 * (i % LOG_STEPS) + 1];
        }
        FENCE_HOST();
        log[0] = index + 1;
    }
}

#endif
