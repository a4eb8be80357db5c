/* Public models of family cnn. See public_models.h. */
#include "models/catalogue/public_models.h"
#include "models/families/resnet.h"

#define IMAGES(name_, others, published_, layers, ...) SIDED(name_, others, published_, 224, layers, __VA_ARGS__)
#define SIDED(name_, others, published_, side_, layers, ...)                                                           \
    {                                                                                                                  \
        .name = name_, .aliases = others, .published = published_, .runnable = RUNS(published_), .batches = {8, 1},    \
        .config = {                                                                                                    \
            .side = side_,                                                                                             \
            .classes = 1000,                                                                                           \
            .layers_of = layers,                                                                                       \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define BLOCKS(first, second, third, fourth) .widths = {first, second, third, fourth}

#define EFFICIENT(name_, published_, side_, width, depth, epsilon_)                                                    \
    SIDED(name_, NO_OTHER_NAME, published_, side_, efficientnet_layers, .widths = {width, depth}, .epsilon = epsilon_)

/* name, others, published parameters, what lays out its layers, what that asks for */
/* clang-format off */
static const struct family_size models[] = {
    IMAGES("resnet-34", NO_OTHER_NAME, 21797672, resnet_layers, BLOCKS(3, 4, 6, 3), .expansion = 1),
    IMAGES("resnet-101", NO_OTHER_NAME, 44549160, resnet_layers, BLOCKS(3, 4, 23, 3), .expansion = 4),
    IMAGES("resnet-152", NO_OTHER_NAME, 60192808, resnet_layers, BLOCKS(3, 8, 36, 3), .expansion = 4),
    IMAGES("mobilenet-v3-large", NO_OTHER_NAME, 5483032, mobilenet_v3_large_layers, .hidden = 1280),
    IMAGES("mobilenet-v3-small", NO_OTHER_NAME, 2542856, mobilenet_v3_small_layers, .hidden = 1024),
    EFFICIENT("efficientnet-b0", 5288548, 224, 100, 100, 0),
    EFFICIENT("efficientnet-b1", 7794184, 240, 100, 110, 0),
    EFFICIENT("efficientnet-b2", 9109994, 288, 110, 120, 0),
    EFFICIENT("efficientnet-b3", 12233232, 300, 120, 140, 0),
    EFFICIENT("efficientnet-b4", 19341616, 380, 140, 180, 0),
    EFFICIENT("efficientnet-b5", 30389784, 456, 160, 220, 1e-3f),
    EFFICIENT("efficientnet-b6", 43040704, 528, 180, 260, 1e-3f),
    EFFICIENT("efficientnet-b7", 66347960, 600, 200, 310, 1e-3f),
    IMAGES("densenet-121", NO_OTHER_NAME, 7978856, densenet_layers, BLOCKS(6, 12, 24, 16), .hidden = 64),
    IMAGES("densenet-169", NO_OTHER_NAME, 14149480, densenet_layers, BLOCKS(6, 12, 32, 32), .hidden = 64),
    IMAGES("densenet-201", NO_OTHER_NAME, 20013928, densenet_layers, BLOCKS(6, 12, 48, 32), .hidden = 64),
    IMAGES("densenet-161", NO_OTHER_NAME, 28681000, densenet_layers, BLOCKS(6, 12, 36, 24), .hidden = 96),
    IMAGES("convnext-tiny", NO_OTHER_NAME, 28589128, convnext_layers, BLOCKS(3, 3, 9, 3), .hidden = 96, .layer_scale = 1e-6f),
    IMAGES("convnext-small", NO_OTHER_NAME, 50223688, convnext_layers, BLOCKS(3, 3, 27, 3), .hidden = 96, .layer_scale = 1e-6f),
    IMAGES("convnext-base", NO_OTHER_NAME, 88591464, convnext_layers, BLOCKS(3, 3, 27, 3), .hidden = 128, .layer_scale = 1e-6f),
    IMAGES("convnext-large", NO_OTHER_NAME, 197767336, convnext_layers, BLOCKS(3, 3, 27, 3), .hidden = 192, .layer_scale = 1e-6f),
    IMAGES("vgg-16", NO_OTHER_NAME, 138357544, vgg_layers, .widths = {2, 2, 3, 3, 3}, .hidden = 4096),
};
/* clang-format on */

const struct public_models public_cnn = PUBLIC_MODELS(models);
