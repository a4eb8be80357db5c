#include "models/catalogue/file_weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/catalogue/file_family.h"
#include "models/catalogue/file_names.h"
#include "models/engine/values.h"
#include "models/kernels/gemm.h" /* activations */

/* ---- pieces ---- */

/* A tensor of the file that is some rows of a graph's weight. A vector is as many rows of one element. */
struct piece {
    const struct file_tensor *tensor;
    enum dtype dtype;
    enum file_layout layout;
    uint64_t first, rows, columns; /* of the file's rows, once they are outputs */
    bool turned, less_one;
};

/* GGUF files of these have the rows of queries and keys so that rotary positions turn neighbours; here, and in Hugging
 * Face's, they turn the halves of a head. */
static bool is_turned(const struct model_file *file, const char *name)
{
    static const char *const architectures[] = {"llama", "olmo", "smollm3"};
    bool known = false;
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        known |= strcmp(file->settings.architecture, architectures[i]) == 0;
    return known && file->format == FILE_GGUF && (strstr(name, ".attn_q.") || strstr(name, ".attn_k."));
}

/* Gemma's gammas are stored less 1; its GGUF files have them as they are used. */
static bool is_raised(const struct model_file *file, const char *name)
{
    return file->format == FILE_GGUF && strncmp(file->settings.architecture, "gemma", 5) == 0 &&
           strstr(name, "norm.weight");
}

/* The rows that a share is of `rows`; false where they don't divide so. */
static bool take_share(const struct settings *s, enum file_share share, uint64_t rows, struct piece *piece)
{
    uint64_t queries = s->heads * s->head_dim, keys = s->kv_heads * s->head_dim;
    piece->first = share == SHARE_KEY           ? queries
                   : share == SHARE_VALUE       ? queries + keys
                   : share == SHARE_SECOND_HALF ? rows / 2
                                                : 0;
    piece->rows = share == SHARE_ALL ? rows : share == SHARE_QUERY ? queries : share <= SHARE_VALUE ? keys : rows / 2;
    return share == SHARE_ALL || (share <= SHARE_VALUE ? rows == queries + 2 * keys : rows % 2 == 0);
}

static bool is_decoded(const struct file_tensor *from, const struct tensor *to, enum dtype *dtype)
{
    return from->storage->dtype && dtype_parse(from->storage->dtype, dtype) &&
           (from->rank > 1 || (from->storage->block == 1 && !dtype_quantised(to->dtype)));
}

/* Piece `index` of the graph's weight `to`. */
static bool take_piece(const struct model_file *file, const struct file_place *place, uint64_t index,
                       const struct tensor *to, struct piece *piece, struct error *error)
{
    const struct file_tensor *from = file_names_piece(file, place, index);
    if (!from)
        return error_set(error, ERROR_INPUT, "%.90s: of the model's %s, part %llu of %llu is missing",
                         file->parts[0].name, to->name, (unsigned long long)index + 1,
                         (unsigned long long)place->count);
    bool vector = from->rank < 2, across = place->layout == LAYOUT_TRANSPOSED && !vector;
    uint64_t rows = vector || across ? from->columns : from->rows, columns = vector ? 1 : from->columns;
    *piece = (struct piece){.tensor = from, .layout = place->layout};
    if (across)
        columns = from->rows;
    if (place->layout == LAYOUT_CHANNELS && from->rank == 4) {
        rows = from->dims[0];
        columns = rows ? from->rows * from->columns / rows : 0;
    }
    piece->columns = columns;
    piece->turned = is_turned(file, from->name);
    piece->less_one = is_raised(file, from->name);
    uint64_t wanted = (uint64_t)tensor_elements(to) / (uint64_t)(to->rank ? to->dims[to->rank - 1] : 1);
    if (!take_share(&file->settings, place->share, rows, piece) ||
        (!vector && place->layout != LAYOUT_CHANNELS && columns != (uint64_t)to->dims[to->rank - 1]))
        return error_set(
            error, ERROR_INPUT, "%.90s: tensor '%.90s' is %llu by %llu, and the model's %s is %llu by %lld",
            file->parts[from->part].name, from->name, (unsigned long long)rows, (unsigned long long)columns, to->name,
            (unsigned long long)wanted, (long long)to->dims[to->rank - 1]);
    if (is_decoded(from, to, &piece->dtype) &&
        (place->layout == LAYOUT_ROWS || place->layout == LAYOUT_BY_HEAD || !dtype_quantised(piece->dtype)))
        return true;
    return error_set(error, ERROR_INPUT,
                     "%.90s: tensor '%.90s' has type %s; F32, F16, BF16, Q8_0, Q4_0, Q4_K and Q6_K are run",
                     file->parts[from->part].name, from->name, from->storage->name);
}

