#include "tests/golden/op_graphs.h"

#include <stdio.h>
#include <string.h>

#include "models/ops/ops.h"

enum { SEED = 1 };

static const char *const activation_names[ACTIVATION_COUNT] = {"none",         "relu",       "gelu",      "gelu_tanh",
                                                               "silu",         "tanh",       "sigmoid",   "relu6",
                                                               "hard_sigmoid", "hard_swish", "quick_gelu"};

/* The case, and the graph that is being built from it. */
struct building {
    const struct golden_case *one;
    struct graph *graph;
    enum dtype dtype;
};

static int64_t size(const struct building *b, const char *key)
{
    return (int64_t)golden_number(b->one, key);
}

static enum activation activation_of(const struct building *b)
{
    const char *name = golden_word(b->one, "activation");
    int kind = 0;
    while (kind < ACTIVATION_COUNT - 1 && strcmp(activation_names[kind], name) != 0)
        kind++;
    return (enum activation)kind;
}

static int make(const struct building *b, const char *name, enum dtype dtype, float scale, int rank,
                const int64_t *dims)
{
    return graph_weight(b->graph, name, dtype, rank, dims, (struct fill){.kind = FILL_NORMAL, .scale = scale}, false);
}

static int make_f32(const struct building *b, const char *name, int64_t count)
{
    return make(b, name, DTYPE_F32, 1, 1, &count);
}

static int make_buffer(const struct building *b, const char *name, struct fill fill, int64_t count)
{
    fill.like = NO_TENSOR;
    return graph_persistent(b->graph, name, ROLE_BUFFER, DTYPE_F32, 1, &count, fill);
}

static int make_indices(const struct building *b, const char *name, int64_t limit, int rank, const int64_t *dims)
{
    return graph_persistent(b->graph, name, ROLE_INPUT, DTYPE_I32, rank, dims,
                            (struct fill){.kind = FILL_INDEX, .limit = (uint32_t)limit, .like = NO_TENSOR});
}

static int make_rows(const struct building *b, const char *name, float scale, const char *columns)
{
    return make(b, name, b->dtype, scale, 2, (int64_t[]){size(b, "batch"), size(b, columns)});
}

static int linear(struct building *b)
{
    int64_t inputs = size(b, "inputs"), outputs = size(b, "outputs");
    int x = make_rows(b, "x", 1, "inputs");
    int weight = make(b, "weight", b->dtype, 0.3f, 2, (int64_t[]){outputs, inputs});
    int bias = size(b, "bias") ? make_f32(b, "bias", outputs) : NO_TENSOR;
    return build_linear(b->graph, "linear", x, weight, bias, activation_of(b), b->dtype);
}

static int packed_linear(struct building *b)
{
    int64_t inputs = size(b, "inputs"), outputs = size(b, "outputs");
    int x = make(b, "x", DTYPE_F32, 1, 2, (int64_t[]){size(b, "batch"), inputs});
    int weight = graph_weight(b->graph, "weight", b->dtype, 2, (int64_t[]){outputs, inputs},
                              (struct fill){.kind = FILL_HEAVY_TAILED, .scale = 0.3f}, false);
    int bias = size(b, "bias") ? make_f32(b, "bias", outputs) : NO_TENSOR;
    return build_linear(b->graph, "linear", x, weight, bias, activation_of(b), DTYPE_F32);
}

static int packed_embedding(struct building *b)
{
    int64_t vocabulary = size(b, "vocabulary"), width = size(b, "width");
    int tokens = make_indices(b, "tokens", vocabulary, 2, (int64_t[]){size(b, "batch"), size(b, "length")});
    int table = make(b, "table", b->dtype, 1, 2, (int64_t[]){vocabulary, width});
    int y = build_embedding(b->graph, "embedding", tokens, table, NO_TENSOR, 0);
    return size(b, "tied") ? build_linear(b->graph, "head", y, table, NO_TENSOR, ACTIVATION_NONE, DTYPE_F32) : y;
}

static int expert_weight(const struct building *b, const char *name, int64_t rows, int64_t columns)
{
    bool packed = b->dtype != DTYPE_F32 && b->dtype != DTYPE_BF16;
    return graph_weight(b->graph, name, b->dtype, 3, (int64_t[]){size(b, "experts"), rows, columns},
                        (struct fill){.kind = packed ? FILL_HEAVY_TAILED : FILL_NORMAL, .scale = 0.3f}, false);
}

