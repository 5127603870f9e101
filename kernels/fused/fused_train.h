/*
 * Many training steps in one launch, by a team of blocks. Included once for each kind of team, with
 *
 *   FUSED(name)        a name with the team's
 *   TEAM_RANK          the block's number in its team
 *   TEAM_MEMORY        the block's memory
 *   TEAM_PUT(at, v, half)  mem[at] <- v in every block, once TEAM_GATHER is over; called by two lanes, with half 0 and 1
 *   TEAM_SYNC()        waits for all threads of the team
 *   TEAM_GATHER(slot)  the same; what was put before is there then
 *   TEAM_HELPERS       threads beyond FUSED_THREADS: a warp that draws the batch order, a warp that draws masks; or 0
 *   COPY16, COPY4(to, from), COPY_WAIT()   copies into `mem` that need not be there before COPY_WAIT
 *   TEAM_TENSOR        whether it has cuda/fused_tensor.h
 *
 * A step: X W1 of the own columns, bias, activation, mask | exchange | the layers above | loss | gradients down to the own
 * columns | weight gradients, each with the optimizer's update of the weights that the thread has just got the gradient of.
 * Meanwhile come the next step's rows and targets, its masks, and the order of the step after it.
 *
 * Deterministic: every sum has an order that depends on shapes alone; what is computed by all blocks is computed alike.
 * Bytes: B I pixels a step, and the state once in and out; flops: 2 B (2 I H + 3 (the weights above)) + 14 P.
 */

/* Rows of bytes: those of a step's batch into the half of X that is its own. */
PART void FUSED(fused_pixels)(MEM float *mem, uint slot, uint rows, __global const uchar *raw, uint t) {
    uint inputs = NET(NET_INPUTS), stride = NET(NET_X_STRIDE), x = NET(NET_X) + slot * NET(NET_X_NEXT);
    MEM const uint *order = (MEM const uint *)mem + NET(NET_ORDER) + slot * NET(NET_BATCH);
    if (inputs % 16 == 0) {
        uint pieces = inputs / 16;
        for (uint k = t; k < rows * pieces; k += FUSED_THREADS) {
            uint b = k / pieces, i = k % pieces;
            COPY16(mem + x + b * stride + 4 * i, raw + (size_t)order[b] * inputs + 16 * i);
        }
    } else {
        uint words = (inputs + 3) / 4;
        for (uint k = t; k < rows * words; k += FUSED_THREADS) {
            uint b = k / words, i = k % words;
            ((MEM uint *)mem)[x + b * stride + i] = bytes4(raw + (size_t)order[b] * inputs + 4 * i, inputs - 4 * i);
        }
    }
}

PART void FUSED(fused_targets)(MEM float *mem, uint slot, uint rows, __global const float *source, uint t) {
    uint columns = NET(NET_TARGETS), targets = NET(NET_TARGET) + slot * NET(NET_BATCH) * columns;
    MEM const uint *order = (MEM const uint *)mem + NET(NET_ORDER) + slot * NET(NET_BATCH);
    for (uint k = t; k < rows * columns; k += FUSED_THREADS) {
        COPY4(mem + targets + k, source + (size_t)order[k / columns] * columns + k % columns);
    }
}

#ifndef WARPS_SHUFFLE
/* A thread's part of a tile's sums to NET_PARTS, and of sum t % 16 of tile t / 16 the parts together. */
PART void FUSED(fused_tile_parts)(MEM float *mem, uint x, uint w, uint t) {
    float sums[FUSED_SUMS];
    fused_tile_of(mem, x, w, t % FUSED_WARP, sums);
    for (uint i = 0; i < FUSED_SUMS; i++) {
        mem[NET(NET_PARTS) + i * FUSED_THREADS + t] = sums[i];
    }
}
PART float FUSED(fused_tile_total)(MEM const float *mem, uint t) {
    float z = 0.0f;
    for (uint k = 0; k < FUSED_WARP; k++) {
        z += mem[NET(NET_PARTS) + t % 16 * FUSED_THREADS + t / 16 * FUSED_WARP + k];
    }
    return z;
}
#endif

