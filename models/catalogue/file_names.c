#include "models/catalogue/file_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES = 3 };

/* '#' is the layer's number, '@' the expert's: then the pieces are all experts. A rule is of architectures, or of all;
 * the first that the file has a tensor for counts, so that those of few stand first. */
static const struct rule {
    const char *architectures; /* "gemma2|gemma3", or NULL */
    const char *ours;
    const char *theirs[PIECES + 1]; /* NULL-ended */
    enum file_layout layout;
    enum file_share share;
} rules[] = {
#define SELF "model.layers.#.self_attn."
    /* Blocks with norms before and after their halves, or after alone */
    {"gemma2|gemma3_text", "layers.#.post_norm.", {"model.layers.#.pre_feedforward_layernorm."}, 0, 0},
    {"gemma2|gemma3_text|olmo2|olmo3", "layers.#.attn.after_norm.", {"model.layers.#.post_attention_layernorm."}, 0, 0},
    {NULL, "layers.#.mlp.after_norm.", {"model.layers.#.post_feedforward_layernorm."}, 0, 0},
    /* Llama's kind */
    {NULL, "embedding.weight", {"model.embed_tokens.weight"}, 0, 0},
    {NULL, "layers.#.input_norm.", {"model.layers.#.input_layernorm."}, 0, 0},
    {NULL, "layers.#.attn.q.", {SELF "q_proj."}, 0, 0},
    {NULL, "layers.#.attn.k.", {SELF "k_proj."}, 0, 0},
    {NULL, "layers.#.attn.v.", {SELF "v_proj."}, 0, 0},
    {NULL, "layers.#.attn.qkv.", {SELF "q_proj.", SELF "k_proj.", SELF "v_proj."}, 0, 0},
    {NULL, "layers.#.attn.q_norm.", {SELF "q_norm."}, 0, 0},
    {NULL, "layers.#.attn.k_norm.", {SELF "k_norm."}, 0, 0},
    {NULL, "layers.#.attn.output.", {SELF "o_proj."}, 0, 0},
    {NULL, "layers.#.post_norm.", {"model.layers.#.post_attention_layernorm."}, 0, 0},
    {NULL, "layers.#.mlp.gate.", {"model.layers.#.mlp.gate_proj."}, 0, 0},
    {NULL, "layers.#.mlp.up.", {"model.layers.#.mlp.up_proj."}, 0, 0},
    {NULL, "layers.#.mlp.down.", {"model.layers.#.mlp.down_proj."}, 0, 0},
    {NULL, "norm.weight", {"model.norm.weight"}, 0, 0},
    {NULL, "head.weight", {"lm_head.weight"}, 0, 0},
    /* Phi-3's fused matrices */
    {NULL, "layers.#.attn.qkv.", {SELF "qkv_proj."}, 0, 0},
    {NULL, "layers.#.attn.q.", {SELF "qkv_proj."}, 0, SHARE_QUERY},
    {NULL, "layers.#.attn.k.", {SELF "qkv_proj."}, 0, SHARE_KEY},
    {NULL, "layers.#.attn.v.", {SELF "qkv_proj."}, 0, SHARE_VALUE},
    {NULL, "layers.#.mlp.gate.", {"model.layers.#.mlp.gate_up_proj."}, 0, SHARE_FIRST_HALF},
    {NULL, "layers.#.mlp.up.", {"model.layers.#.mlp.gate_up_proj."}, 0, SHARE_SECOND_HALF},
    /* Experts: Mixtral's, then those of Qwen and OLMoE */
    {NULL, "layers.#.mlp.router.", {"model.layers.#.block_sparse_moe.gate."}, 0, 0},
    {NULL, "layers.#.mlp.experts.gate.", {"model.layers.#.block_sparse_moe.experts.@.w1."}, 0, 0},
    {NULL, "layers.#.mlp.experts.up.", {"model.layers.#.block_sparse_moe.experts.@.w3."}, 0, 0},
    {NULL, "layers.#.mlp.experts.down.", {"model.layers.#.block_sparse_moe.experts.@.w2."}, 0, 0},
    {NULL, "layers.#.mlp.router.", {"model.layers.#.mlp.gate."}, 0, 0},
    {NULL, "layers.#.mlp.experts.gate.", {"model.layers.#.mlp.experts.@.gate_proj."}, 0, 0},
    {NULL, "layers.#.mlp.experts.up.", {"model.layers.#.mlp.experts.@.up_proj."}, 0, 0},
    {NULL, "layers.#.mlp.experts.down.", {"model.layers.#.mlp.experts.@.down_proj."}, 0, 0},
    {NULL, "layers.#.mlp.shared.gate.", {"model.layers.#.mlp.shared_expert.gate_proj."}, 0, 0},
    {NULL, "layers.#.mlp.shared.up.", {"model.layers.#.mlp.shared_expert.up_proj."}, 0, 0},
    {NULL, "layers.#.mlp.shared.down.", {"model.layers.#.mlp.shared_expert.down_proj."}, 0, 0},
    {NULL, "layers.#.mlp.shared_gate.", {"model.layers.#.mlp.shared_expert_gate."}, 0, 0},
    /* GPT-2's */
    {NULL, "wte.weight", {"wte.weight"}, 0, 0},
    {NULL, "wpe.weight", {"wpe.weight"}, 0, 0},
    {NULL, "h.#.ln_1.", {"h.#.ln_1."}, 0, 0},
    {NULL, "h.#.attn.c_attn.", {"h.#.attn.c_attn."}, LAYOUT_TRANSPOSED, 0},
    {NULL, "h.#.attn.q.", {"h.#.attn.c_attn."}, LAYOUT_TRANSPOSED, SHARE_QUERY},
    {NULL, "h.#.attn.k.", {"h.#.attn.c_attn."}, LAYOUT_TRANSPOSED, SHARE_KEY},
    {NULL, "h.#.attn.v.", {"h.#.attn.c_attn."}, LAYOUT_TRANSPOSED, SHARE_VALUE},
    {NULL, "h.#.attn.c_proj.", {"h.#.attn.c_proj."}, LAYOUT_TRANSPOSED, 0},
    {NULL, "h.#.ln_2.", {"h.#.ln_2."}, 0, 0},
    {NULL, "h.#.mlp.c_fc.", {"h.#.mlp.c_fc."}, LAYOUT_TRANSPOSED, 0},
    {NULL, "h.#.mlp.c_proj.", {"h.#.mlp.c_proj."}, LAYOUT_TRANSPOSED, 0},
    {NULL, "ln_f.", {"ln_f."}, 0, 0},
/* OPT's, of the same family */
#define OPT "model.decoder."
    {NULL, "wte.weight", {OPT "embed_tokens.weight"}, 0, 0},
    {NULL, "wpe.weight", {OPT "embed_positions.weight"}, 0, 0},
    {NULL, "h.#.ln_1.", {OPT "layers.#.self_attn_layer_norm."}, 0, 0},
    {NULL,
     "h.#.attn.c_attn.",
     {OPT "layers.#.self_attn.q_proj.", OPT "layers.#.self_attn.k_proj.", OPT "layers.#.self_attn.v_proj."},
     0,
     0},
    {NULL, "h.#.attn.q.", {OPT "layers.#.self_attn.q_proj."}, 0, 0},
    {NULL, "h.#.attn.k.", {OPT "layers.#.self_attn.k_proj."}, 0, 0},
    {NULL, "h.#.attn.v.", {OPT "layers.#.self_attn.v_proj."}, 0, 0},
    {NULL, "h.#.attn.c_proj.", {OPT "layers.#.self_attn.out_proj."}, 0, 0},
    {NULL, "h.#.ln_2.", {OPT "layers.#.final_layer_norm."}, 0, 0},
    {NULL, "h.#.mlp.c_fc.", {OPT "layers.#.fc1."}, 0, 0},
    {NULL, "h.#.mlp.c_proj.", {OPT "layers.#.fc2."}, 0, 0},
    {NULL, "ln_f.", {OPT "final_layer_norm."}, 0, 0},
    /* GPT-NeoX's */
    {NULL, "embedding.weight", {"gpt_neox.embed_in.weight"}, 0, 0},
    {NULL, "layers.#.input_norm.", {"gpt_neox.layers.#.input_layernorm."}, 0, 0},
    {NULL, "layers.#.attn.qkv.", {"gpt_neox.layers.#.attention.query_key_value."}, LAYOUT_BY_HEAD, 0},
    {NULL, "layers.#.attn.q.", {"gpt_neox.layers.#.attention.query_key_value."}, LAYOUT_BY_HEAD, SHARE_QUERY},
    {NULL, "layers.#.attn.k.", {"gpt_neox.layers.#.attention.query_key_value."}, LAYOUT_BY_HEAD, SHARE_KEY},
    {NULL, "layers.#.attn.v.", {"gpt_neox.layers.#.attention.query_key_value."}, LAYOUT_BY_HEAD, SHARE_VALUE},
    {NULL, "layers.#.attn.output.", {"gpt_neox.layers.#.attention.dense."}, 0, 0},
    {NULL, "layers.#.post_norm.", {"gpt_neox.layers.#.post_attention_layernorm."}, 0, 0},
    {NULL, "layers.#.mlp.up.", {"gpt_neox.layers.#.mlp.dense_h_to_4h."}, 0, 0},
    {NULL, "layers.#.mlp.down.", {"gpt_neox.layers.#.mlp.dense_4h_to_h."}, 0, 0},
    {NULL, "norm.", {"gpt_neox.final_layer_norm."}, 0, 0},
    {NULL, "head.weight", {"embed_out.weight"}, 0, 0},
    /* Phi's, of the same family */
    {NULL, "layers.#.attn.output.", {SELF "dense."}, 0, 0},
    {NULL, "layers.#.mlp.up.", {"model.layers.#.mlp.fc1."}, 0, 0},
    {NULL, "layers.#.mlp.down.", {"model.layers.#.mlp.fc2."}, 0, 0},
    {NULL, "norm.", {"model.final_layernorm."}, 0, 0},
    {NULL, "head.bias", {"lm_head.bias"}, 0, 0},
    /* BERT's and RoBERTa's */
    {NULL, "embeddings.word.weight", {"embeddings.word_embeddings.weight"}, 0, 0},
    {NULL, "embeddings.position.weight", {"embeddings.position_embeddings.weight"}, 0, 0},
    {NULL, "embeddings.token_type.weight", {"embeddings.token_type_embeddings.weight"}, 0, 0},
    {NULL, "embeddings.norm.", {"embeddings.LayerNorm."}, 0, 0},
    {NULL,
     "layer.#.attention.qkv.",
     {"encoder.layer.#.attention.self.query.", "encoder.layer.#.attention.self.key.",
      "encoder.layer.#.attention.self.value."},
     0,
     0},
    {"bert|roberta|xlm-roberta|camembert",
     "layer.#.attention.output.",
     {"encoder.layer.#.attention.output.dense."},
     0,
     0},
    {NULL, "layer.#.norm1.", {"encoder.layer.#.attention.output.LayerNorm."}, 0, 0},
    {NULL, "layer.#.mlp.fc1.", {"encoder.layer.#.intermediate.dense."}, 0, 0},
    {NULL, "layer.#.mlp.fc2.", {"encoder.layer.#.output.dense."}, 0, 0},
    {NULL, "layer.#.norm2.", {"encoder.layer.#.output.LayerNorm."}, 0, 0},
    {NULL, "pooler.", {"pooler.dense."}, 0, 0},
/* DistilBERT's */
#define DISTIL "transformer.layer.#."
    {NULL,
     "layer.#.attention.qkv.",
     {DISTIL "attention.q_lin.", DISTIL "attention.k_lin.", DISTIL "attention.v_lin."},
     0,
     0},
    {NULL, "layer.#.attention.output.", {DISTIL "attention.out_lin."}, 0, 0},
    {NULL, "layer.#.norm1.", {DISTIL "sa_layer_norm."}, 0, 0},
    {NULL, "layer.#.mlp.fc1.", {DISTIL "ffn.lin1."}, 0, 0},
    {NULL, "layer.#.mlp.fc2.", {DISTIL "ffn.lin2."}, 0, 0},
    {NULL, "layer.#.norm2.", {DISTIL "output_layer_norm."}, 0, 0},
    /* ViT's */
    {NULL, "patches.weight", {"embeddings.patch_embeddings.projection.weight"}, LAYOUT_CHANNELS, 0},
    {NULL, "patches.bias", {"embeddings.patch_embeddings.projection.bias"}, 0, 0},
    {NULL, "class_token", {"embeddings.cls_token"}, 0, 0},
    {NULL, "positions.weight", {"embeddings.position_embeddings"}, 0, 0},
    {NULL,
     "layer.#.attention.qkv.",
     {"encoder.layer.#.attention.attention.query.", "encoder.layer.#.attention.attention.key.",
      "encoder.layer.#.attention.attention.value."},
     0,
     0},
    {NULL, "layer.#.attention.output.", {"encoder.layer.#.attention.output.dense."}, 0, 0},
    {NULL, "layer.#.norm1.", {"encoder.layer.#.layernorm_before."}, 0, 0},
    {NULL, "layer.#.norm2.", {"encoder.layer.#.layernorm_after."}, 0, 0},
    {NULL, "norm.", {"layernorm."}, 0, 0},
    {NULL, "head.", {"classifier."}, 0, 0},

    /* GGUF: encoders, whose norms stand after what they feed */
    {"bert", "layer.#.norm1.", {"blk.#.attn_output_norm."}, 0, 0},
    {"bert", "layer.#.norm2.", {"blk.#.layer_output_norm."}, 0, 0},
    {"bert", "layer.#.attention.qkv.", {"blk.#.attn_q.", "blk.#.attn_k.", "blk.#.attn_v."}, 0, 0},
    {"bert", "layer.#.attention.qkv.", {"blk.#.attn_qkv."}, 0, 0},
    {"bert", "layer.#.attention.output.", {"blk.#.attn_output."}, 0, 0},
    {"bert", "layer.#.mlp.fc1.", {"blk.#.ffn_up."}, 0, 0},
    {"bert", "layer.#.mlp.fc2.", {"blk.#.ffn_down."}, 0, 0},
    {"bert", "embeddings.word.weight", {"token_embd.weight"}, 0, 0},
    {"bert", "embeddings.position.weight", {"position_embd.weight"}, 0, 0},
    {"bert", "embeddings.token_type.weight", {"token_types.weight"}, 0, 0},
    {"bert", "embeddings.norm.", {"token_embd_norm."}, 0, 0},
    /* decoders: the families' names of the same things */
    {NULL, "wte.weight", {"token_embd.weight"}, 0, 0},
    {NULL, "wpe.weight", {"position_embd.weight"}, 0, 0},
    {NULL, "h.#.ln_1.", {"blk.#.attn_norm."}, 0, 0},
    {NULL, "h.#.attn.c_attn.", {"blk.#.attn_qkv."}, 0, 0},
    {NULL, "h.#.attn.q.", {"blk.#.attn_qkv."}, 0, SHARE_QUERY},
    {NULL, "h.#.attn.k.", {"blk.#.attn_qkv."}, 0, SHARE_KEY},
    {NULL, "h.#.attn.v.", {"blk.#.attn_qkv."}, 0, SHARE_VALUE},
    {NULL, "h.#.attn.c_proj.", {"blk.#.attn_output."}, 0, 0},
    {NULL, "h.#.ln_2.", {"blk.#.ffn_norm."}, 0, 0},
    {NULL, "h.#.mlp.c_fc.", {"blk.#.ffn_up."}, 0, 0},
    {NULL, "h.#.mlp.c_proj.", {"blk.#.ffn_down."}, 0, 0},
    {NULL, "ln_f.", {"output_norm."}, 0, 0},
    {NULL, "embedding.weight", {"token_embd.weight"}, 0, 0},
    {NULL, "layers.#.input_norm.", {"blk.#.attn_norm."}, 0, 0},
    {NULL, "layers.#.attn.q.", {"blk.#.attn_q."}, 0, 0},
    {NULL, "layers.#.attn.k.", {"blk.#.attn_k."}, 0, 0},
    {NULL, "layers.#.attn.v.", {"blk.#.attn_v."}, 0, 0},
    {NULL, "layers.#.attn.qkv.", {"blk.#.attn_q.", "blk.#.attn_k.", "blk.#.attn_v."}, 0, 0},
    {NULL, "layers.#.attn.qkv.", {"blk.#.attn_qkv."}, 0, 0},
    {NULL, "layers.#.attn.q.", {"blk.#.attn_qkv."}, 0, SHARE_QUERY},
    {NULL, "layers.#.attn.k.", {"blk.#.attn_qkv."}, 0, SHARE_KEY},
    {NULL, "layers.#.attn.v.", {"blk.#.attn_qkv."}, 0, SHARE_VALUE},
    {NULL, "layers.#.attn.q_norm.", {"blk.#.attn_q_norm."}, 0, 0},
    {NULL, "layers.#.attn.k_norm.", {"blk.#.attn_k_norm."}, 0, 0},
    {NULL, "layers.#.attn.output.", {"blk.#.attn_output."}, 0, 0},
    {NULL, "layers.#.attn.after_norm.", {"blk.#.post_attention_norm."}, 0, 0},
    {NULL, "layers.#.post_norm.", {"blk.#.ffn_norm."}, 0, 0},
    {NULL, "layers.#.mlp.gate.", {"blk.#.ffn_gate."}, 0, 0},
    {"phi3", "layers.#.mlp.gate.", {"blk.#.ffn_up."}, 0, SHARE_FIRST_HALF},
    {"phi3", "layers.#.mlp.up.", {"blk.#.ffn_up."}, 0, SHARE_SECOND_HALF},
    {NULL, "layers.#.mlp.up.", {"blk.#.ffn_up."}, 0, 0},
    {NULL, "layers.#.mlp.down.", {"blk.#.ffn_down."}, 0, 0},
    {NULL, "layers.#.mlp.after_norm.", {"blk.#.post_ffw_norm."}, 0, 0},
    {NULL, "layers.#.mlp.router.", {"blk.#.ffn_gate_inp."}, 0, 0},
    {NULL, "layers.#.mlp.experts.gate.", {"blk.#.ffn_gate_exps."}, 0, 0},
    {NULL, "layers.#.mlp.experts.up.", {"blk.#.ffn_up_exps."}, 0, 0},
    {NULL, "layers.#.mlp.experts.down.", {"blk.#.ffn_down_exps."}, 0, 0},
    {NULL, "layers.#.mlp.experts.gate.", {"blk.#.ffn_gate.@."}, 0, 0},
    {NULL, "layers.#.mlp.experts.up.", {"blk.#.ffn_up.@."}, 0, 0},
    {NULL, "layers.#.mlp.experts.down.", {"blk.#.ffn_down.@."}, 0, 0},
    {NULL, "layers.#.mlp.shared.gate.", {"blk.#.ffn_gate_shexp."}, 0, 0},
    {NULL, "layers.#.mlp.shared.up.", {"blk.#.ffn_up_shexp."}, 0, 0},
    {NULL, "layers.#.mlp.shared.down.", {"blk.#.ffn_down_shexp."}, 0, 0},
    {NULL, "layers.#.mlp.shared_gate.", {"blk.#.ffn_gate_inp_shexp."}, 0, 0},
    {NULL, "norm.", {"output_norm."}, 0, 0},
    {NULL, "head.", {"output."}, 0, 0},
};

