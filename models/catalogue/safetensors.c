#include "models/catalogue/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/catalogue/json_view.h"

/* The format's own limit. */
static const uint64_t MOST_HEADER_BYTES = 100 * 1000 * 1000;

/* ---- one file ---- */

static bool take_header(const struct mapping *mapping, uint64_t *data, struct json_view *header, struct error *error)
{
    uint64_t length = 0;
    if (mapping->size < 8)
        return mapping_error(mapping, 0, error, "a file of %llu bytes is too short for safetensors",
                             (unsigned long long)mapping->size);
    for (int i = 8; i-- > 0;)
        length = length << 8 | mapping->bytes[i];
    if (length > MOST_HEADER_BYTES)
        return mapping_error(mapping, 0, error, "a header of %llu bytes; safetensors allows %llu at most",
                             (unsigned long long)length, (unsigned long long)MOST_HEADER_BYTES);
    if (length > mapping->size - 8)
        return mapping_error(mapping, 0, error, "a header of %llu bytes, and the file has %llu; is it cut short?",
                             (unsigned long long)length, (unsigned long long)mapping->size);
    *data = 8 + length;
    if (length == 0 || mapping->bytes[8] != '{')
        return mapping_error(mapping, 8, error, "the header isn't a JSON object");
    return json_view_of(mapping, 8, *data, header, error);
}

static bool take_shape(struct json_view shape, struct file_tensor *tensor, struct error *error)
{
    struct json_walk walk = {0};
    uint64_t elements = 1;
    if (json_view_kind(shape) != JSON_ARRAY_VIEW)
        return false;
    for (tensor->rank = 0; json_walk_next(shape, &walk); tensor->rank++) {
        uint64_t dim;
        if (tensor->rank == FILE_RANK)
            return mapping_error(shape.mapping, walk.value.begin, error, "tensor '%.90s' has more than %d dimensions",
                                 tensor->name, FILE_RANK);
        if (!json_view_count(walk.value, &dim) || __builtin_mul_overflow(elements, dim, &elements) ||
            elements > INT64_MAX)
            return mapping_error(shape.mapping, walk.value.begin, error,
                                 "tensor '%.90s': its dimensions aren't whole numbers whose product has 63 bits",
                                 tensor->name);
        tensor->dims[tensor->rank] = dim;
    }
    tensor->columns = tensor->rank ? tensor->dims[tensor->rank - 1] : 1;
    tensor->rows = tensor->columns ? elements / tensor->columns : 0;
    return true;
}

static bool take_place(struct json_view offsets, uint64_t data, struct file_tensor *tensor, struct error *error)
{
    struct json_walk walk = {0};
    uint64_t ends[2], count = 0;
    if (json_view_kind(offsets) != JSON_ARRAY_VIEW)
        return false;
    while (json_walk_next(offsets, &walk))
        if (count == 2 || !json_view_count(walk.value, &ends[count++]))
            return false;
    if (count != 2 || ends[0] > ends[1])
        return false;
    const struct mapping *mapping = offsets.mapping;
    if (ends[1] > mapping->size - data)
        return mapping_error(mapping, offsets.begin, error,
                             "tensor '%.90s' ends at %llu of the data, and the file has %llu of them; is it cut short?",
                             tensor->name, (unsigned long long)ends[1], (unsigned long long)(mapping->size - data));
    if (ends[1] - ends[0] != tensor->bytes)
        return mapping_error(mapping, offsets.begin, error, "tensor '%.90s' has a place of %llu bytes, and takes %llu",
                             tensor->name, (unsigned long long)(ends[1] - ends[0]), (unsigned long long)tensor->bytes);
    tensor->offset = data + ends[0];
    return true;
}

static bool take_storage(struct json_view name, struct file_tensor *tensor, struct error *error)
{
    char word[16];
    if (!json_view_text(name, word, sizeof word))
        return false;
    tensor->storage = storage_of_safetensors(word, strlen(word));
    if (!tensor->storage)
        return mapping_error(name.mapping, name.begin, error,
                             "tensor '%.90s' has type '%s', which safetensors doesn't have", tensor->name, word);
    /* The elements are packed throughout, not row by row. */
    if (storage_bytes(tensor->storage, 1, tensor->rows * tensor->columns, &tensor->bytes))
        return true;
    return mapping_error(name.mapping, name.begin, error, "tensor '%.90s': its elements don't fill whole bytes of %s",
                         tensor->name, word);
}

