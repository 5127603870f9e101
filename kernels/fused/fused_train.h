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
 *   COPIERS            0: all but the helpers copy; FUSED_THREADS: the helpers, where copies need no registers
 *   TEAM_TENSOR        whether it has cuda/fused_tensor.h
 *
 * A step: X W1 of the own columns, bias, activation, mask | exchange | the layers above, loss, gradients down to the own
 * columns: each warp for some rows of the batch, so that it waits for no other | weight gradients, each with the optimizer's
 * update of the weights that the thread has just got the gradient of; all layers' work is dealt to the threads in one round.
 * Meanwhile come the next step's rows and targets, its masks, and the order of the step after it.
 *
 * Deterministic: every sum has an order that depends on shapes alone; what is computed by all blocks is computed alike.
 * Bytes: B I pixels a step, and the state once in and out; flops: 2 B (2 I H + 3 (the weights above)) + 14 P.
 */

/* Rows of bytes: those of a step's batch into the half of X that is its own; by `threads` threads, as are the targets. */
PART void FUSED(fused_pixels)(MEM float *mem, Description net, uint slot, uint rows, __global const uchar *raw, uint t,
                              uint threads) {
    uint inputs = NET(NET_INPUTS), stride = NET(NET_X_STRIDE), x = NET(NET_X) + slot * NET(NET_X_NEXT);
    MEM const uint *order = (MEM const uint *)mem + NET(NET_ORDER) + slot * NET(NET_BATCH);
    bool whole = inputs % 16 == 0;
    uint pieces = whole ? inputs / 16 : (inputs + 3) / 4;
    Share share = share_of(t, threads, pieces, NET(NET_COPIES_INVERSE));
    for (uint i = share.item; i < pieces; i += threads) {
        if (whole) {
            __global const uchar *from = raw + 16 * i;
            MEM float *to = mem + x + 4 * i;
            for (uint b0 = share.row; b0 < rows; b0 += 4 * share.rows) {
                uint row[4]; /* first: no load goes ahead of a copy by itself */
                UNROLL for (uint k = 0; k < 4; k++) { row[k] = order[min(b0 + k * share.rows, rows - 1)]; }
                UNROLL for (uint k = 0; k < 4; k++) {
                    uint b = b0 + k * share.rows;
                    if (b < rows) {
                        COPY16(to + b * stride, from + (size_t)row[k] * inputs);
                    }
                }
            }
        } else {
            for (uint b = share.row; b < rows; b += share.rows) {
                ((MEM uint *)mem)[x + b * stride + i] = bytes4(raw + (size_t)order[b] * inputs + 4 * i, inputs - 4 * i);
            }
        }
    }
}

PART void FUSED(fused_targets)(MEM float *mem, Description net, uint slot, uint rows, __global const float *source,
                               uint t, uint threads) {
    uint columns = NET(NET_TARGETS), targets = NET(NET_TARGET) + slot * NET(NET_BATCH) * columns;
    MEM const uint *order = (MEM const uint *)mem + NET(NET_ORDER) + slot * NET(NET_BATCH);
    Share share = share_of(t, threads, columns, NET(NET_TARGETS_INVERSE));
    for (uint b = share.row; b < rows; b += share.rows) {
        for (uint j = share.item; j < columns; j += threads) {
            COPY4(mem + targets + b * columns + j, source + (size_t)order[b] * columns + j);
        }
    }
}

#ifndef WARPS_SHUFFLE
/* A thread's part of a tile's sums to NET_PARTS, and of sum t % 16 of tile t / 16 the parts together. */
PART void FUSED(fused_tile_parts)(MEM float *mem, Description net, uint x, uint w, uint t) {
    float sums[FUSED_SUMS];
    fused_tile_of(mem, net, x, w, t % FUSED_WARP, sums);
    for (uint i = 0; i < FUSED_SUMS; i++) {
        mem[NET(NET_PARTS) + i * FUSED_THREADS + t] = sums[i];
    }
}
PART float FUSED(fused_tile_total)(MEM const float *mem, Description net, uint t) {
    float z = 0.0f;
    for (uint k = 0; k < FUSED_WARP; k++) {
        z += mem[NET(NET_PARTS) + t % 16 * FUSED_THREADS + t / 16 * FUSED_WARP + k];
    }
    return z;
}
#endif

