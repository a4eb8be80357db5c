#include "models/catalogue/file_weights.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/values.h"

enum { PIECES = 3 };

/* A matrix of the graph is one of the file's, or several below each other; '#' is the layer's number. */
static const struct rule {
    const char *ours;
    const char *theirs[PIECES];
} rules[] = {
    /* Llama's kind: Hugging Face, then GGUF */
    {"embedding.weight", {"model.embed_tokens.weight"}},
    {"layers.#.input_norm.weight", {"model.layers.#.input_layernorm.weight"}},
    {"layers.#.attn.q.", {"model.layers.#.self_attn.q_proj."}},
    {"layers.#.attn.k.", {"model.layers.#.self_attn.k_proj."}},
    {"layers.#.attn.v.", {"model.layers.#.self_attn.v_proj."}},
    {"layers.#.attn.qkv.",
     {"model.layers.#.self_attn.q_proj.", "model.layers.#.self_attn.k_proj.", "model.layers.#.self_attn.v_proj."}},
    {"layers.#.attn.q_norm.", {"model.layers.#.self_attn.q_norm."}},
    {"layers.#.attn.k_norm.", {"model.layers.#.self_attn.k_norm."}},
    {"layers.#.attn.output.", {"model.layers.#.self_attn.o_proj."}},
    {"layers.#.post_norm.weight", {"model.layers.#.post_attention_layernorm.weight"}},
    {"layers.#.mlp.gate.", {"model.layers.#.mlp.gate_proj."}},
    {"layers.#.mlp.up.", {"model.layers.#.mlp.up_proj."}},
    {"layers.#.mlp.down.", {"model.layers.#.mlp.down_proj."}},
    {"norm.weight", {"model.norm.weight"}},
    {"head.weight", {"lm_head.weight"}},
    {"embedding.weight", {"token_embd.weight"}},
    {"layers.#.input_norm.weight", {"blk.#.attn_norm.weight"}},
    {"layers.#.attn.q.", {"blk.#.attn_q."}},
    {"layers.#.attn.k.", {"blk.#.attn_k."}},
    {"layers.#.attn.v.", {"blk.#.attn_v."}},
    {"layers.#.attn.qkv.", {"blk.#.attn_q.", "blk.#.attn_k.", "blk.#.attn_v."}},
    {"layers.#.attn.q_norm.", {"blk.#.attn_q_norm."}},
    {"layers.#.attn.k_norm.", {"blk.#.attn_k_norm."}},
    {"layers.#.attn.output.", {"blk.#.attn_output."}},
    {"layers.#.post_norm.weight", {"blk.#.ffn_norm.weight"}},
    {"layers.#.mlp.gate.", {"blk.#.ffn_gate."}},
    {"layers.#.mlp.up.", {"blk.#.ffn_up."}},
    {"layers.#.mlp.down.", {"blk.#.ffn_down."}},
    {"norm.weight", {"output_norm.weight"}},
    {"head.weight", {"output.weight"}},
    /* BERT's */
    {"embeddings.word.weight", {"embeddings.word_embeddings.weight"}},
    {"embeddings.position.weight", {"embeddings.position_embeddings.weight"}},
    {"embeddings.token_type.weight", {"embeddings.token_type_embeddings.weight"}},
    {"embeddings.norm.", {"embeddings.LayerNorm."}},
    {"layer.#.attention.qkv.",
     {"encoder.layer.#.attention.self.query.", "encoder.layer.#.attention.self.key.",
      "encoder.layer.#.attention.self.value."}},
    {"layer.#.attention.output.", {"encoder.layer.#.attention.output.dense."}},
    {"layer.#.norm1.", {"encoder.layer.#.attention.output.LayerNorm."}},
    {"layer.#.mlp.fc1.", {"encoder.layer.#.intermediate.dense."}},
    {"layer.#.mlp.fc2.", {"encoder.layer.#.output.dense."}},
    {"layer.#.norm2.", {"encoder.layer.#.output.LayerNorm."}},
    {"pooler.", {"pooler.dense."}},
};

/* The whole model's name before its parts', which some files have. */
static const char *const prefixes[] = {"", "bert.", "model."};

/* ---- names ---- */

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

static const struct file_tensor *find_tensor(const struct model_file *file, const char *name)
{
    for (size_t i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

/* The file's tensor that is called as `pattern` says, for that layer and ending. */
static const struct file_tensor *find_piece(const struct model_file *file, const char *pattern, int layer,
                                            const char *rest)
{
    const char *number = strchr(pattern, '#');
    const struct file_tensor *found = NULL;
    for (size_t i = 0; !found && i < sizeof prefixes / sizeof *prefixes; i++) {
        char name[FILE_MOST_NAME];
        if (number)
            snprintf(name, sizeof name, "%s%.*s%d%s%s", prefixes[i], (int)(number - pattern), pattern, layer,
                     number + 1, rest);
        else
            snprintf(name, sizeof name, "%s%s%s", prefixes[i], pattern, rest);
        found = find_tensor(file, name);
    }
    return found;
}

struct pieces {
    const struct file_tensor *tensors[PIECES];
    int count;
};

static struct pieces find_pieces(const struct model_file *file, const char *ours)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct pieces pieces = {0};
        int layer = 0;
        const char *rest = match(rules[i].ours, ours, &layer);
        if (!rest)
            continue;
        for (int p = 0; p < PIECES && rules[i].theirs[p]; p++) {
            pieces.tensors[p] = find_piece(file, rules[i].theirs[p], layer, rest);
            pieces.count = pieces.tensors[p] ? p + 1 : 0;
            if (!pieces.count)
                break;
        }
        if (pieces.count)
            return pieces;
    }
    return (struct pieces){0};
}

