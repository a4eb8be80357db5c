#include "models/catalogue/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/catalogue/gguf_values.h"

enum { DEFAULT_ALIGNMENT = 32, GGML_RANK = 4 };

/* What one file of a split model says about itself. */
struct part {
    struct gguf_cursor cursor;
    struct gguf_values values;
    uint64_t tensors, alignment;
    uint64_t number, count; /* of the split; 0 and 1 when it isn't split */
};

/* ---- a file's beginning ---- */

static bool take_version(struct gguf_cursor *cursor, struct error *error)
{
    uint32_t magic, version;
    if (!gguf_take_u32(cursor, "GGUF's first word", &magic, error))
        return false;
    if (magic != 0x46554747)
        return mapping_error(cursor->mapping, 0, error, "doesn't begin with 'GGUF'");
    if (!gguf_take_u32(cursor, "the version", &version, error))
        return false;
    if (version != 2 && version != 3 && __builtin_bswap32(version) <= 3)
        return mapping_error(cursor->mapping, 4, error, "the file is big-endian; only little-endian GGUF is read");
    if (version != 2 && version != 3)
        return mapping_error(cursor->mapping, 4, error, "GGUF version %u; 2 and 3 are read", version);
    return true;
}

static bool take_part(struct part *part, const struct mapping *mapping, struct error *error)
{
    uint64_t keys, alignment = DEFAULT_ALIGNMENT;
    *part = (struct part){.cursor = {.mapping = mapping}, .count = 1};
    if (!take_version(&part->cursor, error) ||
        !gguf_take_u64(&part->cursor, "the number of tensors", &part->tensors, error) ||
        !gguf_take_u64(&part->cursor, "the number of keys", &keys, error) ||
        !gguf_take_values(&part->cursor, keys, &part->values, error))
        return false;
    gguf_count(&part->values, &alignment, "general.alignment");
    if (alignment == 0 || alignment & (alignment - 1) || alignment > 1 << 30)
        return mapping_error(mapping, 24, error, "general.alignment is %llu; a power of two is wanted",
                             (unsigned long long)alignment);
    part->alignment = alignment;
    gguf_count(&part->values, &part->number, "split.no");
    gguf_count(&part->values, &part->count, "split.count");
    if (part->count == 0) /* llama.cpp's tools leave it so in a file that was merged again */
        part->count = 1;
    return true;
}

/* ---- tensors ---- */

static bool take_shape(struct gguf_cursor *cursor, struct file_tensor *tensor, struct error *error)
{
    uint64_t at = cursor->at, elements = 1;
    uint32_t rank;
    if (!gguf_take_u32(cursor, "a tensor's rank", &rank, error))
        return false;
    if (rank > GGML_RANK)
        return mapping_error(cursor->mapping, at, error, "tensor '%.90s' has %u dimensions; at most %d are possible",
                             tensor->name, rank, GGML_RANK);
    tensor->rank = (uint8_t)rank;
    /* The file has the innermost dimension first. */
    for (uint32_t i = 0; i < rank; i++) {
        uint64_t *dim = &tensor->dims[rank - 1 - i];
        at = cursor->at;
        if (!gguf_take_u64(cursor, "a tensor's dimension", dim, error))
            return false;
        if (__builtin_mul_overflow(elements, *dim, &elements) || elements > INT64_MAX)
            return mapping_error(cursor->mapping, at, error, "tensor '%.90s': its elements overflow 63 bits",
                                 tensor->name);
    }
    tensor->columns = rank ? tensor->dims[rank - 1] : 1;
    tensor->rows = tensor->columns ? elements / tensor->columns : 0;
    return true;
}

static bool take_type(struct gguf_cursor *cursor, struct file_tensor *tensor, struct error *error)
{
    uint64_t at = cursor->at;
    uint32_t type;
    if (!gguf_take_u32(cursor, "a tensor's type", &type, error))
        return false;
    tensor->storage = storage_of_ggml(type);
    if (!tensor->storage)
        return mapping_error(cursor->mapping, at, error, "tensor '%.90s' has type %u, which ggml doesn't have",
                             tensor->name, type);
    if (!tensor->storage->bytes)
        return mapping_error(cursor->mapping, at, error, "tensor '%.90s' has type %s: %s", tensor->name,
                             tensor->storage->name, storage_dropped_advice());
    if (storage_bytes(tensor->storage, tensor->rows, tensor->columns, &tensor->bytes))
        return true;
    if (tensor->columns % tensor->storage->block)
        return mapping_error(cursor->mapping, at, error,
                             "tensor '%.90s': rows of %llu elements aren't whole blocks of "
                             "%s, which have %u",
                             tensor->name, (unsigned long long)tensor->columns, tensor->storage->name,
                             tensor->storage->block);
    return mapping_error(cursor->mapping, at, error, "tensor '%.90s': its bytes overflow 64 bits", tensor->name);
}

