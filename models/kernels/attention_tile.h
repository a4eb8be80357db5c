/* What attention's forward and backward share: a tile of queries against a tile of keys.
 *
 * Scores are computed transposed, a row for each key and a lane for each query: S^T = K Q^T. So K is read as it lies in
 * memory, Q is transposed once for all keys, and the softmax's maxima and sums over keys need no sum across lanes.
 * Within a tile only those vectors of queries are computed that the mask lets see at least one of the keys. */
#ifndef KERNELS_ATTENTION_TILE_H
#define KERNELS_ATTENTION_TILE_H

#include <math.h>

#include "models/kernels/attention.h"
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

enum { QUERY_TILE = 64, KEY_TILE = 64, LINE_FLOATS = 16 };

struct span {
    size_t from, to;
};

LANES_INLINE size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

LANES_INLINE size_t round_up(size_t count, size_t multiple)
{
    return (count + multiple - 1) / multiple * multiple;
}

/* Keeps `count` floats in a workspace whose first free one is *total; returns where they start. */
LANES_INLINE size_t reserve(size_t *total, size_t count)
{
    size_t start = *total;
    *total += round_up(count, LINE_FLOATS);
    return start;
}

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

LANES_INLINE const void *element_at(const void *data, enum dtype dtype, size_t index)
{
    return (const char *)data + index * (dtype == DTYPE_BF16 ? 2 : 4);
}

/* Rows of any type and stride to f32 rows of `to_row` (a multiple of LANES), zeros after the last column and up to
 * `padded_rows` after the last row. */
static inline __attribute__((unused)) void pack_rows(const void *from, enum dtype dtype, size_t stride, size_t rows,
                                                     size_t padded_rows, size_t columns, float *to, size_t to_row)
{
    size_t whole = columns / LANES * LANES;
    for (size_t r = 0; r < rows; r++) {
        float *out = to + r * to_row;
        if (dtype == DTYPE_BF16) {
            const uint16_t *x = (const uint16_t *)from + r * stride;
            for (size_t c = 0; c < whole; c += LANES)
                lanes_store(out + c, lanes_load_bf16(x + c));
            if (whole < columns)
                lanes_store(out + whole, lanes_load_part_bf16(x + whole, columns - whole));
        } else {
            const float *x = (const float *)from + r * stride;
            for (size_t c = 0; c < whole; c += LANES)
                lanes_store(out + c, lanes_load(x + c));
            if (whole < columns)
                lanes_store(out + whole, lanes_load_part(x + whole, columns - whole));
        }
    }
    if (padded_rows > rows)
        memset(to + rows * to_row, 0, (padded_rows - rows) * to_row * sizeof *to);
}

/* A row of f32, multiplied, to `columns` elements of any type. */
static inline __attribute__((unused)) void unpack_row(const float *from, float factor, void *to, enum dtype dtype,
                                                      size_t columns)
{
    size_t whole = columns / LANES * LANES;
    for (size_t c = 0; c < columns; c += LANES) {
        lanes x = lanes_load(from + c) * factor;
        if (dtype == DTYPE_BF16 && c < whole)
            lanes_store_bf16((uint16_t *)to + c, x);
        else if (dtype == DTYPE_BF16)
            lanes_store_part_bf16((uint16_t *)to + c, x, columns - c);
        else if (c < whole)
            lanes_store((float *)to + c, x);
        else
            lanes_store_part((float *)to + c, x, columns - c);
    }
}

/* to[c,r] = factor · from[r,c]; rows and from_row are multiples of LANES, to has room for from_row rows. */
static inline __attribute__((unused)) void transpose(const float *from, size_t from_row, size_t rows, size_t columns,
                                                     float factor, float *to, size_t to_row)
{
    for (size_t r = 0; r < rows; r += LANES)
        for (size_t c = 0; c < columns; c += 4) {
            const float *x = from + r * from_row + c;
            lanes square[4];
            for (size_t i = 0; i < 4; i++)
                square[i] = lanes_load_fours(x + i * from_row, 4 * from_row);
            lanes_transpose_fours(square);
            for (size_t i = 0; i < 4; i++)
                lanes_store(to + (c + i) * to_row + r, square[i] * factor);
        }
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

/* Whether the mask cuts through this pair of tiles. */
LANES_INLINE bool mask_cuts(const struct attention *a, struct span positions, struct span keys)
{
    return (a->causal && keys.to > positions.from + 1) || (a->window && keys.from + a->window < positions.to);
}

#endif