/* The member of the header that `walk` has opened. */
static bool take_tensor(struct model_file *file, struct json_walk *walk, uint64_t data, struct error *error)
{
    char name[FILE_MOST_NAME + 1];
    const struct mapping *mapping = walk->key.mapping;
    if (!json_view_text(walk->key, name, sizeof name) || !name[0])
        return mapping_error(mapping, walk->key.begin, error,
                             "a tensor's name isn't UTF-8 text of 1 to %d bytes "
                             "without control characters",
                             FILE_MOST_NAME);
    struct file_tensor *tensor = model_file_add(file, name, strlen(name), error);
    if (!tensor)
        return false;
    tensor->part = (uint32_t)(mapping - file->parts);
    struct error inner;
    inner.message[0] = '\0'; /* clearing the whole would be a tenth of the time */
    struct json_view shape = {0}, dtype = {0}, offsets = {0};
    struct json_walk member = {0};
    while (json_walk_next(walk->value, &member))
        *(json_view_is(member.key, "shape")          ? &shape
          : json_view_is(member.key, "dtype")        ? &dtype
          : json_view_is(member.key, "data_offsets") ? &offsets
                                                     : &(struct json_view){0}) = member.value;
    json_walk_close(walk, &member);
    if (take_shape(shape, tensor, &inner) && take_storage(dtype, tensor, &inner) &&
        take_place(offsets, data, tensor, &inner))
        return true;
    if (inner.message[0])
        return error_set(error, inner.kind, "%s", inner.message);
    return mapping_error(mapping, walk->value.begin, error,
                         "tensor '%.90s' isn't {\"dtype\": TYPE, \"shape\": [N, …], \"data_offsets\": [BEGIN, END]}",
                         name);
}

static bool read_part(struct model_file *file, size_t number, struct error *error)
{
    const struct mapping *mapping = &file->parts[number];
    struct json_view header;
    struct json_walk walk = {0};
    uint64_t data = 0, used = 0;
    size_t first = file->tensor_count;
    if (!take_header(mapping, &data, &header, error))
        return false;
    /* Room that isn't used costs nothing: one of a header's tensors takes 64 bytes at the least, or nearly so. */
    uint64_t likely = data / 64, most = FILE_MOST_TENSORS - file->tensor_count;
    if (!model_file_reserve(file, likely < most ? likely : most, error))
        return false;
    while (json_walk_open(header, &walk)) {
        if (json_view_is(walk.key, "__metadata__")) {
            struct json_walk member = {0};
            while (json_walk_next(walk.value, &member))
                ;
            json_walk_close(&walk, &member);
        } else if (!model_file_reserve(file, 1, error) || !take_tensor(file, &walk, data, error)) {
            return false;
        }
    }
    for (size_t i = first; i < file->tensor_count; i++)
        if (__builtin_add_overflow(used, file->tensors[i].bytes, &used))
            used = UINT64_MAX;
    if (used != mapping->size - data)
        return mapping_error(mapping, data, error,
                             "%llu bytes of data, and the tensors take %llu; no byte may be left "
                             "over",
                             (unsigned long long)(mapping->size - data), (unsigned long long)used);
    return true;
}

static bool finish(struct model_file *file, bool right, struct error *error)
{
    right = right && model_file_finish(file, error);
    if (!right)
        model_file_close(file);
    return right;
}

static bool begin(struct model_file *file, size_t parts, struct error *error)
{
    *file = (struct model_file){.format = FILE_SAFETENSORS, .settings = settings_none()};
    file->parts = calloc(parts, sizeof *file->parts);
    return file->parts || error_set(error, ERROR_SYSTEM, "out of memory for %zu files", parts);
}

bool safetensors_open(const char *path, struct model_file *file, struct error *error)
{
    bool right = begin(file, 1, error) && mapping_open(path, file->parts, error);
    file->part_count = right;
    return finish(file, right && read_part(file, 0, error), error);
}

bool safetensors_of_bytes(const char *name, const void *bytes, uint64_t size, struct model_file *file,
                          struct error *error)
{
    bool right = begin(file, 1, error) && mapping_of_bytes(name, bytes, size, file->parts, error);
    file->part_count = right;
    return finish(file, right && read_part(file, 0, error), error);
}

/* ---- an index of shards ---- */

/* A tensor and the file that the index has it in; borrowed from the index. */
struct placed {
    struct json_view name, shard;
};

struct index {
    struct mapping mapping;
    struct placed *placed; /* owned */
    size_t count;
};

