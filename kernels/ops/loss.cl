/*
 * cross_entropy_forward   of logits Z [B x C] and class indices T [B], or with weights W beside them, [B x 2]:
 *                         M = max over j of Z[b,j], S = sum over j of exp(Z[b,j] - M),
 *                         L[b] = (log S + M - Z[b,T[b]]) W[b], G[b,j] = (exp(Z[b,j] - M) / S - [j = T[b]]) / B W[b],
 *                         hits[b] = 1 if the first largest logit is at T[b], else 0
 * elementwise_loss_forward of Y [B x C] and targets T [B x C]: L[b] = sum over j of loss(Y, T) / C,
 *                         G[b,j] = loss'(Y, T) / (B C) * act', hits[b] = how many j are decided rightly
 *
 * loss, gradient and hits in one launch; any C. What the step's last launch is to know of the pass is kept for it.
 *
 * Launch: 256 threads, `lanes` (a power of 2 up to 256) for a row. Deterministic: every lane sums its columns in
 * order, the lanes are summed in a fixed tree.
 * Bytes: 4 (2 B C + 3 B), 4 B more with weights, or 4 (3 B C + 2 B) with targets [B x C]; flops: 6 B C.
 */
#include "../shared/activation.h"
#include "../shared/loss.h"
#include "../shared/moment.h"

/* The sum of the lanes of a row, in all of them. */
DEVICE float row_sum(LOCAL float *lane_sums, uint lanes, float sum) {
    uint t = get_local_id(0);
    lane_sums[t] = sum;
    for (uint gap = lanes / 2; gap > 0; gap /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (t % lanes < gap) {
            lane_sums[t] += lane_sums[t + gap];
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return lane_sums[t / lanes * lanes];
}

KERNEL(256)
cross_entropy_forward(__global float *arena, __global uint *pass, uint logits_at, uint targets_at,
                      uint gradient_at, uint loss_at, uint hits_at, uint columns, uint target_columns, uint lanes) {
    SHARED float lane_values[256];
    SHARED uint lane_columns[256];
    uint t = get_local_id(0), lane = t % lanes;
    uint row = get_group_id(0) * (256 / lanes) + t / lanes;
    uint rows = pass[PASS_ROWS];
    bool real = row < rows;
    if (get_group_id(0) == 0 && t == 0) {
        moment_keep(pass);
    }
    __global const float *z = arena + logits_at + (real ? row : 0) * columns;
    bool vector = columns % 4 == 0;

    float top = -INFINITY;
    uint best = 0xffffffffu;
    for (uint j = lane; real && j < columns; j += lanes) {
        if (beats(z[j], j, top, best)) {
            top = z[j];
            best = j;
        }
    }
    lane_values[t] = top;
    lane_columns[t] = best;
    for (uint gap = lanes / 2; gap > 0; gap /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < gap && beats(lane_values[t + gap], lane_columns[t + gap], lane_values[t], lane_columns[t])) {
            lane_values[t] = lane_values[t + gap];
            lane_columns[t] = lane_columns[t + gap];
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    top = lane_values[t - lane];
    best = lane_columns[t - lane];
    barrier(CLK_LOCAL_MEM_FENCE);

    float sum = 0.0f;
    for (uint j = lane; real && j < columns; j += lanes) {
        sum += exp(z[j] - top);
    }
    sum = row_sum(lane_values, lanes, sum);
    if (!real) {
        return;
    }
    __global const float *wanted = arena + targets_at + row * target_columns;
    uint target = (uint)wanted[0];
    float weight = target_columns > 1 ? wanted[1] : 1.0f;
    __global float *gradient = arena + gradient_at + row * columns;
    float divisor = (float)rows;
    if (vector) {
        for (uint j = lane * 4; j < columns; j += lanes * 4) {
            float4 v = LOAD4(z + j);
            v = MAKE4(exp(v.x - top) / sum, exp(v.y - top) / sum, exp(v.z - top) / sum, exp(v.w - top) / sum);
            STORE4(MAKE4((v.x - (j == target ? 1.0f : 0.0f)) / divisor * weight,
                         (v.y - (j + 1 == target ? 1.0f : 0.0f)) / divisor * weight,
                         (v.z - (j + 2 == target ? 1.0f : 0.0f)) / divisor * weight,
                         (v.w - (j + 3 == target ? 1.0f : 0.0f)) / divisor * weight),
                   gradient + j);
        }
    } else {
        for (uint j = lane; j < columns; j += lanes) {
            gradient[j] = (exp(z[j] - top) / sum - (j == target ? 1.0f : 0.0f)) / divisor * weight;
        }
    }
    if (lane == 0) {
        arena[loss_at + row] = (log(sum) + (top - z[target])) * weight;
        arena[hits_at + row] = best == target ? 1.0f : 0.0f;
    }
}

KERNEL(256)
elementwise_loss_forward(__global float *arena, __global uint *pass, uint y_at, uint z_at, uint targets_at,
                        uint gradient_at, uint loss_at, uint hits_at, uint columns, int activation, uint lanes, int loss,
                        float form) {
    SHARED float lane_sums[256];
    SHARED float lane_hits[256];
    uint t = get_local_id(0), lane = t % lanes;
    uint row = get_group_id(0) * (256 / lanes) + t / lanes;
    uint rows = pass[PASS_ROWS];
    if (get_group_id(0) == 0 && t == 0) {
        moment_keep(pass);
    }
    float scale = 1.0f / ((float)rows * (float)columns);
    float sum = 0.0f, hits = 0.0f;
    for (uint j = lane; row < rows && j < columns; j += lanes) {
        uint position = row * columns + j;
        float y = arena[y_at + position];
        float z = z_at != NOWHERE ? arena[z_at + position] : 0.0f;
        float target = arena[targets_at + position];
        sum = add_loss(loss, form, y, target, sum);
        hits += decided_rightly(loss, y, target);
        arena[gradient_at + position] = loss_slope(loss, form, y, target) * scale * slope(activation, y, z);
    }
    sum = row_sum(lane_sums, lanes, sum);
    hits = row_sum(lane_hits, lanes, hits);
    if (row < rows && lane == 0) {
        arena[loss_at + row] = sum / (float)columns;
        arena[hits_at + row] = hits;
    }
}
