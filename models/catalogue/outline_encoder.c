/* The tensors of encoders of BERT's kind (Devlin et al. 2018), with their heads. */
#include <string.h>

#include "models/catalogue/model_type.h"

static bool is_type(const struct configuration *c, const char *name)
{
    return strcmp(c->type->name, name) == 0;
}

/* Is it one of "a|b|c"? */
static bool is_any(const struct configuration *c, const char *names)
{
    size_t length = strlen(c->type->name);
    for (const char *at = names; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, c->type->name, length) == 0 && (at[length] == '|' || !at[length]))
            return true;
    return false;
}

static void add_norm(struct outline *outline, int layer, uint64_t width)
{
    outline_add_vector(outline, true, layer, width);
    outline_add_vector(outline, true, layer, width);
}

static bool mentions(const struct configuration *c, const char *name, const char *word)
{
    struct json_view value = configuration_find(c, name);
    uint64_t length = value.end - value.begin, wanted = strlen(word);
    if (length > 256)
        return false;
    for (uint64_t i = 0; i + wanted <= length; i++)
        if (memcmp(value.mapping->bytes + value.begin + i, word, wanted) == 0)
            return true;
    return false;
}

/* ---- a layer ---- */

/* DeBERTa (He et al. 2020): the first version has one projection for all three, and biases of queries and values; both
 * have others for relative positions. */
static void add_deberta_attention(const struct configuration *c, struct outline *outline, int layer, uint64_t hidden)
{
    bool first = is_type(c, "deberta"), relative = configuration_flag(c, "relative_attention"),
         shared = configuration_flag(c, "share_att_key");
    bool keys = relative && !shared && mentions(c, "pos_att_type", "c2p"),
         queries = relative && !shared && mentions(c, "pos_att_type", "p2c");
    if (first) {
        outline_add_linear(outline, TENSOR_QKV, layer, 3 * hidden, hidden, false);
        outline_add_vector(outline, true, layer, 2 * hidden);
    } else {
        outline_add_linear(outline, TENSOR_Q, layer, hidden, hidden, true);
        outline_add_linear(outline, TENSOR_K, layer, hidden, hidden, true);
        outline_add_linear(outline, TENSOR_V, layer, hidden, hidden, true);
    }
    outline_add_linear(outline, TENSOR_MATRIX, layer, keys ? hidden : 0, hidden, keys && !first);
    outline_add_linear(outline, TENSOR_MATRIX, layer, queries ? hidden : 0, hidden, queries);
    if (first && configuration_flag(c, "talking_head")) {
        uint64_t heads = configuration_size(c, "num_attention_heads", 12);
        outline_add(outline, TENSOR_FIXED, layer, 2 * heads, heads);
    }
}

/* Attention and feed-forward with biases and two norms. */
static void add_layer(const struct configuration *c, struct outline *outline, int layer, const struct settings *s)
{
    uint64_t hidden = s->hidden;
    if (is_any(c, "deberta|deberta-v2")) {
        add_deberta_attention(c, outline, layer, hidden);
    } else {
        outline_add_linear(outline, TENSOR_Q, layer, hidden, hidden, true);
        outline_add_linear(outline, TENSOR_K, layer, hidden, hidden, true);
        outline_add_linear(outline, TENSOR_V, layer, hidden, hidden, true);
        for (int i = 0; i < 3 && is_type(c, "longformer"); i++) /* and those that attend to everything */
            outline_add_linear(outline, TENSOR_MATRIX, layer, hidden, hidden, true);
    }
    outline_add_linear(outline, TENSOR_ATTENTION_OUTPUT, layer, hidden, hidden, true);
    add_norm(outline, layer, hidden);
    outline_add_linear(outline, TENSOR_FFN_UP, layer, s->feed_forward, hidden, true);
    outline_add_linear(outline, TENSOR_FFN_DOWN, layer, hidden, s->feed_forward, true);
    add_norm(outline, layer, hidden);
}