/* Packed weights meet rows in f32. */
static int experts(struct building *b)
{
    int64_t inputs = size(b, "inputs"), width = size(b, "width"), count = size(b, "experts"),
            chosen = size(b, "chosen");
    enum dtype dtype = b->dtype == DTYPE_BF16 ? DTYPE_BF16 : DTYPE_F32;
    int x = make(b, "x", dtype, 1, 3, (int64_t[]){size(b, "batch"), size(b, "length"), inputs});
    int scores = make(b, "scores", DTYPE_F32, 1, 3, (int64_t[]){size(b, "batch"), size(b, "length"), count});
    int to, p = build_softmax(b->graph, "softmax", scores);
    int weights = build_top_k(b->graph, "top_k", p, chosen, size(b, "renormalise") != 0, 0, 0, &to);
    struct dispatched rows = build_dispatch(b->graph, "dispatch", x, to, count);
    int gate = build_expert_linear(b->graph, "gate", rows.rows, expert_weight(b, "gate", width, inputs), rows.offsets,
                                   ACTIVATION_SILU, chosen, 0);
    int up = build_expert_linear(b->graph, "up", rows.rows, expert_weight(b, "up", width, inputs), rows.offsets,
                                 ACTIVATION_NONE, chosen, 0);
    int y = build_multiply(b->graph, "gated", gate, up);
    y = build_expert_linear(b->graph, "down", y, expert_weight(b, "down", inputs, width), rows.offsets, ACTIVATION_NONE,
                            chosen, 0);
    return build_combine(b->graph, "combine", y, weights, rows.slots);
}

static int gated_rows(struct building *b)
{
    int x = make_rows(b, "x", 1, "inputs");
    int weight = make(b, "gate", b->dtype, 0.3f, 2, (int64_t[]){1, size(b, "inputs")});
    int gate = build_linear(b->graph, "gate", x, weight, NO_TENSOR, ACTIVATION_SIGMOID, DTYPE_F32);
    return build_combine(b->graph, "gated", x, gate, NO_TENSOR);
}

static int square_weight(struct building *b)
{
    return make(b, "weight", b->dtype, 0.3f, 2, (int64_t[]){size(b, "inputs"), size(b, "inputs")});
}

static int residual_linear(struct building *b)
{
    int x = make_rows(b, "x", 1, "inputs");
    int y = build_linear(b->graph, "linear", x, square_weight(b), NO_TENSOR, ACTIVATION_NONE, b->dtype);
    return build_add(b->graph, "residual", x, y);
}

static int tied_linear(struct building *b)
{
    int x = make_rows(b, "x", 1, "inputs"), weight = square_weight(b);
    int y = build_linear(b->graph, "first", x, weight, NO_TENSOR, ACTIVATION_TANH, b->dtype);
    return build_linear(b->graph, "second", y, weight, NO_TENSOR, ACTIVATION_NONE, b->dtype);
}

static int image(struct building *b, float scale)
{
    return make(b, "x", b->dtype, scale, 4,
                (int64_t[]){size(b, "batch"), size(b, "height"), size(b, "width"), size(b, "channels")});
}

static int conv(struct building *b)
{
    int64_t outputs = size(b, "outputs"), groups = size(b, "groups");
    const struct conv_attributes shape = {.stride = {size(b, "stride_h"), size(b, "stride_w")},
                                          .pad = {size(b, "pad_h"), size(b, "pad_w")},
                                          .dilation = {size(b, "dilation_h"), size(b, "dilation_w")},
                                          .groups = groups};
    int x = image(b, 1);
    int filters = make(b, "filters", b->dtype, 0.3f, 4,
                       (int64_t[]){outputs, size(b, "kernel_h"), size(b, "kernel_w"), size(b, "channels") / groups});
    int bias = size(b, "bias") ? make_f32(b, "bias", outputs) : NO_TENSOR;
    return build_conv(b->graph, "conv", x, filters, bias, shape, activation_of(b));
}

static struct pool_attributes window(const struct building *b)
{
    return (struct pool_attributes){.kernel = {size(b, "kernel_h"), size(b, "kernel_w")},
                                    .stride = {size(b, "stride_h"), size(b, "stride_w")},
                                    .pad = {size(b, "pad_h"), size(b, "pad_w")},
                                    .dilation = {size(b, "dilation_h"), size(b, "dilation_w")},
                                    .count_padding = size(b, "count_padding") != 0};
}

