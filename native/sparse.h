/*
 * Products with a factor of which most values are zero, as ReLU and dropout leave the activations and their gradients: the
 * others are listed row by row (or column by column), and for each a row of the other factor is added. That factor is
 * packed into panels which the first-level cache holds while all lists go by. Each sum runs over k in rising order.
 *
 * Included by kernels.c.
 */

/* Vectors of a panel: their sums stay in registers. Rows of a panel: as many as fit in 24 KB. */
enum { SUMS = LANES == 16 ? 5 : 6, PANEL_WIDTH = SUMS * LANES, PANEL_ROWS = 6144 / PANEL_WIDTH / 16 * 16 };

/* What is compiled for each number of vectors. */
#if LANES == 16
#define EACH_WIDTH(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5)
#else
#define EACH_WIDTH(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#endif

/* Batches beyond this are not listed by column; a matrix with more values in a hundred is taken for dense. */
enum { MOST_LISTED = 1024, MOST_PERCENT = 45 };

/* Values that are not zero: the value, and where in a panel the row is that it is multiplied with. */
typedef struct {
    int *row;
    float *value;
} List;

INLINE List list_of(const Net *net, int thread) {
    return (List){net->list_row + (size_t)thread * LIST_ROOM, net->list_value + (size_t)thread * LIST_ROOM};
}

/* Lists the values of x[0 .. n) that are not zero (NaN is not), the places multiplied by `unit`; returns how many they are. */
INLINE int list_values(const float *x, int n, int unit, int *row, float *value) {
    int count = 0;
#if defined(__AVX512F__)
    vint place = (vint)lane_numbers() * unit;
    for (int i = 0; i < n; i += LANES, place += LANES * unit) {
        __m512 v = (__m512)(n - i < LANES ? load_first(x + i, n - i) : load(x + i));
        __mmask16 lit = _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
        /* whole vectors are stored: what is behind the last is overwritten next, or lies behind the list */
        _mm512_storeu_ps(value + count, _mm512_maskz_compress_ps(lit, v));
        _mm512_storeu_si512(row + count, _mm512_maskz_compress_epi32(lit, (__m512i)place));
        count += __builtin_popcount(lit);
    }
#else
    for (int i = 0; i < n; i++) {
        value[count] = x[i];
        row[count] = i * unit;
        count += x[i] != 0;
    }
#endif
    return count;
}

/* Whether a matrix has so few values that lists pay, by every eighth row. */
static int is_sparse(const float *x, int rows, int columns) {
    int64_t lit = 0, all = 0;
    for (int b = 0; b < rows; b += 8, all += columns) {
        const float *row = x + (int64_t)b * columns;
        int count = 0;
        for (int i = 0; i < columns; i++) {
            count += row[i] != 0;
        }
        lit += count;
    }
    return lit * 100 <= all * MOST_PERCENT;
}

/* Products large enough that lists and panels pay. */
INLINE int may_be_sparse(int rows, const Layer *l) { return rows >= 16 && l->in >= 64 && l->out >= 64; }

/* sum[v] += the sum over a list of value times row of a panel, in the order of the list. */
INLINE void add_listed(const int nv, const int *row, const float *value, int n, const float *panel, vfloat *sum) {
    for (int e = 0; e < n; e++) {
        const float *from = panel + row[e];
        vfloat x = all_kept(value[e]);
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++) {
            sum[v] = multiply_add(x, load(from + v * LANES), sum[v]);
        }
    }
}

/* Rows of C, nv vectors wide, the last with `last` columns: = or += listed rows times a panel. */
INLINE void rows_times_panel(const int nv, int last, int rows, List list, const int *count, const float *panel, float *c,
                             int64_t ldc, int add) {
    for (int i = 0, at = 0; i < rows; at += count[i++], c += ldc) {
        vfloat sum[SUMS];
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++) {
            sum[v] = add ? load_first(c + v * LANES, v == nv - 1 ? last : LANES) : (vfloat){0};
        }
        add_listed(nv, list.row + at, list.value + at, count[i], panel, sum);
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++) {
            store_first(c + v * LANES, sum[v], v == nv - 1 ? last : LANES);
        }
    }
}

/* Vectors of the next panel where `left` columns are left: panels of about the same width. */
INLINE int panel_vectors(int left) {
    int vectors = (left + LANES - 1) / LANES, panels = (vectors + SUMS - 1) / SUMS;
    return (vectors + panels - 1) / panels;
}