/* ---- copying ---- */

/* GGUF files of Llama have the rows of queries and keys so that rotary positions turn neighbours; here, and in Hugging
 * Face's, they turn the halves of a head. */
static uint64_t row_in_file(const struct model_file *file, const struct file_tensor *tensor, uint64_t row)
{
    const char *name = tensor->name;
    uint64_t width = file->settings.head_dim, half = width / 2;
    bool turned = strstr(name, ".attn_q.") || strstr(name, ".attn_k.");
    if (file->format != FILE_GGUF || !turned || strcmp(file->settings.architecture, "llama") != 0 || !half || width % 2)
        return row;
    uint64_t head = row / width, at = row % width;
    return head * width + 2 * (at % half) + at / half;
}

/* A vector is one row, but turned as the rows of its matrix are. */
static void copy_piece(const struct model_file *file, const struct file_tensor *from, enum dtype dtype,
                       const struct tensor *to, char *data, uint64_t first_row, float *row)
{
    const uint8_t *bytes = file->parts[from->part].bytes + from->offset;
    bool vector = from->rank < 2;
    size_t columns = vector ? 1 : (size_t)from->columns, rows = vector ? (size_t)from->columns : (size_t)from->rows;
    size_t row_bytes = dtype_bytes(to->dtype, columns), from_bytes = dtype_bytes(dtype, columns);
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *source = bytes + row_in_file(file, from, r) * from_bytes;
        char *target = data + (first_row + r) * row_bytes;
        if (dtype == to->dtype) {
            memcpy(target, source, row_bytes);
        } else {
            values_read(dtype, source, 0, columns, row);
            values_write(to->dtype, row, 0, columns, target);
        }
    }
}

static bool load_tensor(const struct model_file *file, const struct tensor *to, char *data, struct error *error)
{
    const char *file_name = file->parts[0].name;
    struct pieces pieces = find_pieces(file, to->name);
    uint64_t columns = (uint64_t)to->dims[to->rank - 1], elements = 1, held = 0, rows = 0;
    for (int d = 0; d < to->rank; d++)
        elements *= (uint64_t)to->dims[d];
    if (!pieces.count)
        return error_set(error, ERROR_INPUT, "%.90s: has no tensor that is the model's %s", file_name, to->name);
    for (int p = 0; p < pieces.count; p++) {
        held += pieces.tensors[p]->rows * pieces.tensors[p]->columns;
        if (pieces.tensors[p]->columns != columns && pieces.tensors[p]->rank > 1)
            held = 0;
    }
    if (held != elements)
        return error_set(error, ERROR_INPUT, "%.90s: tensor '%.90s' has not the shape of the model's %s", file_name,
                         pieces.tensors[0]->name, to->name);
    float *row = malloc((size_t)columns * sizeof *row);
    if (!row)
        return error_set(error, ERROR_SYSTEM, "out of memory for a row of weights");
    bool right = true;
    for (int p = 0; right && p < pieces.count; p++) {
        const struct file_tensor *from = pieces.tensors[p];
        enum dtype dtype;
        right = from->storage->dtype && dtype_parse(from->storage->dtype, &dtype) &&
                (from->rank > 1 || (from->storage->block == 1 && !dtype_quantised(to->dtype)));
        if (!right)
            error_set(error, ERROR_INPUT,
                      "%.90s: tensor '%.90s' has type %s; F32, F16, BF16, Q8_0, Q4_0, Q4_K and Q6_K are run", file_name,
                      from->name, from->storage->name);
        else
            copy_piece(file, from, dtype, to, data, rows, row);
        rows += from->rank < 2 ? from->columns : from->rows;
    }
    free(row);
    return right;
}

/* Architectures whose every difference the family's graph is known to have, as their configuration says it. */
static bool is_runnable(const struct model_file *file, struct error *error)
{
    static const char *const known[] = {"llama", "mistral", "qwen2", "qwen3", "bert"};
    const char *name = file->settings.architecture;
    bool right = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        right |= strcmp(known[i], name) == 0;
    if (!right)
        return error_set(error, ERROR_INPUT,
                         "%.90s: weights of llama, mistral, qwen2, qwen3 and bert are run, not of %s",
                         file->parts[0].name, name[0] ? name : "a model without a config.json beside it");
    if (file->settings.stretched || find_tensor(file, "rope_freqs.weight"))
        return error_set(error, ERROR_INPUT, "%.90s: its rotary positions are stretched, and these weights aren't run",
                         file->parts[0].name);
    return true;
}

bool file_weights_load(const struct model_file *file, const struct graph *graph, struct engine *engine,
                       struct error *error)
{
    bool right = is_runnable(file, error);
    for (int t = 0; right && t < graph->tensor_count; t++) {
        const struct tensor *tensor = &graph->tensors[t];
        bool copy = tensor->fill.like != NO_TENSOR && tensor->fill.kind != FILL_NONE;
        if (tensor->role == ROLE_WEIGHT && tensor->persistent && !copy)
            right = load_tensor(file, tensor, engine_tensor(engine, t), error);
    }
    return right;
}
