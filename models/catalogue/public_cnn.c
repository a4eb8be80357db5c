/* Public models of family cnn. See public_models.h. */
#include "models/catalogue/public_models.h"
#include "models/families/resnet.h"

#define IMAGES(name_, others, published_, layers, ...)                                                                 \
    {                                                                                                                  \
        .name = name_, .aliases = others, .published = published_, .runnable = RUNS(published_), .batches = {8, 1},    \
        .config = {                                                                                                    \
            .side = 224,                                                                                               \
            .classes = 1000,                                                                                           \
            .layers_of = layers,                                                                                       \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define BLOCKS(first, second, third, fourth) .widths = {first, second, third, fourth}

/* name, others, published parameters, what lays out its layers, what that asks for */
/* clang-format off */
static const struct family_size models[] = {
    IMAGES("resnet-34", NO_OTHER_NAME, 21797672, resnet_layers, BLOCKS(3, 4, 6, 3), .expansion = 1),
    IMAGES("resnet-101", NO_OTHER_NAME, 44549160, resnet_layers, BLOCKS(3, 4, 23, 3), .expansion = 4),
    IMAGES("resnet-152", NO_OTHER_NAME, 60192808, resnet_layers, BLOCKS(3, 8, 36, 3), .expansion = 4),
    IMAGES("vgg-16", NO_OTHER_NAME, 138357544, vgg_layers, .widths = {2, 2, 3, 3, 3}, .hidden = 4096),
};
/* clang-format on */

const struct public_models public_cnn = PUBLIC_MODELS(models);
