/* The tensors of image models in stages: Swin (Liu et al. 2021, 2022), ConvNeXt (Liu et al. 2022; Woo et al. 2023),
 * ResNet (He et al. 2015) and RegNet (Radosavovic et al. 2020). A running mean or variance is a buffer. */
#include <string.h>

#include "models/catalogue/model_type.h"

enum { MOST_STAGES = 16 };

/* What each stage has. */
struct stages {
    uint64_t depths[MOST_STAGES], widths[MOST_STAGES], heads[MOST_STAGES];
    size_t count;
    uint64_t last_width; /* a classifier's */
};

static bool is_type(const struct configuration *c, const char *name)
{
    return strcmp(c->type->name, name) == 0;
}

static void add_norm(struct outline *outline, uint64_t width)
{
    outline_add_vector(outline, true, -1, width);
    outline_add_vector(outline, true, -1, width);
}

static void add_classifier(const struct configuration *c, struct outline *outline, uint64_t width)
{
    if (configuration_class_is(c, "ForImageClassification"))
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, width, true);
}

static void read_stages(const struct configuration *c, struct stages *stages, const char *widths)
{
    stages->count = configuration_list(c, "depths", stages->depths, MOST_STAGES);
    size_t widths_count = configuration_list(c, widths, stages->widths, MOST_STAGES);
    stages->last_width = widths_count ? stages->widths[widths_count - 1] : 0;
    for (size_t i = 0; i < stages->count; i++)
        if (stages->depths[i] > OUTLINE_MOST_LAYERS || stages->widths[i] > 1 << 20)
            *c->excessive = true;
    if (*c->excessive)
        stages->count = 0;
}

/* ---- Swin ---- */

struct swin {
    bool second, qkv_bias;
    uint64_t window;
    double ratio;
};

/* Positions within a window: a table, or in the second version a small network and a scale for each head. */
static void add_window(struct outline *outline, const struct swin *swin, uint64_t heads)
{
    if (!swin->second) {
        outline_add(outline, TENSOR_FIXED, -1, (2 * swin->window - 1) * (2 * swin->window - 1), heads);
        return;
    }
    outline_add_vector(outline, true, -1, heads);
    outline_add_linear(outline, TENSOR_FIXED, -1, 512, 2, true);
    outline_add(outline, TENSOR_FIXED, -1, heads, 512);
}

static void add_swin_layer(struct outline *outline, const struct swin *swin, uint64_t width, uint64_t heads)
{
    uint64_t inner = (uint64_t)(swin->ratio * (double)width);
    outline_add_attention(outline, -1, width, swin->qkv_bias, swin->qkv_bias && !swin->second);
    add_window(outline, swin, heads);
    add_norm(outline, width);
    add_norm(outline, width);
    outline_add_linear(outline, TENSOR_FFN_UP, -1, inner, width, true);
    outline_add_linear(outline, TENSOR_FFN_DOWN, -1, width, inner, true);
}

void outline_swin(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    struct stages stages = {0};
    uint64_t width = configuration_size(c, "embed_dim", 96), patch = configuration_size(c, "patch_size", 4),
             side = configuration_size(c, "image_size", 224), channels = configuration_size(c, "num_channels", 3);
    struct swin swin = {is_type(c, "swinv2"), configuration_flag(c, "qkv_bias"),
                        configuration_size(c, "window_size", 7), configuration_number(c, "mlp_ratio")};
    (void)s;
    read_stages(c, &stages, "embed_dims");
    configuration_list(c, "num_heads", stages.heads, MOST_STAGES);
    if (width > 1 << 16 || patch > 1 << 12 || channels > 1 << 12 || swin.window > 1 << 12 ||
        !(swin.ratio >= 0 && swin.ratio < 1 << 10) || (patch && side / patch > 1 << 16)) {
        *c->excessive = true;
        return;
    }
    uint64_t across = patch ? side / patch : 0;
    outline_add_linear(outline, TENSOR_FIXED, -1, width, channels * patch * patch, true);
    add_norm(outline, width);
    outline_add(outline, TENSOR_FIXED, -1, configuration_flag(c, "use_absolute_embeddings") ? across * across : 0,
                width);
    for (size_t i = 0; i < stages.count; i++) {
        for (uint64_t j = 0; j < stages.depths[i] && !outline->failed; j++)
            add_swin_layer(outline, &swin, width, stages.heads[i]);
        if (i + 1 == stages.count)
            break;
        outline_add(outline, TENSOR_MATRIX, -1, 2 * width, 4 * width);
        add_norm(outline, (swin.second ? 2 : 4) * width);
        width *= 2;
    }
    add_norm(outline, width);
    add_classifier(c, outline, width);
}

