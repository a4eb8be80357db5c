/* The implementations of recommender.h that this build holds: the same source compiled for another vector width. */
#ifndef KERNELS_RECOMMENDER_VARIANTS_H
#define KERNELS_RECOMMENDER_VARIANTS_H

#include "models/kernels/recommender.h"

extern const struct recommender_kernels recommender_plain;
#if defined(__x86_64__)
extern const struct recommender_kernels recommender_avx2, recommender_avx512;
#endif

/* Declares what stands in another file than a variant's table. */
#define INTERACTION_FUNCTIONS(variant)                                                                                 \
    size_t interaction_workspace_##variant(size_t, size_t);                                                            \
    void interact_##variant(const struct interaction *, void *, float *);                                              \
    void interact_gradient_##variant(const struct interaction *, const void *, void *const *, float *);

INTERACTION_FUNCTIONS(plain)
INTERACTION_FUNCTIONS(avx2)
INTERACTION_FUNCTIONS(avx512)

#endif
