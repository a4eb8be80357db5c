/* whisper: the speech recogniser of Radford et al. (2022), "Robust Speech Recognition via Large-Scale Weak Supervision"
 *
 *   encoder, over log-mel features [B, frames, 1, mel bins] of 30 s at 100 frames a second:
 *     two convolutions over time, three wide, with GELU, of which the second halves the frames; sinusoidal positions;
 *     blocks x = x + attention(layer_norm(x)), x = x + mlp(layer_norm(x)); layer_norm
 *   decoder, over the text's tokens: learned positions; blocks of causal attention, attention to the encoder's output,
 *     and mlp, each behind its layer_norm; layer_norm; the head is the embedding's own matrix (tied)
 *
 *   prefill: the encoder, its keys and values into the caches of the attention to it, and the decoder over a prompt
 *   decode: the decoder's next token; the caches hold its own positions, and the encoder's, which isn't run again
 *
 *   whisper-encoder, a family of its own, is the encoder alone: what turning sound into features costs
 *
 *   config: layers (of each half; decoder_layers where the decoder has fewer), hidden, heads, feed_forward, vocabulary,
 * max_context, frames, inputs (mel bins)
 *
 * Key projections have no bias, so queries, keys and values are projections of their own. A case's context is the
 * decoder's tokens; the audio always has its 30 s. The encoder's positions are parameters that are
 * not trained. Its convolutions are never packed, as in whisper.cpp's files; nor do those treat the head in its own
 * way.
 */
#include "models/catalogue/public_models.h"
#include "models/families/decoder.h"
#include "models/families/family.h"
#include "models/families/layers.h"

static const float EPSILON = 1e-5f, DEVIATION = 0.02f;
enum { SECONDS_FRAMES = 100 /* frames in a second of audio */ };

/* Whose positions a block's queries attend to. */
enum target {
    ALL_OWN,      /* the encoder's */
    EARLIER_OWN,  /* the decoder's: causal, and cached in the modes that do */
    THE_ENCODER_S /* what it made */
};

static int attend(struct graph *graph, const struct config *config, const char *name, int x, int memory,
                  enum target target, const struct model_case *one)
{
    int64_t width = config->hidden, head_dim = width / config->heads;
    const struct decoder_attention attention = {.heads = config->heads,
                                                .kv_heads = config->heads,
                                                .head_dim = head_dim,
                                                .bias = true,
                                                .bare_keys = true,
                                                .deviation = DEVIATION};
    if (target == EARLIER_OWN && decoder_caches(one))
        return decoder_attention(graph, name, x, &attention, one);
    if (target == THE_ENCODER_S && decoder_caches(one))
        return decoder_memory_attention(graph, name, x, memory, &attention, one);
    struct projections made = decoder_project(graph, name, x, memory, &attention);
    return build_cross_attention(graph, name, made.q, made.k, made.v, head_dim, target == EARLIER_OWN);
}

/* x + attention(layer_norm(x)), to itself or to `memory` */
static int attention_part(struct graph *graph, const struct config *config, const char *name, int x, int memory,
                          enum target target, const struct model_case *one)
{
    int y = layer_norm(graph, graph_name(graph, "%s.norm", name), x, EPSILON);
    y = attend(graph, config, name, y, target == THE_ENCODER_S ? memory : y, target, one);
    y = layer_linear(graph, graph_name(graph, "%s.output", name), y, config->hidden, true, DEVIATION, ACTIVATION_NONE);
    y = layer_dropout(graph, graph_name(graph, "%s.dropout", name), y);
    return build_add(graph, graph_name(graph, "%s.residual", name), x, y);
}