/* The tensor's offset counts from where the data begin, which isn't known yet. */
static bool take_tensor(struct part *part, struct model_file *file, struct error *error)
{
    struct gguf_cursor *cursor = &part->cursor;
    uint64_t at = cursor->at, length;
    const char *name;
    if (!gguf_take_string(cursor, "a tensor's name", &name, &length, error))
        return false;
    if (length == 0 || length > FILE_MOST_NAME || !text_is_clean(name, length))
        return mapping_error(cursor->mapping, at + 8, error,
                             "a tensor's name of %llu bytes that isn't UTF-8 text of 1 "
                             "to %d bytes without control characters",
                             (unsigned long long)length, FILE_MOST_NAME);
    struct file_tensor *tensor = model_file_add(file, name, length, error);
    if (!tensor)
        return false;
    tensor->part = (uint32_t)(cursor->mapping - file->parts);
    if (!take_shape(cursor, tensor, error) || !take_type(cursor, tensor, error))
        return false;
    at = cursor->at;
    if (!gguf_take_u64(cursor, "a tensor's offset", &tensor->offset, error))
        return false;
    if (tensor->offset % part->alignment)
        return mapping_error(cursor->mapping, at, error,
                             "tensor '%.90s' begins at %llu, which isn't a multiple of the "
                             "alignment of %llu",
                             tensor->name, (unsigned long long)tensor->offset, (unsigned long long)part->alignment);
    return true;
}

static bool place_tensors(const struct part *part, struct file_tensor *tensors, size_t count, struct error *error)
{
    const struct mapping *mapping = part->cursor.mapping;
    uint64_t begin = (part->cursor.at + part->alignment - 1) / part->alignment * part->alignment;
    for (size_t i = 0; i < count; i++) {
        struct file_tensor *tensor = &tensors[i];
        uint64_t end;
        if (__builtin_add_overflow(tensor->offset, begin, &tensor->offset) ||
            __builtin_add_overflow(tensor->offset, tensor->bytes, &end) || end > mapping->size)
            return mapping_error(mapping, tensor->offset, error,
                                 "tensor '%.90s' has %llu bytes here, and the file has "
                                 "%llu in all; is it cut short?",
                                 tensor->name, (unsigned long long)tensor->bytes, (unsigned long long)mapping->size);
    }
    return true;
}

static bool take_tensors(struct part *part, struct model_file *file, struct error *error)
{
    const struct mapping *mapping = part->cursor.mapping;
    size_t first = file->tensor_count;
    /* A name of one byte, no dimension, a type and an offset: 25 bytes. */
    if (part->tensors > FILE_MOST_TENSORS || part->tensors > (mapping->size - part->cursor.at) / 25)
        return mapping_error(mapping, 8, error, "%llu tensors; at most %d are read, and the file has %llu bytes",
                             (unsigned long long)part->tensors, FILE_MOST_TENSORS, (unsigned long long)mapping->size);
    if (!model_file_reserve(file, part->tensors, error))
        return false;
    for (uint64_t i = 0; i < part->tensors; i++)
        if (!take_tensor(part, file, error))
            return false;
    return place_tensors(part, file->tensors + first, file->tensor_count - first, error);
}

/* ---- settings ---- */

/* By the number in general.file_type (llama.cpp's enum llama_ftype). */
static const char *const recipe_names[] = {
    [0] = "F32",     [1] = "F16",     [2] = "Q4_0",       [3] = "Q4_1",    [7] = "Q8_0",     [8] = "Q5_0",
    [9] = "Q5_1",    [10] = "Q2_K",   [11] = "Q3_K_S",    [12] = "Q3_K_M", [13] = "Q3_K_L",  [14] = "Q4_K_S",
    [15] = "Q4_K_M", [16] = "Q5_K_S", [17] = "Q5_K_M",    [18] = "Q6_K",   [19] = "IQ2_XXS", [20] = "IQ2_XS",
    [21] = "Q2_K_S", [22] = "IQ3_XS", [23] = "IQ3_XXS",   [24] = "IQ1_S",  [25] = "IQ4_NL",  [26] = "IQ3_S",
    [27] = "IQ3_M",  [28] = "IQ2_S",  [29] = "IQ2_M",     [30] = "IQ4_XS", [31] = "IQ1_M",   [32] = "BF16",
    [36] = "TQ1_0",  [37] = "TQ2_0",  [38] = "MXFP4_MOE", [39] = "NVFP4",  [40] = "Q1_0",
};