/* H = act(X W1 + b1) * keep in the own columns, to all blocks: a warp for four rows and four columns. */
DEVICE void FUSED(fused_first)(MEM float *mem, Description net, uint team, __global float *scratch, uint slot, uint x,
                               uint rows, uint c0, uint own, uint t) {
    uint fours = (NET(NET_COLUMNS) + 3) / 4;
    uint h = NET(NET_H) + slot * NET(NET_H_NEXT), x_stride = NET(NET_X_STRIDE);
    float scale = fused_scale(net);
#ifdef WARPS_SHUFFLE
    uint lane = t % FUSED_WARP;
    float sums[FUSED_SUMS];
    uint inverse = NET(NET_TILES_INVERSE), row = (t / FUSED_WARP) * inverse >> 16, down = FUSED_WARPS * inverse >> 16;
    for (uint four = t / FUSED_WARP - row * fours; 4 * row < rows; row += down) {
        uint r = 4 * row, c = 4 * four;
        four += FUSED_WARPS - down * fours;
        row += four >= fours ? 1 : 0;
        four -= four >= fours ? fours : 0;
        if (c >= own) {
            continue;
        }
        fused_tile_of(mem, net, x + r * x_stride, LAYER(0, LAYER_W) + c * LAYER(0, LAYER_W_STRIDE), lane, sums);
        float z = fused_tile_sum(sums, lane) * scale;
        uint b = r + lane / 8, column = c + lane / 2 % 4;
        if (b < rows && column < own) {
            float factor, y = fused_first_output(mem, net, b, c0, column, z, &factor);
            if (lane % 2 == 0) {
                mem[LAYER(0, LAYER_G) + b * LAYER(0, LAYER_STRIDE) + column] = factor;
            }
            TEAM_PUT(h + b * NET(NET_H_STRIDE) + c0 + column, y, lane % 2);
        }
    }
#else
    uint tiles = (rows + 3) / 4 * fours;
    for (uint tile0 = 0; tile0 < tiles; tile0 += FUSED_WARPS) {
        uint tile = tile0 + t / FUSED_WARP;
        if (tile < tiles) {
            FUSED(fused_tile_parts)
            (mem, net, x + tile / fours * 4 * x_stride, LAYER(0, LAYER_W) + tile % fours * 4 * LAYER(0, LAYER_W_STRIDE),
             t);
        }
        SYNC();
        if (t < FUSED_SUMS * FUSED_WARPS && tile0 + t / 16 < tiles) {
            uint i = t % 16, b = (tile0 + t / 16) / fours * 4 + i / 4, column = (tile0 + t / 16) % fours * 4 + i % 4;
            float z = FUSED(fused_tile_total)(mem, net, t);
            if (b < rows && column < own) {
                float factor, y = fused_first_output(mem, net, b, c0, column, z * scale, &factor);
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
DEVICE void FUSED(tensor_first)(float *mem, Description net, uint team, uint slot, uint x, uint rows, uint c0, uint own,
                                uint t) {
    uint h = NET(NET_H) + slot * NET(NET_H_NEXT);
    float scale = fused_scale(net);
    for (uint n0 = 0; n0 < own; n0 += TENSOR_COLUMNS) {
        uint width = own - n0 <= 4 ? 4 : TENSOR_COLUMNS;
        if (t < FUSED_THREADS) {
            tensor_forward(mem, net, x, rows, own, n0, t);
        }
        SYNC();
        for (uint u = t / 2; t < FUSED_THREADS && u < rows * width; u += FUSED_THREADS / 2) {
            uint b = u / width, column = n0 + u % width;
            if (column < own) {
                float factor, y = fused_first_output(mem, net, b, c0, column,
                                                     tensor_parts(mem, net, b, u % width) * scale, &factor);
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

/* Up to `limit` steps of those that the pass has left, by a team of `team` blocks. */
FUSED_BODY void FUSED(fused_train)(__global float *arena, __global uint *pass, __global volatile uint *log,
                                   __global const uchar *raw, __global const float *source, __global float *scratch,
                                   uint limit, bool raw_bytes, Description net, uint team) {
    MEM float *mem = TEAM_MEMORY;
    uint t = get_local_id(0), rank = TEAM_RANK;
    bool works = TEAM_HELPERS == 0 || t < FUSED_THREADS;
    for (uint i = t; i < NET(NET_MEMORY); i += FUSED_THREADS + TEAM_HELPERS) {
        mem[i] = 0.0f;
    }
    SYNC();
    uint units = LAYER(0, LAYER_OUT), c0 = min(rank * NET(NET_COLUMNS), units), own = min(NET(NET_COLUMNS), units - c0);
    uint layers = NET(NET_LAYERS), batch = NET(NET_BATCH), data_rows = pass[PASS_DATA_ROWS], steps = pass[PASS_COUNT];
    bool tensor = TEAM_TENSOR && NET(NET_TOPS) != 0;
    bool pixels = NET(NET_PIXELS) != 0, ahead = pixels && NET(NET_X_NEXT) != 0;
    bool copies = COPIERS == 0 ? works : !works;
    uint copiers = COPIERS == 0 ? FUSED_THREADS : TEAM_HELPERS;
    Moment now = moment_of(pass);
    Moment next = moment_after(now, data_rows, batch);
    uint last = min(steps, now.index + limit), slot = 0, since = now.index;
    if (works) {
        fused_state(mem, net, arena, true, c0, own, true, t);
        fused_order(mem, net, 0, pass, now, t, FUSED_THREADS);
        fused_order(mem, net, 1, pass, next, t, FUSED_THREADS);
        fused_first_mask(mem, net, pass, now, c0, t, FUSED_THREADS);
        fused_masks(mem, net, pass, now, t, FUSED_THREADS);
    }
    SYNC();
    if (copies) {
        if (pixels) {
            FUSED(fused_pixels)(mem, net, 0, now.rows, raw, t - COPIERS, copiers);
        }
        FUSED(fused_targets)(mem, net, 0, now.rows, source, t - COPIERS, copiers);
    }
#if TEAM_TENSOR
    if (works && tensor) {
        tensor_begin(mem, net, own, t);
    }
#endif
    COPY_WAIT();
    TEAM_SYNC(); /* nobody puts into memory that its block still clears */

    while (now.index < last) {
        bool more = now.index + 1 < last;
        uint x = NET(NET_X) + slot * NET(NET_X_NEXT);
        float rate = as_float(pass[PASS_WORDS + now.index]);
        float decay = as_float(pass[PASS_WORDS + steps + now.index]);
        if (copies && more) {
            if (ahead) {
                FUSED(fused_pixels)(mem, net, 1 - slot, next.rows, raw, t - COPIERS, copiers);
            }
            FUSED(fused_targets)(mem, net, 1 - slot, next.rows, source, t - COPIERS, copiers);
        }
        if (pixels && !ahead) {
            if (copies) {
                FUSED(fused_pixels)(mem, net, slot, now.rows, raw, t - COPIERS, copiers);
            }
            COPY_WAIT();
            SYNC();
        }
        if (!pixels || NET(NET_INPUT_THRESHOLD) != 0) {
            if (works && pixels) {
                fused_drop(mem, net, x, pass, now, t);
            } else if (works) {
                fused_values(mem, net, slot, pass, now, raw, raw_bytes, t);
            }
            SYNC();
        }
        if (tensor) {
#if TEAM_TENSOR
            FUSED(tensor_first)(mem, net, team, slot, x, now.rows, c0, own, t);
#endif
        } else if (works) {
            FUSED(fused_first)(mem, net, team, scratch, slot, x, now.rows, c0, own, t);
        }
        TEAM_GATHER(slot);
        if (works) {
            uint share = NET(NET_SHARE), b0 = min(t / FUSED_WARP * share, now.rows), b1 = min(b0 + share, now.rows);
            uint lane = t % FUSED_WARP;
            for (uint l = 1; l < layers; l++) {
                fused_forward(mem, net, l, slot, b0, b1, lane);
                WARP_SYNC();
            }
            fused_loss(mem, net, slot, now.rows, b0, b1, c0, own, lane);
            for (uint l = layers - 1; l > 0; l--) {
                WARP_SYNC();
                fused_backward(mem, net, l, b0, b1, c0, own, lane);
            }
        }
        Moment later = moment_after(next, data_rows, batch);
#if TEAM_HELPERS
        if (!works) {
            fused_first_mask(mem, net, pass, next, c0, t - FUSED_THREADS, TEAM_HELPERS);
        }
#endif
        SYNC();
        if (works) {
#if TEAM_TENSOR
            if (tensor) {
                tensor_first_update(mem, net, x, now.rows, own, t, rate, decay);
            } else
#endif
            {
                fused_first_update(mem, net, x, now.rows, own, t, rate, decay);
            }
            uint dealt = 0;
            for (uint l = 1; l < layers; l++) {
                uint pieces = (LAYER(l, LAYER_IN) + 1) / 2 * LAYER(l, LAYER_FOURS), piece = dealt_to(t, dealt);
                if (piece < pieces) {
                    fused_weights(mem, net, l, slot, now.rows, piece, rate, decay);
                }
                dealt = dealt_on(dealt, pieces);
            }
            fused_biases(mem, net, now.rows, dealt_to(t, dealt), rate, decay);
        }
#if TEAM_HELPERS
        if (!works && t < FUSED_THREADS + FUSED_WARP) {
            fused_order(mem, net, slot, pass, later, t - FUSED_THREADS, FUSED_WARP);
        } else if (!works) {
            fused_masks(mem, net, pass, next, t - FUSED_THREADS - FUSED_WARP, FUSED_WARP);
        }
#else
        fused_order(mem, net, slot, pass, later, t, FUSED_THREADS);
        fused_first_mask(mem, net, pass, next, c0, t, FUSED_THREADS);
        fused_masks(mem, net, pass, next, t, FUSED_THREADS);
#endif
        bool tell = !more || now.index % LOG_STEPS == LOG_STEPS - 1;
        if (rank == 0 && t == FUSED_THREADS + TEAM_HELPERS - 1) {
            fused_log(mem, net, log, now.index, now.rows, since, tell);
        }
        since = tell ? now.index + 1 : since;
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
        fused_state(mem, net, arena, false, c0, own, rank == 0, t);
    }
    if (rank == 0 && t == 0) {
        moment_store(pass, now);
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
#undef COPIERS
