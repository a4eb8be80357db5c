/* The tensors of encoders of sound's waveform: wav2vec 2.0 (Baevski et al. 2020) and its kind. Convolutions over
 * samples, a convolution that gives positions, then an encoder. */
#include <string.h>

#include "models/catalogue/model_type.h"

enum { MOST_CONVOLUTIONS = 64 };

static bool is_type(const struct configuration *c, const char *name)
{
    return strcmp(c->type->name, name) == 0;
}

static void add_norm(struct outline *outline, bool present, int layer, uint64_t width)
{
    outline_add_vector(outline, present, layer, width);
    outline_add_vector(outline, present, layer, width);
}

/* Returns the width of the last. */
static uint64_t add_convolutions(const struct configuration *c, struct outline *outline)
{
    uint64_t widths[MOST_CONVOLUTIONS], kernels[MOST_CONVOLUTIONS], from = 1;
    size_t count = configuration_list(c, "conv_dim", widths, MOST_CONVOLUTIONS),
           given = configuration_list(c, "conv_kernel", kernels, MOST_CONVOLUTIONS);
    bool all_normed = configuration_word_is(c, "feat_extract_norm", "layer") || is_type(c, "data2vec-audio");
    for (size_t i = 0; i < count && i < given; i++) {
        outline_add_linear(outline, TENSOR_FIXED, -1, widths[i], from * kernels[i], configuration_flag(c, "conv_bias"));
        add_norm(outline, all_normed || i == 0, -1, widths[i]);
        from = widths[i];
    }
    return from;
}

/* One convolution whose weights are kept as a direction and a length for each tap; data2vec has several plain ones. */
static void add_positions(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    uint64_t taps = configuration_size(c, "num_conv_pos_embeddings", 128),
             groups = configuration_size(c, "num_conv_pos_embedding_groups", 16),
             width = groups ? s->hidden / groups : 0;
    if (is_type(c, "data2vec-audio")) {
        for (uint64_t i = 0; i < taps && i < MOST_CONVOLUTIONS; i++)
            outline_add_linear(outline, TENSOR_FIXED, -1, s->hidden,
                               width * configuration_size(c, "conv_pos_kernel_size", 19), true);
        return;
    }
    outline_add_linear(outline, TENSOR_FIXED, -1, s->hidden, width * taps, true);
    if (is_type(c, "hubert") && configuration_flag(c, "conv_pos_batch_norm"))
        add_norm(outline, true, -1, s->hidden);
    else
        outline_add_vector(outline, true, -1, taps);
}

/* WavLM (Chen et al. 2021): positions gate the attention of each layer. */
static void add_gate(const struct configuration *c, const struct settings *s, struct outline *outline, int layer)
{
    outline_add_vector(outline, true, layer, s->heads);
    outline_add_linear(outline, TENSOR_FIXED, layer, 8, s->head_dim, true);
    if (layer == 0)
        outline_add(outline, TENSOR_FIXED, layer, configuration_size(c, "num_buckets", 320), s->heads);
}

static void add_layers(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    uint64_t hidden = s->hidden;
    for (uint64_t i = 0; i < s->layers && !outline->failed; i++) {
        int layer = (int)i;
        if (is_type(c, "wavlm"))
            add_gate(c, s, outline, layer);
        outline_add_attention(outline, layer, hidden, true, true);
        add_norm(outline, true, layer, hidden);
        outline_add_linear(outline, TENSOR_FFN_UP, layer, s->feed_forward, hidden, true);
        outline_add_linear(outline, TENSOR_FFN_DOWN, layer, hidden, s->feed_forward, true);
        add_norm(outline, true, layer, hidden);
        uint64_t adapter = configuration_size(c, "adapter_attn_dim", 0);
        if (adapter && configuration_flag(c, "do_stable_layer_norm")) {
            add_norm(outline, true, layer, hidden);
            outline_add_linear(outline, TENSOR_MATRIX, layer, adapter, hidden, true);
            outline_add_linear(outline, TENSOR_MATRIX, layer, hidden, adapter, true);
        }
    }
}

static void add_head(const struct configuration *c, const struct settings *s, struct outline *outline, uint64_t width)
{
    if (configuration_class_is(c, "ForCTC")) {
        outline_add_linear(outline, TENSOR_FIXED, -1, s->vocabulary, s->hidden, true);
    } else if (configuration_class_is(c, "ForSequenceClassification")) {
        uint64_t projected = configuration_size(c, "classifier_proj_size", 256);
        outline_add_vector(outline, configuration_flag(c, "use_weighted_layer_sum"), -1, s->layers + 1);
        outline_add_linear(outline, TENSOR_MATRIX, -1, projected, s->hidden, true);
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, projected, true);
    } else if (configuration_class_is(c, "ForAudioFrameClassification")) {
        outline_add_vector(outline, configuration_flag(c, "use_weighted_layer_sum"), -1, s->layers + 1);
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, s->hidden, true);
    } else if (configuration_class_is(c, "ForPreTraining")) { /* a codebook, and what compares with it */
        uint64_t entries = configuration_size(c, "num_codevector_groups", 2) *
                           configuration_size(c, "num_codevectors_per_group", 320),
                 code = configuration_size(c, "codevector_dim", 256),
                 groups = configuration_size(c, "num_codevector_groups", 2),
                 compared = configuration_size(c, "proj_codevector_dim", 256);
        outline_add(outline, TENSOR_FIXED, -1, entries, groups ? code / groups : 0);
        outline_add_linear(outline, TENSOR_MATRIX, -1, entries, width, true);
        outline_add_linear(outline, TENSOR_MATRIX, -1, compared, s->hidden, true);
        outline_add_linear(outline, TENSOR_MATRIX, -1, compared, code, true);
    }
}

void outline_wav2vec2(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    bool unmasked = configuration_number(c, "mask_time_prob") <= 0 && configuration_number(c, "mask_feature_prob") <= 0;
    outline_add_vector(outline, !unmasked, -1, s->hidden);
    uint64_t width = add_convolutions(c, outline);
    bool plain = is_type(c, "hubert") &&
                 json_view_kind(configuration_find(c, "feat_proj_layer_norm")) == JSON_BOOLEAN &&
                 !configuration_flag(c, "feat_proj_layer_norm");
    add_norm(outline, !plain, -1, width);
    outline_add_linear(outline, TENSOR_MATRIX, -1, s->hidden, width, true);
    add_positions(c, s, outline);
    add_norm(outline, true, -1, s->hidden);
    add_layers(c, s, outline);
    add_head(c, s, outline, width);
}
