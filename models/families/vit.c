/* vit: the vision transformer of Dosovitskiy et al. (2021), in the sizes of Touvron et al. (2021)
 *
 *   patches of 16x16 pixels, each a linear projection (a convolution whose stride is its kernel); a class token and
 *   learned positions; encoder blocks with norms first; layer_norm; a class from the token's position
 *
 *   config: side (the image's), patch, layers, hidden, heads, feed_forward, classes, epsilon */
#include "models/catalogue/public_models.h"
#include "models/families/encoder.h"
#include "models/families/layers.h"

static const float DEVIATION = 0.02f;

static int embed(struct graph *graph, const struct config *config, const struct model_case *one)
{
    int64_t side = config->side, patches = (side / config->patch) * (side / config->patch), width = config->hidden;
    const struct fill fill = {.kind = FILL_NORMAL, .scale = DEVIATION};
    int x = layer_input(graph, "images", one->dtype, 4, (int64_t[]){one->batch, side, side, 3});
    x = layer_conv(graph, "patches", x, width, config->patch, config->patch, 0, true, ACTIVATION_NONE);
    x = build_reshape(graph, "patches.rows", x, 3, (int64_t[]){one->batch, patches, width});
    int token = graph_weight(graph, "class_token", DTYPE_F32, 1, &width, fill, false);
    int positions = graph_weight(graph, "positions.weight", one->dtype, 2, (int64_t[]){patches + 1, width}, fill, true);
    x = build_prepend(graph, "embeddings", x, token, positions);
    return layer_dropout(graph, "embeddings.dropout", x);
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int x = embed(graph, config, one);
    for (int i = 0; i < config->layers; i++)
        x = encoder_block(graph, config, x, i, true);
    x = layer_norm(graph, "norm", x, config->epsilon);
    x = build_pick(graph, "first", x, 0);
    x = layer_linear(graph, "head", x, config->classes, true, DEVIATION, ACTIVATION_NONE);
    layer_classify(graph, x, config->classes);
    return graph_error(graph, error);
}

static double units(const struct model_case *one)
{
    return (double)one->batch;
}

#define VIT(hidden_, heads_)                                                                                           \
    {                                                                                                                  \
        .side = 224, .patch = 16, .layers = 12, .hidden = hidden_, .heads = heads_, .feed_forward = 4 * (hidden_),     \
        .classes = 1000, .epsilon = 1e-6f                                                                              \
    }

static const struct family_size sizes[] = {
    {.name = "vit-tiny",
     .aliases = ALSO("vit-tiny-patch16-224"),
     .config = VIT(192, 3),
     .published = 5717416,
     .runnable = true,
     .batches = {1, 8}},
    {.name = "vit-small",
     .aliases = ALSO("vit-small-patch16-224"),
     .config = VIT(384, 6),
     .published = 22050664,
     .runnable = true,
     .batches = {8, 1}},
    {.name = "vit-base",
     .aliases = ALSO("vit-base-patch16-224", "vit-b-16"),
     .config = VIT(768, 12),
     .published = 86567656,
     .runnable = true,
     .batches = {1}},
};

const struct family family_vit = {.name = "vit",
                                  .task = "vision",
                                  .help = "vision transformers: patches, a class token, an encoder",
                                  .sizes = sizes,
                                  .size_count = sizeof sizes / sizeof *sizes,
                                  .published = &public_vit,
                                  .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                  .unit = "images/s",
                                  .quantises = true,
                                  .optimizer = OPTIMIZER_ADAMW,
                                  .build = build,
                                  .units = units};
