/* clip: pairs of an image and a text, each told from the others (Radford et al. 2021)
 *
 *   image: patches without bias, a class token, learned positions, layer_norm, encoder blocks; layer_norm of the token
 *   text: words and learned positions, causal encoder blocks, layer_norm; its last position, where the text ends
 *   each projected without bias and brought to length 1; logits [B,B] = exp(temperature) · image · textᵀ; the loss is
 *   the cross-entropy of the pairs among the rows and among the columns
 *
 *   config: side, patch, layers, hidden, heads, feed_forward of the image's; text_layers, text_hidden, text_heads of
 * the text's, whose feed-forward is four times as wide; vocabulary, max_context (a text's words), projection, epsilon
 *
 * Feed-forward parts have the quick approximation of GELU. A batch of B is B pairs. */
#include <math.h>

#include "models/catalogue/public_models.h"
#include "models/families/encoder.h"
#include "models/families/layers.h"

static const float DEVIATION = 0.02f;

static struct encoder_shape shape_of(const struct config *config, bool text)
{
    return (struct encoder_shape){.heads = text ? config->text_heads : config->heads,
                                  .feed_forward = text ? 4 * config->text_hidden : config->feed_forward,
                                  .epsilon = config->epsilon,
                                  .activation = ACTIVATION_QUICK_GELU,
                                  .causal = text,
                                  .norm_first = true};
}

/* Blocks of the image's encoder are segments of their own beside the text's. */
static int blocks(struct graph *graph, const struct config *config, bool text, int x)
{
    const struct encoder_shape shape = shape_of(config, text);
    int64_t count = text ? config->text_layers : config->layers;
    for (int i = 0; i < count; i++) {
        graph->segment = (text ? (int)config->layers : 0) + i + 1;
        x = encoder_layer(graph, &shape, text ? "text." : "image.", x, i);
    }
    graph->segment = 0;
    return x;
}

static int image_vector(struct graph *graph, const struct config *config, const struct model_case *one)
{
    int64_t side = config->side, patches = (side / config->patch) * (side / config->patch), width = config->hidden;
    const struct fill fill = {.kind = FILL_NORMAL, .scale = DEVIATION};
    int x = layer_input(graph, "images", one->dtype, 4, (int64_t[]){one->batch, side, side, 3});
    x = layer_conv(graph, "image.patches", x, width, config->patch, config->patch, 0, false, ACTIVATION_NONE);
    x = build_reshape(graph, "image.patches.rows", x, 3, (int64_t[]){one->batch, patches, width});
    int token = graph_weight(graph, "image.class_token", DTYPE_F32, 1, &width, fill, false);
    int positions =
        graph_weight(graph, "image.positions.weight", one->dtype, 2, (int64_t[]){patches + 1, width}, fill, true);
    x = build_prepend(graph, "image.embeddings", x, token, positions);
    x = layer_norm(graph, "image.embeddings.norm", x, config->epsilon);
    x = build_pick(graph, "image.first", blocks(graph, config, false, x), 0);
    return layer_norm(graph, "image.norm", x, config->epsilon);
}

static int text_vector(struct graph *graph, const struct config *config, const struct model_case *one)
{
    const struct fill fill = {.kind = FILL_NORMAL, .scale = DEVIATION};
    int64_t length = config->max_context, width = config->text_hidden;
    int tokens = layer_indices(graph, "tokens", (uint32_t)config->vocabulary, 2, (int64_t[]){one->batch, length});
    int words =
        graph_weight(graph, "text.words.weight", one->dtype, 2, (int64_t[]){config->vocabulary, width}, fill, true);
    int positions = graph_weight(graph, "text.positions.weight", one->dtype, 2, (int64_t[]){length, width}, fill, true);
    int x = build_embedding(graph, "text.embeddings", tokens, words, positions, 0);
    x = build_pick(graph, "text.last", blocks(graph, config, true, x), length - 1);
    return layer_norm(graph, "text.norm", x, config->epsilon);
}

/* Projected, in f32, and of length 1: a root mean square of 1/√width. */
static int unit_vector(struct graph *graph, const char *name, int x, const struct config *config, int length)
{
    x = layer_linear(graph, graph_name(graph, "%s.projection", name), x, config->projection, false, DEVIATION,
                     ACTIVATION_NONE);
    x = build_cast(graph, graph_name(graph, "%s.wide", name), x, DTYPE_F32);
    return build_rms_norm(graph, graph_name(graph, "%s.unit", name), x, length, 0);
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int image = image_vector(graph, config, one), text = text_vector(graph, config, one);
    const struct fill length = {
        .kind = FILL_CONSTANT, .scale = 1 / sqrtf((float)config->projection), .like = NO_TENSOR};
    int lengths = graph_persistent(graph, "unit_length", ROLE_BUFFER, DTYPE_F32, 1, &config->projection, length);
    image = unit_vector(graph, "image", image, config, lengths);
    text = unit_vector(graph, "text", text, config, lengths);
    /* exp of it is 1 / 0.07 at the start */
    const struct fill warm = {.kind = FILL_CONSTANT, .scale = 2.6592f};
    int temperature = graph_weight(graph, "temperature", DTYPE_F32, 1, (int64_t[]){1}, warm, false);
    int likeness = build_linear(graph, "likeness", image, text, NO_TENSOR, ACTIVATION_NONE, DTYPE_F32);
    graph->output = build_exp_scale(graph, "logits", likeness, temperature);
    if (graph->training)
        graph->loss = build_contrastive(graph, "loss", graph->output);
    return graph_error(graph, error);
}

static double units(const struct model_case *one)
{
    return (double)one->batch;
}

const struct family family_clip = {.name = "clip",
                                   .task = "vision",
                                   .help = "an image's and a text's encoder that tell which belong together",
                                   .published = &public_clip,
                                   .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                   .unit = "images/s",
                                   .optimizer = OPTIMIZER_ADAMW,
                                   .build = build,
                                   .units = units};
