/* The transformer encoder that bert, vit and their relatives share: attention of all positions to all, and a
 * feed-forward part. */
#ifndef FAMILIES_ENCODER_H
#define FAMILIES_ENCODER_H

#include "models/families/family.h"
#include "models/kernels/gemm.h" /* enum activation */

struct encoder_shape {
    int64_t heads, feed_forward;
    float epsilon;
    enum activation activation;
    bool causal;     /* a position attends to itself and those before it */
    bool norm_first; /* norms stand before each part as in ViT (Dosovitskiy et al. 2021), else after each sum as in BERT
                        (Devlin et al. 2019) */
};

/* One block over x [B,T,C], the `index`-th: layer `prefix`layer.`index`. */
int encoder_layer(struct graph *graph, const struct encoder_shape *shape, const char *prefix, int x, int index);
/* The same of a model that has but one encoder, with GELU; reads config's heads, feed_forward and epsilon. */
int encoder_block(struct graph *graph, const struct config *config, int x, int index, bool norm_first);

#endif
