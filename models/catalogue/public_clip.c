/* Public models of family clip. See public_models.h. */
#include "models/catalogue/public_models.h"

/* The image's side, patch, layers, hidden, heads; the text's hidden, heads; the projection. A text has 77 words. */
#define CLIP(name_, published_, side_, patch_, layers_, hidden_, heads_, text_hidden_, text_heads_, projection_)       \
    {                                                                                                                  \
        .name = name_, .published = published_, .runnable = RUNS(published_), .batches = {8, 1}, .config = {           \
            .side = side_,                                                                                             \
            .patch = patch_,                                                                                           \
            .layers = layers_,                                                                                         \
            .hidden = hidden_,                                                                                         \
            .heads = heads_,                                                                                           \
            .feed_forward = 4 * (hidden_),                                                                             \
            .text_layers = 12,                                                                                         \
            .text_hidden = text_hidden_,                                                                               \
            .text_heads = text_heads_,                                                                                 \
            .vocabulary = 49408,                                                                                       \
            .max_context = 77,                                                                                         \
            .projection = projection_,                                                                                 \
            .epsilon = 1e-5f                                                                                           \
        }                                                                                                              \
    }

static const struct family_size models[] = {
    CLIP("clip-vit-base-patch32", 151277313, 224, 32, 12, 768, 12, 512, 8, 512),
    CLIP("clip-vit-base-patch16", 149620737, 224, 16, 12, 768, 12, 512, 8, 512),
    CLIP("clip-vit-large-patch14", 427616513, 224, 14, 24, 1024, 16, 768, 12, 768),
    CLIP("clip-vit-large-patch14-336", 427944193, 336, 14, 24, 1024, 16, 768, 12, 768),
};

const struct public_models public_clip = PUBLIC_MODELS(models);
