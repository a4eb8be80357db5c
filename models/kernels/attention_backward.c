/* Attention's backward pass (Dao et al. 2022, algorithm 4, without dropout): scores are computed again tile by tile and
 * log_sum turns them into weights at once. A thread owns one sequence's key and value head with all query heads that
 * share it, so that dK and dV are summed by one thread in one order, whatever the number of threads. */
#include <omp.h>

#include "models/kernels/attention_tile.h"

/* Where each buffer of a thread starts, in floats. */
struct layout {
    size_t query_rows, dout_rows;       /* [64, row] */
    size_t query_columns, dout_columns; /* [row, 64]: their transposes, the queries' times the scale */
    size_t key_rows, value_rows;        /* [64, row]; values only when they aren't f32 already */
    size_t weights, dscores;            /* [64, 64]: [key, query] */
    size_t log_sum, centre;             /* [64]: centre is D = Σ dO·O */
    size_t dquery;                      /* [64, row] */
    size_t dkeys, dvalues;              /* [kv_length, row] */
    size_t row;                         /* head_dim rounded up to whole vectors */
    size_t total;
};

static struct layout layout_of(const struct attention *a)
{
    struct layout l = {.row = round_up(a->head_dim, LANES)};
    size_t *one_tile[] = {&l.query_rows, &l.dout_rows, &l.query_columns, &l.dout_columns, &l.key_rows, &l.dquery};
    for (size_t i = 0; i < sizeof one_tile / sizeof *one_tile; i++)
        *one_tile[i] = reserve(&l.total, QUERY_TILE * l.row);
    l.value_rows = reserve(&l.total, a->dtype == DTYPE_BF16 ? KEY_TILE * l.row : 0);
    l.weights = reserve(&l.total, KEY_TILE * QUERY_TILE);
    l.dscores = reserve(&l.total, KEY_TILE * QUERY_TILE);
    l.log_sum = reserve(&l.total, QUERY_TILE);
    l.centre = reserve(&l.total, QUERY_TILE);
    l.dkeys = reserve(&l.total, a->kv_length * l.row);
    l.dvalues = reserve(&l.total, a->kv_length * l.row);
    return l;
}

/* Each sequence's part of what is summed over all: of the biases, and of the sink, in one row a head. */
static size_t partial_row(const struct attention_gradient *g)
{
    return g->ddistance_bias || g->dsinks ? round_up(attention_bias_row(&g->forward) + 1, LINE_FLOATS) : 0;
}

size_t attention_backward_workspace(const struct attention_gradient *gradient, int threads)
{
    const struct attention *a = &gradient->forward;
    size_t partials = a->batch * a->heads * partial_row(gradient);
    return ((size_t)threads * layout_of(a).total + partials) * sizeof(float);
}

/* A tile of queries: of one head of one sequence, from `first` on; `tile` is `count` in whole vectors. */
struct queries {
    size_t b, h, g, first, count, tile;
    struct span positions;
    float *dbias, *dsink; /* what the sequence and the head add to these so far: as bias_at has them; or NULL */
};

/* The slope of a softcap at a score that it has bent, 1 where there is none. Hidden scores are −∞: their weight is 0
 * already, and 0 · ∞ would be NaN. */
LANES_INLINE lanes slope_of(const struct attention *a, lanes bent)
{
    lanes ratio = lanes_max(bent, lanes_set(-a->softcap)) * (1 / a->softcap);
    return lanes_set(1) - ratio * ratio;
}

/* Scores and dO·V to P and dS in place, in the vectors that were computed. */
static void weights_and_dscores(const struct attention *a, const struct queries *q, struct span keys,
                                const struct layout *l, float *w)
{
    for (size_t s = keys.from; s < keys.to; s += TILE_ROWS) {
        struct span strip = {s, least(s + TILE_ROWS, keys.to)};
        struct span v = vectors_seeing(a, q->positions.from, strip, q->tile);
        for (size_t m = v.from * LANES; m < v.to * LANES; m += LANES) {
            lanes log_sum = lanes_load(w + l->log_sum + m), centre = lanes_load(w + l->centre + m);
            for (size_t k = s - keys.from; k < strip.to - keys.from; k++) {
                float *score = w + l->weights + k * q->tile + m, *dscore = w + l->dscores + k * q->tile + m;
                lanes bent = lanes_load(score), weight = lanes_exp(bent - log_sum);
                lanes slope = weight * (lanes_load(dscore) - centre);
                lanes_store(score, weight);
                lanes_store(dscore, a->softcap > 0 ? slope * slope_of(a, bent) : slope);
            }
        }
    }
}

