/* The layers of published image classifiers, for family cnn: from images [N,224,224,3] to features [N, C]. */
#ifndef FAMILIES_RESNET_H
#define FAMILIES_RESNET_H

#include "models/families/family.h"

/* He et al. (2016): config.widths are the blocks of each stage, expansion 1 for basic blocks and 4 for bottlenecks. */
int resnet_layers(struct graph *graph, const struct config *config, int images);
/* Sandler et al. (2018): inverted residuals with depthwise convolutions. */
int mobilenet_layers(struct graph *graph, const struct config *config, int images);

/* Simonyan, Zisserman (2015): config.widths are the convolutions of each stage, hidden the linear layers' width. These
 * are features that have no image left. */
int vgg_layers(struct graph *graph, const struct config *config, int images);

#endif
