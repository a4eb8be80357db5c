/* The block of mobile networks: 1x1 wider, depthwise, perhaps squeeze and excitation, 1x1 narrower without activation
 * (Sandler et al. 2018; Howard et al. 2019; Tan, Le 2019). */
#ifndef FAMILIES_INVERTED_RESIDUAL_H
#define FAMILIES_INVERTED_RESIDUAL_H

#include "models/families/layers.h"

struct inverted_residual {
    int64_t kernel, wide, channels, stride; /* wide: of the depthwise convolution; as the input's: no 1x1 before it */
    enum activation activation;
    int64_t squeezed; /* channels between the two linear layers of squeeze and excitation; 0: none */
    enum activation squeeze, excite;
    struct conv_norm_settings norm;
};

/* The multiple of 8 nearest `wanted`, but 8 at least and no more than a tenth below it: how these networks round. */
int64_t channels_near(double wanted);
/* x [N,H,W,C]; its sum with the result where their shapes agree. */
int inverted_residual(struct graph *graph, const char *name, int x, const struct inverted_residual *block);

#endif