static int max_pool(struct building *b)
{
    return build_max_pool(b->graph, "pool", image(b, 1), window(b));
}

static int average_pool(struct building *b)
{
    return build_average_pool(b->graph, "pool", image(b, 1), window(b));
}

static int embedding(struct building *b)
{
    int64_t vocabulary = size(b, "vocabulary"), width = size(b, "width"), positions = size(b, "positions");
    int tokens = make_indices(b, "tokens", vocabulary, 2, (int64_t[]){size(b, "batch"), size(b, "length")});
    int table = make(b, "table", b->dtype, 1, 2, (int64_t[]){vocabulary, width});
    int places = positions ? make(b, "positions", b->dtype, 1, 2, (int64_t[]){positions, width}) : NO_TENSOR;
    int y = build_embedding(b->graph, "embedding", tokens, table, places, 0);
    return size(b, "tied") ? build_linear(b->graph, "head", y, table, NO_TENSOR, ACTIVATION_NONE, b->dtype) : y;
}

static int embedding_bag(struct building *b)
{
    int64_t rows = size(b, "rows");
    int indices = make_indices(b, "indices", rows, 2, (int64_t[]){size(b, "batch"), size(b, "length")});
    int table = make(b, "table", b->dtype, 1, 2, (int64_t[]){rows, size(b, "width")});
    return build_embedding_bag(b->graph, "bag", indices, table);
}

static int interaction(struct building *b)
{
    int vectors[MAX_INPUTS], count = (int)size(b, "vectors");
    for (int i = 0; i < count; i++)
        vectors[i] = make_rows(b, graph_name(b->graph, "v%d", i), 1, "width");
    return build_interaction(b->graph, "interaction", vectors, count);
}

static int layer_norm(struct building *b)
{
    int64_t width = size(b, "width");
    int x = make_rows(b, "x", 2, "width");
    int y = build_layer_norm(b->graph, "norm", x, make_f32(b, "gamma", width), make_f32(b, "beta", width), 1e-5f);
    return size(b, "residual") ? build_add(b->graph, "residual", x, y) : y;
}

static int rms_norm(struct building *b)
{
    int x = make_rows(b, "x", 2, "width");
    int y = build_rms_norm(b->graph, "norm", x, make_f32(b, "gamma", size(b, "width")), 1e-5f);
    return size(b, "residual") ? build_add(b->graph, "residual", x, y) : y;
}

static int rope(struct building *b)
{
    int64_t heads = size(b, "heads"), kv_heads = size(b, "kv_heads"), dim = size(b, "head_dim");
    int x =
        make(b, "x", b->dtype, 1, 3, (int64_t[]){size(b, "batch"), size(b, "length"), (heads + 2 * kv_heads) * dim});
    return build_rope(b->graph, "rope", x, heads, kv_heads, dim, (float)golden_number(b->one, "theta"), 0);
}

static int sequences(struct building *b)
{
    return make(b, "x", b->dtype, 1, 3, (int64_t[]){size(b, "batch"), size(b, "length"), size(b, "width")});
}

static int prepend(struct building *b)
{
    int64_t length = size(b, "length"), width = size(b, "width");
    int x = sequences(b), token = make_f32(b, "token", width);
    int positions = make(b, "positions", b->dtype, 1, 2, (int64_t[]){length + 1, width});
    return build_prepend(b->graph, "prepend", x, token, positions);
}

static int head_linear(struct building *b)
{
    int64_t heads = size(b, "heads"), inputs = size(b, "inputs"), outputs = size(b, "outputs");
    int x = make(b, "x", b->dtype, 1, 2, (int64_t[]){size(b, "batch"), heads * inputs});
    int weight = make(b, "weight", b->dtype, 0.3f, 2, (int64_t[]){heads * outputs, inputs});
    return build_head_linear(b->graph, "head_linear", x, weight, heads);
}

static int join(struct building *b)
{
    int64_t heads = size(b, "heads"), batch = size(b, "batch");
    int x = make(b, "x", b->dtype, 1, 2, (int64_t[]){batch, heads * size(b, "width")});
    int other = make(b, "other", b->dtype, 1, 2, (int64_t[]){batch, heads * size(b, "other")});
    return build_join(b->graph, "join", x, other, heads);
}

