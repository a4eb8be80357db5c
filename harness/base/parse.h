/* Reading what people write: counts, sizes, durations, names; and writing them back as people read them.
 * Every parser takes the whole string or nothing, and says what would have been right. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"

/* A whole number within [least, most]. `what` names the thing in the error, e.g. "--threads". */
bool parse_count(const char *string, const char *what, uint64_t least, uint64_t most, uint64_t *value,
                 struct error *error);
/* A finite decimal number within [least, most]; a decimal point whatever the locale. */
bool parse_number(const char *string, const char *what, double least, double most, double *value, struct error *error);
/* Bytes: "8GiB", "500MB", "4096", "1.5 GiB"; K/M/G/T with iB binary, with B decimal, alone binary. More than 0. */
bool parse_size(const char *string, const char *what, uint64_t *bytes, struct error *error);
/* Seconds: "90s", "10m", "1.5h", "250ms", "2h30m"; a bare number is seconds. More than 0. */
bool parse_duration(const char *string, const char *what, double *seconds, struct error *error);

/* Shell-like pattern over the whole string, case ignored: `*` any run ('/' too), `?` one character. */
bool glob_match(const char *pattern, const char *string);

/* "6.2 GiB", "512 MiB", "18 B": three significant digits. */
void format_size(uint64_t bytes, char *out, size_t capacity);
/* "1.24 s", "18.3 ms", "4.1 µs", "2 min 5 s". */
void format_duration(double seconds, char *out, size_t capacity);
/* "124M", "1.5B", "8.03B", "512": parameters and the like, decimal, three significant digits. */
void format_count(double count, char *out, size_t capacity);

/* Of `count` names, up to `most` that are nearest to `name` by edit distance, best first, as "a, b or c". */
void nearest_names(const char *name, const char *const *names, size_t count, size_t most, char *out, size_t capacity);

#endif
