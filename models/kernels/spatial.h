/* Image functions that are no GEMM: pooling, and convolution with one or few channels per group (depthwise).
 * Images are channels-last, [N,H,W,C]. They use the OpenMP pool and allocate nothing. */
#ifndef KERNELS_SPATIAL_H
#define KERNELS_SPATIAL_H

#include <stdint.h>

#include "models/kernels/gemm.h" /* struct conv_shape */

/* Windows as a convolution's (groups and out_channels unused: channels are kept). Padding never wins a maximum. Any
 * stride, dilation 1 or more. `index` [N,OH,OW,C] keeps the winner's pixel h·width + w, the first of equals. */
void max_pool_run(const struct conv_shape *shape, const float *x, float *y, int32_t *index, int threads);
void max_pool_gradient_run(const struct conv_shape *shape, const float *dy, const int32_t *index, float *dx,
                           int threads);
/* Mean over the window; `count_padding` as PyTorch's count_include_pad. */
void average_pool_run(const struct conv_shape *shape, bool count_padding, const float *x, float *y, int threads);
void average_pool_gradient_run(const struct conv_shape *shape, bool count_padding, const float *dy, float *dx,
                               int threads);

/* Convolution by direct summation for groups > 1: x [N,H,W,C], filters [OC,KH,KW,C/groups], bias [OC] or NULL. Fast
 * when C/groups == 1 (depthwise, vectorised over channels); right for every shape. */
void grouped_conv_run(const struct conv_shape *shape, const float *x, const float *filters, const float *bias,
                      enum activation activation, float *y, int threads);
void grouped_conv_gradient_input_run(const struct conv_shape *shape, const float *dy, const float *filters, float *dx,
                                     int threads);
/* dfilters is overwritten. workspace: grouped_conv_gradient_workspace bytes, for per-thread sums. */
size_t grouped_conv_gradient_workspace(const struct conv_shape *shape, int threads);
void grouped_conv_gradient_filters_run(const struct conv_shape *shape, const float *x, const float *dy, float *dfilters,
                                       void *workspace, int threads);

#endif
