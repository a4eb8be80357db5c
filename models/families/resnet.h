/* The layers of published image classifiers, for family cnn: from images [N,224,224,3] to features [N,H,W,C] or [N,C].
 */
#ifndef FAMILIES_RESNET_H
#define FAMILIES_RESNET_H

#include "models/families/family.h"

/* He et al. (2016): config.widths are the blocks of each stage, expansion 1 for basic blocks and 4 for bottlenecks. */
int resnet_layers(struct graph *graph, const struct config *config, int images);
/* Sandler et al. (2018): inverted residuals with depthwise convolutions. */
int mobilenet_layers(struct graph *graph, const struct config *config, int images);
/* Howard et al. (2019); config.hidden is the last linear layer's width but one. These are features that have no image
 * left. */
int mobilenet_v3_large_layers(struct graph *graph, const struct config *config, int images);
int mobilenet_v3_small_layers(struct graph *graph, const struct config *config, int images);
/* Tan, Le (2019): config.widths are its width and depth in hundredths. */
int efficientnet_layers(struct graph *graph, const struct config *config, int images);

/* Liu et al. (2022): config.widths are the blocks of each stage, hidden the first one's width. */
int convnext_layers(struct graph *graph, const struct config *config, int images);
/* Huang et al. (2017): config.widths are the layers of each block, hidden the first convolution's channels. */
int densenet_layers(struct graph *graph, const struct config *config, int images);

/* Simonyan, Zisserman (2015): config.widths are the convolutions of each stage, hidden the linear layers' width. These
 * are features that have no image left. */
int vgg_layers(struct graph *graph, const struct config *config, int images);

#endif
