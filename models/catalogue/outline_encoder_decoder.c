/* The tensors of encoder-decoders: Whisper and T5. */
#include <string.h>

#include "models/catalogue/model_type.h"

static void add_norm(struct outline *outline, int layer, uint64_t width, bool bias)
{
    outline_add_vector(outline, true, layer, width);
    outline_add_vector(outline, bias, layer, width);
}

/* Whisper's keys have no bias. */
static void add_whisper_attention(struct outline *outline, int layer, uint64_t width)
{
    outline_add_attention(outline, layer, width, true, false);
    add_norm(outline, layer, width, true);
}

static void add_whisper_layer(struct outline *outline, int layer, uint64_t width, uint64_t feed_forward, bool crosses)
{
    add_whisper_attention(outline, layer, width);
    if (crosses)
        add_whisper_attention(outline, layer, width);
    outline_add_linear(outline, TENSOR_FFN_UP, layer, feed_forward, width, true);
    outline_add_linear(outline, TENSOR_FFN_DOWN, layer, width, feed_forward, true);
    add_norm(outline, layer, width, true);
}

void outline_whisper(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    uint64_t width = s->hidden, encoder = configuration_size(c, "encoder_layers", 0),
             decoder = configuration_size(c, "decoder_layers", 0);
    outline_add_linear(outline, TENSOR_FIXED, -1, width, 3 * configuration_size(c, "num_mel_bins", 80), true);
    outline_add_linear(outline, TENSOR_FIXED, -1, width, 3 * width, true);
    outline_add(outline, TENSOR_FIXED, -1, configuration_size(c, "max_source_positions", 1500), width);
    for (uint64_t i = 0; i < encoder && !outline->failed; i++)
        add_whisper_layer(outline, (int)i, width, configuration_size(c, "encoder_ffn_dim", 4 * width), false);
    add_norm(outline, -1, width, true);
    if (configuration_class_is(c, "ForAudioClassification")) {
        uint64_t projected = configuration_size(c, "classifier_proj_size", 256);
        outline_add_linear(outline, TENSOR_MATRIX, -1, projected, width, true);
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, projected, true);
        outline_add_vector(outline, configuration_flag(c, "use_weighted_layer_sum"), -1, encoder + 1);
        return;
    }
    outline_add(outline, TENSOR_EMBEDDING, -1, s->vocabulary, width);
    outline_add(outline, TENSOR_FIXED, -1, s->max_context, width);
    for (uint64_t i = 0; i < decoder && !outline->failed; i++)
        add_whisper_layer(outline, (int)i, width, configuration_size(c, "decoder_ffn_dim", 4 * width), true);
    add_norm(outline, -1, width, true);
}

static void add_t5_attention(struct outline *outline, int layer, uint64_t hidden, uint64_t inner)
{
    outline_add(outline, TENSOR_Q, layer, inner, hidden);
    outline_add(outline, TENSOR_K, layer, inner, hidden);
    outline_add(outline, TENSOR_V, layer, inner, hidden);
    outline_add(outline, TENSOR_ATTENTION_OUTPUT, layer, hidden, inner);
    add_norm(outline, layer, hidden, false);
}

static void add_t5_stack(const struct configuration *c, const struct settings *s, struct outline *outline,
                         uint64_t layers, bool crosses)
{
    char projection[64] = "";
    json_view_text(configuration_find(c, "feed_forward_proj"), projection, sizeof projection);
    bool gated = strncmp(projection, "gated", 5) == 0;
    uint64_t inner = s->heads * s->head_dim;
    uint64_t buckets = configuration_size(c, "relative_attention_num_buckets", 32);
    bool each = strcmp(c->type->name, "umt5") == 0; /* a table in each layer, not in the first alone */
    outline_add(outline, TENSOR_FIXED, -1, each ? 0 : buckets, s->heads);
    for (uint64_t i = 0; i < layers && !outline->failed; i++) {
        outline_add(outline, TENSOR_FIXED, (int)i, each ? buckets : 0, s->heads);
        add_t5_attention(outline, (int)i, s->hidden, inner);
        if (crosses)
            add_t5_attention(outline, (int)i, s->hidden, inner);
        outline_add(outline, TENSOR_FFN_GATE, (int)i, gated ? s->feed_forward : 0, s->hidden);
        outline_add(outline, TENSOR_FFN_UP, (int)i, s->feed_forward, s->hidden);
        outline_add(outline, TENSOR_FFN_DOWN, (int)i, s->hidden, s->feed_forward);
        add_norm(outline, (int)i, s->hidden, false);
    }
    add_norm(outline, -1, s->hidden, false);
}

void outline_t5(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    bool encoder_only = configuration_class_is(c, "EncoderModel");
    bool classifies = configuration_class_is(c, "ForSequenceClassification");
    bool bare = (configuration_class_is(c, "Model") && c->class_name[0]) || classifies;
    outline_add(outline, TENSOR_EMBEDDING, -1, s->vocabulary, s->hidden);
    add_t5_stack(c, s, outline, s->layers, false);
    if (!encoder_only)
        add_t5_stack(c, s, outline, configuration_size(c, "num_decoder_layers", s->layers), true);
    if (!bare && !configuration_flag(c, "tie_word_embeddings"))
        outline_add(outline, TENSOR_HEAD, -1, s->vocabulary, s->hidden);
    if (classifies) {
        outline_add_linear(outline, TENSOR_MATRIX, -1, s->hidden, s->hidden, true);
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, s->hidden, true);
    }
}
