/* wav2vec2: speech from the waveform (Baevski et al. 2020, "wav2vec 2.0")
 *
 *   seven convolutions over time with GELU, 320 samples a frame in all, the first of which normalises each channel over
 *   time; layer_norm and a projection; positions from a convolution over 128 frames in 16 groups, with GELU, whose
 *   filters are weight-normed; layer_norm; encoder blocks with norms after each sum
 *   norm_each (the large models): biases and a layer_norm in every convolution, norms before each part of the blocks,
 *   and the last norm behind them
 *
 *   config: frames (samples of audio at 16 kHz), inputs (channels of the convolutions), layers, hidden, heads,
 *   feed_forward, classes, norm_each
 *
 * For training there is a head of `classes` letters, and the loss is the cross-entropy of each frame, in place of the
 * connectionist temporal classification of frames that aren't aligned. The vector that masks frames while a model is
 * pretrained is a parameter that fine-tuning leaves as it is. */
#include <math.h>

#include "models/catalogue/public_models.h"
#include "models/families/encoder.h"
#include "models/families/layers.h"

static const float EPSILON = 1e-5f, DEVIATION = 0.02f;
enum { SAMPLES_A_SECOND = 16000, CONVOLUTIONS = 7, REACH = 128, GROUPS = 16 };

static int weight(struct graph *graph, const char *name, const char *part, enum dtype dtype, int64_t count,
                  struct fill fill)
{
    return graph_weight(graph, graph_name(graph, "%s.%s", name, part), dtype, 1, &count, fill, false);
}

/* Over time: x [B,T,1,C]. */
static int convolution(struct graph *graph, const struct config *config, int index, int x)
{
    static const int64_t kernels[CONVOLUTIONS] = {10, 3, 3, 3, 3, 2, 2}, strides[CONVOLUTIONS] = {5, 2, 2, 2, 2, 2, 2};
    if (x == NO_TENSOR)
        return NO_TENSOR;
    const char *name = graph_name(graph, "conv.%d", index), *norm = graph_name(graph, "%s.norm", name);
    const struct fill zero = {.kind = FILL_ZERO}, one = {.kind = FILL_CONSTANT, .scale = 1};
    int64_t inputs = tensor_columns(&graph->tensors[x]), outputs = config->inputs, kernel = kernels[index];
    bool each = config->norm_each, normed = each || index == 0;
    int w = graph_weight(graph, graph_name(graph, "%s.weight", name), graph->tensors[x].dtype, 4,
                         (int64_t[]){outputs, kernel, 1, inputs},
                         (struct fill){.kind = FILL_NORMAL, .scale = deviation_he(kernel * inputs)}, true);
    int bias = each ? weight(graph, name, "bias", DTYPE_F32, outputs, zero) : NO_TENSOR;
    const struct conv_attributes shape = {.stride = {strides[index], 1}, .dilation = {1, 1}, .groups = 1};
    x = build_conv(graph, name, x, w, bias, shape, normed ? ACTIVATION_NONE : ACTIVATION_GELU);
    if (!normed)
        return x;
    if (each)
        x = layer_norm(graph, norm, x, EPSILON);
    else
        x = build_instance_norm(graph, norm, x, weight(graph, norm, "weight", DTYPE_F32, outputs, one),
                                weight(graph, norm, "bias", DTYPE_F32, outputs, zero), EPSILON);
    return build_activation(graph, graph_name(graph, "%s.activation", name), x, ACTIVATION_GELU);
}

/* x + GELU(convolution of x): of the one frame more that an even window gives, the last is left out. */
static int with_positions(struct graph *graph, int x)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    const char *name = "positions";
    struct tensor shape = graph->tensors[x];
    int64_t batch = shape.dims[0], frames = shape.dims[1], width = shape.dims[2], depth = width / GROUPS;
    float deviation = deviation_he(REACH * depth);
    int v = graph_weight(graph, "positions.direction", shape.dtype, 4, (int64_t[]){width, REACH, 1, depth},
                         (struct fill){.kind = FILL_NORMAL, .scale = deviation}, true);
    const struct fill length = {.kind = FILL_CONSTANT, .scale = deviation * sqrtf((float)(width * depth))};
    int filters =
        build_weight_norm(graph, "positions.weight", v, weight(graph, name, "length", DTYPE_F32, REACH, length));
    int bias = weight(graph, name, "bias", DTYPE_F32, width, (struct fill){.kind = FILL_ZERO});
    const struct conv_attributes over = {.stride = {1, 1}, .pad = {REACH / 2, 0}, .dilation = {1, 1}, .groups = GROUPS};
    int y = build_reshape(graph, "positions.input", x, 4, (int64_t[]){batch, frames, 1, width});
    y = build_conv(graph, name, y, filters, bias, over, ACTIVATION_GELU);
    y = build_reshape(graph, "positions.frames", y, 2, (int64_t[]){batch, (frames + 1) * width});
    y = build_part(graph, "positions.kept", y, 1, 0, frames * width);
    y = build_reshape(graph, "positions.rows", y, 3, shape.dims);
    return build_add(graph, "positions.sum", x, y);
}

static int embed(struct graph *graph, const struct config *config, const struct model_case *one)
{
    int x = layer_input(graph, "waveform", one->dtype, 4, (int64_t[]){one->batch, config->frames, 1, 1});
    for (int i = 0; i < CONVOLUTIONS; i++)
        x = convolution(graph, config, i, x);
    x = build_reshape(graph, "features", x, 3, (int64_t[]){one->batch, -1, config->inputs});
    x = layer_norm(graph, "features.norm", x, EPSILON);
    x = layer_linear(graph, "projection", x, config->hidden, true, DEVIATION, ACTIVATION_NONE);
    x = layer_dropout(graph, "projection.dropout", x);
    int mask = weight(graph, "mask", "vector", DTYPE_F32, config->hidden,
                      (struct fill){.kind = FILL_UNIFORM, .scale = 1, .like = NO_TENSOR});
    if (mask != NO_TENSOR) {
        graph->tensors[mask].trainable = false;
        graph->tensors[mask].fixed = true;
    }
    return with_positions(graph, x);
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    const struct encoder_shape shape = {.heads = config->heads,
                                        .feed_forward = config->feed_forward,
                                        .epsilon = EPSILON,
                                        .activation = ACTIVATION_GELU,
                                        .norm_first = config->norm_each};
    int x = embed(graph, config, one);
    if (!config->norm_each)
        x = layer_norm(graph, "norm", x, EPSILON);
    for (int i = 0; i < config->layers; i++) {
        graph->segment = i + 1;
        x = encoder_layer(graph, &shape, "", x, i);
    }
    graph->segment = 0;
    if (config->norm_each)
        x = layer_norm(graph, "norm", x, EPSILON);
    if (graph->training)
        x = layer_linear(graph, "head", x, config->classes, true, DEVIATION, ACTIVATION_NONE);
    layer_classify(graph, x, config->classes);
    return graph_error(graph, error);
}

/* Seconds of audio that a step takes in. */
static double units(const struct model_case *one)
{
    return (double)(one->batch * one->size->config.frames) / SAMPLES_A_SECOND;
}

const struct family family_wav2vec2 = {.name = "wav2vec2",
                                       .task = "speech",
                                       .help = "wav2vec 2.0: an encoder of speech from the waveform",
                                       .published = &public_wav2vec2,
                                       .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                       .unit = UNIT_AUDIO,
                                       .optimizer = OPTIMIZER_ADAMW,
                                       .build = build,
                                       .units = units};