/* The whole model's name before its parts', which some files have. */
static const char *const prefixes[] = {"", "model.", "bert.", "roberta.", "distilbert.", "transformer.", "vit."};

/* ---- the graph's names ---- */

/* Does `ours` begin so, with any number for '#'? Returns what follows, and the number. */
static const char *match(const char *pattern, const char *ours, int *layer)
{
    while (*pattern) {
        if (*pattern == '#') {
            char *end;
            *layer = (int)strtol(ours, &end, 10);
            if (end == ours)
                return NULL;
            ours = end;
            pattern++;
        } else if (*pattern++ != *ours++) {
            return NULL;
        }
    }
    return pattern[-1] == '.' || !*ours ? ours : NULL;
}

static bool is_of(const char *architectures, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = architectures; at; at = strchr(at, '|'), at += at != NULL)
        if (strncmp(at, name, length) == 0 && (!at[length] || at[length] == '|'))
            return true;
    return !architectures;
}

/* The pattern with its numbers put in, and what follows it. */
static void spell(const char *prefix, const char *pattern, int layer, uint64_t expert, const char *rest, char *out,
                  size_t capacity)
{
    size_t used = (size_t)snprintf(out, capacity, "%s", prefix);
    for (const char *c = pattern; *c && used < capacity; c++)
        if (*c == '#')
            used += (size_t)snprintf(out + used, capacity - used, "%d", layer);
        else if (*c == '@')
            used += (size_t)snprintf(out + used, capacity - used, "%llu", (unsigned long long)expert);
        else
            used += (size_t)snprintf(out + used, capacity - used, "%c", *c);
    if (used < capacity)
        snprintf(out + used, capacity - used, "%s", rest);
}

