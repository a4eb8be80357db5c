/* Public models of family vit. See public_models.h. */
#include "models/catalogue/public_models.h"

#define IMAGES(name_, others, published_, side_, patch_, layers_, hidden_, heads_)                                     \
    {                                                                                                                  \
        .name = name_, .aliases = others, .published = published_, .runnable = RUNS(published_), .batches = {1},       \
        .config = {                                                                                                    \
            .side = side_,                                                                                             \
            .patch = patch_,                                                                                           \
            .layers = layers_,                                                                                         \
            .hidden = hidden_,                                                                                         \
            .heads = heads_,                                                                                           \
            .feed_forward = 4 * (hidden_),                                                                             \
            .classes = 1000,                                                                                           \
            .epsilon = 1e-6f,                                                                                          \
        }                                                                                                              \
    }

/* name, others, published parameters, image side, patch side, layers, hidden, heads */
/* clang-format off */
static const struct family_size models[] = {
    IMAGES("vit-base-patch32", ALSO("vit-b-32", "vit-base-patch32-224"), 88224232, 224, 32, 12, 768, 12),
    IMAGES("vit-base-patch16-384", ALSO("vit-b-16-384"), 86859496, 384, 16, 12, 768, 12),
    IMAGES("vit-large", ALSO("vit-l-16", "vit-large-patch16", "vit-large-patch16-224"), 304326632, 224, 16, 24, 1024, 16),
    IMAGES("vit-large-patch32", ALSO("vit-l-32", "vit-large-patch32-224"), 306535400, 224, 32, 24, 1024, 16),
    IMAGES("vit-huge", ALSO("vit-h-14", "vit-huge-patch14", "vit-huge-patch14-224"), 632045800, 224, 14, 32, 1280, 16),
    IMAGES("vit-huge-patch14-518", ALSO("vit-h-14-518"), 633470440, 518, 14, 32, 1280, 16),
};
/* clang-format on */

const struct public_models public_vit = PUBLIC_MODELS(models);
