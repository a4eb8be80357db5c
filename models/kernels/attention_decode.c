/* Attention for a few queries against many keys, as in decoding: bound by reading K and V once. The query heads that
 * share a key head go together, so that each key is loaded once for all of them. Keys are cut into chunks of a fixed
 * size, of which each is an item of work with its own softmax, and the chunks' results are joined by their largest
 * scores and sums (flash-decoding). So the result doesn't depend on the number of threads. */
#include <omp.h>

#include "models/kernels/attention_tile.h"

enum { CHUNK = 256, ROWS = 4, AHEAD = 8 }; /* keys in an item; queries that go together; rows to prefetch ahead */

/* Where the buffers start, in floats. */
struct layout {
    size_t rows;    /* queries sharing a key head: heads / kv_heads · length */
    size_t row;     /* head_dim rounded up to whole vectors */
    size_t first;   /* of the keys that are seen at all: those before the window are not read */
    size_t chunks;  /* of one key head */
    size_t partial; /* of one row and chunk: out [row], largest score, sum */
    size_t scores, queries, thread_total;
    size_t partials; /* [batch, kv_heads, chunks, rows, partial], after the threads' buffers */
    size_t total;
};

static struct layout layout_of(const struct attention *a, int threads)
{
    struct layout l = {.rows = a->heads / a->kv_heads * a->length, .row = round_up(a->head_dim, LANES)};
    l.first = keys_seen(a, (struct span){first_position(a), a->kv_length}).from;
    l.chunks = (a->kv_length - l.first + CHUNK - 1) / CHUNK;
    l.partial = round_up(l.row + 2, LINE_FLOATS);
    l.scores = reserve(&l.thread_total, ROWS * CHUNK);
    l.queries = reserve(&l.thread_total, ROWS * l.row);
    l.partials = (size_t)threads * l.thread_total;
    l.total = l.partials + a->batch * a->kv_heads * l.chunks * l.rows * l.partial;
    return l;
}

size_t attention_decode_workspace(const struct attention *attention, int threads)
{
    return layout_of(attention, threads).total * sizeof(float);
}

/* scores[r, k] for `rows` queries and the 4 keys whose rows are given. */
LANES_INLINE void four_scores(size_t rows, const float *queries, size_t row, const void *const key[4], enum dtype dtype,
                              size_t columns, float *scores)
{
    lanes sum[ROWS][4];
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < 4; k++)
            sum[r][k] = lanes_zero();
    for (size_t c = 0; c < columns; c += LANES)
        for (size_t k = 0; k < 4; k++) {
            lanes x = load_row(key[k], dtype, c, columns);
            for (size_t r = 0; r < rows; r++)
                sum[r][k] = lanes_fma(lanes_load(queries + r * row + c), x, sum[r][k]);
        }
    for (size_t r = 0; r < rows; r++)
        lanes_sum_four(sum[r], scores + r * CHUNK);
}

LANES_INLINE void all_scores(size_t rows, const struct attention *a, enum dtype dtype, const void *keys, size_t count,
                             const float *queries, size_t row, float *scores)
{
    for (size_t k = 0; k < count; k += 4) {
        const void *key[4];
        if (k + AHEAD < count)
            prefetch_rows(element_at(keys, dtype, (k + AHEAD) * a->k_stride), dtype, a->k_stride,
                          least(4, count - k - AHEAD), a->head_dim);
        for (size_t i = 0; i < 4; i++)
            key[i] = element_at(keys, dtype, least(k + i, count - 1) * a->k_stride);
        four_scores(rows, queries, row, key, dtype, a->head_dim, scores + k);
    }
}

