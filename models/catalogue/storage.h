/* How a file stores the elements of a tensor: every type of GGUF and of safetensors, with the size of its blocks.
 *
 * Block sizes are those of ggml's `ggml-common.h`; names are as each format writes them. A type that ggml once had and
 * dropped has a name and no size: files of it can't be read by today's engines either. */
#ifndef CATALOGUE_STORAGE_H
#define CATALOGUE_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

enum storage_kind {
    STORAGE_FLOAT,     /* each element a floating-point number of its own */
    STORAGE_INTEGER,   /* whole numbers: indices, or values that another tool has packed */
    STORAGE_QUANTISED, /* blocks of weights with a scale */
};

struct storage {
    const char *name; /* "Q4_K" */
    uint32_t block;   /* elements in a block; 1 for plain types */
    uint32_t bytes;   /* of a block; 0 for a type that was dropped */
    enum storage_kind kind;
    const char *dtype; /* of the same bytes in this program (graph/dtype.h), or NULL where no kernel runs it */
};

/* By the number that GGUF files give it; NULL for a number that no type has. */
const struct storage *storage_of_ggml(uint32_t number);
/* By the name that safetensors gives it ("BF16", "F8_E4M3"); NULL when there is none. The name isn't terminated. */
const struct storage *storage_of_safetensors(const char *name, uint64_t length);
/* By ggml's name, case ignored; NULL when there is none or it was dropped. */
const struct storage *storage_find(const char *name);
/* What to do about a dropped type: one clause for an error message. */
const char *storage_dropped_advice(void);

/* Bytes of `rows` rows of `columns` elements; false where they overflow or a row isn't whole blocks. */
bool storage_bytes(const struct storage *storage, uint64_t rows, uint64_t columns, uint64_t *bytes);

#endif