static int feed_forward_part(struct graph *graph, const struct config *config, const char *name, int x)
{
    int y = layer_norm(graph, graph_name(graph, "%s.norm", name), x, EPSILON);
    y = layer_linear(graph, graph_name(graph, "%s.fc1", name), y, config->feed_forward, true, DEVIATION,
                     ACTIVATION_GELU);
    y = layer_linear_kind(graph, graph_name(graph, "%s.fc2", name), MATRIX_DOWN, y, config->hidden, true, DEVIATION,
                          ACTIVATION_NONE);
    y = layer_dropout(graph, graph_name(graph, "%s.dropout", name), y);
    return build_add(graph, graph_name(graph, "%s.residual", name), x, y);
}

/* Three wide over time. */
static int convolution(struct graph *graph, const char *name, int x, int64_t outputs, int64_t stride)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t inputs = tensor_columns(&graph->tensors[x]);
    int filters = graph_weight(graph, graph_name(graph, "%s.weight", name), graph->tensors[x].dtype, 4,
                               (int64_t[]){outputs, 3, 1, inputs},
                               (struct fill){.kind = FILL_NORMAL, .scale = deviation_he(3 * inputs)}, true);
    int bias = graph_weight(graph, graph_name(graph, "%s.bias", name), DTYPE_F32, 1, &outputs,
                            (struct fill){.kind = FILL_ZERO}, false);
    const struct conv_attributes shape = {.stride = {stride, 1}, .pad = {1, 0}, .dilation = {1, 1}, .groups = 1};
    return build_conv(graph, name, x, filters, bias, shape, ACTIVATION_GELU);
}

static int encode(struct graph *graph, const struct config *config, const struct model_case *one)
{
    int64_t positions = config->frames / 2, shape[] = {one->batch, positions, config->hidden};
    graph->resting = one->mode == MODE_DECODE;
    int x = layer_input(graph, "log_mel", one->dtype, 4, (int64_t[]){one->batch, config->frames, 1, config->inputs});
    x = convolution(graph, "encoder.conv1", x, config->hidden, 1);
    x = convolution(graph, "encoder.conv2", x, config->hidden, 2);
    x = build_reshape(graph, "encoder.rows", x, 3, shape);
    const struct fill waves = {.kind = FILL_SINUSOIDS, .columns = (uint32_t)config->hidden, .like = NO_TENSOR};
    int where = graph_persistent(graph, "encoder.positions", ROLE_WEIGHT, one->dtype, 2, shape + 1, waves);
    if (where != NO_TENSOR)
        graph->tensors[where].fixed = true;
    x = build_add(graph, "encoder.embeddings", x, where);
    x = layer_dropout(graph, "encoder.dropout", x);
    for (int i = 0; i < config->layers; i++) {
        graph->segment = i + 1;
        x = attention_part(graph, config, graph_name(graph, "encoder.layer.%d.attention", i), x, NO_TENSOR, ALL_OWN,
                           one);
        x = feed_forward_part(graph, config, graph_name(graph, "encoder.layer.%d.mlp", i), x);
    }
    graph->segment = 0;
    x = layer_norm(graph, "encoder.norm", x, EPSILON);
    graph->resting = false;
    return x;
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int64_t fewer = config->decoder_layers, layers = fewer && fewer < config->layers ? fewer : config->layers;
    graph->layers = (int)(config->layers + layers);
    int memory = encode(graph, config, one);
    int64_t shape[] = {one->batch, decoder_length(one)};
    int tokens = layer_indices(graph, "tokens", (uint32_t)config->vocabulary, 2, shape);
    int words = layer_matrix(graph, "decoder.tokens.weight", MATRIX_PLAIN, one->dtype, config->vocabulary,
                             config->hidden, DEVIATION);
    int positions =
        graph_weight(graph, "decoder.positions.weight", one->dtype, 2, (int64_t[]){config->max_context, config->hidden},
                     (struct fill){.kind = FILL_NORMAL, .scale = DEVIATION}, true);
    int x = build_embedding(graph, "decoder.embeddings", tokens, words, positions, decoder_position(one));
    x = layer_dropout(graph, "decoder.dropout", x);
    for (int i = 0; i < layers; i++) {
        graph->segment = (int)config->layers + i + 1;
        x = attention_part(graph, config, graph_name(graph, "decoder.layer.%d.attention", i), x, NO_TENSOR, EARLIER_OWN,
                           one);
        x = attention_part(graph, config, graph_name(graph, "decoder.layer.%d.cross", i), x, memory, THE_ENCODER_S,
                           one);
        x = feed_forward_part(graph, config, graph_name(graph, "decoder.layer.%d.mlp", i), x);
    }
    graph->segment = 0;
    x = decoder_last(graph, x, one);
    x = layer_norm(graph, "decoder.norm", x, EPSILON);
    x = build_linear(graph, "head", x, words, NO_TENSOR, ACTIVATION_NONE, one->dtype);
    layer_classify(graph, x, config->vocabulary);
    return graph_error(graph, error);
}

