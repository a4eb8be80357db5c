#include "models/catalogue/model_file.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_BLOCK = 1 << 16 };

/* Names are kept in blocks, so that they stay where they are when more come. */
struct name_store {
    struct name_store *before;
    uint64_t used, capacity;
    char bytes[];
};

const char *file_format_name(enum file_format format)
{
    static const char *const names[] = {"GGUF", "safetensors", "config.json"};
    return names[format];
}

void model_file_close(struct model_file *file)
{
    for (size_t i = 0; i < file->part_count; i++)
        mapping_close(&file->parts[i]);
    for (struct name_store *block = file->names, *before; block; block = before) {
        before = block->before;
        free(block);
    }
    outline_free(&file->outline);
    free(file->parts);
    free(file->tensors);
    *file = (struct model_file){0};
}

static const char *first_name(const struct model_file *file)
{
    return file->part_count ? file->parts[0].name : "model";
}

bool model_file_reserve(struct model_file *file, uint64_t count, struct error *error)
{
    if (count > FILE_MOST_TENSORS - file->tensor_count)
        return error_set(error, ERROR_INPUT, "%.90s: more than the %d tensors that are read", first_name(file),
                         FILE_MOST_TENSORS);
    size_t wanted = file->tensor_count + (size_t)count;
    if (file->tensors && wanted <= file->tensor_capacity)
        return true;
    size_t twice = 2 * file->tensor_capacity < FILE_MOST_TENSORS ? 2 * file->tensor_capacity : FILE_MOST_TENSORS;
    wanted = wanted < twice ? twice : wanted;
    struct file_tensor *tensors = realloc(file->tensors, (wanted + 1) * sizeof *tensors);
    if (!tensors)
        return error_set(error, ERROR_SYSTEM, "out of memory for a model's %zu tensors", wanted);
    file->tensors = tensors;
    file->tensor_capacity = wanted;
    return true;
}

static char *copy_name(struct model_file *file, const char *name, uint64_t length, struct error *error)
{
    struct name_store *block = file->names;
    if (length > FILE_MOST_NAMES - file->name_bytes) {
        error_set(error, ERROR_INPUT, "%.90s: the tensors' names take more than %d bytes", first_name(file),
                  FILE_MOST_NAMES);
        return NULL;
    }
    if (!block || block->capacity - block->used < length + 1) {
        uint64_t capacity = length + 1 > NAME_BLOCK ? length + 1 : NAME_BLOCK;
        block = malloc(sizeof *block + capacity);
        if (!block) {
            error_set(error, ERROR_SYSTEM, "out of memory for the tensors' names");
            return NULL;
        }
        *block = (struct name_store){.before = file->names, .capacity = capacity};
        file->names = block;
    }
    char *copy = block->bytes + block->used;
    memcpy(copy, name, length);
    copy[length] = '\0';
    block->used += length + 1;
    file->name_bytes += length + 1;
    return copy;
}

struct file_tensor *model_file_add(struct model_file *file, const char *name, uint64_t length, struct error *error)
{
    char *copy = copy_name(file, name, length, error);
    if (!copy)
        return NULL;
    struct file_tensor *tensor = &file->tensors[file->tensor_count++];
    *tensor = (struct file_tensor){.name = copy};
    return tensor;
}

/* What a model carries besides what was learnt: rotary frequencies, masks, positions, running statistics. */
static bool is_buffer(const struct file_tensor *tensor)
{
    static const char *const tails[] = {"rope_freqs.weight",    "rope_factors_long.weight", "rope_factors_short.weight",
                                        ".rotary_emb.inv_freq", ".attn.masked_bias",        ".running_mean",
                                        ".running_var",         ".num_batches_tracked",     ".position_ids"};
    size_t length = strlen(tensor->name);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        size_t tail = strlen(tails[i]);
        if (length >= tail && strcmp(tensor->name + length - tail, tails[i]) == 0)
            return true;
    }
    /* GPT-2's causal mask, [1, 1, n, n]. */
    return tensor->rank == 4 && length > 10 && strcmp(tensor->name + length - 10, ".attn.bias") == 0;
}

/* ---- whether the whole holds together ---- */

static int by_name(const void *a, const void *b)
{
    const struct file_tensor *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static int by_place(const void *a, const void *b)
{
    const struct file_tensor *left = *(const struct file_tensor *const *)a,
                             *right = *(const struct file_tensor *const *)b;
    if (left->part != right->part)
        return left->part < right->part ? -1 : 1;
    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    return left->bytes < right->bytes ? -1 : left->bytes > right->bytes;
}

static bool check_names(const struct model_file *file, const struct file_tensor **order, struct error *error)
{
    qsort(order, file->tensor_count, sizeof *order, by_name);
    for (size_t i = 1; i < file->tensor_count; i++)
        if (strcmp(order[i - 1]->name, order[i]->name) == 0)
            return error_set(error, ERROR_INPUT, "%.90s: two tensors are called '%.100s'", file->parts[0].name,
                             order[i]->name);
    return true;
}

static bool check_places(const struct model_file *file, const struct file_tensor **order, struct error *error)
{
    qsort(order, file->tensor_count, sizeof *order, by_place);
    for (size_t i = 1; i < file->tensor_count; i++) {
        const struct file_tensor *before = order[i - 1], *here = order[i];
        if (before->part == here->part && before->offset + before->bytes > here->offset)
            return mapping_error(&file->parts[here->part], here->offset, error,
                                 "tensor '%.90s' begins inside '%.90s', which ends at byte %llu", here->name,
                                 before->name, (unsigned long long)(before->offset + before->bytes));
    }
    return true;
}

bool model_file_finish(struct model_file *file, struct error *error)
{
    const struct file_tensor **order = malloc((file->tensor_count + 1) * sizeof(struct file_tensor *));
    if (!order)
        return error_set(error, ERROR_SYSTEM, "out of memory to check a model's tensors");
    file->parameters = file->tensor_bytes = file->file_bytes = 0;
    bool right = true;
    for (size_t i = 0; right && i < file->tensor_count; i++) {
        const struct file_tensor *tensor = &file->tensors[i];
        order[i] = tensor;
        right = !__builtin_add_overflow(file->tensor_bytes, tensor->bytes, &file->tensor_bytes);
        if (!is_buffer(tensor))
            right &= !__builtin_add_overflow(file->parameters, tensor->rows * tensor->columns, &file->parameters);
    }
    if (!right)
        error_set(error, ERROR_INPUT, "%.90s: the tensors' sizes overflow", file->parts[0].name);
    right =
        right && check_names(file, order, error) && (file->format == FILE_CONFIG || check_places(file, order, error));
    for (size_t i = 0; i < file->part_count && file->format != FILE_CONFIG; i++)
        file->file_bytes += file->parts[i].size;
    free(order);
    return right;
}