/* ---- copying ---- */

/* Where the file has row `row` of the piece. */
static uint64_t row_in_file(const struct settings *s, const struct piece *piece, uint64_t row)
{
    uint64_t width = s->head_dim;
    row += piece->first;
    if (!width)
        return row;
    uint64_t head = row / width, at = row % width;
    if (piece->turned && width % 2 == 0)
        return head * width + 2 * (at % (width / 2)) + at / (width / 2);
    if (piece->layout == LAYOUT_BY_HEAD)
        return (head % s->heads * 3 + head / s->heads) * width + at;
    return row;
}

/* Elements that lie `stride` apart, beside each other. */
static void gather(const uint8_t *from, size_t element_bytes, uint64_t stride, uint64_t count, uint8_t *to)
{
    for (uint64_t i = 0; i < count; i++)
        memcpy(to + i * element_bytes, from + i * stride * element_bytes, element_bytes);
}

/* A row of the piece as the file's type has it, its elements in the graph's order; `scratch` has room for one. */
static const uint8_t *row_of(const struct model_file *file, const struct piece *piece, uint64_t row, uint8_t *scratch)
{
    const struct file_tensor *from = piece->tensor;
    const uint8_t *bytes = file->parts[from->part].bytes + from->offset;
    size_t one = dtype_bytes(piece->dtype, 1);
    uint64_t at = row_in_file(&file->settings, piece, row);
    if (piece->layout == LAYOUT_TRANSPOSED && from->rank > 1) {
        gather(bytes + at * one, one, from->columns, piece->columns, scratch);
        return scratch;
    }
    bytes += at * dtype_bytes(piece->dtype, (size_t)piece->columns);
    if (piece->layout != LAYOUT_CHANNELS || from->rank != 4)
        return bytes;
    uint64_t channels = from->dims[1], places = channels ? piece->columns / channels : 0;
    for (uint64_t i = 0; i < places; i++)
        gather(bytes + i * one, one, places, channels, scratch + i * channels * one);
    return scratch;
}

struct scratch {
    float *values;
    uint8_t *bytes;
};

static void copy_piece(const struct model_file *file, const struct piece *piece, const struct tensor *to, char *data,
                       const struct scratch *scratch)
{
    size_t columns = (size_t)piece->columns, row_bytes = dtype_bytes(to->dtype, columns);
    for (uint64_t r = 0; r < piece->rows; r++) {
        const uint8_t *source = row_of(file, piece, r, scratch->bytes);
        char *target = data + r * row_bytes;
        if (piece->dtype == to->dtype && !piece->less_one) {
            memcpy(target, source, row_bytes);
            continue;
        }
        values_read(piece->dtype, source, 0, columns, scratch->values);
        for (size_t i = 0; piece->less_one && i < columns; i++)
            scratch->values[i] -= 1;
        values_write(to->dtype, scratch->values, 0, columns, target);
    }
}

/* Copies to `data`, or, where that is NULL, only looks whether it could. */
static bool load_tensor(const struct model_file *file, const struct tensor *to, char *data, struct error *error)
{
    struct file_place place = file_names_place(file, to->name);
    uint64_t elements = (uint64_t)tensor_elements(to), held = 0;
    if (!place.count)
        return error_set(error, ERROR_INPUT, "%.90s: has no tensor that is the model's %s", file->parts[0].name,
                         to->name);
    uint64_t longest = place.layout == LAYOUT_CHANNELS ? elements / (uint64_t)(to->dims[0] ? to->dims[0] : 1)
                                                       : (uint64_t)to->dims[to->rank - 1];
    struct scratch scratch = {malloc((longest + 1) * sizeof(float)), malloc((longest + 1) * sizeof(float))};
    bool right = scratch.values && scratch.bytes;
    if (!right)
        error_set(error, ERROR_SYSTEM, "out of memory for a row of weights");
    for (uint64_t p = 0; right && p < place.count; p++) {
        struct piece piece;
        right = take_piece(file, &place, p, to, &piece, error);
        uint64_t size = right ? piece.rows * piece.columns : 0;
        if (right && size > elements - held)
            right = error_set(error, ERROR_INPUT, "%.90s: tensor '%.90s' is larger than the model's %s",
                              file->parts[0].name, piece.tensor->name, to->name);
        if (right && data)
            copy_piece(file, &piece, to, data + dtype_bytes(to->dtype, (size_t)held), &scratch);
        held += size;
    }
    free(scratch.values);
    free(scratch.bytes);
    if (right && held != elements)
        return error_set(error, ERROR_INPUT, "%.90s: the model's %s has %llu elements, and its tensors here %llu",
                         file->parts[0].name, to->name, (unsigned long long)elements, (unsigned long long)held);
    return right;
}