const struct file_tensor *file_names_piece(const struct model_file *file, const struct file_place *place,
                                           uint64_t index)
{
    bool experts = strchr(place->patterns[0], '@');
    const struct file_tensor *found = NULL;
    for (size_t i = 0; !found && i < sizeof prefixes / sizeof *prefixes; i++) {
        char name[FILE_MOST_NAME];
        spell(prefixes[i], place->patterns[experts ? 0 : index], place->layer, index, place->rest, name, sizeof name);
        found = model_file_find(file, name);
    }
    return found;
}

struct file_place file_names_place(const struct model_file *file, const char *ours)
{
    const struct settings *s = &file->settings;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *rule = &rules[i];
        struct file_place place = {.patterns = rule->theirs, .layout = rule->layout, .share = rule->share};
        place.rest = is_of(rule->architectures, s->architecture) ? match(rule->ours, ours, &place.layer) : NULL;
        if (!place.rest || !file_names_piece(file, &place, 0))
            continue;
        while (place.count < PIECES && rule->theirs[place.count])
            place.count++;
        if (strchr(rule->theirs[0], '@'))
            place.count = s->experts;
        return place;
    }
    return (struct file_place){0};
}

/* What runs in the place of a type: the same, or one of as many bits or a few more. */
static enum dtype nearest_dtype(const struct storage *storage, int64_t columns)
{
    enum dtype dtype;
    double bits = 8.0 * storage->bytes / storage->block;
    if (storage->dtype && dtype_parse(storage->dtype, &dtype) && dtype != DTYPE_I32)
        return dtype == DTYPE_BF16 ? DTYPE_F16 : dtype;
    bool super = columns % 256 == 0;
    if (bits < 5.2)
        return super ? DTYPE_Q4_K : DTYPE_Q4_0;
    return bits < 7.6 && super ? DTYPE_Q6_K : bits < 12 ? DTYPE_Q8_0 : DTYPE_F16;
}

bool file_type_of(const void *file, const char *ours, int64_t columns, enum dtype *dtype)
{
    const struct storage *most = NULL;
    struct file_place place = file_names_place(file, ours);
    for (uint64_t p = 0; p < place.count; p++) {
        const struct file_tensor *piece = file_names_piece(file, &place, p);
        const struct storage *storage = piece ? piece->storage : NULL;
        if (!storage)
            return false;
        if (!most || (uint64_t)storage->bytes * most->block > (uint64_t)most->bytes * storage->block)
            most = storage;
    }
    if (!most)
        return false;
    enum dtype found = nearest_dtype(most, columns);
    if (columns % dtype_info(found)->block)
        return false;
    *dtype = found;
    return true;
}