static int by_shard(const void *a, const void *b)
{
    const struct json_view *left = &((const struct placed *)a)->shard, *right = &((const struct placed *)b)->shard;
    uint64_t left_length = left->end - left->begin, right_length = right->end - right->begin;
    int order = memcmp(left->mapping->bytes + left->begin, right->mapping->bytes + right->begin,
                       left_length < right_length ? left_length : right_length);
    return order ? order : left_length < right_length ? -1 : left_length > right_length;
}

static bool read_index(struct index *index, struct error *error)
{
    struct json_view whole, map;
    struct json_walk walk = {0};
    if (!json_view_of(&index->mapping, 0, index->mapping.size, &whole, error))
        return false;
    map = json_view_find(whole, "weight_map");
    if (json_view_kind(map) != JSON_OBJECT_VIEW)
        return mapping_error(&index->mapping, 0, error, "an index of shards has an object 'weight_map'");
    uint64_t count = json_view_length(map);
    if (count == 0 || count > FILE_MOST_TENSORS)
        return mapping_error(&index->mapping, map.begin, error, "%llu tensors; from 1 to %d are read",
                             (unsigned long long)count, FILE_MOST_TENSORS);
    index->placed = malloc(count * sizeof *index->placed);
    if (!index->placed)
        return error_set(error, ERROR_SYSTEM, "out of memory for an index of %llu tensors", (unsigned long long)count);
    while (json_walk_next(map, &walk))
        index->placed[index->count++] = (struct placed){walk.key, walk.value};
    qsort(index->placed, index->count, sizeof *index->placed, by_shard);
    return true;
}

/* The shard's path: in the index's folder, and nowhere else. */
static bool shard_path(const struct index *index, struct json_view shard, char *out, size_t capacity,
                       struct error *error)
{
    char name[256];
    const char *slash = strrchr(index->mapping.name, '/');
    if (!json_view_text(shard, name, sizeof name) || !name[0] || strchr(name, '/') || name[0] == '.')
        return mapping_error(&index->mapping, shard.begin, error,
                             "a shard isn't the name of a file beside the index, such as "
                             "model-00001-of-00002.safetensors");
    int folder = slash ? (int)(slash - index->mapping.name) + 1 : 0;
    if ((size_t)snprintf(out, capacity, "%.*s%s", folder, index->mapping.name, name) < capacity)
        return true;
    return error_set(error, ERROR_INPUT, "%.90s: its path is too long", index->mapping.name);
}

static bool open_shards(const struct index *index, struct model_file *file, struct error *error)
{
    for (size_t i = 0; i < index->count; i++) {
        char path[4096];
        if (i && by_shard(&index->placed[i - 1], &index->placed[i]) == 0)
            continue;
        if (!shard_path(index, index->placed[i].shard, path, sizeof path, error) ||
            !mapping_open(path, &file->parts[file->part_count], error))
            return false;
        file->part_count++;
        if (!read_part(file, file->part_count - 1, error))
            return false;
    }
    return true;
}

/* Every tensor of the index is in one of the shards. */
static bool check_index(const struct index *index, const struct model_file *file, struct error *error)
{
    for (size_t i = 0; i < index->count; i++) {
        char name[FILE_MOST_NAME + 1] = "";
        if (!json_view_text(index->placed[i].name, name, sizeof name) || !model_file_find(file, name))
            return mapping_error(&index->mapping, index->placed[i].name.begin, error,
                                 "tensor '%.90s' is in none of the %zu shards", name, file->part_count);
    }
    return true;
}

static size_t count_shards(const struct index *index)
{
    size_t count = 0;
    for (size_t i = 0; i < index->count; i++)
        count += i == 0 || by_shard(&index->placed[i - 1], &index->placed[i]) != 0;
    return count;
}

bool safetensors_open_index(const char *path, struct model_file *file, struct error *error)
{
    struct index index = {0};
    *file = (struct model_file){0};
    bool right = mapping_open(path, &index.mapping, error) && read_index(&index, error);
    size_t shards = count_shards(&index);
    if (right && shards > FILE_MOST_PARTS)
        right = mapping_error(&index.mapping, 0, error, "%zu shards are more than the %d that are read", shards,
                              FILE_MOST_PARTS);
    right = right && begin(file, shards, error) && open_shards(&index, file, error);
    right = finish(file, right, error);
    if (right && !check_index(&index, file, error)) {
        model_file_close(file);
        right = false;
    }
    free(index.placed);
    mapping_close(&index.mapping);
    return right;
}
