/* A growing string: the one way text is put together in memory. Zero-initialise, append, free.
 * Out of memory is remembered in `failed`, so that a caller checks once at the end. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *data; /* NUL-terminated once anything was appended; owned */
    size_t length, capacity;
    bool failed;
};

void text_append(struct text *text, const char *string);
void text_append_n(struct text *text, const char *bytes, size_t count);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends `string` `count` times. */
void text_repeat(struct text *text, const char *string, size_t count);
/* The string so far, "" when empty; owned by *text. */
const char *text_string(const struct text *text);
void text_free(struct text *text);

/* Reads a whole file of at most `limit` bytes; NULL when it can't be read or is larger. The caller frees it.
 * Files under /proc and /sys have no size beforehand, so it reads until the end. A trailing newline is dropped. */
char *text_read_file(const char *path, size_t limit);

/* Columns that a UTF-8 string takes on a terminal (East Asian wide characters count 2, combining ones 0). */
size_t text_columns(const char *string);

#endif
