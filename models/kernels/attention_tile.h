/* What attention's forward and backward share: a tile of queries against a tile of keys.
 *
 * Scores are computed transposed, a row for each key and a lane for each query: S^T = K Q^T. So K is read as it lies in
 * memory, Q is transposed once for all keys, and the softmax's maxima and sums over keys need no sum across lanes.
 * Within a tile only those vectors of queries are computed that the mask lets see at least one of the keys. */
#ifndef KERNELS_ATTENTION_TILE_H
#define KERNELS_ATTENTION_TILE_H

#include <math.h>

#include "models/kernels/attention.h"
#include "models/kernels/layout.h"
#include "models/kernels/tile.h"
#include "models/kernels/variant.h"

#define attention_forward VARIANT_NAME(attention_forward)
#define attention_forward_workspace VARIANT_NAME(attention_forward_workspace)
#define attention_decode VARIANT_NAME(attention_decode)
#define attention_decode_workspace VARIANT_NAME(attention_decode_workspace)
#define attention_backward VARIANT_NAME(attention_backward)
#define attention_backward_workspace VARIANT_NAME(attention_backward_workspace)

void attention_forward(const struct attention *attention, float *workspace, int threads);
size_t attention_forward_workspace(const struct attention *attention, int threads);
/* For so few queries that they don't fill a vector: the keys are split among the threads. */
void attention_decode(const struct attention *attention, float *workspace, int threads);
size_t attention_decode_workspace(const struct attention *attention, int threads);
void attention_backward(const struct attention_gradient *gradient, float *workspace, int threads);
size_t attention_backward_workspace(const struct attention_gradient *gradient, int threads);

enum { QUERY_TILE = 64, KEY_TILE = 64 };

struct span {
    size_t from, to;
};

/* Position of the sequence at which query 0 stands. */
LANES_INLINE size_t first_position(const struct attention *a)
{
    return a->kv_length - a->length;
}

/* The keys that at least one of the queries at positions [p.from, p.to) may see. */
LANES_INLINE struct span keys_seen(const struct attention *a, struct span p)
{
    size_t from = a->window && p.from + 1 > a->window ? p.from + 1 - a->window : 0;
    return (struct span){from, a->causal ? least(p.to, a->kv_length) : a->kv_length};
}

/* The queries of a tile, counted from its first at position p, that may see at least one of the `keys`. */
LANES_INLINE struct span queries_seeing(const struct attention *a, size_t p, struct span keys, size_t tile)
{
    struct span queries = {a->causal && keys.from > p ? keys.from - p : 0, tile};
    if (a->window && a->window <= a->kv_length)
        queries.to = keys.to - 1 + a->window > p ? least(tile, keys.to - 1 + a->window - p) : 0;
    queries.from = least(queries.from, queries.to);
    return queries;
}

/* The same in whole vectors. */
LANES_INLINE struct span vectors_seeing(const struct attention *a, size_t p, struct span keys, size_t tile)
{
    struct span queries = queries_seeing(a, p, keys, tile);
    if (queries.from == queries.to)
        return (struct span){0, 0};
    return (struct span){queries.from / LANES, (queries.to + LANES - 1) / LANES};
}

LANES_INLINE struct span span_within(struct span a, struct span b)
{
    size_t from = a.from > b.from ? a.from : b.from, to = least(a.to, b.to);
    return (struct span){from, to > from ? to : from};
}

/* to[s,m] = Σ_d rows[s,d] · columns[d,m] for those vectors of queries that see one of the keys. The queries start at
 * position p, the keys' numbers are `keys`, rows[0] is the first of them. */
static inline __attribute__((unused)) void multiply_seen(const struct attention *a, size_t p, struct span keys,
                                                         const float *rows, size_t row_stride, const float *columns,
                                                         size_t tile, float *to)
{
    for (size_t s = keys.from; s < keys.to; s += TILE_ROWS) {
        size_t count = least(TILE_ROWS, keys.to - s), k = s - keys.from;
        struct span v = vectors_seeing(a, p, (struct span){s, s + count}, tile);
        product_by_row(count, v.to - v.from, rows + k * row_stride, row_stride, columns + v.from * LANES, tile,
                       a->head_dim, to + k * tile + v.from * LANES, tile, false);
    }
}

