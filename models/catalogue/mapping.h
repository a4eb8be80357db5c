/* A file mapped to be read, and a place in it that moves forward and never past the end.
 *
 * What is read is untrusted. Every error is one line: the file's name, the byte, what is there and what would be
 * right. */
#ifndef CATALOGUE_MAPPING_H
#define CATALOGUE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"

struct mapping {
    char *name; /* owned: the path as it was given */
    const uint8_t *bytes;
    uint64_t size;
    bool mapped; /* by mapping_open; else the bytes are the caller's */
};

/* A regular file that isn't empty. */
bool mapping_open(const char *path, struct mapping *mapping, struct error *error);
/* The same over bytes that are the caller's and stay. */
bool mapping_of_bytes(const char *name, const void *bytes, uint64_t size, struct mapping *mapping, struct error *error);
void mapping_close(struct mapping *mapping);

/* `NAME: byte N: …` */
bool mapping_error(const struct mapping *mapping, uint64_t at, struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms) without control characters (C0, DEL, C1). */
bool text_is_clean(const char *bytes, uint64_t length);

#endif
