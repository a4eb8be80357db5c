/* The tensors of encoders: BERT's kind with their heads, and vision transformers. */
#include <string.h>

#include "models/catalogue/model_type.h"

static void add_norm(struct outline *outline, int layer, uint64_t width)
{
    outline_add_vector(outline, true, layer, width);
    outline_add_vector(outline, true, layer, width);
}

/* Attention and feed-forward with biases and two norms. */
static void add_layer(struct outline *outline, int layer, const struct settings *s, bool qkv_bias)
{
    uint64_t hidden = s->hidden;
    outline_add_linear(outline, TENSOR_Q, layer, hidden, hidden, qkv_bias);
    outline_add_linear(outline, TENSOR_K, layer, hidden, hidden, qkv_bias);
    outline_add_linear(outline, TENSOR_V, layer, hidden, hidden, qkv_bias);
    outline_add_linear(outline, TENSOR_ATTENTION_OUTPUT, layer, hidden, hidden, true);
    add_norm(outline, layer, hidden);
    outline_add_linear(outline, TENSOR_FFN_UP, layer, s->feed_forward, hidden, true);
    outline_add_linear(outline, TENSOR_FFN_DOWN, layer, hidden, s->feed_forward, true);
    add_norm(outline, layer, hidden);
}

static bool is_type(const struct configuration *c, const char *name)
{
    return strcmp(c->type->name, name) == 0;
}

/* A word for a masked one: a matrix and a norm, then the embedding's own matrix, with a bias. */
static void add_masked_head(const struct configuration *c, const struct settings *s, struct outline *outline,
                            uint64_t width)
{
    outline_add_linear(outline, TENSOR_MATRIX, -1, width, s->hidden, true);
    add_norm(outline, -1, width);
    outline_add_vector(outline, true, -1, s->vocabulary);
    if (!configuration_flag(c, "tie_word_embeddings"))
        outline_add(outline, TENSOR_HEAD, -1, s->vocabulary, width);
}

static void add_encoder_head(const struct configuration *c, const struct settings *s, struct outline *outline,
                             uint64_t width)
{
    bool pools = is_type(c, "bert") || is_type(c, "roberta") || is_type(c, "xlm-roberta") || is_type(c, "camembert") ||
                 is_type(c, "mpnet");
    bool bert = is_type(c, "bert"), distilbert = is_type(c, "distilbert"), electra = is_type(c, "electra");
    bool classifies = configuration_class_is(c, "ForSequenceClassification"),
         chooses = configuration_class_is(c, "ForMultipleChoice"), masks = configuration_class_is(c, "ForMaskedLM"),
         pretrains = configuration_class_is(c, "ForPreTraining"),
         marks = configuration_class_is(c, "ForTokenClassification"),
         answers = configuration_class_is(c, "ForQuestionAnswering");
    uint64_t hidden = s->hidden;
    if (masks || (pretrains && bert))
        add_masked_head(c, s, outline, width);
    if (electra && pretrains) { /* a dense layer and one number for each word */
        outline_add_linear(outline, TENSOR_MATRIX, -1, hidden, hidden, true);
        outline_add_linear(outline, TENSOR_FIXED, -1, 1, hidden, true);
    }
    /* A dense layer: BERT's pooler, or the first of a classifier's two. */
    bool heads = masks || marks || answers || pretrains || (classifies && !bert);
    if ((pools && !heads) || (bert && pretrains) || classifies || (chooses && !pools))
        outline_add_linear(outline, TENSOR_MATRIX, -1, hidden, hidden, true);
    if ((distilbert || electra) && !classifies && !chooses && !heads)
        return;
    if (classifies || marks)
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, hidden, true);
    if (chooses)
        outline_add_linear(outline, TENSOR_FIXED, -1, 1, hidden, true);
    if (answers || (bert && pretrains))
        outline_add_linear(outline, TENSOR_FIXED, -1, 2, hidden, true);
}

void outline_encoder(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    uint64_t width = configuration_count(c, "embedding_size", s->hidden);
    outline_add(outline, TENSOR_EMBEDDING, -1, s->vocabulary, width);
    outline_add(outline, TENSOR_FIXED, -1, s->max_context, width);
    outline_add(outline, TENSOR_FIXED, -1, configuration_count(c, "type_vocab_size", 0), width);
    add_norm(outline, -1, width);
    if (width != s->hidden)
        outline_add_linear(outline, TENSOR_MATRIX, -1, s->hidden, width, true);
    if (is_type(c, "mpnet"))
        outline_add(outline, TENSOR_FIXED, -1, configuration_count(c, "relative_attention_num_buckets", 32), s->heads);
    for (uint64_t i = 0; i < s->layers && !outline->failed; i++)
        add_layer(outline, (int)i, s, true);
    add_encoder_head(c, s, outline, width);
}

/* Patches of an image, a class token (DeiT has a second, for its teacher), learned positions. */
void outline_vit(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    uint64_t hidden = s->hidden, side = configuration_count(c, "image_size", 0),
             patch = configuration_count(c, "patch_size", 1), channels = configuration_count(c, "num_channels", 3);
    uint64_t across = patch ? side / patch : 0, tokens = is_type(c, "deit") ? 2 : 1;
    outline_add(outline, TENSOR_FIXED, -1, tokens, hidden);
    outline_add(outline, TENSOR_FIXED, -1, across * across + tokens, hidden);
    outline_add_linear(outline, TENSOR_FIXED, -1, hidden, channels * patch * patch, true);
    for (uint64_t i = 0; i < s->layers && !outline->failed; i++)
        add_layer(outline, (int)i, s, configuration_flag(c, "qkv_bias"));
    add_norm(outline, -1, hidden);
    if (configuration_class_is(c, "WithTeacher")) {
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, hidden, true);
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, hidden, true);
    } else if (configuration_class_is(c, "ForImageClassification")) {
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, hidden, true);
    } else if (!c->class_name[0] || configuration_class_is(c, "Model")) {
        outline_add_linear(outline, TENSOR_MATRIX, -1, configuration_count(c, "pooler_output_size", hidden), hidden,
                           true);
    }
}
