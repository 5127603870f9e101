/*
 * The tiled matrix product C = A * B that the dense layers are made of, for one shape of tile. Included once for each,
 * with these set:
 *
 *   TILE(name)      name with the tile's suffix
 *   TM, TN, TK      the part of C that a group computes [TM x TN], and of k that it loads at a time
 *   RM, RN          the part of that which a thread computes, strided so that neighbours read neighbours
 *   SLICES          threads that share an element of C, each every SLICES-th k, summed in order at the end: 1, or 4 with RM = RN = 1
 *
 * (TM / RM) (TN / RN) SLICES = 256 threads. A and B are m x k and k x n; each may lie with k running fastest in memory
 * or the other index. Edges are handled here: what lies outside counts as 0. Two buffers in local memory, so the next
 * part is on its way while this one is used, with one barrier a part. The order of every sum is fixed by the shape.
 */

/*
 * A tile of `outers` rows or columns lies as [k][outer]; or, where slices share an element, as [k % 4][outer][k / 4], so that
 * a slice's k are neighbours. Padded so that neither stores nor loads meet in a bank, and still aligned for loads of four.
 */
#if SLICES == 1
#define K_STRIDE(outers) ((outers) + 4)
#define OUTER_STRIDE 1
#define AT(outers, outer, k) ((k) * K_STRIDE(outers) + (outer))
#define TILE_VALUES(outers) (TK * K_STRIDE(outers))
#else
#define K_STRIDE(outers) ((outers) * OUTER_STRIDE + 4)
#define OUTER_STRIDE (TK / SLICES + 4)
#define AT(outers, outer, k) ((k) % SLICES * K_STRIDE(outers) + (outer) * OUTER_STRIDE + (k) / SLICES)
#define TILE_VALUES(outers) (SLICES * K_STRIDE(outers))
#endif
#define LOADS_A (TM * TK / 4 / 256)
#define LOADS_B (TN * TK / 4 / 256)

/*
 * Four values of an operand: at `outer` (of `outers`) and k (of `ks`), along k if k runs fastest, else along outer;
 * stride is the distance of rows in memory.
 */
DEVICE float4 TILE(fetch)(__global const float *source, uint stride, bool k_fastest, uint outer, uint outers, uint k,
                          uint ks) {
    if (k_fastest ? outer >= outers : k >= ks) {
        return MAKE4(0.0f, 0.0f, 0.0f, 0.0f);
    }
    uint along = k_fastest ? k : outer, end = k_fastest ? ks : outers;
    __global const float *p = source + (size_t)(k_fastest ? outer : k) * stride + along;
    if (along + 4 <= end && stride % 4 == 0) {
        return LOAD4(p);
    }
    return MAKE4(along < end ? p[0] : 0.0f, along + 1 < end ? p[1] : 0.0f, along + 2 < end ? p[2] : 0.0f,
                 along + 3 < end ? p[3] : 0.0f);
}

DEVICE void TILE(stash)(LOCAL float *tile, uint outers, bool k_fastest, uint outer, uint k, float4 v) {
    uint step = k_fastest ? K_STRIDE(outers) : OUTER_STRIDE;
    LOCAL float *p = tile + AT(outers, outer, k);
    p[0] = v.x;
    p[step] = v.y;
    p[2 * step] = v.z;
    p[3 * step] = v.w;
}

/* Where load number `load` of this thread begins within a tile of `outers` x TK. */
DEVICE uint TILE(load_outer)(uint load, uint outers, bool k_fastest) {
    uint v = load * 256 + get_local_id(0);
    return k_fastest ? v / (TK / 4) : v % (outers / 4) * 4;
}

DEVICE uint TILE(load_k)(uint load, uint outers, bool k_fastest) {
    uint v = load * 256 + get_local_id(0);
    return k_fastest ? v % (TK / 4) * 4 : v / (outers / 4);
}

/* The row or column of the tile at which this thread's element r of `r_count` lies. */
#define SPREAD(id, r, r_count, extent) ((r_count) == 8 ? (r) / 4 * ((extent) / 2) + (id) * 4 + (r) % 4 : (id) * (r_count) + (r))
/* Whether a thread's columns come in fours that lie at multiples of four in rows of n values. */
#define FOURS(n) (RN == 8 && (n) % 4 == 0)
#define THREAD_ROW ((get_local_id(0) / (TN / RN)) % (TM / RM))
#define THREAD_COLUMN (get_local_id(0) % (TN / RN))
#define THREAD_SLICE (get_local_id(0) / ((TN / RN) * (TM / RM)))

