/* The transformer encoder that bert and vit share: full attention, a feed-forward four times as wide with GELU. */
#ifndef FAMILIES_ENCODER_H
#define FAMILIES_ENCODER_H

#include "models/families/family.h"

/* One block over x [B,T,C]; norms stand after each sum as in BERT (Devlin et al. 2019), or, with `norm_first`, before
 * each part as in ViT (Dosovitskiy et al. 2021). Reads config's heads, feed_forward and epsilon. */
int encoder_block(struct graph *graph, const struct config *config, int x, int index, bool norm_first);

#endif
