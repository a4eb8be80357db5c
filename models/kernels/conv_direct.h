/* Convolutions of stride 1 without patches: forward, and the gradients with respect to the input and to the filters.
 *
 *     forward           y[n,oh,ow,o]      = f( Σ_{kh,kw,c} x[n, oh+kh−p, ow+kw−p, c] · filters[o,kh,kw,c] + bias[o] )
 *     gradient_input    dx[n,h,w,c]       = Σ_{kh,kw,o} dz[n, h−kh+p, w−kw+p, o] · filters[o,kh,kw,c]
 *     gradient_filters  dfilters[o,kh,kw,c] = Σ_{n,oh,ow} dz[n,oh,ow,o] · x[n, oh+kh−p, ow+kw−p, c]
 *
 * Each equals a gemm.h multiplication with an operand of patches (gemm_reference is the specification, with the same
 * accuracy and the same infinities and NaNs), but a band of an image's rows is copied once into a zero-padded band, in
 * which the patch of an output pixel for a tap is plain memory at a constant distance (Georganas et al. 2018, "Anatomy
 * of High-Performance Deep Learning Convolutions on SIMD Architectures"). Images are channels-last, f32 or bf16.
 *
 * The calls use the OpenMP pool's threads, must not be made inside a parallel region, and allocate nothing. */
#ifndef KERNELS_CONV_DIRECT_H
#define KERNELS_CONV_DIRECT_H

#include "models/kernels/gemm.h"

enum conv_pass { CONV_FORWARD, CONV_GRADIENT_INPUT, CONV_GRADIENT_FILTERS };

struct conv_direct {
    enum conv_pass pass;
    struct conv_shape shape;
    enum dtype dtype;    /* of x, dz, filters, y and dx; dfilters is f32 */
    const void *image;   /* x; for gradient_input dz */
    const void *operand; /* filters; for gradient_filters dz */
    void *result;
    const float *bias; /* forward: [OC] or NULL */
    enum activation activation;
};

/* Whether there is a direct way and it is the faster one: stride, dilation and groups of 1, a window of more than one
 * pixel, and sizes that fill the tiles. Depends on nothing but the shape, the pass and the type. */
bool conv_direct_applies(const struct conv_direct *conv);
/* Bytes that conv_direct_run needs with `threads` threads; exact and the same on every call. */
size_t conv_direct_workspace(const struct conv_direct *conv, int threads);
/* `workspace` is 64-byte aligned. */
void conv_direct_run(const struct conv_direct *conv, void *workspace, int threads);

#endif