DEVICE float TILE(four)(float4 a, float4 b, float sum) {
    return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

/*
 * sums[r * RN + c] = the product's element at row SPREAD(r), column SPREAD(c) of the tile at (row0, column0), complete
 * in slice 0. Gives the sum of column column0 + thread of B to the threads below TN, if it is wanted.
 */
DEVICE float TILE(product)(LOCAL float *a_tiles, LOCAL float *b_tiles, __global const float *a, uint stride_a,
                          bool a_k_fastest, __global const float *b, uint stride_b, bool b_k_fastest, uint m, uint n,
                          uint k, uint row0, uint column0, float *sums, bool with_sum) {
    float column_sum = 0.0f;
    float4 next_a[LOADS_A], next_b[LOADS_B];
    for (int i = 0; i < RM * RN; i++) {
        sums[i] = 0.0f;
    }
    uint parts = (k + TK - 1) / TK;
    for (uint part = 0; part <= parts; part++) {
        /* fetch part `part`, use part `part - 1` */
        if (part < parts) {
            UNROLL for (uint l = 0; l < LOADS_A; l++) {
                next_a[l] = TILE(fetch)(a, stride_a, a_k_fastest, row0 + TILE(load_outer)(l, TM, a_k_fastest), m,
                                        part * TK + TILE(load_k)(l, TM, a_k_fastest), k);
            }
            UNROLL for (uint l = 0; l < LOADS_B; l++) {
                next_b[l] = TILE(fetch)(b, stride_b, b_k_fastest, column0 + TILE(load_outer)(l, TN, b_k_fastest), n,
                                        part * TK + TILE(load_k)(l, TN, b_k_fastest), k);
            }
        }
        if (part > 0) {
            LOCAL const float *ta = a_tiles + (part - 1) % 2 * TILE_VALUES(TM);
            LOCAL const float *tb = b_tiles + (part - 1) % 2 * TILE_VALUES(TN);
            uint here = min((uint)TK, k - (part - 1) * TK);
            if (with_sum && get_local_id(0) < TN) {
                for (uint i = 0; i < here; i++) {
                    column_sum += tb[AT(TN, get_local_id(0), i)];
                }
            }
#if SLICES == 1
            UNROLL_8 for (uint i = 0; i < TK; i++) { /* all of TK would take more registers than it saves loads */
                float av[RM], bv[RN];
                UNROLL for (uint r = 0; r < RM; r++) {
                    av[r] = ta[AT(TM, SPREAD(THREAD_ROW, r, RM, TM), i)];
                }
                UNROLL for (uint c = 0; c < RN; c++) {
                    bv[c] = tb[AT(TN, SPREAD(THREAD_COLUMN, c, RN, TN), i)];
                }
                UNROLL for (uint r = 0; r < RM; r++) {
                    UNROLL for (uint c = 0; c < RN; c++) {
                        sums[r * RN + c] = fma(av[r], bv[c], sums[r * RN + c]);
                    }
                }
            }
#else
            ta += AT(TM, THREAD_ROW, THREAD_SLICE);
            tb += AT(TN, THREAD_COLUMN, THREAD_SLICE);
            /* of four times four values of either, the loads are on their way together */
            ROLLED for (int left = (int)here; left > 0; left -= 16 * SLICES) {
                float4 av[4], bv[4];
                UNROLL for (int j = 0; j < 4; j++) {
                    if (left > 4 * SLICES * j) {
                        av[j] = LOAD4(ta + 4 * j);
                        bv[j] = LOAD4(tb + 4 * j);
                    }
                }
                UNROLL for (int j = 0; j < 4; j++) {
                    if (left > 4 * SLICES * j) {
                        sums[0] = TILE(four)(av[j], bv[j], sums[0]);
                    }
                }
                ta += 16;
                tb += 16;
            }
#endif
        }
        if (part < parts) {
            UNROLL for (uint l = 0; l < LOADS_A; l++) {
                TILE(stash)(a_tiles + part % 2 * TILE_VALUES(TM), TM, a_k_fastest, TILE(load_outer)(l, TM, a_k_fastest),
                            TILE(load_k)(l, TM, a_k_fastest), next_a[l]);
            }
            UNROLL for (uint l = 0; l < LOADS_B; l++) {
                TILE(stash)(b_tiles + part % 2 * TILE_VALUES(TN), TN, b_k_fastest, TILE(load_outer)(l, TN, b_k_fastest),
                            TILE(load_k)(l, TN, b_k_fastest), next_b[l]);
            }
            barrier(CLK_LOCAL_MEM_FENCE);
        }
    }
#if SLICES > 1
    barrier(CLK_LOCAL_MEM_FENCE);
    a_tiles[get_local_id(0)] = sums[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint s = 1; s < SLICES; s++) {
        sums[0] += a_tiles[(get_local_id(0) + s * (256 / SLICES)) % 256];
    }
#endif
    return column_sum;
}

/*
 * The sums to their places in C. Their indices are constants here: in a loop that is not unrolled they would be an array in
 * local memory, and be it while they are summed. Whoever goes on with them reads them from where they lie.
 */
DEVICE void TILE(keep)(__global float *c, uint m, uint n, uint row0, uint column0, const float *sums) {
    UNROLL for (uint r = 0; r < RM; r++) {
        uint row = row0 + SPREAD(THREAD_ROW, r, RM, TM);
        UNROLL for (uint q = 0; q < RN; q++) {
            uint column = column0 + SPREAD(THREAD_COLUMN, q, RN, TN);
            __global float *to = c + row * n + column;
            if (THREAD_SLICE != 0 || row >= m || column >= n) {
                continue;
            }
            if (!FOURS(n)) {
                *to = sums[r * RN + q];
            } else if (q % 4 == 0) {
                uint i = r * RN + q;
                STORE4(MAKE4(sums[i], sums[i + 1], sums[i + 2], sums[i + 3]), to);
            }
        }
    }
}