/* ---- heads ---- */

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
    bool pools = !is_any(c, "distilbert|electra|deberta|deberta-v2");
    bool plain = is_any(c, "bert|albert|ernie|layoutlm|megatron-bert"); /* classifies what was pooled at once */
    bool bert = is_any(c, "bert|ernie|megatron-bert|big_bird"), albert = is_type(c, "albert"),
         distilbert = is_type(c, "distilbert"), electra = is_type(c, "electra");
    bool classifies = configuration_class_is(c, "ForSequenceClassification"),
         chooses = configuration_class_is(c, "ForMultipleChoice"), masks = configuration_class_is(c, "ForMaskedLM"),
         pretrains = configuration_class_is(c, "ForPreTraining"),
         marks = configuration_class_is(c, "ForTokenClassification"),
         answers = configuration_class_is(c, "ForQuestionAnswering");
    uint64_t hidden = s->hidden;
    if (masks || (pretrains && (bert || albert)))
        add_masked_head(c, s, outline, width);
    if (electra && pretrains) { /* a dense layer and one number for each word */
        outline_add_linear(outline, TENSOR_MATRIX, -1, hidden, hidden, true);
        outline_add_linear(outline, TENSOR_FIXED, -1, 1, hidden, true);
    }
    /* A dense layer: BERT's pooler, or the first of a classifier's two. */
    bool heads = masks || marks || answers || pretrains || (classifies && !plain);
    bool keeps =
        is_any(c, "big_bird|layoutlm") && !answers && !pretrains; /* a pooler, whether its head reads it or not */
    if (keeps && (masks || marks || (classifies && !plain)))
        outline_add_linear(outline, TENSOR_MATRIX, -1, hidden, hidden, true);
    if ((pools && !heads) || ((bert || albert) && pretrains) || classifies || (chooses && !pools))
        outline_add_linear(outline, TENSOR_MATRIX, -1, hidden, hidden, true);
    if ((distilbert || electra) && !classifies && !chooses && !heads)
        return;
    if (classifies || marks || (albert && pretrains))
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, hidden, true);
    if (chooses)
        outline_add_linear(outline, TENSOR_FIXED, -1, 1, hidden, true);
    if (answers && is_type(c, "big_bird")) { /* a feed-forward of its own before the two numbers */
        outline_add_linear(outline, TENSOR_MATRIX, -1, s->feed_forward, hidden, true);
        outline_add_linear(outline, TENSOR_MATRIX, -1, hidden, s->feed_forward, true);
        add_norm(outline, -1, hidden);
    }
    if (answers || (bert && pretrains))
        outline_add_linear(outline, TENSOR_FIXED, -1, 2, hidden, true);
}

/* ---- the whole ---- */

static void add_embeddings(const struct configuration *c, const struct settings *s, struct outline *outline,
                           uint64_t width)
{
    struct json_view positions = configuration_find(c, "position_biased_input");
    bool placed = !positions.mapping || configuration_flag(c, "position_biased_input");
    bool normed = !is_any(c, "megatron-bert|xlm-roberta-xl");
    outline_add(outline, TENSOR_EMBEDDING, -1, s->vocabulary, width);
    outline_add(outline, TENSOR_FIXED, -1, placed ? s->max_context : 0, width);
    outline_add(outline, TENSOR_FIXED, -1, configuration_size(c, "type_vocab_size", 0), width);
    if (is_type(c, "ernie") && configuration_flag(c, "use_task_id"))
        outline_add(outline, TENSOR_FIXED, -1, configuration_size(c, "task_type_vocab_size", 3), width);
    if (is_type(c, "layoutlm")) /* across, down, height and width on the page */
        outline_add(outline, TENSOR_FIXED, -1, 4 * configuration_size(c, "max_2d_position_embeddings", 1024), width);
    if (normed)
        add_norm(outline, -1, width);
    if (width != s->hidden || is_type(c, "albert"))
        outline_add_linear(outline, TENSOR_MATRIX, -1, s->hidden, width, !is_any(c, "deberta|deberta-v2"));
}

/* A table of relative positions, its norm, and a convolution beside the first layer. */
static void add_deberta_tables(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    uint64_t hidden = s->hidden, buckets = configuration_size(c, "position_buckets", 0),
             most = configuration_size(c, "max_relative_positions", 0),
             kernel = configuration_size(c, "conv_kernel_size", 0), groups = configuration_size(c, "conv_groups", 1);
    bool second = is_type(c, "deberta-v2");
    most = most ? most : s->max_context;
    if (configuration_flag(c, "relative_attention"))
        outline_add(outline, TENSOR_FIXED, -1, 2 * (second && buckets ? buckets : most), hidden);
    if (second && mentions(c, "norm_rel_ebd", "layer_norm"))
        add_norm(outline, -1, hidden);
    if (second && kernel && groups && kernel < 1 << 16) {
        outline_add_linear(outline, TENSOR_FIXED, -1, hidden, hidden / groups * kernel, true);
        add_norm(outline, -1, hidden);
    }
}