/* out[r, :] += Σ_k weights[r, k] · V[k, :], four vectors of the head at a time. */
LANES_INLINE void weighted_sum(size_t rows, const struct attention *a, enum dtype dtype, const void *values,
                               size_t count, const float *weights, float *const out[ROWS])
{
    enum { VECTORS = 4 };
    for (size_t c = 0; c < a->head_dim; c += VECTORS * LANES) {
        lanes sum[ROWS][VECTORS];
        for (size_t r = 0; r < rows; r++)
            for (size_t v = 0; v < VECTORS; v++)
                sum[r][v] = lanes_zero();
        for (size_t k = 0; k < count; k++) {
            const void *value = element_at(values, dtype, k * a->v_stride);
            if (k + AHEAD < count)
                prefetch_rows(element_at(value, dtype, AHEAD * a->v_stride + c), dtype, 0, 1,
                              least(VECTORS * LANES, a->head_dim - c));
            for (size_t v = 0; v < VECTORS; v++) {
                if (c + v * LANES >= a->head_dim)
                    break;
                lanes x = load_row(value, dtype, c + v * LANES, a->head_dim);
                for (size_t r = 0; r < rows; r++)
                    sum[r][v] = lanes_fma(lanes_set(weights[r * CHUNK + k]), x, sum[r][v]);
            }
        }
        for (size_t r = 0; r < rows; r++)
            for (size_t v = 0; v < VECTORS && c + v * LANES < a->head_dim; v++)
                lanes_store(out[r] + c + v * LANES, sum[r][v]);
    }
}

static void bend_row(const struct attention *a, float *scores, size_t count)
{
    for (size_t k = 0; k < round_up(count, LANES); k += LANES)
        lanes_store(scores + k, lanes_tanh(lanes_load(scores + k) * (1 / a->softcap)) * a->softcap);
}

/* `bias` is that of the first of the keys; the others' lie before it. */
static void bias_row(const float *restrict bias, float *restrict scores, size_t count)
{
    for (size_t k = 0; k < count; k++)
        scores[k] += bias[-(ptrdiff_t)k];
}

/* Scores to weights in place; keys outside `seen` weigh 0. Returns the largest score and the sum. */
static void softmax_row(float *scores, size_t count, struct span seen, float *largest, float *sum)
{
    float most = -INFINITY, total = 0;
    for (size_t k = seen.from; k < seen.to; k++)
        most = scores[k] > most || scores[k] != scores[k] ? scores[k] : most;
    float origin = most == -INFINITY ? 0 : most;
    size_t padded = round_up(count, LANES);
    for (size_t k = 0; k < padded; k++)
        if (k < seen.from || k >= seen.to)
            scores[k] = -INFINITY;
    lanes sums = lanes_zero();
    for (size_t k = 0; k < padded; k += LANES) {
        lanes weight = lanes_exp(lanes_load(scores + k) - origin);
        lanes_store(scores + k, weight);
        sums += weight;
    }
    for (size_t i = 0; i < LANES; i++)
        total += sums[i];
    *largest = most;
    *sum = total;
}

/* Calls with constants, so that the compiler makes one loop for each number of rows and type. */
#define FOR_TYPE(n, type, CALL)                                                                                        \
    case (n)*DTYPE_COUNT + (type):                                                                                     \
        CALL(n, type);                                                                                                 \
        break;
#define FOR_ROWS(n, CALL)                                                                                              \
    FOR_TYPE(n, DTYPE_F32, CALL)                                                                                       \
    FOR_TYPE(n, DTYPE_BF16, CALL)                                                                                      \
    FOR_TYPE(n, DTYPE_F16, CALL)                                                                                       \
    FOR_TYPE(n, DTYPE_Q8_0, CALL)
#define FOR_ROWS_AND_TYPE(rows, type, CALL)                                                                            \
    switch ((rows)*DTYPE_COUNT + (type)) {                                                                             \
        FOR_ROWS(1, CALL)                                                                                              \
        FOR_ROWS(2, CALL)                                                                                              \
        FOR_ROWS(3, CALL)                                                                                              \
        FOR_ROWS(4, CALL)                                                                                              \
    }

