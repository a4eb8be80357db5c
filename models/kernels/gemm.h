/* Matrix multiplication, and everything that is one: linear layers and their two gradients, convolutions and theirs.
 *
 *     C[m,n] = activation( Σ_k A[m,k] · B[k,n]  +  bias[n]  (+ C[m,n] when `accumulate`) )
 *
 * A and B are *operands*: a matrix in memory in either orientation, or the patches of an image batch that a
 * convolution would unfold (never materialised: they are gathered while the operand is packed). Each is f32 or bf16,
 * and so is C; sums are always f32. With both operands bf16 products are bf16's own (AMX or AVX512-BF16 where there is
 * one); with an f32 operand the result is as exact as an f32 multiplication's: the error stays within that of a plain
 * f32 sum of K products, whatever unit computes it. Infinities and NaNs come out where they would in plain C.
 *
 * The call uses the OpenMP pool's threads and must not be made inside a parallel region. It allocates nothing: packing
 * happens in `workspace`. Shapes may be 0: with k = 0 the sum is 0. */
#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "models/graph/dtype.h"

/* Applied to each element of C after bias. Formulas in elementwise.h. */
enum activation {
    ACTIVATION_NONE,
    ACTIVATION_RELU,
    ACTIVATION_GELU,      /* x · Φ(x) with erf */
    ACTIVATION_GELU_TANH, /* GPT-2's approximation */
    ACTIVATION_SILU,
    ACTIVATION_TANH,
    ACTIVATION_SIGMOID,
    ACTIVATION_RELU6,
    ACTIVATION_HARD_SIGMOID,
    ACTIVATION_HARD_SWISH,
    ACTIVATION_QUICK_GELU, /* CLIP's approximation */
    ACTIVATION_COUNT
};

/* A convolution's geometry. Images are channels-last, [N,H,W,C]; filters [out_channels,KH,KW,C]. */
struct conv_shape {
    size_t batch, height, width, channels; /* of the input */
    size_t out_height, out_width, out_channels;
    size_t kernel_height, kernel_width;
    size_t stride_height, stride_width;
    size_t pad_top, pad_left; /* bottom and right padding follow from out_height and out_width */
    size_t dilation_height, dilation_width;
    size_t groups; /* the patches below are of one group: channel_offset and channel_count choose it */
};

enum operand_kind {
    OPERAND_MATRIX,
    /* Row r = output pixel (n,oh,ow), column = (kh,kw,c) of the input image: im2col, [N·OH·OW, KH·KW·C]. */
    OPERAND_PATCHES,
    /* Row r = input pixel (n,h,w), column = (kh,kw,oc) of the *output's* gradient, zero where no output touches that
     * pixel through that tap (stride): what the gradient with respect to the input sums over, [N·H·W, KH·KW·OC]. */
    OPERAND_PATCHES_TRANSPOSED,
    /* A matrix of quantised rows (quant.h), which are dequantised to bf16 while they are packed; its k must run along
     * memory, and rows follow each other without a gap. */
    OPERAND_QUANTISED,
};

struct operand {
    const void *data;
    enum dtype dtype; /* f32 or bf16; bf16 of a quantised matrix, whose stored type is `stored` */
    enum dtype stored;
    enum operand_kind kind;
    bool transposed;               /* the operand is the transpose of what is described: element (i,j) is at (j,i) */
    size_t row_stride;             /* MATRIX: elements from one stored row to the next */
    const struct conv_shape *conv; /* PATCHES*: the geometry */
    size_t channel_offset, channel_count; /* PATCHES*: the channels of the group within a pixel's */
};

struct gemm {
    size_t m, n, k;
    struct operand a; /* [m,k] after `transposed` is applied */
    struct operand b; /* [k,n] likewise; a linear layer's weight [n,k] is given as transposed */
    void *c;          /* [m,n] */
    enum dtype c_dtype;
    size_t c_row_stride;
    bool accumulate;   /* add to what C holds (before the activation) */
    const float *bias; /* [n] or NULL */
    enum activation activation;
    void *pre_activation; /* NULL, or where the values before the activation go: laid out and typed as C */
};

/* Bytes that gemm_run needs for packing with `threads` threads; exact and the same on every call. */
size_t gemm_workspace(const struct gemm *gemm, int threads);
/* `workspace` is 64-byte aligned. */
void gemm_run(const struct gemm *gemm, void *workspace, int threads);

/* The specification: three loops in double precision accumulated per element, plain C. Slow. */
void gemm_reference(const struct gemm *gemm);

/* The variant that gemm_run picks on this machine for these types, as it is printed: "amx-bf16", "avx512", "blas", ...
 */
const char *gemm_variant(const struct gemm *gemm);

#endif
