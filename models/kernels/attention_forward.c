/* Attention's forward pass: each thread takes a tile of one head's queries and walks over the tiles of keys that they
 * see, keeping for each query the largest score so far, the sum of exponentials relative to it, and the output so far
 * (online softmax). When a larger score turns up, sum and output are scaled down by e^(old − new). */
#include <omp.h>

#include "models/kernels/attention_tile.h"

/* Where each buffer of a thread starts, in floats. */
struct layout {
    size_t packed;     /* [64, row]: queries, then values, as f32 rows */
    size_t keys;       /* [64, row]: keys as f32 rows, unless they are f32 already */
    size_t queries;    /* [row, 64]: the queries' transpose times the scale */
    size_t scores;     /* [64, 64]: [key, query] */
    size_t out;        /* [64, row] */
    size_t largest;    /* [64] */
    size_t sum;        /* [64] */
    size_t correction; /* [64] */
    size_t row;        /* head_dim rounded up to whole vectors */
    size_t total;
};

static struct layout layout_of(const struct attention *a)
{
    struct layout l = {.row = round_up(a->head_dim, LANES)};
    l.packed = reserve(&l.total, KEY_TILE * l.row);
    l.keys = reserve(&l.total, a->kv_dtype != DTYPE_F32 ? KEY_TILE * l.row : 0);
    l.queries = reserve(&l.total, l.row * QUERY_TILE);
    l.scores = reserve(&l.total, KEY_TILE * QUERY_TILE);
    l.out = reserve(&l.total, QUERY_TILE * l.row);
    l.largest = reserve(&l.total, QUERY_TILE);
    l.sum = reserve(&l.total, QUERY_TILE);
    l.correction = reserve(&l.total, QUERY_TILE);
    return l;
}

size_t attention_forward_workspace(const struct attention *attention, int threads)
{
    return (size_t)threads * layout_of(attention).total * sizeof(float);
}

/* A tile of queries: of one head of one sequence, from `first` on; `tile` is `count` in whole vectors. */
struct queries {
    size_t b, h, g, first, count, tile;
    struct span positions;
};

/* Scores to weights in place, for one vector of queries; `keys` are rows of the tile. */
static void softmax_step(float *scores, size_t tile, struct span keys, float *largest, float *sum, float *correction)
{
    lanes before = lanes_load(largest), most = before;
    for (size_t k = keys.from; k < keys.to; k++)
        most = lanes_max(most, lanes_load(scores + k * tile));
    /* A query that has seen no key yet keeps −∞; subtracting 0 instead makes its weights 0, not NaN. */
    lanes origin = lanes_select(most == -INFINITY, lanes_zero(), most), total = lanes_zero();
    lanes factor = lanes_exp(before - origin);
    for (size_t k = keys.from; k < keys.to; k++) {
        lanes weight = lanes_exp(lanes_load(scores + k * tile) - origin);
        lanes_store(scores + k * tile, weight);
        total += weight;
    }
    lanes_store(largest, most);
    lanes_store(sum, lanes_fma(lanes_load(sum), factor, total));
    lanes_store(correction, factor);
}

static void rescale(float *out, size_t row, const float *correction, size_t count)
{
    for (size_t m = 0; m < count; m++)
        if (correction[m] != 1)
            for (size_t d = 0; d < row; d += LANES)
                lanes_store(out + m * row + d, lanes_load(out + m * row + d) * correction[m]);
}