static void read_recipe(struct settings *settings, const struct gguf_values *values)
{
    uint64_t type;
    if (gguf_count(values, &type, "general.file_type") && type < sizeof recipe_names / sizeof *recipe_names &&
        recipe_names[type])
        snprintf(settings->recipe, sizeof settings->recipe, "%s", recipe_names[type]);
}

static void read_heads(struct settings *settings, const struct gguf_values *values)
{
    const char *architecture = settings->architecture;
    uint64_t sum, largest, count;
    gguf_count(values, &settings->heads, "%s.attention.head_count", architecture);
    settings->kv_heads = settings->heads;
    settings->kv_heads_of_all_layers = settings->heads * (settings->layers <= 1 << 16 ? settings->layers : 0);
    if (gguf_array_counts(values, &sum, &largest, &count, "%s.attention.head_count_kv", architecture)) {
        settings->kv_heads = largest;
        settings->kv_heads_of_all_layers =
            count > 1 ? sum : largest * (settings->layers <= 1 << 16 ? settings->layers : 0);
    }
    if (settings->heads)
        settings->head_dim = settings->hidden / settings->heads;
    gguf_count(values, &settings->head_dim, "%s.attention.key_length", architecture);
    settings->value_dim = settings->head_dim;
    gguf_count(values, &settings->value_dim, "%s.attention.value_length", architecture);
}

static void read_rotation(struct settings *s, const struct gguf_values *values, const char *scaling)
{
    double factor = 1, original = 0, attention = 0;
    uint64_t turned = 0;
    gguf_count(values, &turned, "%s.rope.dimension_count", s->architecture);
    if (turned && turned < s->head_dim)
        s->rope.share = (float)turned / (float)s->head_dim;
    gguf_number(values, &factor, "%s.rope.scaling.factor", s->architecture);
    gguf_number(values, &original, "%s.rope.scaling.original_context_length", s->architecture);
    gguf_number(values, &attention, "%s.rope.scaling.attn_factor", s->architecture);
    gguf_number(values, &s->attention_softcap, "%s.attn_logit_softcapping", s->architecture);
    gguf_number(values, &s->logits_softcap, "%s.final_logit_softcapping", s->architecture);
    s->rope.factor = (float)factor;
    s->rope.original_context = (float)original;
    s->unknown_rope = s->stretched && strcmp(scaling, "linear") != 0;
    if (strcmp(scaling, "linear") == 0)
        s->rope.kind = ROPE_LINEAR;
    if (strcmp(scaling, "longrope") == 0) /* whose factors are tensors */
        s->rope.attention_factor = (float)attention;
}

/* The factors of stretched rotary positions are tensors: Llama 3's alone, or short and long ones. */
static bool take_factors(const struct model_file *file, const char *name, float *out, struct settings *s)
{
    for (size_t i = 0; i < file->tensor_count; i++) {
        const struct file_tensor *tensor = &file->tensors[i];
        uint64_t wanted = (uint64_t)rope_rotated(&s->rope, (int64_t)s->head_dim) / 2;
        if (strcmp(tensor->name, name) != 0)
            continue;
        bool right = s->head_dim < 1 << 16 && tensor->bytes == wanted * sizeof *out &&
                     wanted <= SETTINGS_ROPE_FACTORS && strcmp(tensor->storage->name, "F32") == 0;
        if (right)
            memcpy(out, file->parts[tensor->part].bytes + tensor->offset, (size_t)tensor->bytes);
        s->unknown_rope = !right;
        s->stretched = true;
        s->rope.kind = ROPE_LONG;
        return right;
    }
    return false;
}

static void read_factors(struct model_file *file)
{
    struct settings *s = &file->settings;
    if (take_factors(file, "rope_freqs.weight", s->rope_factors[0], s)) {
        memcpy(s->rope_factors[1], s->rope_factors[0], sizeof s->rope_factors[0]);
        s->rope.attention_factor = 1; /* they alone */
    } else if (take_factors(file, "rope_factors_short.weight", s->rope_factors[0], s)) {
        take_factors(file, "rope_factors_long.weight", s->rope_factors[1], s);
        s->rope.factor = s->rope.original_context > 0 ? (float)s->max_context / s->rope.original_context : 1;
    }
}

