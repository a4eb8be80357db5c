/* The variants behind rows.h: one table an instruction set, filled from three files. */
#ifndef KERNELS_ROWS_VARIANTS_H
#define KERNELS_ROWS_VARIANTS_H

#include "models/kernels/rows.h"

extern const struct row_kernels row_kernels_avx2, row_kernels_avx512, row_kernels_neon;

/* Declares one variant's norms and column functions, which stand in files of their own beside its table. */
#define ROW_FUNCTIONS(variant)                                                                                         \
    void layer_norm_##variant(const float *, const float *, const float *, float *, float *, float *, size_t, size_t,  \
                              float);                                                                                  \
    void layer_norm_gradient_##variant(const float *, const float *, const float *, const float *, const float *,      \
                                       const float *, float *, float *, float *, size_t, size_t);                      \
    void rms_norm_##variant(const float *, const float *, float *, float *, size_t, size_t, float);                    \
    void rms_norm_gradient_##variant(const float *, const float *, const float *, const float *, const float *,        \
                                     float *, float *, size_t, size_t);                                                \
    void column_sums_##variant(const float *, float *, size_t, size_t, size_t);                                        \
    void column_moments_##variant(const float *, const float *, float *, float *, size_t, size_t);                     \
    void column_products_##variant(const float *, const float *, float *, size_t, size_t);                             \
    void column_affine_##variant(const float *, const float *, const float *, int, float *, size_t, size_t);

ROW_FUNCTIONS(plain)
ROW_FUNCTIONS(avx2)
ROW_FUNCTIONS(avx512)
ROW_FUNCTIONS(neon)

#endif
