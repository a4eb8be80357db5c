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
    free(file->index);
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

/* Tensors by a number that is sorted fast: the hash of a name, or a place. A hundred thousand names needn't be sorted.
 */
struct file_index {
    uint64_t key;
    uint32_t tensor;
};

/* Eight bytes at a time. */
static uint64_t hash_of(const char *name)
{
    uint64_t hash = 0x9e3779b97f4a7c15u, length = strlen(name);
    for (uint64_t at = 0; at < length; at += 8) {
        uint64_t eight = 0;
        memcpy(&eight, name + at, length - at < 8 ? length - at : 8);
        hash = (hash ^ eight) * 0xff51afd7ed558ccdu; /* MurmurHash3's */
        hash ^= hash >> 32;
    }
    return hash;
}

static int by_key(const void *a, const void *b)
{
    const struct file_index *left = a, *right = b;
    return left->key < right->key ? -1 : left->key > right->key;
}

/* By key, 16 bits at a time from the lowest on; `spare` is as long. */
static void sort_index(struct file_index *index, struct file_index *spare, size_t count)
{
    enum { STEP = 16, FEW = 4096 };
    if (count < FEW)
        qsort(index, count, sizeof *index, by_key);
    for (int shift = 0; shift < 64 && count >= FEW; shift += STEP) {
        uint32_t begins[1 << 16] = {0}, sum = 0;
        for (size_t i = 0; i < count; i++)
            begins[index[i].key >> shift & 0xffff]++;
        for (size_t b = 0; b < 1 << 16; b++) {
            uint32_t here = begins[b];
            begins[b] = sum;
            sum += here;
        }
        for (size_t i = 0; i < count; i++)
            spare[begins[index[i].key >> shift & 0xffff]++] = index[i];
        struct file_index *swapped = index;
        index = spare;
        spare = swapped;
    }
}

const struct file_tensor *model_file_find(const struct model_file *file, const char *name)
{
    uint64_t hash = hash_of(name);
    size_t low = 0, high = file->index ? file->tensor_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (file->index[middle].key < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; file->index && low < file->tensor_count && file->index[low].key == hash; low++)
        if (strcmp(file->tensors[file->index[low].tensor].name, name) == 0)
            return &file->tensors[file->index[low].tensor];
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct file_tensor *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* Those of one hash, which somebody may have made so, and therefore many. */
static bool check_alike(const struct model_file *file, size_t first, size_t count, const struct file_tensor **order,
                        struct error *error)
{
    for (size_t i = 0; i < count; i++)
        order[i] = &file->tensors[file->index[first + i].tensor];
    qsort(order, count, sizeof *order, by_name);
    for (size_t i = 1; i < count; i++)
        if (strcmp(order[i - 1]->name, order[i]->name) == 0)
            return error_set(error, ERROR_INPUT, "%.90s: two tensors are called '%.100s'", file->parts[0].name,
                             order[i]->name);
    return true;
}

/* Makes the index. */
static bool check_names(struct model_file *file, const struct file_tensor **order, struct error *error)
{
    size_t count = file->tensor_count;
    struct file_index *spare = malloc((count + 1) * sizeof *spare);
    file->index = malloc((count + 1) * sizeof *file->index);
    bool right = spare && file->index;
    if (!right)
        error_set(error, ERROR_SYSTEM, "out of memory to check a model's tensors");
    for (size_t i = 0; right && i < count; i++)
        file->index[i] = (struct file_index){hash_of(file->tensors[i].name), (uint32_t)i};
    if (right)
        sort_index(file->index, spare, count);
    free(spare);
    for (size_t i = 0, end; right && i < count; i = end) {
        for (end = i + 1; end < count && file->index[end].key == file->index[i].key;)
            end++;
        right = end - i == 1 || check_alike(file, i, end - i, order, error);
    }
    return right;
}

enum { PLACE_BITS = 52 }; /* of an offset, below the part's number */

/* Those without bytes lie nowhere. */
static size_t list_places(const struct model_file *file, struct file_index *places, bool *sorted)
{
    size_t count = 0;
    *sorted = true;
    for (size_t i = 0; i < file->tensor_count; i++) {
        const struct file_tensor *tensor = &file->tensors[i];
        if (!tensor->bytes)
            continue;
        places[count] = (struct file_index){(uint64_t)tensor->part << PLACE_BITS | tensor->offset, (uint32_t)i};
        *sorted &= count == 0 || places[count - 1].key <= places[count].key;
        count++;
    }
    return count;
}

static bool check_places(const struct model_file *file, struct error *error)
{
    struct file_index *places = malloc((file->tensor_count + 1) * sizeof *places),
                      *spare = malloc((file->tensor_count + 1) * sizeof *spare);
    bool sorted, right = places && spare;
    size_t count = right ? list_places(file, places, &sorted) : 0;
    if (!right)
        error_set(error, ERROR_SYSTEM, "out of memory to check a model's tensors");
    if (right && !sorted)
        sort_index(places, spare, count);
    for (size_t i = 1; right && i < count; i++) {
        const struct file_tensor *before = &file->tensors[places[i - 1].tensor],
                                 *here = &file->tensors[places[i].tensor];
        if (before->part == here->part && before->offset + before->bytes > here->offset)
            right = mapping_error(&file->parts[here->part], here->offset, error,
                                  "tensor '%.90s' begins inside '%.90s', which ends at byte %llu", here->name,
                                  before->name, (unsigned long long)(before->offset + before->bytes));
    }
    free(places);
    free(spare);
    return right;
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
        right = !__builtin_add_overflow(file->tensor_bytes, tensor->bytes, &file->tensor_bytes);
        if (!is_buffer(tensor))
            right &= !__builtin_add_overflow(file->parameters, tensor->rows * tensor->columns, &file->parameters);
    }
    if (!right)
        error_set(error, ERROR_INPUT, "%.90s: the tensors' sizes overflow", file->parts[0].name);
    right = right && check_names(file, order, error) && (file->format == FILE_CONFIG || check_places(file, error));
    for (size_t i = 0; i < file->part_count && file->format != FILE_CONFIG; i++)
        file->file_bytes += file->parts[i].size;
    free(order);
    return right;
}
