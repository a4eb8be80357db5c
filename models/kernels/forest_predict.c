/* Walking trees; built once for each instruction set. See forest.h.
 *
 * Rows in groups of LANES go down a tree together, so that one's loads are under way while another's arrive; with
 * AVX-512 sixteen take a step at once, by gathers. A block of rows passes all trees before the next does: its features
 * stay in a second-level cache. */
#include <string.h>

#include "models/kernels/forest_variants.h"

enum { BLOCK = 1024 };

#if defined(__AVX512F__)
#include <immintrin.h>

enum { VECTORS = 4, LANES = 16 * VECTORS };

/* offset: where each row begins in x; sum: what its leaves have given so far. */
static inline void predict_group(const struct forest_node *nodes, const float *x, const uint32_t *offset, float *sum)
{
    const __m512i byte = _mm512_set1_epi32(0xff), one = _mm512_set1_epi32(1);
    const int *links = (const int *)nodes + 1;
    __m512i at[VECTORS], rows[VECTORS];
    unsigned moved;
    for (int v = 0; v < VECTORS; v++) {
        at[v] = _mm512_setzero_si512();
        rows[v] = _mm512_loadu_si512(offset + 16 * v);
    }
    do {
        moved = 0;
        for (int v = 0; v < VECTORS; v++) {
            __m512i link = _mm512_i32gather_epi32(at[v], links, 8), left = _mm512_srli_epi32(link, 8);
            __mmask16 inner = _mm512_test_epi32_mask(left, left);
            __m512i element = _mm512_add_epi32(rows[v], _mm512_and_si512(link, byte));
            __m512 threshold = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), inner, at[v], nodes, 8);
            __m512 value = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), inner, element, x, 4);
            __mmask16 right = _mm512_mask_cmp_ps_mask(inner, value, threshold, _CMP_GT_OQ);
            at[v] = _mm512_mask_mov_epi32(at[v], inner, _mm512_mask_add_epi32(left, right, left, one));
            moved |= inner;
        }
    } while (moved);
    for (int v = 0; v < VECTORS; v++) {
        __m512 leaf = _mm512_i32gather_ps(at[v], nodes, 8);
        _mm512_storeu_ps(sum + 16 * v, _mm512_add_ps(_mm512_loadu_ps(sum + 16 * v), leaf));
    }
}
#else
enum { LANES = 16 };

/* One step down for every row that isn't at a leaf; 0 when all are. */
static inline uint32_t step(const struct forest_node *nodes, const float *x, const uint32_t *offset, uint32_t *at)
{
    uint32_t moved = 0;
    for (uint32_t i = 0; i < LANES; i++) {
        uint32_t link = nodes[at[i]].link, feature = link & 0xff, left = link >> 8;
        uint32_t next = left + (x[offset[i] + feature] > nodes[at[i]].value);
        at[i] = left ? next : at[i];
        moved |= left;
    }
    return moved;
}

static inline void predict_group(const struct forest_node *nodes, const float *x, const uint32_t *offset, float *sum)
{
    uint32_t at[LANES] = {0};
    while (step(nodes, x, offset, at)) {
    }
    for (size_t i = 0; i < LANES; i++)
        sum[i] += nodes[at[i]].value;
}
#endif

static void predict_block(const struct forest_node *nodes, size_t trees, size_t capacity, const float *x, size_t rows,
                          size_t columns, float *y)
{
    float sum[BLOCK];
    uint32_t offset[BLOCK];
    memset(sum, 0, sizeof sum);
    for (size_t r = 0; r < BLOCK; r++) /* spare lanes walk with the last row */
        offset[r] = (uint32_t)((r < rows ? r : rows - 1) * columns);
    for (size_t t = 0; t < trees; t++)
        for (size_t first = 0; first < rows; first += LANES)
            predict_group(nodes + t * capacity, x, offset + first, sum + first);
    for (size_t r = 0; r < rows; r++)
        y[r] = sum[r] / (float)trees;
}

static void predict(const struct forest_node *nodes, size_t trees, size_t capacity, const float *x, size_t rows,
                    size_t columns, float *y)
{
    for (size_t first = 0; first < rows; first += BLOCK)
        predict_block(nodes, trees, capacity, x + first * columns, rows - first < BLOCK ? rows - first : BLOCK, columns,
                      y + first);
}

const struct forest_kernels VARIANT_NAME(forest_kernels_walk) = {.name = VARIANT_STRING, .predict = predict};