static void read_settings(struct settings *settings, const struct gguf_values *values)
{
    *settings = settings_none();
    gguf_word(values, settings->architecture, sizeof settings->architecture, "general.architecture");
    gguf_word(values, settings->name, sizeof settings->name, "general.name");
    read_recipe(settings, values);
    const struct {
        const char *key;
        uint64_t *value;
    } counts[] = {
        {"block_count", &settings->layers},
        {"embedding_length", &settings->hidden},
        {"feed_forward_length", &settings->feed_forward},
        {"context_length", &settings->max_context},
        {"vocab_size", &settings->vocabulary},
        {"expert_count", &settings->experts},
        {"expert_used_count", &settings->experts_used},
        {"expert_feed_forward_length", &settings->expert_feed_forward},
        {"expert_shared_feed_forward_length", &settings->shared_feed_forward},
        {"attention.sliding_window", &settings->sliding_window},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        gguf_count(values, counts[i].value, "%s.%s", settings->architecture, counts[i].key);
    read_heads(settings, values);
    if (!settings->vocabulary)
        settings->vocabulary = gguf_array_length(values, "tokenizer.ggml.tokens");
    gguf_count(values, &settings->token_types, "tokenizer.ggml.token_type_count");
    char scaling[SETTINGS_WORD] = "", key[2 * SETTINGS_WORD];
    snprintf(key, sizeof key, "%s.rope.scaling.type", settings->architecture);
    gguf_word(values, scaling, sizeof scaling, key);
    settings->stretched = scaling[0] && strcmp(scaling, "none") != 0;
    read_rotation(settings, values, scaling);
    gguf_number(values, &settings->rope_theta, "%s.rope.freq_base", settings->architecture);
    if (!gguf_number(values, &settings->epsilon, "%s.attention.layer_norm_rms_epsilon", settings->architecture))
        gguf_number(values, &settings->epsilon, "%s.attention.layer_norm_epsilon", settings->architecture);
}

/* ---- one file, or several ---- */

/* The part is the last of file->parts. */
static bool read_part(struct model_file *file, size_t number, size_t count, struct error *error)
{
    const struct mapping *mapping = &file->parts[number];
    struct part part;
    bool right = take_part(&part, mapping, error) && take_tensors(&part, file, error);
    if (right && (part.number != number || part.count != count))
        right = mapping_error(mapping, 24, error, "says that it is part %llu of %llu; its name says %zu of %zu",
                              (unsigned long long)part.number + 1, (unsigned long long)part.count, number + 1, count);
    if (right && number == 0)
        read_settings(&file->settings, &part.values);
    gguf_values_free(&part.values);
    return right;
}

/* `…-00002-of-00003.gguf`: the length of what stands before, and the number of parts; false for any other name. */
static bool split_name(const char *path, size_t *stem, size_t *count)
{
    enum { TAIL = sizeof "-00001-of-00003.gguf" - 1 };
    size_t length = strlen(path);
    unsigned number, all;
    int used = 0;
    if (length < TAIL || sscanf(path + length - TAIL, "-%5u-of-%5u.gguf%n", &number, &all, &used) != 2 || used != TAIL)
        return false;
    *stem = length - TAIL;
    *count = all;
    return number >= 1 && number <= all;
}

static bool open_parts(const char *path, struct model_file *file, struct error *error)
{
    size_t stem = 0, count = 1;
    bool split = split_name(path, &stem, &count);
    if (count > FILE_MOST_PARTS)
        return error_set(error, ERROR_INPUT, "%.90s: %zu parts are more than the %d that are read", path, count,
                         FILE_MOST_PARTS);
    file->parts = calloc(count, sizeof *file->parts);
    char *name = malloc(strlen(path) + 1);
    bool right = file->parts && name;
    if (!right)
        error_set(error, ERROR_SYSTEM, "out of memory for %zu files", count);
    for (size_t i = 0; right && i < count; i++) {
        strcpy(name, path);
        if (split) {
            char tail[32];
            snprintf(tail, sizeof tail, "-%05u-of-%05u.gguf", (unsigned)(i + 1) % 100000, (unsigned)count % 100000);
            strcpy(name + stem, tail);
        }
        right = mapping_open(name, &file->parts[i], error);
        file->part_count += right;
        right = right && read_part(file, i, count, error);
    }
    free(name);
    return right;
}

static bool finish(struct model_file *file, bool right, struct error *error)
{
    right = right && model_file_finish(file, error);
    if (right && !file->settings.architecture[0])
        right = error_set(error, ERROR_INPUT, "%.90s: has no general.architecture that is a word", file->parts[0].name);
    if (right)
        read_factors(file);
    if (!right)
        model_file_close(file);
    return right;
}

bool gguf_open(const char *path, struct model_file *file, struct error *error)
{
    *file = (struct model_file){.format = FILE_GGUF};
    return finish(file, open_parts(path, file, error), error);
}

bool gguf_of_bytes(const char *name, const void *bytes, uint64_t size, struct model_file *file, struct error *error)
{
    *file = (struct model_file){.format = FILE_GGUF, .parts = calloc(1, sizeof *file->parts)};
    bool right = file->parts ? mapping_of_bytes(name, bytes, size, file->parts, error)
                             : error_set(error, ERROR_SYSTEM, "out of memory for a file");
    file->part_count = right;
    return finish(file, right && read_part(file, 0, 1, error), error);
}