static int channel_scale(struct building *b)
{
    int64_t width = size(b, "width"), groups = size(b, "groups");
    int factors = size(b, "shared") ? make_f32(b, "factors", width)
                                    : make(b, "factors", b->dtype, 1, 2, (int64_t[]){groups, width});
    int x = make(b, "x", b->dtype, 1, 3, (int64_t[]){groups, size(b, "length"), width});
    return build_channel_scale(b->graph, "scale", x, factors);
}

static int contrastive(struct building *b)
{
    int x = make(b, "x", DTYPE_F32, 1, 2, (int64_t[]){size(b, "batch"), size(b, "batch")});
    int y = build_exp_scale(b->graph, "scale", x, make_f32(b, "temperature", 1));
    if (b->graph->training)
        b->graph->loss = build_contrastive(b->graph, "loss", y);
    return y;
}

static int part(struct building *b)
{
    int64_t heads = size(b, "heads"), width = size(b, "width");
    int x = make(b, "x", b->dtype, 1, 2, (int64_t[]){size(b, "batch"), heads * width});
    return build_part(b->graph, "part", x, heads, size(b, "first"), size(b, "count"));
}

static int pick(struct building *b)
{
    return build_pick(b->graph, "pick", sequences(b), (int64_t)golden_number(b->one, "position"));
}

/* A convolution with its norm: depthwise 3x3 with ReLU, or 1x1 without. */
static int conv_norm(struct building *b, int x, const char *name, bool depthwise)
{
    int64_t channels = size(b, "channels"), kernel = depthwise ? 3 : 1, groups = depthwise ? channels : 1;
    const struct conv_attributes shape = {
        .stride = {1, 1}, .pad = {kernel / 2, kernel / 2}, .dilation = {1, 1}, .groups = groups};
    const struct fill zero = {.kind = FILL_ZERO}, one = {.kind = FILL_CONSTANT, .scale = 1};
    struct graph *graph = b->graph;
    int filters = make(b, graph_name(graph, "%s.filters", name), b->dtype, 0.3f, 4,
                       (int64_t[]){channels, kernel, kernel, channels / groups});
    int gamma = make_f32(b, graph_name(graph, "%s.gamma", name), channels);
    int beta = make_f32(b, graph_name(graph, "%s.beta", name), channels);
    int mean = make_buffer(b, graph_name(graph, "%s.mean", name), zero, channels);
    int variance = make_buffer(b, graph_name(graph, "%s.variance", name), one, channels);
    x = build_conv(graph, name, x, filters, NO_TENSOR, shape, ACTIVATION_NONE);
    return build_batch_norm(graph, name, x, gamma, beta, mean, variance, 1e-5f, 0.1f, depthwise);
}

static int residual_block(struct building *b)
{
    int x = image(b, 1);
    int y = conv_norm(b, conv_norm(b, x, "depthwise", true), "pointwise", false);
    return build_activation(b->graph, "relu", build_add(b->graph, "residual", y, x), ACTIVATION_RELU);
}

static int batch_norm(struct building *b)
{
    int64_t channels = size(b, "channels");
    int x = image(b, 2), gamma = make_f32(b, "gamma", channels), beta = make_f32(b, "beta", channels);
    int mean = make_buffer(b, "mean", (struct fill){.kind = FILL_NORMAL, .scale = 1}, channels);
    int variance = make_buffer(b, "variance", (struct fill){.kind = FILL_UNIFORM, .scale = 2}, channels);
    return build_batch_norm(b->graph, "norm", x, gamma, beta, mean, variance, 1e-5f, 0.1f, size(b, "relu") != 0);
}

static int softmax(struct building *b)
{
    return build_softmax(b->graph, "softmax", make_rows(b, "x", 3, "width"));
}

/* What is beside the scores, of this many keys and queries; *bias and *sinks receive the tensors. */
static struct attention_scores terms(struct building *b, int64_t length, int64_t kv_length, int *bias, int *sinks)
{
    struct attention_scores scores = {.window = golden_has(b->one, "window") ? size(b, "window") : 0};
    if (golden_has(b->one, "biased")) {
        *bias = make(b, "bias", DTYPE_F32, 1, 2, (int64_t[]){size(b, "heads"), length + kv_length - 1});
        scores.distance_bias = bias;
    }
    if (golden_has(b->one, "sunk")) {
        *sinks = make_f32(b, "sinks", size(b, "heads"));
        scores.sinks = sinks;
    }
    return scores;
}