/* dS of each pair to the bias of its distance. */
static void sum_biases(const struct attention *a, const struct queries *q, struct span keys, const float *dscores)
{
    for (size_t s = keys.from; s < keys.to; s++) {
        size_t strip = keys.from + (s - keys.from) / TILE_ROWS * TILE_ROWS;
        struct span strip_keys = {strip, least(strip + TILE_ROWS, keys.to)};
        struct span v = vectors_seeing(a, q->positions.from, strip_keys, q->tile);
        const float *row = dscores + (s - keys.from) * q->tile;
        for (size_t m = v.from * LANES; m < v.to * LANES; m += LANES) {
            float *to = q->dbias + q->first + m - s;
            lanes_store_some(to, lanes_load_some(to, q->count - m) + lanes_load(row + m), q->count - m);
        }
    }
}

static void one_key_tile(const struct attention *a, const struct queries *q, struct span keys, const struct layout *l,
                         float *w)
{
    size_t row = l->row, tile = q->tile, p = q->positions.from, count = keys.to - keys.from;
    size_t value_at = q->b * a->v_batch_stride + keys.from * a->v_stride + q->g * a->head_dim;
    const void *key =
        element_at(a->k, a->dtype, q->b * a->k_batch_stride + keys.from * a->k_stride + q->g * a->head_dim);
    const void *value = element_at(a->v, a->dtype, value_at);
    const float *value_rows = value;
    size_t value_stride = a->v_stride;
    pack_rows(key, a->dtype, a->k_stride, count, count, a->head_dim, w + l->key_rows, row);
    if (a->dtype == DTYPE_BF16) {
        pack_rows(value, a->dtype, a->v_stride, count, count, a->head_dim, w + l->value_rows, row);
        value_rows = w + l->value_rows;
        value_stride = row;
    }
    float *weights = w + l->weights, *dscores = w + l->dscores;
    multiply_seen(a, p, keys, w + l->key_rows, row, w + l->query_columns, tile, weights);
    bend_seen(a, p, keys, tile, weights);
    bias_seen(a, bias_at(a, q->h, q->first), p, keys, q->count, tile, weights);
    if (mask_cuts(a, q->positions, keys))
        hide_masked(a, p, keys, tile, weights);
    multiply_seen(a, p, keys, value_rows, value_stride, w + l->dout_columns, tile, dscores);
    weights_and_dscores(a, q, keys, l, w);
    if (q->dbias)
        sum_biases(a, q, keys, dscores);
    for (size_t s = keys.from; s < keys.to; s += TILE_ROWS) {
        size_t rows = least(TILE_ROWS, keys.to - s), k = s - keys.from;
        struct span v = vectors_seeing(a, p, (struct span){s, s + rows}, tile);
        size_t m = v.from * LANES, depth = (v.to - v.from) * LANES;
        product_by_row(rows, row / LANES, weights + k * tile + m, tile, w + l->dout_rows + m * row, row, depth,
                       w + l->dvalues + s * row, row, true);
        product_by_row(rows, row / LANES, dscores + k * tile + m, tile, w + l->query_rows + m * row, row, depth,
                       w + l->dkeys + s * row, row, true);
    }
    for (size_t m = 0; m < q->count; m += TILE_COLUMN_ROWS) {
        struct span seen = keys_seen(a, (struct span){p + m, p + least(m + TILE_COLUMN_ROWS, q->count)});
        seen = span_within(seen, keys);
        size_t k = seen.from - keys.from;
        product_by_column(TILE_COLUMN_ROWS, row / LANES, dscores + k * tile + m, tile, w + l->key_rows + k * row, row,
                          seen.to - seen.from, w + l->dquery + m * row, row, true);
    }
}

/* D = Σ dO·O of each query, 0 for those that only pad the tile. O's rows go through the buffer of the dQ to come. */
static void find_centres(const struct attention *a, const struct queries *q, const void *out, size_t out_stride,
                         const struct layout *l, float *w)
{
    size_t row = l->row;
    pack_rows(out, a->dtype, out_stride, q->count, q->tile, a->head_dim, w + l->dquery, row);
    for (size_t m = 0; m < q->tile; m += 4) {
        lanes sum[4] = {lanes_zero(), lanes_zero(), lanes_zero(), lanes_zero()};
        for (size_t d = 0; d < row; d += LANES)
            for (size_t i = 0; i < 4; i++)
                sum[i] = lanes_fma(lanes_load(w + l->dquery + (m + i) * row + d),
                                   lanes_load(w + l->dout_rows + (m + i) * row + d), sum[i]);
        lanes_sum_four(sum, w + l->centre + m);
    }
}

