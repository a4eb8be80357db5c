/* The tensors of encoder-decoders of BART's kind (Lewis et al. 2019): both halves have biases and LayerNorms, and one
 * embedding; they differ in their positions and in the norms before and after each half. */
#include <string.h>

#include "models/catalogue/model_type.h"

/* How they differ. */
static const struct kind {
    const char *name;
    uint64_t more_positions;
    bool positions; /* in a matrix */
    bool norm_before, norm_after;
    bool global_attention; /* three more projections in each layer of the encoder */
} kinds[] = {
    {"bart", 2, true, true, false, false},       {"mbart", 2, true, true, true, false},
    {"marian", 0, true, false, false, false},    {"pegasus", 0, true, false, true, false},
    {"blenderbot", 0, true, false, true, false}, {"blenderbot-small", 0, true, true, false, false},
    {"m2m_100", 0, false, false, true, false},   {"led", 0, true, true, false, true},
};

static const struct kind *kind_of(const struct configuration *c)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, c->type->name) == 0)
            return &kinds[i];
    return kinds;
}

static void add_norm(struct outline *outline, bool present, int layer, uint64_t width)
{
    outline_add_vector(outline, present, layer, width);
    outline_add_vector(outline, present, layer, width);
}

static void add_attention(struct outline *outline, int layer, uint64_t width)
{
    outline_add_attention(outline, layer, width, true, true);
    add_norm(outline, true, layer, width);
}

struct half {
    uint64_t layers, feed_forward, positions;
    bool decodes;
};

static void add_half(struct outline *outline, const struct kind *kind, uint64_t width, const struct half *half)
{
    outline_add(outline, TENSOR_FIXED, -1, kind->positions ? half->positions + kind->more_positions : 0, width);
    add_norm(outline, kind->norm_before, -1, width);
    for (uint64_t i = 0; i < half->layers && !outline->failed; i++) {
        int layer = (int)i;
        add_attention(outline, layer, width);
        for (int j = 0; j < 3 && kind->global_attention && !half->decodes; j++)
            outline_add_linear(outline, TENSOR_MATRIX, layer, width, width, true);
        if (half->decodes)
            add_attention(outline, layer, width);
        outline_add_linear(outline, TENSOR_FFN_UP, layer, half->feed_forward, width, true);
        outline_add_linear(outline, TENSOR_FFN_DOWN, layer, width, half->feed_forward, true);
        add_norm(outline, true, layer, width);
    }
    add_norm(outline, kind->norm_after, -1, width);
}

static void add_head(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    if (configuration_class_is(c, "ForSequenceClassification")) {
        outline_add_linear(outline, TENSOR_MATRIX, -1, s->hidden, s->hidden, true);
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, s->hidden, true);
    } else if (configuration_class_is(c, "ForQuestionAnswering")) {
        outline_add_linear(outline, TENSOR_FIXED, -1, 2, s->hidden, true);
    }
}

void outline_bart(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    const struct kind *kind = kind_of(c);
    uint64_t width = s->hidden;
    struct half encoder = {configuration_size(c, "encoder_layers", 12),
                           configuration_size(c, "encoder_ffn_dim", 4 * width),
                           configuration_size(c, "max_encoder_position_embeddings|max_position_embeddings", 0), false};
    struct half decoder = {configuration_size(c, "decoder_layers", 12),
                           configuration_size(c, "decoder_ffn_dim", 4 * width),
                           configuration_size(c, "max_decoder_position_embeddings|max_position_embeddings", 0), true};
    bool headed = !c->class_name[0] || configuration_class_is(c, "ForConditionalGeneration") ||
                  configuration_class_is(c, "MTModel");
    /* Untied, encoder, decoder and head have each a matrix of their own beside the shared one. */
    uint64_t copies = configuration_flag(c, "tie_word_embeddings") ? 1 : 3;
    for (uint64_t i = 0; i < copies; i++)
        outline_add(outline, TENSOR_EMBEDDING, -1, s->vocabulary, width);
    outline_add(outline, TENSOR_HEAD, -1, copies > 1 && headed ? s->vocabulary : 0, width);
    add_half(outline, kind, width, &encoder);
    add_half(outline, kind, width, &decoder);
    add_head(c, s, outline);
}
