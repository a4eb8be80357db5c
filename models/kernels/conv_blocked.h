/* Convolution for inference: what follows it is done while its sums are in registers,
 *
 *     y[n,oh,ow,o] = f( scale[o] · Σ_{kh,kw,c} x[n, oh·s + kh·d − p, ow·s + kw·d − p, c] · filters[o,kh,kw,c]
 *                       + shift[o] + residual[n,oh,ow,o] )
 *
 * so that batch norm with running statistics, a residual sum and a ReLU cost no pass over memory. Images are
 * channels-last f32; any stride, padding and dilation; one group.
 *
 * Filters are blocked: blocks of up to 64 output channels, each [KH·KW·C, width] with the channels of a block side by
 * side, so that a block is read straight through. Blocks are as even as whole sixteens allow; nothing is padded. For
 * each output pixel and tap there is a pointer to the input pixel, or to zeros (Dukhan 2019, "The Indirect Convolution
 * Algorithm"). Sums are f32, in the order (kh, kw, c).
 *
 * The calls use the OpenMP pool's threads, must not be made inside a parallel region, and allocate nothing. */
#ifndef KERNELS_CONV_BLOCKED_H
#define KERNELS_CONV_BLOCKED_H

#include "models/kernels/gemm.h"

struct conv_blocked {
    struct conv_shape shape;
    const float *x, *filters;   /* filters: blocked */
    const float *scale, *shift; /* [OC] */
    const float *residual;      /* as y, or NULL */
    enum activation activation;
    float *y;
};

/* Output channels of a block, but for the last one's rest. */
static inline size_t conv_block_width(size_t out_channels)
{
    size_t blocks = (out_channels + 63) / 64, even = blocks ? (out_channels + blocks - 1) / blocks : 0;
    return (even + 15) / 16 * 16;
}

/* The element of filters [OC, depth] (depth = KH·KW·C) that blocked filters hold at `place`. */
static inline size_t conv_blocked_element(size_t out_channels, size_t depth, size_t place)
{
    size_t width = conv_block_width(out_channels), block = place / (width * depth);
    size_t first = block * width, inside = place - first * depth;
    size_t own = out_channels - first < width ? out_channels - first : width;
    return (first + inside % own) * depth + inside / own;
}

/* Bytes that conv_blocked_run needs with `threads` threads; exact and the same on every call. */
size_t conv_blocked_workspace(const struct conv_shape *shape, int threads);
/* `workspace` is 64-byte aligned. */
void conv_blocked_run(const struct conv_blocked *conv, void *workspace, int threads);
/* The specification: summed in double precision, plain C. Slow. */
void conv_blocked_reference(const struct conv_blocked *conv);
/* The variant that conv_blocked_run picks on this machine, as it is printed. */
const char *conv_blocked_variant(void);

#endif