void outline_encoder(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    uint64_t width = configuration_size(c, "embedding_size", s->hidden), layers = s->layers;
    add_embeddings(c, s, outline, width);
    if (is_type(c, "mpnet"))
        outline_add(outline, TENSOR_FIXED, -1, configuration_size(c, "relative_attention_num_buckets", 32), s->heads);
    if (is_type(c, "albert")) { /* layers share the weights of their group */
        uint64_t groups = configuration_size(c, "num_hidden_groups", 1),
                 each = configuration_size(c, "inner_group_num", 1);
        layers = groups * each;
        if (layers > OUTLINE_MOST_LAYERS) {
            *c->excessive = true;
            return;
        }
    }
    for (uint64_t i = 0; i < layers && !outline->failed; i++)
        add_layer(c, outline, (int)i, s);
    if (is_any(c, "deberta|deberta-v2"))
        add_deberta_tables(c, s, outline);
    if (is_any(c, "megatron-bert|xlm-roberta-xl|roberta-prelayernorm"))
        add_norm(outline, -1, s->hidden);
    add_encoder_head(c, s, outline, width);
}

/* ModernBERT (Warner et al. 2024): rotary positions, gated feed-forwards, norms before what they feed; the first layer
 * has none before its attention. */
void outline_modernbert(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    uint64_t hidden = s->hidden;
    bool norm_bias = configuration_flag(c, "norm_bias"), bias = configuration_flag(c, "attention_bias"),
         mlp_bias = configuration_flag(c, "mlp_bias");
    bool masks = configuration_class_is(c, "ForMaskedLM"), answers = configuration_class_is(c, "ForQuestionAnswering");
    bool classifies =
        configuration_class_is(c, "ForSequenceClassification") || configuration_class_is(c, "ForTokenClassification");
    bool chooses = configuration_class_is(c, "ForMultipleChoice");
    outline_add(outline, TENSOR_EMBEDDING, -1, s->vocabulary, hidden);
    outline_add_vector(outline, true, -1, hidden);
    outline_add_vector(outline, norm_bias, -1, hidden);
    for (uint64_t i = 0; i < s->layers && !outline->failed; i++) {
        int layer = (int)i;
        for (int j = layer == 0; j < 2; j++) {
            outline_add_vector(outline, true, layer, hidden);
            outline_add_vector(outline, norm_bias, layer, hidden);
        }
        outline_add_linear(outline, TENSOR_QKV, layer, 3 * hidden, hidden, bias);
        outline_add_linear(outline, TENSOR_ATTENTION_OUTPUT, layer, hidden, hidden, bias);
        outline_add_linear(outline, TENSOR_FFN_UP, layer, 2 * s->feed_forward, hidden, mlp_bias);
        outline_add_linear(outline, TENSOR_FFN_DOWN, layer, hidden, s->feed_forward, mlp_bias);
    }
    outline_add_vector(outline, true, -1, hidden);
    outline_add_vector(outline, norm_bias, -1, hidden);
    if (masks || answers || classifies || chooses) {
        outline_add_linear(outline, TENSOR_MATRIX, -1, hidden, hidden, configuration_flag(c, "classifier_bias"));
        outline_add_vector(outline, true, -1, hidden);
        outline_add_vector(outline, norm_bias, -1, hidden);
    }
    if (masks) {
        outline_add_vector(outline, configuration_flag(c, "decoder_bias"), -1, s->vocabulary);
        outline_add(outline, TENSOR_HEAD, -1, configuration_flag(c, "tie_word_embeddings") ? 0 : s->vocabulary, hidden);
    } else if (answers || classifies || chooses) {
        outline_add_linear(outline, TENSOR_FIXED, -1, answers ? 2 : chooses ? 1 : c->labels, hidden, true);
    }
}