/* C = A B as in gemm, zeros of the row-major A skipped; B's rows or its columns lie together. */
static void sparse_gemm(int m, int n, int k, const float *a, int64_t lda, const float *b, int64_t brs, int64_t bcs, float *c,
                        int64_t ldc, List list, float *pack) {
    enum { ROWS = LISTED / PANEL_ROWS };
    int count[ROWS];
    float *panel = (float *)(((uintptr_t)pack + 63) & ~(uintptr_t)63);
    for (int i0 = 0; i0 < m; i0 += ROWS) {
        int rows = m - i0 < ROWS ? m - i0 : ROWS;
        for (int p0 = 0; p0 < k; p0 += PANEL_ROWS) {
            int kc = k - p0 < PANEL_ROWS ? k - p0 : PANEL_ROWS;
            for (int i = 0, at = 0; i < rows; at += count[i++]) {
                count[i] = list_values(a + (i0 + i) * lda + p0, kc, PANEL_WIDTH, list.row + at, list.value + at);
            }
            for (int j = 0, nv; j < n; j += nv * LANES) {
                nv = panel_vectors(n - j);
                int last = n - j < nv * LANES ? n - j - (nv - 1) * LANES : LANES;
                float *to = c + i0 * ldc + j;
                pack_panel(panel, PANEL_WIDTH, b + p0 * brs + j * bcs, brs, bcs, kc, (nv - 1) * LANES + last);
#define CASE(V)                                                                    \
    case V:                                                                        \
        rows_times_panel(V, last, rows, list, count, panel, to, ldc, p0 > 0);      \
        break;
                switch (nv) {
                    EACH_WIDTH(CASE)
                }
#undef CASE
            }
        }
    }
}

/* The optimizer on nv vectors of n rows of W, from index `at`, each with the sum over its list as its gradient. */
INLINE void update_listed(const int rule, const int nv, int last, int n, int room, List list, const int *count,
                          const float *panel, Update u, int64_t at, int out) {
    for (int i = 0; i < n; i++, at += out) {
        vfloat sum[SUMS];
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++) {
            sum[v] = (vfloat){0};
            /* the processor does not foresee rows that lie far apart */
            int64_t ahead = at + (int64_t)2 * out + v * LANES;
            __builtin_prefetch(u.w + ahead, 1);
            if (MOMENTS(rule) > 0) {
                __builtin_prefetch(u.m + ahead, 1);
            }
            if (MOMENTS(rule) > 1) {
                __builtin_prefetch(u.v + ahead, 1);
            }
        }
        add_listed(nv, list.row + (int64_t)i * room, list.value + (int64_t)i * room, count[i], panel, sum);
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++) {
            update_vector(rule, u, at + v * LANES, sum[v], v == nv - 1 ? last : LANES);
        }
    }
}

/* Lists columns [from, from + n) of X, column by column, each with room for all rows. */
static void list_columns(const float *x, int rows, int columns, int from, int n, List list, int *count, List row) {
    memset(count, 0, (size_t)n * sizeof *count);
    for (int b = 0; b < rows; b++) {
        int lit = list_values(x + (int64_t)b * columns + from, n, 1, row.row, row.value);
        for (int e = 0; e < lit; e++) {
            int i = row.row[e], to = i * rows + count[i]++;
            list.row[to] = b * PANEL_WIDTH;
            list.value[to] = row.value[e];
        }
    }
}

/* W -= the optimizer's step for dW = X^T dY, zeros of X skipped; dW is never stored. */
static void update_weights_sparse_part(void *argument, int thread, int threads) {
    enum { COLUMNS = 256 };
    Task *t = argument;
    Net *net = t->net;
    const Layer *l = t->layer;
    Update u = update_of(net, t->pass);
    int rows = t->pass->rows, from, to, count[COLUMNS], row_of[COLUMNS + LANES];
    float value_of[COLUMNS + LANES];
    List list = list_of(net, thread);
    float *panel = (float *)(((uintptr_t)pack_of(net, thread) + 63) & ~(uintptr_t)63);
    int block = LISTED / rows < COLUMNS ? LISTED / rows : COLUMNS;
    share(l->in, 1, thread, threads, &from, &to);
    for (int i = from; i < to; i += block) {
        int n = to - i < block ? to - i : block;
        list_columns(l->x, rows, l->in, i, n, list, count, (List){row_of, value_of});
        for (int j = 0, nv; j < l->out; j += nv * LANES) {
            nv = panel_vectors(l->out - j);
            int last = l->out - j < nv * LANES ? l->out - j - (nv - 1) * LANES : LANES;
            int64_t at = l->w - net->arena + (int64_t)i * l->out + j;
            pack_panel(panel, PANEL_WIDTH, l->dy + j, l->out, 1, rows, (nv - 1) * LANES + last);
#define CALL(rule) update_listed(rule, WIDTH, last, n, rows, list, count, panel, u, at, l->out)
#define CASE(V)                         \
    case V: {                           \
        enum { WIDTH = V };             \
        BY_RULE(net->rule)              \
        break;                          \
    }
            switch (nv) {
                EACH_WIDTH(CASE)
            }
#undef CASE
#undef CALL
        }
    }
}