/* Puts −∞ where a key is hidden from a query, in the vectors that multiply_seen computed. */
static inline __attribute__((unused)) void hide_masked(const struct attention *a, size_t p, struct span keys,
                                                       size_t tile, float *scores)
{
    for (size_t s = keys.from; s < keys.to; s++) {
        size_t strip = keys.from + (s - keys.from) / TILE_ROWS * TILE_ROWS;
        struct span v = vectors_seeing(a, p, (struct span){strip, least(strip + TILE_ROWS, keys.to)}, tile);
        struct span seen = queries_seeing(a, p, (struct span){s, s + 1}, tile);
        float *row = scores + (s - keys.from) * tile;
        for (size_t m = v.from * LANES; m < least(seen.from, v.to * LANES); m++)
            row[m] = -INFINITY;
        for (size_t m = seen.to > v.from * LANES ? seen.to : v.from * LANES; m < v.to * LANES; m++)
            row[m] = -INFINITY;
    }
}

/* c · tanh(score / c) of the vectors that multiply_seen computed; nothing without a softcap. */
static inline __attribute__((unused)) void bend_seen(const struct attention *a, size_t p, struct span keys, size_t tile,
                                                     float *scores)
{
    if (!(a->softcap > 0))
        return;
    for (size_t s = keys.from; s < keys.to; s += TILE_ROWS) {
        struct span strip = {s, least(s + TILE_ROWS, keys.to)};
        struct span v = vectors_seeing(a, p, strip, tile);
        for (size_t k = s - keys.from; k < strip.to - keys.from; k++)
            for (size_t m = v.from * LANES; m < v.to * LANES; m += LANES) {
                float *score = scores + k * tile + m;
                lanes_store(score, lanes_tanh(lanes_load(score) * (1 / a->softcap)) * a->softcap);
            }
    }
}

/* The bias of query t of head h and key 0; that of key s lies s before it. */
LANES_INLINE const float *bias_at(const struct attention *a, size_t h, size_t t)
{
    return a->distance_bias ? a->distance_bias + h * attention_bias_row(a) + t + a->kv_length - 1 : NULL;
}

/* Adds to the scores that multiply_seen computed, of `count` queries from that of `bias` (as bias_at gives it) on;
 * nothing where that is NULL. */
static inline __attribute__((unused)) void bias_seen(const struct attention *a, const float *bias, size_t p,
                                                     struct span keys, size_t count, size_t tile, float *scores)
{
    if (!bias)
        return;
    for (size_t s = keys.from; s < keys.to; s++) {
        size_t strip = keys.from + (s - keys.from) / TILE_ROWS * TILE_ROWS;
        struct span v = vectors_seeing(a, p, (struct span){strip, least(strip + TILE_ROWS, keys.to)}, tile);
        float *row = scores + (s - keys.from) * tile;
        for (size_t m = v.from * LANES; m < v.to * LANES; m += LANES)
            lanes_store(row + m, lanes_load(row + m) + lanes_load_some(bias + m - s, count - m));
    }
}

/* Asks for rows ahead of their use. They often lie pages apart, where the processor's own prefetching stops. */
LANES_INLINE void prefetch_rows(const void *first, enum dtype dtype, size_t stride, size_t rows, size_t columns)
{
    size_t bytes = (size_t)((const char *)element_at(first, dtype, columns) - (const char *)first);
    for (size_t r = 0; r < rows; r++) {
        const char *row = element_at(first, dtype, r * stride);
        for (size_t line = 0; line < bytes; line += LINE_FLOATS * sizeof(float))
            __builtin_prefetch(row + line);
    }
}

/* The keys and values of a tile. */
LANES_INLINE void prefetch_keys(const struct attention *a, size_t b, size_t g, struct span keys)
{
    size_t key = b * a->k_batch_stride + keys.from * a->k_stride + g * a->head_dim;
    size_t value = b * a->v_batch_stride + keys.from * a->v_stride + g * a->head_dim;
    size_t count = keys.to - keys.from;
    prefetch_rows(element_at(a->k, a->kv_dtype, key), a->kv_dtype, a->k_stride, count, a->head_dim);
    prefetch_rows(element_at(a->v, a->kv_dtype, value), a->kv_dtype, a->v_stride, count, a->head_dim);
}

/* The tile of keys that starts at `from`, of those that are seen. */
LANES_INLINE struct span key_tile(struct span seen, size_t from)
{
    from = least(from, seen.to);
    return (struct span){from, least(from + KEY_TILE, seen.to)};
}

/* Whether the mask cuts through this pair of tiles. */
LANES_INLINE bool mask_cuts(const struct attention *a, struct span positions, struct span keys)
{
    return (a->causal && keys.to > positions.from + 1) || (a->window && keys.from + a->window < positions.to);
}

#endif