/* ---- all of them ---- */

/* Architectures whose every difference the family's graph is known to have, as their configuration says it; and the
 * activation of those whose family has only one. */
static const struct {
    const char *name;
    int activation; /* ACTIVATION_NONE: any */
} known[] = {
    {"llama", 0},
    {"mistral", 0},
    {"qwen2", 0},
    {"qwen3", 0},
    {"gemma", 0},
    {"gemma2", 0},
    {"gemma3", 0},
    {"gemma3_text", 0},
    {"phi3", 0},
    {"olmo", 0},
    {"olmo2", 0},
    {"gpt2", 0},
    {"opt", 0},
    {"gpt_neox", 0},
    {"gptneox", 0},
    {"mixtral", ACTIVATION_SILU},
    {"olmoe", ACTIVATION_SILU},
    {"qwen2_moe", ACTIVATION_SILU},
    {"qwen2moe", ACTIVATION_SILU},
    {"qwen3_moe", ACTIVATION_SILU},
    {"qwen3moe", ACTIVATION_SILU},
    {"bert", ACTIVATION_GELU},
    {"roberta", ACTIVATION_GELU},
    {"xlm-roberta", ACTIVATION_GELU},
    {"camembert", ACTIVATION_GELU},
    {"distilbert", ACTIVATION_GELU},
    {"vit", ACTIVATION_GELU},
};

static bool refuse_architecture(const struct model_file *file, struct error *error)
{
    char names[400] = "";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", known[i].name);
    const char *name = file->settings.architecture;
    return error_set(error, ERROR_INPUT, "%.90s: weights of %s are run, not of %s", file->parts[0].name, names,
                     name[0] ? name : "a model without a config.json beside it");
}

static bool is_runnable(const struct model_file *file, struct error *error)
{
    const struct settings *s = &file->settings;
    const char *path = file->parts[0].name;
    int activation = file_activation(s), only = -1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, s->architecture) == 0)
            only = known[i].activation;
    if (only < 0)
        return refuse_architecture(file, error);
    if (activation < 0 || (activation && only && activation != only))
        return error_set(error, ERROR_INPUT, "%.90s: its activation is %s, which isn't run in a %s", path,
                         s->activation, s->architecture);
    if (s->unknown_rope)
        return error_set(error, ERROR_INPUT, "%.90s: its rotary positions are stretched in a way that isn't known here",
                         path);
    if (strcmp(s->architecture, "mixtral") == 0 && s->sliding_window && s->sliding_window < s->max_context)
        return error_set(error, ERROR_INPUT, "%.90s: sliding_window: experts are run without windows", path);
    if (strcmp(s->architecture, "gpt2") == 0 && !isnan(s->epsilon) && fabs(s->epsilon - 1e-5) > 1e-9)
        return error_set(error, ERROR_INPUT, "%.90s: its norms' epsilon is %g; 1e-05 is run", path, s->epsilon);
    if (s->unusual)
        return error_set(error, ERROR_INPUT, "%.90s: %s: what it asks for isn't done here", path, s->unusual);
    return true;
}

static bool load_all(const struct model_file *file, const struct graph *graph, struct engine *engine,
                     struct error *error)
{
    bool right = is_runnable(file, error);
    for (int t = 0; right && t < graph->tensor_count; t++) {
        const struct tensor *tensor = &graph->tensors[t];
        bool copy = tensor->fill.like != NO_TENSOR && tensor->fill.kind != FILL_NONE;
        if (tensor->role == ROLE_WEIGHT && tensor->persistent && !copy)
            right = load_tensor(file, tensor, engine ? engine_tensor(engine, t) : NULL, error);
    }
    return right;
}

bool file_weights_check(const struct model_file *file, const struct graph *graph, struct error *error)
{
    return load_all(file, graph, NULL, error);
}

bool file_weights_load(const struct model_file *file, const struct graph *graph, struct engine *engine,
                       struct error *error)
{
    return load_all(file, graph, engine, error);
}