static bool build_encoder(struct graph *graph, const struct config *config, const struct model_case *one,
                          struct error *error)
{
    graph->layers = (int)config->layers;
    graph->output = encode(graph, config, one);
    return graph_error(graph, error);
}

/* Seconds of audio that a step takes in: over the step's time, how many times faster than speech it is. Decoding takes
 * in none: how many tokens a second of speech has is not for the model to say. */
static double units(const struct model_case *one)
{
    if (one->mode == MODE_DECODE)
        return decoder_units(one);
    return (double)(one->batch * one->size->config.frames) / SECONDS_FRAMES;
}

#define WHISPER(layers_, hidden_, heads_)                                                                              \
    {                                                                                                                  \
        .layers = layers_, .hidden = hidden_, .heads = heads_, .feed_forward = 4 * (hidden_), .vocabulary = 51865,     \
        .max_context = 448, .frames = 3000, .inputs = 80                                                               \
    }

static const struct family_size sizes[] = {
    {.name = "whisper-tiny",
     .config = WHISPER(4, 384, 6),
     .published = 37760640,
     .runnable = true,
     .batches = {1},
     .contexts = {64}},
    {.name = "whisper-base",
     .config = WHISPER(6, 512, 8),
     .published = 72593920,
     .runnable = true,
     .batches = {1},
     .contexts = {64}},
    {.name = "whisper-small",
     .config = WHISPER(12, 768, 12),
     .published = 241734912,
     .runnable = true,
     .batches = {1},
     .contexts = {64}},
};

const struct family family_whisper = {.name = "whisper",
                                      .task = "speech",
                                      .help = "Whisper: an encoder of 30 s of audio, a decoder of text",
                                      .sizes = sizes,
                                      .size_count = sizeof sizes / sizeof *sizes,
                                      .published = &public_whisper,
                                      .modes =
                                          1 << MODE_FORWARD | 1 << MODE_TRAIN | 1 << MODE_PREFILL | 1 << MODE_DECODE,
                                      .unit = UNIT_AUDIO,
                                      .decode_unit = "tokens/s",
                                      .has_context = true,
                                      .quantises = true,
                                      .optimizer = OPTIMIZER_ADAMW,
                                      .build = build,
                                      .units = units};

static const struct family_size encoder_sizes[] = {
    {.name = "whisper-tiny-encoder", .config = WHISPER(4, 384, 6), .runnable = true, .batches = {1}},
    {.name = "whisper-base-encoder", .config = WHISPER(6, 512, 8), .runnable = true, .batches = {1}},
    {.name = "whisper-small-encoder", .config = WHISPER(12, 768, 12), .runnable = true, .batches = {1}},
};

const struct family family_whisper_encoder = {.name = "whisper-encoder",
                                              .task = "speech",
                                              .help = "Whisper's encoder alone: features of 30 s of audio",
                                              .sizes = encoder_sizes,
                                              .size_count = sizeof encoder_sizes / sizeof *encoder_sizes,
                                              .modes = 1 << MODE_FORWARD,
                                              .unit = UNIT_AUDIO,
                                              .quantises = true,
                                              .build = build_encoder,
                                              .units = units};