static int relative_bias(struct building *b)
{
    int table = make(b, "table", DTYPE_F32, 1, 2, (int64_t[]){size(b, "buckets"), size(b, "heads")});
    return build_relative_bias(b->graph, "relative_bias", table, size(b, "length"), size(b, "kv_length"),
                               size(b, "farthest"), size(b, "causal") != 0);
}

static int attention(struct building *b)
{
    int64_t heads = size(b, "heads"), groups = size(b, "kv_heads"), dim = size(b, "head_dim");
    int qkv =
        make(b, "qkv", b->dtype, 1, 3, (int64_t[]){size(b, "batch"), size(b, "length"), (heads + 2 * groups) * dim});
    int bias, sinks;
    const struct attention_scores scores = terms(b, size(b, "length"), size(b, "length"), &bias, &sinks);
    return build_scored_attention(b->graph, "attention", qkv, heads, groups, dim, size(b, "causal") != 0, &scores);
}

static int cross_attention(struct building *b)
{
    int64_t batch = size(b, "batch"), dim = size(b, "head_dim");
    const int64_t queries[] = {batch, size(b, "length"), size(b, "heads") * dim};
    const int64_t keys[] = {batch, size(b, "kv_length"), size(b, "kv_heads") * dim};
    int q = make(b, "q", b->dtype, 1, 3, queries);
    int k = make(b, "k", b->dtype, 1, 3, keys), v = make(b, "v", b->dtype, 1, 3, keys);
    int bias, sinks;
    const struct attention_scores scores = terms(b, size(b, "length"), size(b, "kv_length"), &bias, &sinks);
    return build_scored_cross_attention(b->graph, "cross", q, k, v, dim, size(b, "causal") != 0, &scores);
}

static int activation(struct building *b)
{
    return build_activation(b->graph, "activation", make_rows(b, "x", 2, "width"), activation_of(b));
}

static int add_repeated(struct building *b)
{
    int64_t shape[] = {size(b, "batch"), size(b, "length"), size(b, "width")};
    int x = make(b, "x", b->dtype, 1, 3, shape), other = make(b, "other", b->dtype, 1, 2, shape + 1);
    return build_add(b->graph, "add", x, other);
}

static int add(struct building *b)
{
    return build_add(b->graph, "add", make_rows(b, "x", 1, "width"), make_rows(b, "other", 1, "width"));
}

static int multiply(struct building *b)
{
    return build_multiply(b->graph, "multiply", make_rows(b, "x", 1, "width"), make_rows(b, "other", 1, "width"));
}

static int square(struct building *b)
{
    int x = make_rows(b, "x", 1, "width");
    return build_multiply(b->graph, "square", x, x);
}

static int cast(struct building *b)
{
    int x = make_rows(b, "x", 1, "width");
    return build_cast(b->graph, "cast", x, b->dtype == DTYPE_F32 ? DTYPE_BF16 : DTYPE_F32);
}

static int dropout(struct building *b)
{
    return build_dropout(b->graph, "dropout", make_rows(b, "x", 1, "width"), (float)golden_number(b->one, "rate"));
}

/* Projected inputs and recurrent weights of a cell with so many gates. */
static void recurrent(struct building *b, int64_t gates, int *x, int *u)
{
    static const float deviation = 0.7f;
    int64_t units = size(b, "units");
    *x = make(b, "x", b->dtype, 0.7f, 3, (int64_t[]){size(b, "batch"), size(b, "length"), gates * units});
    *u = make(b, "u", b->dtype, (float)((double)deviation / __builtin_sqrt((double)units)), 2,
              (int64_t[]){gates * units, units});
}

static int rnn(struct building *b)
{
    int x, u;
    recurrent(b, 1, &x, &u);
    return build_rnn(b->graph, "rnn", x, u, activation_of(b));
}

static int lstm(struct building *b)
{
    int x, u;
    recurrent(b, 4, &x, &u);
    return build_lstm(b->graph, "lstm", x, u);
}

static int gru(struct building *b)
{
    int x, u;
    recurrent(b, 3, &x, &u);
    return build_gru(b->graph, "gru", x, u, size(b, "bias") ? make_f32(b, "bias", size(b, "units")) : NO_TENSOR);
}

