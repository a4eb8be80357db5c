/* Multiplication of rows that lie sorted by expert, each group with its own expert's matrix:
 *
 *     y[r,n] = activation( Σ_k x[r,k] · W[e,n,k] )          for the rows r from offsets[e] to offsets[e + 1]
 *
 * and its gradients. Matrices of experts without rows are not read. Experts with few rows run side by side, at the
 * speed at which memory delivers their matrices, with every thread at neighbouring rows of them; experts with many one
 * after the other, each by all threads. The kernels are those of gemm.h and quant_matrix.h, and so are errors and
 * types.
 *
 * The calls use the OpenMP pool, must not be made inside a parallel region, and allocate nothing. */
#ifndef KERNELS_EXPERT_MATRIX_H
#define KERNELS_EXPERT_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/graph/dtype.h"
#include "models/kernels/gemm.h" /* enum activation */

struct expert_matrix {
    size_t experts, n, k;
    size_t rows, most;      /* in all; of one expert at most */
    const int32_t *offsets; /* [experts + 1] */
    enum dtype weight_dtype, x_dtype, y_dtype;
    const void *weight; /* [experts, n, k]; [experts, k, n] where it is `across` */
    bool across;        /* the sum runs across W's rows: what the gradient of x takes; f32 and bf16 only */
    const void *x;      /* [rows, k] */
    void *y;            /* [rows, n] */
    bool accumulate;    /* add to what y holds; f32 and bf16 weights only */
    enum activation activation;
    void *pre_activation; /* NULL, or where the values before the activation go, as y */
};

/* Bytes that expert_matrix_run needs with `threads` threads, wherever the rows go. */
size_t expert_matrix_workspace(const struct expert_matrix *matrix, int threads);
/* `workspace` is 64-byte aligned. */
void expert_matrix_run(const struct expert_matrix *matrix, void *workspace, int threads);
/* The specification: expert by expert, as gemm_reference and quant_matrix_reference. */
void expert_matrix_reference(const struct expert_matrix *matrix);

/* The gradient of W: dw[e,n,k] = Σ over the rows of expert e of dz[r,n] · x[r,k]; zero for an expert without any. */
struct expert_outer {
    size_t experts, n, k;
    size_t rows, most;
    const int32_t *offsets;
    enum dtype dz_dtype, x_dtype;
    const void *dz, *x; /* [rows, n], [rows, k] */
    float *dw;          /* [experts, n, k] */
};

size_t expert_outer_workspace(const struct expert_outer *outer, int threads);
void expert_outer_run(const struct expert_outer *outer, void *workspace, int threads);
void expert_outer_reference(const struct expert_outer *outer);

#endif