/* H = act(X W1 + b1) * keep in the own columns, to all blocks: a warp for four rows and four columns. */
DEVICE void FUSED(fused_first)(MEM float *mem, __global float *scratch, uint slot, uint x, uint rows, uint c0, uint own, uint t) {
    uint fours = (own + 3) / 4, tiles = (rows + 3) / 4 * fours;
    uint h = NET(NET_H) + slot * NET(NET_H_NEXT), x_stride = NET(NET_X_STRIDE);
    float scale = fused_scale(mem);
#ifdef WARPS_SHUFFLE
    uint lane = t % FUSED_WARP;
    float sums[FUSED_SUMS];
    for (uint tile = t / FUSED_WARP; tile < tiles; tile += FUSED_WARPS) {
        uint r = tile / fours * 4, c = tile % fours * 4;
        fused_tile_of(mem, x + r * x_stride, LAYER(0, LAYER_W) + c * LAYER(0, LAYER_W_STRIDE), lane, sums);
        float z = fused_tile_sum(sums, lane) * scale;
        uint b = r + lane / 8, column = c + lane / 2 % 4;
        if (b < rows && column < own) {
            float factor, y = fused_first_output(mem, b, c0, column, z, &factor);
            if (lane % 2 == 0) {
                mem[LAYER(0, LAYER_G) + b * LAYER(0, LAYER_STRIDE) + column] = factor;
            }
            TEAM_PUT(h + b * NET(NET_H_STRIDE) + c0 + column, y, lane % 2);
        }
    }
#else
    for (uint tile0 = 0; tile0 < tiles; tile0 += FUSED_WARPS) {
        uint tile = tile0 + t / FUSED_WARP;
        if (tile < tiles) {
            FUSED(fused_tile_parts)(mem, x + tile / fours * 4 * x_stride, LAYER(0, LAYER_W) + tile % fours * 4 * LAYER(0, LAYER_W_STRIDE),
                             t);
        }
        SYNC();
        if (t < FUSED_SUMS * FUSED_WARPS && tile0 + t / 16 < tiles) {
            uint i = t % 16, b = (tile0 + t / 16) / fours * 4 + i / 4, column = (tile0 + t / 16) % fours * 4 + i % 4;
            float z = FUSED(fused_tile_total)(mem, t);
            if (b < rows && column < own) {
                float factor, y = fused_first_output(mem, b, c0, column, z * scale, &factor);
                mem[LAYER(0, LAYER_G) + b * LAYER(0, LAYER_STRIDE) + column] = factor;
                TEAM_PUT(h + b * NET(NET_H_STRIDE) + c0 + column, y, 0);
            }
        }
        SYNC();
    }
#endif
}

#if TEAM_TENSOR
/* The same by tensor cores; all threads come here. */
DEVICE void FUSED(tensor_first)(float *mem, uint slot, uint x, uint rows, uint c0, uint own, uint t) {
    uint h = NET(NET_H) + slot * NET(NET_H_NEXT);
    float scale = fused_scale(mem);
    for (uint n0 = 0; n0 < own; n0 += TENSOR_COLUMNS) {
        uint width = own - n0 <= 4 ? 4 : TENSOR_COLUMNS;
        if (t < FUSED_THREADS) {
            tensor_forward(mem, x, rows, own, n0, t);
        }
        SYNC();
        for (uint u = t / 2; t < FUSED_THREADS && u < rows * width; u += FUSED_THREADS / 2) {
            uint b = u / width, column = n0 + u % width;
            if (column < own) {
                float factor, y = fused_first_output(mem, b, c0, column, tensor_parts(mem, b, u % width) * scale, &factor);
                if (t % 2 == 0) {
                    mem[LAYER(0, LAYER_G) + b * LAYER(0, LAYER_STRIDE) + column] = factor;
                }
                TEAM_PUT(h + b * NET(NET_H_STRIDE) + c0 + column, y, t % 2);
            }
        }
        if (n0 + TENSOR_COLUMNS < own) {
            SYNC();
        }
    }
}
#endif

