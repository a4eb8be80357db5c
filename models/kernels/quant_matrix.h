/* Multiplication with a quantised (or f16) weight, straight from its packed rows:
 *
 *     y[r,n] = activation( Σ_k x[r,k] · W[n,k]  +  bias[n] )
 *
 * With quantised weights the rows of x are first quantised too, each run of 32 to int8 with an f32 scale (largest
 * magnitude / 127, nearest even), and products are summed as integers: what that loses is below 1/254 of a run's
 * largest magnitude per element. Many rows take the same products from panels of W that are unpacked once
 * (quant_panel.h), or, where the machine has matrix units for bf16, are multiplied with weights and x rounded to that
 * instead. f16 weights are multiplied in f32. Runs of x with an infinity or NaN give NaN.
 *
 * Few rows run at the speed at which memory delivers the weights. The call uses the OpenMP pool and must not be made
 * inside a parallel region; it allocates nothing. */
#ifndef KERNELS_QUANT_MATRIX_H
#define KERNELS_QUANT_MATRIX_H

#include <stddef.h>

#include "models/graph/dtype.h"
#include "models/kernels/gemm.h" /* enum activation */

struct quant_matrix {
    size_t rows, n, k; /* k is a multiple of the weight's block */
    enum dtype weight_dtype;
    const void *weight;          /* [n,k], needs no alignment */
    enum dtype x_dtype, y_dtype; /* f32 or bf16 */
    const void *x;               /* [rows,k] */
    void *y;                     /* [rows,n] */
    const float *bias;           /* [n] or NULL */
    enum activation activation;
    void *pre_activation; /* NULL, or where the values before the activation go, as y */
};

/* Whether a weight of this type is multiplied here (others are gemm.h's). */
bool quant_matrix_takes(enum dtype weight);
/* Bytes that quant_matrix_run needs with `threads` threads. */
size_t quant_matrix_workspace(const struct quant_matrix *matrix, int threads);
/* `workspace` is 64-byte aligned. */
void quant_matrix_run(const struct quant_matrix *matrix, void *workspace, int threads);
/* The specification: dequantised weights times x as it is, summed in double precision. Slow. */
void quant_matrix_reference(const struct quant_matrix *matrix);
/* The variant that quant_matrix_run picks on this machine, as it is printed: "avx512-vnni", ... */
const char *quant_matrix_variant(const struct quant_matrix *matrix);

#endif