static int cross_entropy(struct building *b)
{
    int64_t batch = size(b, "batch");
    int x = make_rows(b, "x", 2, "width");
    int targets = make_indices(b, "targets", size(b, "width") + (size(b, "ignored") ? 2 : 0), 1, &batch);
    if (b->graph->training)
        b->graph->loss = build_cross_entropy(b->graph, "loss", x, targets);
    return x;
}

static int binary_cross_entropy(struct building *b)
{
    int x = make_rows(b, "x", 3, "width");
    int targets =
        graph_persistent(b->graph, "targets", ROLE_INPUT, DTYPE_F32, 2, (int64_t[]){size(b, "batch"), size(b, "width")},
                         (struct fill){.kind = FILL_UNIFORM, .scale = 1, .like = NO_TENSOR});
    if (b->graph->training)
        b->graph->loss = build_binary_cross_entropy(b->graph, "loss", x, targets);
    return x;
}

static int mean_squared_error(struct building *b)
{
    return make_rows(b, "x", 1, "width");
}

static const struct {
    const char *name;
    int (*build)(struct building *);
} builders[] = {
    {"linear", linear},
    {"packed_linear", packed_linear},
    {"packed_embedding", packed_embedding},
    {"experts", experts},
    {"packed_experts", experts},
    {"gated_rows", gated_rows},
    {"residual_linear", residual_linear},
    {"tied_linear", tied_linear},
    {"conv", conv},
    {"max_pool", max_pool},
    {"average_pool", average_pool},
    {"embedding", embedding},
    {"embedding_bag", embedding_bag},
    {"interaction", interaction},
    {"layer_norm", layer_norm},
    {"rms_norm", rms_norm},
    {"rope", rope},
    {"prepend", prepend},
    {"pick", pick},
    {"head_linear", head_linear},
    {"join", join},
    {"channel_scale", channel_scale},
    {"contrastive", contrastive},
    {"part", part},
    {"residual_block", residual_block},
    {"batch_norm", batch_norm},
    {"softmax", softmax},
    {"attention", attention},
    {"cross_attention", cross_attention},
    {"relative_bias", relative_bias},
    {"activation", activation},
    {"add", add},
    {"add_repeated", add_repeated},
    {"multiply", multiply},
    {"square", square},
    {"cast", cast},
    {"dropout", dropout},
    {"rnn", rnn},
    {"lstm", lstm},
    {"gru", gru},
    {"cross_entropy", cross_entropy},
    {"binary_cross_entropy", binary_cross_entropy},
    {"mean_squared_error", mean_squared_error},
};

/* mean((y − target)²), where the op isn't a loss itself. */
static void add_loss(struct graph *graph, int y)
{
    if (y == NO_TENSOR || graph->loss != NO_TENSOR || !graph->training)
        return;
    struct tensor shape = graph->tensors[y];
    int target = graph_persistent(graph, "target", ROLE_INPUT, DTYPE_F32, shape.rank, shape.dims,
                                  (struct fill){.kind = FILL_NORMAL, .scale = 1, .like = NO_TENSOR});
    graph->loss = build_mean_squared_error(graph, "loss", y, target);
}

struct graph *op_graph_build(const struct golden_case *one, bool training)
{
    struct building b = {.one = one};
    for (size_t i = 0; i < sizeof builders / sizeof *builders; i++)
        if (strcmp(builders[i].name, golden_word(one, "op")) == 0) {
            b.graph = graph_create(SEED);
            dtype_parse(golden_word(one, "dtype"), &b.dtype);
            b.graph->training = training;
            b.graph->output = builders[i].build(&b);
            add_loss(b.graph, b.graph->output);
            return b.graph;
        }
    return NULL;
}

void op_graph_ignore_targets(const struct golden_case *one, struct engine *engine, const struct graph *graph)
{
    if (!golden_has(one, "ignored") || golden_number(one, "ignored") == 0)
        return;
    for (int t = 0; t < graph->tensor_count; t++)
        if (strcmp(graph->tensors[t].name, "targets") == 0) {
            int32_t *targets = engine_tensor(engine, t);
            for (int64_t i = 0; i < tensor_elements(&graph->tensors[t]); i++)
                targets[i] -= 2;
        }
}
