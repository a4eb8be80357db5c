#include "models/catalogue/gguf_values.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ENTRIES = 1 << 16, MOST_DEPTH = 4 };

enum value_type { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64, TYPE_COUNT };
static const uint8_t type_bytes[TYPE_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/* ---- taking ---- */

/* NULL where the file ends before. */
static const uint8_t *take(struct gguf_cursor *cursor, const char *what, uint64_t bytes, struct error *error)
{
    uint64_t left = cursor->mapping->size - cursor->at;
    if (bytes > left) {
        mapping_error(cursor->mapping, cursor->at, error, "%s takes %llu bytes, and the file ends after %llu", what,
                      (unsigned long long)bytes, (unsigned long long)left);
        return NULL;
    }
    const uint8_t *taken = cursor->mapping->bytes + cursor->at;
    cursor->at += bytes;
    return taken;
}

static uint64_t little_endian(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = count; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

bool gguf_take_u32(struct gguf_cursor *cursor, const char *what, uint32_t *value, struct error *error)
{
    const uint8_t *bytes = take(cursor, what, 4, error);
    if (!bytes)
        return false;
    *value = (uint32_t)little_endian(bytes, 4);
    return true;
}

bool gguf_take_u64(struct gguf_cursor *cursor, const char *what, uint64_t *value, struct error *error)
{
    const uint8_t *bytes = take(cursor, what, 8, error);
    if (!bytes)
        return false;
    *value = little_endian(bytes, 8);
    return true;
}

bool gguf_take_string(struct gguf_cursor *cursor, const char *what, const char **bytes, uint64_t *length,
                      struct error *error)
{
    if (!gguf_take_u64(cursor, what, length, error))
        return false;
    *bytes = (const char *)take(cursor, what, *length, error);
    return *bytes != NULL;
}

static bool take_value(struct gguf_cursor *cursor, uint32_t type, int depth, struct error *error);

static bool take_array(struct gguf_cursor *cursor, int depth, struct error *error)
{
    uint64_t begin = cursor->at, count, bytes;
    uint32_t type;
    if (depth == MOST_DEPTH)
        return mapping_error(cursor->mapping, begin, error, "arrays are nested more than %d deep", MOST_DEPTH);
    if (!gguf_take_u32(cursor, "an array's type", &type, error) ||
        !gguf_take_u64(cursor, "an array's length", &count, error))
        return false;
    if (type >= TYPE_COUNT)
        return mapping_error(cursor->mapping, begin, error, "an array of type %u; types are 0 to %d", type,
                             TYPE_COUNT - 1);
    if (type_bytes[type]) {
        if (__builtin_mul_overflow(count, type_bytes[type], &bytes))
            bytes = UINT64_MAX;
        return take(cursor, "an array", bytes, error) != NULL;
    }
    for (uint64_t i = 0; i < count; i++)
        if (!take_value(cursor, type, depth + 1, error))
            return false;
    return true;
}

static bool take_value(struct gguf_cursor *cursor, uint32_t type, int depth, struct error *error)
{
    const char *string;
    uint64_t length;
    if (type == ARRAY)
        return take_array(cursor, depth, error);
    if (type == STRING)
        return gguf_take_string(cursor, "a string", &string, &length, error);
    return take(cursor, "a value", type_bytes[type], error) != NULL;
}

static bool take_entry(struct gguf_cursor *cursor, struct gguf_entry *entry, struct error *error)
{
    uint64_t begin = cursor->at, length;
    if (!gguf_take_string(cursor, "a key", &entry->key, &length, error))
        return false;
    if (length == 0 || length > 65535 || !text_is_clean(entry->key, length))
        return mapping_error(cursor->mapping, begin + 8, error,
                             "a key of %llu bytes that isn't UTF-8 text of 1 to 65535 bytes without control characters",
                             (unsigned long long)length);
    entry->key_length = (uint32_t)length;
    uint64_t at = cursor->at;
    if (!gguf_take_u32(cursor, "a value's type", &entry->type, error))
        return false;
    if (entry->type >= TYPE_COUNT)
        return mapping_error(cursor->mapping, at, error, "'%.*s' has type %u; types are 0 to %d",
                             (int)(length < 90 ? length : 90), entry->key, entry->type, TYPE_COUNT - 1);
    entry->at = cursor->at;
    return take_value(cursor, entry->type, 0, error);
}

static int compare_keys(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : a_length < b_length ? -1 : a_length > b_length;
}

static int by_key(const void *a, const void *b)
{
    const struct gguf_entry *left = a, *right = b;
    return compare_keys(left->key, left->key_length, right->key, right->key_length);
}

bool gguf_take_values(struct gguf_cursor *cursor, uint64_t count, struct gguf_values *values, struct error *error)
{
    uint64_t left = cursor->mapping->size - cursor->at;
    *values = (struct gguf_values){.mapping = cursor->mapping};
    if (count > MOST_ENTRIES || count > left / 13) /* a key of one byte and a value of none */
        return mapping_error(cursor->mapping, 16, error, "%llu keys; at most %d are read, and the file has %llu bytes",
                             (unsigned long long)count, MOST_ENTRIES, (unsigned long long)cursor->mapping->size);
    values->entries = calloc(count + 1, sizeof *values->entries);
    if (!values->entries)
        return error_set(error, ERROR_SYSTEM, "out of memory for %llu keys", (unsigned long long)count);
    for (; values->count < count; values->count++)
        if (!take_entry(cursor, &values->entries[values->count], error))
            return false;
    qsort(values->entries, values->count, sizeof *values->entries, by_key);
    for (size_t i = 1; i < values->count; i++)
        if (by_key(&values->entries[i - 1], &values->entries[i]) == 0)
            return mapping_error(cursor->mapping, values->entries[i].at, error, "key '%.*s' is there twice",
                                 (int)(values->entries[i].key_length < 90 ? values->entries[i].key_length : 90),
                                 values->entries[i].key);
    return true;
}

void gguf_values_free(struct gguf_values *values)
{
    free(values->entries);
    *values = (struct gguf_values){0};
}

/* ---- looking up ---- */

static const struct gguf_entry *find(const struct gguf_values *values, const char *key)
{
    size_t low = 0, high = values->count, length = strlen(key);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct gguf_entry *entry = &values->entries[middle];
        int order = compare_keys(entry->key, entry->key_length, key, length);
        if (order == 0)
            return entry;
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}

static const struct gguf_entry *find_formatted(const struct gguf_values *values, const char *format, va_list arguments)
{
    char key[256];
    int length = vsnprintf(key, sizeof key, format, arguments);
    return length >= 0 && (size_t)length < sizeof key ? find(values, key) : NULL;
}

static bool whole_number(const uint8_t *bytes, uint32_t type, uint64_t *value)
{
    bool is_signed = type == I8 || type == I16 || type == I32 || type == I64;
    bool is_whole = is_signed || type == U8 || type == U16 || type == U32 || type == U64;
    if (!is_whole)
        return false;
    *value = little_endian(bytes, type_bytes[type]);
    return !is_signed || !(*value >> (8 * type_bytes[type] - 1));
}

static bool array_counts(const struct gguf_values *values, const struct gguf_entry *entry, uint64_t *sum,
                         uint64_t *largest, uint64_t *count)
{
    const uint8_t *bytes = values->mapping->bytes + entry->at;
    uint32_t type = entry->type == ARRAY ? (uint32_t)little_endian(bytes, 4) : entry->type;
    *count = entry->type == ARRAY ? little_endian(bytes + 4, 8) : 1;
    bytes += entry->type == ARRAY ? 12 : 0;
    *sum = *largest = 0;
    for (uint64_t i = 0; i < *count; i++) {
        uint64_t value;
        if (!whole_number(bytes + i * type_bytes[type], type, &value) || __builtin_add_overflow(*sum, value, sum))
            return false;
        *largest = value > *largest ? value : *largest;
    }
    return *count > 0;
}

bool gguf_array_counts(const struct gguf_values *values, uint64_t *sum, uint64_t *largest, uint64_t *count,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const struct gguf_entry *entry = find_formatted(values, format, arguments);
    va_end(arguments);
    return entry && array_counts(values, entry, sum, largest, count);
}

bool gguf_count(const struct gguf_values *values, uint64_t *value, const char *format, ...)
{
    uint64_t sum, largest, count, product;
    va_list arguments;
    va_start(arguments, format);
    const struct gguf_entry *entry = find_formatted(values, format, arguments);
    va_end(arguments);
    if (!entry || !array_counts(values, entry, &sum, &largest, &count))
        return false;
    if (__builtin_mul_overflow(largest, count, &product) || product != sum)
        return false;
    *value = largest;
    return true;
}

bool gguf_number(const struct gguf_values *values, double *value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const struct gguf_entry *entry = find_formatted(values, format, arguments);
    va_end(arguments);
    const uint8_t *bytes = entry ? values->mapping->bytes + entry->at : NULL;
    uint64_t whole;
    if (entry && entry->type == F32) {
        float number;
        uint32_t bits = (uint32_t)little_endian(bytes, 4);
        memcpy(&number, &bits, sizeof number);
        *value = number;
    } else if (entry && entry->type == F64) {
        uint64_t bits = little_endian(bytes, 8);
        memcpy(value, &bits, sizeof *value);
    } else if (entry && whole_number(bytes, entry->type, &whole)) {
        *value = (double)whole;
    } else {
        return false;
    }
    return *value - *value == 0; /* finite */
}

bool gguf_word(const struct gguf_values *values, char *out, size_t capacity, const char *key)
{
    const struct gguf_entry *entry = find(values, key);
    *out = '\0';
    if (!entry || entry->type != STRING)
        return false;
    const uint8_t *bytes = values->mapping->bytes + entry->at;
    uint64_t length = little_endian(bytes, 8);
    if (!text_is_clean((const char *)bytes + 8, length))
        return false;
    while (length >= capacity || (length && length < little_endian(bytes, 8) && (bytes[8 + length] & 0xc0) == 0x80))
        length = length >= capacity ? capacity - 1 : length - 1;
    memcpy(out, bytes + 8, length);
    out[length] = '\0';
    return true;
}

uint64_t gguf_array_length(const struct gguf_values *values, const char *key)
{
    const struct gguf_entry *entry = find(values, key);
    return entry && entry->type == ARRAY ? little_endian(values->mapping->bytes + entry->at + 4, 8) : 0;
}