/* One chunk of keys of one key head, for up to ROWS of the queries that share it. */
static void some_rows(const struct attention *a, size_t b, size_t g, struct span keys, size_t first, size_t rows,
                      const struct layout *l, float *w, float *partials)
{
    size_t sharing = a->heads / a->kv_heads, count = keys.to - keys.from;
    const void *key = element_at(a->k, a->kv_dtype, b * a->k_batch_stride + keys.from * a->k_stride + g * a->head_dim);
    const void *value =
        element_at(a->v, a->kv_dtype, b * a->v_batch_stride + keys.from * a->v_stride + g * a->head_dim);
    float *queries = w + l->queries, *scores = w + l->scores, *out[ROWS];
    for (size_t r = 0; r < rows; r++) {
        size_t h = g * sharing + (first + r) % sharing, t = (first + r) / sharing;
        size_t query = b * a->q_batch_stride + t * a->q_stride + h * a->head_dim;
        pack_rows(element_at(a->q, a->dtype, query), a->dtype, 0, 1, 1, a->head_dim, queries + r * l->row, l->row);
        for (size_t c = 0; c < l->row; c++)
            queries[r * l->row + c] *= a->scale;
        out[r] = partials + (first + r) * l->partial;
    }
#define SCORES(n, type) all_scores(n, a, type, key, count, queries, l->row, scores)
    FOR_ROWS_AND_TYPE(rows, a->kv_dtype, SCORES)
    for (size_t r = 0; r < rows; r++) {
        size_t h = g * sharing + (first + r) % sharing, t = (first + r) / sharing, p = first_position(a) + t;
        struct span seen = span_within(keys_seen(a, (struct span){p, p + 1}), keys);
        struct span of_chunk = {least(seen.from - keys.from, count), least(seen.to - keys.from, count)};
        if (a->softcap > 0)
            bend_row(a, scores + r * CHUNK, count);
        if (a->distance_bias)
            bias_row(bias_at(a, h, t) - keys.from, scores + r * CHUNK, count);
        softmax_row(scores + r * CHUNK, count, of_chunk, out[r] + l->row, out[r] + l->row + 1);
    }
#define SUM(n, type) weighted_sum(n, a, type, value, count, scores, out)
    FOR_ROWS_AND_TYPE(rows, a->kv_dtype, SUM)
}

static void join_chunks(const struct attention *a, size_t b, size_t g, size_t r, const struct layout *l,
                        float *partials)
{
    size_t sharing = a->heads / a->kv_heads, h = g * sharing + r % sharing, t = r / sharing;
    float *first = partials + r * l->partial, largest = a->sinks ? a->sinks[h] : -INFINITY, sum = 0;
    for (size_t c = 0; c < l->chunks; c++) {
        float of_chunk = first[c * l->rows * l->partial + l->row];
        largest = of_chunk > largest || of_chunk != of_chunk ? of_chunk : largest;
    }
    float origin = largest == -INFINITY ? 0 : largest;
    if (a->sinks)
        sum = expf(a->sinks[h] - origin);
    for (size_t c = 0; c < l->chunks; c++) {
        float *part = first + c * l->rows * l->partial, factor = expf(part[l->row] - origin);
        sum += factor * part[l->row + 1];
        for (size_t d = 0; d < l->row; d += LANES)
            lanes_store(first + d, lanes_load(part + d) * factor + (c ? lanes_load(first + d) : lanes_zero()));
    }
    size_t out = ((b * a->length + t) * a->heads + h) * a->head_dim;
    unpack_row(first, 1 / sum, (void *)element_at(a->out, a->dtype, out), a->dtype, a->head_dim);
    if (a->log_sum)
        a->log_sum[(b * a->heads + h) * a->length + t] = largest + logf(sum);
}

void attention_decode(const struct attention *a, float *workspace, int threads)
{
    const struct layout l = layout_of(a, threads);
    size_t heads = a->batch * a->kv_heads, items = heads * l.chunks, all_rows = heads * l.rows;
#pragma omp parallel num_threads(threads) if (threads > 1 && items > 1)
    {
        float *w = workspace + (size_t)omp_get_thread_num() * l.thread_total;
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < items; i++) {
            size_t from = l.first + i % l.chunks * CHUNK, head = i / l.chunks;
            struct span keys = {from, least(from + CHUNK, a->kv_length)};
            for (size_t r = 0; r < l.rows; r += ROWS)
                some_rows(a, head / a->kv_heads, head % a->kv_heads, keys, r, least(ROWS, l.rows - r), &l, w,
                          workspace + l.partials + i * l.rows * l.partial);
        }
#pragma omp for schedule(static)
        for (size_t i = 0; i < all_rows; i++) {
            size_t head = i / l.rows;
            join_chunks(a, head / a->kv_heads, head % a->kv_heads, i % l.rows, &l,
                        workspace + l.partials + head * l.chunks * l.rows * l.partial);
        }
    }
}