/* dW1 in the own columns with its update: four inputs and four columns to a thread. */
PART void FUSED(fused_first_update)(MEM float *mem, uint x, uint rows, uint own, uint t, float rate, float decay) {
    uint inputs4 = (NET(NET_INPUTS) + 3) / 4, units = inputs4 * ((own + 3) / 4);
    bool bytes = NET(NET_PIXELS) != 0, shifts = NET_FLOAT(NET_SHIFT) != 0.0f;
    for (uint u = t; u < units; u += FUSED_THREADS) {
        uint q = u % inputs4, c = u / inputs4 * 4;
        if (!bytes) {
            fused_first_weights(mem, x, c, q, rows, rate, decay, false, false);
        } else if (shifts) {
            fused_first_weights(mem, x, c, q, rows, rate, decay, true, true);
        } else {
            fused_first_weights(mem, x, c, q, rows, rate, decay, true, false);
        }
    }
}

/* Up to `limit` steps of those that the pass has left. */
FUSED_BODY void FUSED(fused_train)(__global float *arena, __global uint *pass, __global volatile uint *log,
                                   __global const uchar *raw, __global const float *source, __global float *scratch,
                                   __global const uint *net, uint limit, bool raw_bytes) {
    MEM float *mem = TEAM_MEMORY;
    uint t = get_local_id(0), rank = TEAM_RANK;
    bool works = TEAM_HELPERS == 0 || t < FUSED_THREADS;
    uint described = NET_BLOCK_WORDS + net[NET_LAYERS] * LAYER_BLOCK_WORDS, words = net[NET_MEMORY];
    for (uint i = t; i < words; i += FUSED_THREADS + TEAM_HELPERS) {
        ((MEM uint *)mem)[i] = i < described ? net[i] : 0u;
    }
    SYNC();
    uint units = LAYER(0, LAYER_OUT), c0 = min(rank * NET(NET_COLUMNS), units), own = min(NET(NET_COLUMNS), units - c0);
    uint layers = NET(NET_LAYERS), batch = NET(NET_BATCH), data_rows = pass[PASS_DATA_ROWS];
    bool tensor = TEAM_TENSOR && NET(NET_TOPS) != 0;
    bool pixels = NET(NET_PIXELS) != 0, ahead = pixels && NET(NET_X_NEXT) != 0;
    Moment now = {pass[PASS_INDEX],     pass[PASS_ROWS],      pass[PASS_FIRST],     pass[PASS_STEP_LOW],
                  pass[PASS_STEP_HIGH], pass[PASS_EPOCH_LOW], pass[PASS_EPOCH_HIGH]};
    Moment next = moment_after(now, data_rows, batch);
    uint last = min(pass[PASS_COUNT], now.index + limit), slot = 0;
    if (works) {
        fused_state(mem, arena, true, c0, own, true, t);
        fused_order(mem, 0, pass, now, t, FUSED_THREADS);
        fused_order(mem, 1, pass, next, t, FUSED_THREADS);
        fused_masks(mem, pass, now, c0, t, FUSED_THREADS);
    }
    SYNC();
    if (works) {
        if (pixels) {
            FUSED(fused_pixels)(mem, 0, now.rows, raw, t);
        }
        FUSED(fused_targets)(mem, 0, now.rows, source, t);
#if TEAM_TENSOR
        if (tensor) {
            tensor_begin(mem, own, t);
        }
#endif
    }
    COPY_WAIT();
    TEAM_SYNC(); /* nobody puts into memory that its block still clears */

    while (now.index < last) {
        bool more = now.index + 1 < last;
        uint x = NET(NET_X) + slot * NET(NET_X_NEXT);
        float rate = as_float(pass[PASS_WORDS + now.index]);
        float decay = as_float(pass[PASS_WORDS + pass[PASS_COUNT] + now.index]);
        if (works && more) {
            if (ahead) {
                FUSED(fused_pixels)(mem, 1 - slot, next.rows, raw, t);
            }
            FUSED(fused_targets)(mem, 1 - slot, next.rows, source, t);
        }
        if (pixels && !ahead) {
            if (works) {
                FUSED(fused_pixels)(mem, slot, now.rows, raw, t);
            }
            COPY_WAIT();
            SYNC();
        }
        if (!pixels || NET(NET_INPUT_THRESHOLD) != 0) {
            if (works && pixels) {
                fused_drop(mem, x, pass, now, t);
            } else if (works) {
                fused_values(mem, slot, pass, now, raw, raw_bytes, t);
            }
            SYNC();
        }
        if (tensor) {
#if TEAM_TENSOR
            FUSED(tensor_first)(mem, slot, x, now.rows, c0, own, t);
#endif
        } else if (works) {
            FUSED(fused_first)(mem, scratch, slot, x, now.rows, c0, own, t);
        }
        TEAM_GATHER(slot);
        for (uint l = 1; l < layers; l++) {
            if (works) {
                fused_forward(mem, l, slot, now.rows, t);
            }
            SYNC();
        }
        if (works) {
            fused_loss(mem, slot, now.rows, c0, own, t);
        }
        SYNC();
        for (uint l = layers - 1; l > 0; l--) {
            if (works) {
                fused_backward(mem, l, now.rows, c0, own, t);
            }
            SYNC();
        }
        Moment later = moment_after(next, data_rows, batch);
#if TEAM_TENSOR
        if (works && tensor) {
            tensor_first_update(mem, x, now.rows, own, t, rate, decay);
        } else
#endif
#if TEAM_HELPERS
        if (works) {
            FUSED(fused_first_update)(mem, x, now.rows, own, t, rate, decay);
        } else if (t < FUSED_THREADS + FUSED_WARP) {
            fused_order(mem, slot, pass, later, t - FUSED_THREADS, FUSED_WARP);
        } else {
            fused_masks(mem, pass, next, c0, t - FUSED_THREADS - FUSED_WARP, FUSED_WARP);
        }
#else
        FUSED(fused_first_update)(mem, x, now.rows, own, t, rate, decay);
        fused_order(mem, slot, pass, later, t, FUSED_THREADS);
        fused_masks(mem, pass, next, c0, t, FUSED_THREADS);
#endif
        if (rank == 0 && t == FUSED_THREADS + TEAM_HELPERS - 1) {
            fused_log(mem, log, now.index, now.rows, !more || now.index % 64 == 63);
        }
        if (works) {
            for (uint l = 0; l < layers; l++) {
                fused_biases(mem, l, now.rows, own, t, rate, decay);
                if (l > 0) {
                    fused_weights(mem, l, slot, now.rows, t, rate, decay);
                }
            }
        }
        COPY_WAIT();
        if (NET(NET_H_NEXT) == 0) {
            TEAM_SYNC(); /* nobody puts what others still read */
        } else {
            SYNC();
        }
        now = next;
        next = later;
        slot = 1 - slot;
    }
    if (works) {
        fused_state(mem, arena, false, c0, own, rank == 0, t);
    }
    if (rank == 0 && t == 0) {
        fused_leave(pass, now);
    }
}

#undef FUSED
#undef FUSED_BODY
#undef TEAM_MEMORY
#undef TEAM_RANK
#undef TEAM_PUT
#undef TEAM_SYNC
#undef TEAM_GATHER
#undef TEAM_HELPERS
#undef TEAM_TENSOR
#undef COPY16
#undef COPY4
#undef COPY_WAIT
