/* The values that a GGUF file keeps before its tensors: keys, and scalars, strings and arrays under them. Inside
 * catalogue only: gguf.c. */
#ifndef CATALOGUE_GGUF_VALUES_H
#define CATALOGUE_GGUF_VALUES_H

#include "models/catalogue/mapping.h"

/* A place in a file that moves forward and not past its end. */
struct gguf_cursor {
    const struct mapping *mapping;
    uint64_t at;
};

/* Each takes what stands at the cursor; `what` names it in the error. Little-endian. */
bool gguf_take_u32(struct gguf_cursor *cursor, const char *what, uint32_t *value, struct error *error);
bool gguf_take_u64(struct gguf_cursor *cursor, const char *what, uint64_t *value, struct error *error);
/* The bytes are the mapping's, not terminated. */
bool gguf_take_string(struct gguf_cursor *cursor, const char *what, const char **bytes, uint64_t *length,
                      struct error *error);

struct gguf_entry {
    const char *key; /* in the mapping, not terminated */
    uint32_t key_length, type;
    uint64_t at; /* of its value */
};

struct gguf_values {
    const struct mapping *mapping;
    struct gguf_entry *entries; /* owned; sorted by key */
    size_t count;
};

/* Takes `count` keys with their values: all of them are checked, and no key is there twice. */
bool gguf_take_values(struct gguf_cursor *cursor, uint64_t count, struct gguf_values *values, struct error *error);
void gguf_values_free(struct gguf_values *values);

/* Whole numbers of any type that aren't negative; false when the key is absent or of another type. The key is
 * formatted. An array of such numbers counts when all are equal; gguf_sum adds up either, a lone number once. */
bool gguf_count(const struct gguf_values *values, uint64_t *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool gguf_number(const struct gguf_values *values, double *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Copies a string that is clean text, cut to the capacity between characters; false (and "") when it isn't there. */
bool gguf_word(const struct gguf_values *values, char *out, size_t capacity, const char *key);
/* Elements of the array at the key; 0 when there is none. */
uint64_t gguf_array_length(const struct gguf_values *values, const char *key);
/* The numbers of an array that isn't uniform: sum and largest. */
bool gguf_array_counts(const struct gguf_values *values, uint64_t *sum, uint64_t *largest, uint64_t *count,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
