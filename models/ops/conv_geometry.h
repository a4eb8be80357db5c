/* The geometry that convolution, its gradients and the poolings share: attributes to the kernels' struct conv_shape. */
#ifndef OPS_CONV_GEOMETRY_H
#define OPS_CONV_GEOMETRY_H

#include "models/graph/op.h"
#include "models/kernels/gemm.h"

/* x is [N,H,W,C]; kernel, stride, pad, dilation and groups from the attributes; out_channels as given. False, with a
 * message, when the window doesn't fit or a field makes no sense. */
bool conv_geometry(const struct tensor *x, const struct attributes *attributes, int64_t out_channels,
                   struct conv_shape *shape, struct error *error);

#endif
