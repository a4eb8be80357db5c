/* What recommendation models spend their time in besides matrix products (Naumov et al. 2019, "Deep Learning
 * Recommendation Model for Personalization and Recommendation Systems"): sums over rows of large tables, and the dot
 * products of all pairs of a sample's vectors.
 *
 * All run on the calling thread; callers split bags or samples among threads. Rows of a table are asked from memory
 * some look-ups ahead, since nothing but the indices tells which come next. */
#ifndef KERNELS_RECOMMENDER_H
#define KERNELS_RECOMMENDER_H

#include <stddef.h>
#include <stdint.h>

#include "models/graph/dtype.h"

/* Bags of row indices into a table [rows, columns]; an index outside the table means row 0. */
struct bags {
    const int32_t *indices; /* [bags, lookups] */
    size_t first, last;     /* of the bags */
    size_t lookups;
    size_t rows, columns;
};

/* The vectors of samples, and their pairs:
 *
 *     y[s,:] = (v₀[s,:], …, vᵢ[s,:] · vⱼ[s,:], …)   for all pairs j < i, i outermost (the lower triangle, row by row)
 *     dvᵢ[s,:] = Σ_j dy[s, pair(i,j)] · vⱼ[s,:]     and dv₀ += dy[s, :columns] */
struct interaction {
    const void *const *vectors; /* [count] pointers to [samples, columns] */
    enum dtype dtype;           /* of everything: f32 or bf16 */
    size_t count, columns;
    size_t first, last; /* of the samples */
};

static inline size_t interaction_width(size_t count, size_t columns)
{
    return columns + count * (count - 1) / 2;
}

struct recommender_kernels {
    const char *name; /* "plain", "avx2", "avx512"; "reference" for the specification */
    /* y[b,:] = Σ table[indices[b,·],:], b from first; the table is f32 or bf16 */
    void (*bag_sum)(const struct bags *bags, const void *table, enum dtype dtype, float *y);
    /* table[indices[b,·],:] += factor · y[b,:], bag after bag, for those rows of which row % parts == part: parts may
     * run side by side, and a row's sum has one order. `rounded`, when not NULL, receives each changed row as bf16. */
    void (*bag_add)(const struct bags *bags, const float *y, float factor, size_t part, size_t parts, float *table,
                    uint16_t *rounded);
    /* Floats of a call's workspace, forward or backward. */
    size_t (*interaction_workspace)(size_t count, size_t columns);
    void (*interact)(const struct interaction *interaction, void *y, float *workspace);
    void (*interact_gradient)(const struct interaction *interaction, const void *dy, void *const *dvectors,
                              float *workspace);
};

/* The fastest variant that this machine has. */
const struct recommender_kernels *recommender_kernels(void);
/* Every variant that this machine can run, fastest first, the plain one last, ended by NULL. */
const struct recommender_kernels *const *recommender_variants(void);
/* The specification of the others. */
extern const struct recommender_kernels recommender_reference;

#endif