static void one_key_tile(const struct attention *a, const struct queries *q, struct span keys, bool first,
                         const struct layout *l, float *w)
{
    size_t key = q->b * a->k_batch_stride + keys.from * a->k_stride + q->g * a->head_dim;
    size_t value = q->b * a->v_batch_stride + keys.from * a->v_stride + q->g * a->head_dim;
    const float *key_rows = element_at(a->k, a->kv_dtype, key);
    size_t key_stride = a->k_stride, count = keys.to - keys.from, row = l->row;
    if (a->kv_dtype != DTYPE_F32) {
        pack_rows(key_rows, a->kv_dtype, a->k_stride, count, count, a->head_dim, w + l->keys, row);
        key_rows = w + l->keys;
        key_stride = row;
    }
    size_t p = q->positions.from;
    float *scores = w + l->scores;
    multiply_seen(a, p, keys, key_rows, key_stride, w + l->queries, q->tile, scores);
    bend_seen(a, p, keys, q->tile, scores);
    bias_seen(a, bias_at(a, q->h, q->first), p, keys, q->count, q->tile, scores);
    if (mask_cuts(a, q->positions, keys))
        hide_masked(a, p, keys, q->tile, scores);
    for (size_t m = 0; m < q->count; m += LANES) {
        struct span seen = keys_seen(a, (struct span){p + m, p + least(m + LANES, q->count)});
        seen = span_within(seen, keys);
        softmax_step(scores + m, q->tile, (struct span){seen.from - keys.from, seen.to - keys.from}, w + l->largest + m,
                     w + l->sum + m, w + l->correction + m);
    }
    if (!first)
        rescale(w + l->out, row, w + l->correction, q->count);
    pack_rows(element_at(a->v, a->kv_dtype, value), a->kv_dtype, a->v_stride, count, count, a->head_dim, w + l->packed,
              row);
    for (size_t m = 0; m < q->count; m += TILE_COLUMN_ROWS) {
        struct span seen = keys_seen(a, (struct span){p + m, p + least(m + TILE_COLUMN_ROWS, q->count)});
        seen = span_within(seen, keys);
        size_t k = seen.from - keys.from;
        product_by_column(TILE_COLUMN_ROWS, row / LANES, scores + k * q->tile + m, q->tile, w + l->packed + k * row,
                          row, seen.to - seen.from, w + l->out + m * row, row, !first);
    }
}

static void one_query_tile(const struct attention *a, const struct queries *q, const struct layout *l, float *w)
{
    size_t query = q->b * a->q_batch_stride + q->first * a->q_stride + q->h * a->head_dim;
    struct span seen = keys_seen(a, q->positions);
    prefetch_keys(a, q->b, q->g, key_tile(seen, seen.from));
    pack_rows(element_at(a->q, a->dtype, query), a->dtype, a->q_stride, q->count, q->tile, a->head_dim, w + l->packed,
              l->row);
    transpose(w + l->packed, l->row, q->tile, a->head_dim, a->scale, w + l->queries, q->tile);
    for (size_t m = 0; m < q->tile; m++) { /* a sink is seen before any key */
        w[l->largest + m] = a->sinks ? a->sinks[q->h] : -INFINITY;
        w[l->sum + m] = a->sinks ? 1 : 0;
    }
    for (size_t s = seen.from; s < seen.to; s += KEY_TILE) {
        prefetch_keys(a, q->b, q->g, key_tile(seen, s + KEY_TILE));
        one_key_tile(a, q, key_tile(seen, s), s == seen.from, l, w);
    }
    for (size_t m = 0; m < q->count; m++) {
        size_t out = ((q->b * a->length + q->first + m) * a->heads + q->h) * a->head_dim;
        unpack_row(w + l->out + m * l->row, 1 / w[l->sum + m], (void *)element_at(a->out, a->dtype, out), a->dtype,
                   a->head_dim);
    }
    if (a->log_sum) {
        float *log_sum = a->log_sum + (q->b * a->heads + q->h) * a->length + q->first;
        for (size_t m = 0; m < q->count; m++)
            log_sum[m] = w[l->largest + m] + logf(w[l->sum + m]);
    }
}

void attention_forward(const struct attention *a, float *workspace, int threads)
{
    const struct layout l = layout_of(a);
    size_t tiles = (a->length + QUERY_TILE - 1) / QUERY_TILE, items = a->batch * a->heads * tiles;
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1 && items > 1)
    for (size_t i = 0; i < items; i++) {
        /* Later queries of a causal sequence see more keys: they go first, so that the last items are short. */
        size_t first = (tiles - 1 - i % tiles) * QUERY_TILE, head = i / tiles;
        struct queries q = {.b = head / a->heads, .h = head % a->heads, .first = first};
        q.g = q.h / (a->heads / a->kv_heads);
        q.count = least(QUERY_TILE, a->length - first);
        q.tile = round_up(q.count, LANES);
        q.positions.from = first_position(a) + first;
        q.positions.to = q.positions.from + q.count;
        one_query_tile(a, &q, &l, workspace + (size_t)omp_get_thread_num() * l.total);
    }
}