/* ---- ConvNeXt ---- */

void outline_convnext(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    struct stages stages = {0};
    bool second = is_type(c, "convnextv2"), scaled = configuration_number(c, "layer_scale_init_value") > 0;
    uint64_t patch = configuration_size(c, "patch_size", 4), channels = configuration_size(c, "num_channels", 3);
    (void)s;
    read_stages(c, &stages, "hidden_sizes");
    if (patch > 1 << 12 || channels > 1 << 16 || !stages.count) {
        *c->excessive = true;
        return;
    }
    outline_add_linear(outline, TENSOR_FIXED, -1, stages.widths[0], channels * patch * patch, true);
    add_norm(outline, stages.widths[0]);
    for (size_t i = 0; i < stages.count; i++) {
        uint64_t width = stages.widths[i];
        if (i) { /* half the pixels each way */
            add_norm(outline, stages.widths[i - 1]);
            outline_add_linear(outline, TENSOR_FIXED, -1, width, 4 * stages.widths[i - 1], true);
        }
        for (uint64_t j = 0; j < stages.depths[i] && !outline->failed; j++) {
            outline_add_vector(outline, scaled && !second, -1, width);
            outline_add_linear(outline, TENSOR_FIXED, -1, width, 7 * 7, true);
            add_norm(outline, width);
            outline_add_linear(outline, TENSOR_FFN_UP, -1, 4 * width, width, true);
            for (int k = 0; k < 2; k++) /* the response's normalisation */
                outline_add_vector(outline, second, -1, 4 * width);
            outline_add_linear(outline, TENSOR_FFN_DOWN, -1, width, 4 * width, true);
        }
    }
    add_norm(outline, stages.widths[stages.count - 1]);
    add_classifier(c, outline, stages.widths[stages.count - 1]);
}

/* ---- ResNet and RegNet ---- */

/* A convolution without bias and its batch norm. */
static void add_convolution(struct outline *outline, uint64_t to, uint64_t from, uint64_t kernel)
{
    outline_add(outline, TENSOR_FIXED, -1, to, from * kernel * kernel);
    add_norm(outline, to);
}

void outline_resnet(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    struct stages stages = {0};
    uint64_t from = configuration_size(c, "embedding_size", 64), channels = configuration_size(c, "num_channels", 3);
    bool narrows = configuration_word_is(c, "layer_type", "bottleneck");
    (void)s;
    read_stages(c, &stages, "hidden_sizes");
    add_convolution(outline, from, channels, 7);
    for (size_t i = 0; i < stages.count; i++) {
        uint64_t width = stages.widths[i], inner = width / 4;
        bool halves = i || configuration_flag(c, "downsample_in_first_stage");
        for (uint64_t j = 0; j < stages.depths[i] && !outline->failed; j++) {
            if (from != width || (halves && j == 0))
                add_convolution(outline, width, from, 1);
            if (narrows) {
                add_convolution(outline, inner, from, 1);
                add_convolution(outline, inner, inner, 3);
                add_convolution(outline, width, inner, 1);
            } else {
                add_convolution(outline, width, from, 3);
                add_convolution(outline, width, width, 3);
            }
            from = width;
        }
    }
    add_classifier(c, outline, stages.last_width);
}

void outline_regnet(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    struct stages stages = {0};
    uint64_t from = configuration_size(c, "embedding_size", 32), channels = configuration_size(c, "num_channels", 3),
             group = configuration_size(c, "groups_width", 64);
    bool attends = configuration_word_is(c, "layer_type", "y");
    (void)s;
    read_stages(c, &stages, "hidden_sizes");
    add_convolution(outline, from, channels, 3);
    for (size_t i = 0; i < stages.count; i++) {
        uint64_t width = stages.widths[i], groups = group && width > group ? width / group : 1;
        bool halves = i || configuration_flag(c, "downsample_in_first_stage");
        for (uint64_t j = 0; j < stages.depths[i] && !outline->failed; j++) {
            if (from != width || (halves && j == 0))
                add_convolution(outline, width, from, 1);
            uint64_t squeezed = (from + 2) / 4; /* a quarter, rounded to even as Python rounds */
            if (from % 4 == 2 && squeezed % 2)
                squeezed--;
            add_convolution(outline, width, from, 1);
            add_convolution(outline, width, width / groups, 3);
            outline_add_linear(outline, TENSOR_FIXED, -1, attends ? squeezed : 0, width, attends);
            outline_add_linear(outline, TENSOR_FIXED, -1, attends ? width : 0, squeezed, attends);
            add_convolution(outline, width, width, 1);
            from = width;
        }
    }
    add_classifier(c, outline, stages.last_width);
}