static void one_query_tile(const struct attention_gradient *g, const struct queries *q, const struct layout *l,
                           float *w)
{
    const struct attention *a = &g->forward;
    size_t row = l->row, out_stride = a->heads * a->head_dim;
    size_t query = q->b * a->q_batch_stride + q->first * a->q_stride + q->h * a->head_dim;
    size_t out = (q->b * a->length + q->first) * out_stride + q->h * a->head_dim;
    pack_rows(element_at(a->q, a->dtype, query), a->dtype, a->q_stride, q->count, q->tile, a->head_dim,
              w + l->query_rows, row);
    pack_rows(element_at(g->dout, a->dtype, out), a->dtype, out_stride, q->count, q->tile, a->head_dim,
              w + l->dout_rows, row);
    transpose(w + l->query_rows, row, q->tile, a->head_dim, a->scale, w + l->query_columns, q->tile);
    transpose(w + l->dout_rows, row, q->tile, a->head_dim, 1, w + l->dout_columns, q->tile);
    find_centres(a, q, element_at(a->out, a->dtype, out), out_stride, l, w);
    memset(w + l->log_sum, 0, QUERY_TILE * sizeof *w);
    memcpy(w + l->log_sum, a->log_sum + (q->b * a->heads + q->h) * a->length + q->first, q->count * sizeof *w);
    for (size_t m = 0; q->dsink && m < q->count; m++)
        *q->dsink -= expf(a->sinks[q->h] - w[l->log_sum + m]) * w[l->centre + m];
    memset(w + l->dquery, 0, q->tile * row * sizeof *w);
    struct span seen = keys_seen(a, q->positions);
    for (size_t s = seen.from; s < seen.to; s += KEY_TILE)
        one_key_tile(a, q, (struct span){s, least(s + KEY_TILE, seen.to)}, l, w);
    for (size_t m = 0; m < q->count; m++)
        unpack_row(w + l->dquery + m * row, a->scale, (void *)element_at(g->dq, a->dtype, query + m * a->q_stride),
                   a->dtype, a->head_dim);
}

static void one_key_head(const struct attention_gradient *g, size_t b, size_t group, const struct layout *l, float *w,
                         float *partials)
{
    const struct attention *a = &g->forward;
    size_t sharing = a->heads / a->kv_heads, row = l->row;
    memset(w + l->dkeys, 0, a->kv_length * row * sizeof *w);
    memset(w + l->dvalues, 0, a->kv_length * row * sizeof *w);
    for (size_t h = group * sharing; h < (group + 1) * sharing; h++) {
        float *partial = partials + (b * a->heads + h) * partial_row(g);
        memset(partial, 0, partial_row(g) * sizeof *partial);
        for (size_t first = 0; first < a->length; first += QUERY_TILE) {
            struct queries q = {.b = b, .h = h, .g = group, .first = first};
            q.dbias = g->ddistance_bias ? partial + a->kv_length - 1 : NULL;
            q.dsink = g->dsinks ? partial + attention_bias_row(a) : NULL;
            q.count = least(QUERY_TILE, a->length - first);
            q.tile = round_up(q.count, LANES);
            q.positions.from = first_position(a) + first;
            q.positions.to = q.positions.from + q.count;
            one_query_tile(g, &q, l, w);
        }
    }
    for (size_t s = 0; s < a->kv_length; s++) {
        size_t key = b * a->k_batch_stride + s * a->k_stride + group * a->head_dim;
        size_t value = b * a->v_batch_stride + s * a->v_stride + group * a->head_dim;
        unpack_row(w + l->dkeys + s * row, a->scale, (void *)element_at(g->dk, a->dtype, key), a->dtype, a->head_dim);
        unpack_row(w + l->dvalues + s * row, 1, (void *)element_at(g->dv, a->dtype, value), a->dtype, a->head_dim);
    }
}

/* The sequences' parts, always in the same order. */
static void sum_partials(const struct attention_gradient *g, const float *partials)
{
    const struct attention *a = &g->forward;
    size_t row = attention_bias_row(a), apart = partial_row(g);
    for (size_t h = 0; h < a->heads; h++) {
        for (size_t i = 0; g->ddistance_bias && i < row; i += LANES) {
            lanes sum = lanes_zero();
            for (size_t b = 0; b < a->batch; b++)
                sum += lanes_load_some(partials + (b * a->heads + h) * apart + i, row - i);
            lanes_store_some(g->ddistance_bias + h * row + i, sum, row - i);
        }
        float sink = 0;
        for (size_t b = 0; g->dsinks && b < a->batch; b++)
            sink += partials[(b * a->heads + h) * apart + row];
        if (g->dsinks)
            g->dsinks[h] = sink;
    }
}

void attention_backward(const struct attention_gradient *g, float *workspace, int threads)
{
    const struct attention *a = &g->forward;
    const struct layout l = layout_of(a);
    size_t items = a->batch * a->kv_heads;
    float *partials = workspace + (size_t)threads * l.total;
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1 && items > 1)
    for (size_t i = 0; i < items; i++)
        one_key_head(g, i / a->kv_heads, i % a->kv_heads, &l, workspace + (size_t)omp_get_thread_num() * l.total,
                     partials);
    if (partial_row(g))
        sum_partials(g, partials);
}
