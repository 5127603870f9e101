/*
 * What a step takes in: which rows, their values, and the dropout masks of the step. Included by kernels.c.
 */
INLINE float keep_at(const Mask *mask, const Pass *pass, const float *keep, int64_t position) {
    return pass->training && mask->threshold ? keep[position] : 1.0f;
}

/* The batch's rows, from what was foreseen if it was, and their targets. */
static void select_rows(Net *net, const Data *data, const Pass *pass) {
    if (!pass->training) {
        for (int b = 0; b < pass->rows; b++) {
            net->order[b] = pass->first + b;
        }
        return;
    }
    Batch batch = {data->rows, pass->seed, pass->epoch, pass->first, pass->rows};
    const Batch *ahead = &net->ahead;
    if (batch.of == ahead->of && batch.seed == ahead->seed && batch.epoch == ahead->epoch &&
        batch.first == ahead->first && batch.rows == ahead->rows) {
        int *order = net->order;
        net->order = net->order_ahead;
        net->order_ahead = order;
    } else {
        fill_order(net->order, batch.rows, batch.first, batch.of, batch.seed, batch.epoch);
    }
    net->ahead.rows = 0;
    for (int b = 0; data->targets != NULL && b < pass->rows; b++) {
        int width = net->target_width;
        memcpy(net->targets + (int64_t)b * width, data->targets + (int64_t)net->order[b] * width,
               (size_t)width * sizeof(float));
    }
}

/* Draws the rows of the batch that comes after this one, if steps follow in order. */
static void look_ahead(Net *net, const Data *data, const Pass *pass) {
    Batch batch = {data->rows, pass->seed, pass->epoch, pass->first + pass->rows, net->batch};
    if (batch.first >= batch.of) {
        batch.first = 0;
        batch.epoch++;
    }
    batch.rows = batch.of - batch.first < net->batch ? batch.of - batch.first : net->batch;
    fill_order(net->order_ahead, batch.rows, batch.first, batch.of, batch.seed, batch.epoch);
    net->ahead = batch;
    for (int b = 0; b < batch.rows; b++) {
        __builtin_prefetch(data->start + net->order_ahead[b]);
        __builtin_prefetch(data->targets + (int64_t)net->order_ahead[b] * net->target_width);
    }
}

static void keep_part(void *argument, int thread, int threads) {
    enum { BLOCK = 4 * LANES };
    const Task *t = argument;
    int from, to;
    share((int)((t->masked + BLOCK - 1) / BLOCK), 1, thread, threads, &from, &to);
    int64_t end = (int64_t)to * BLOCK;
    fill_keep(t->kept, (int64_t)from * BLOCK, end < t->masked ? end : t->masked, t->pass->seed, t->mask->stream,
              t->pass->step, t->mask->threshold, t->mask->scale);
}

/* Dropout masks of a layer's output, or of the input: net->keep_of[layer][b * columns + j] is scale or 0. */
static void keep(Net *net, int layer, const Pass *pass) {
    const Mask *mask = layer == net->layers ? &net->input_mask : &net->layer[layer].mask;
    int columns = layer == net->layers ? net->input : net->layer[layer].out;
    if (pass->training && mask->threshold) {
        int64_t size = (int64_t)pass->rows * columns;
        /* a value takes as long as some 100 flops of a product */
        run(net, 100.0 * (double)size, keep_part,
            &(Task){.pass = pass, .mask = mask, .kept = net->keep_of[layer], .masked = size});
    }
}

static void dense_row(Net *net, const Data *data, int row, float *x) {
    int n = net->input;
    if (data->start != NULL) {
        memset(x, 0, (size_t)n * sizeof *x);
        for (int64_t e = 4 * data->start[row]; e < 4 * data->start[row + 1]; e++) {
            float raw = data->byte_value ? (float)data->byte_value[e] : data->float_value[e];
            int column = data->quad[e / 4] * 4 + (int)(e % 4);
            if (column < n) { /* the last quad may be filled up */
                x[column] = raw * net->scale;
            }
        }
    } else if (data->bytes != NULL) {
        const uint8_t *raw = data->bytes + (int64_t)row * n;
        for (int i = 0; i < n; i++) {
            x[i] = (float)raw[i] * net->scale + net->shift;
        }
    } else {
        const float *raw = data->floats + (int64_t)row * n;
        for (int i = 0; i < n; i++) {
            x[i] = raw[i] * net->scale + net->shift;
        }
    }
}

/* X and, in training, T: see Op.Gather. */
static void gather(Net *net, const Data *data, const Pass *pass) {
    select_rows(net, data, pass);
    keep(net, net->layers, pass);
    int n = net->input;
    for (int b = 0; b < pass->rows; b++) {
        float *x = net->x + (int64_t)b * n;
        dense_row(net, data, net->order[b], x);
        if (pass->training && net->input_mask.threshold) {
            const float *k = net->keep_of[net->layers] + (int64_t)b * n;
            for (int i = 0; i < n; i++) {
                x[i] *= k[i];
            }
        }
    }
}
