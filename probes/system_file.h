/* Reading /proc and /sys under a root: "" for the live system, or a folder that stands for / so that tests describe a
 * machine as a tree of small files. A file that is missing is normal; every reader says so and goes on. */
#ifndef PROBES_SYSTEM_FILE_H
#define PROBES_SYSTEM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text of the file, without its last newline, or NULL. The caller frees it. */
char *system_read(const char *root, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Its first line into `out` (cut to fit); false and "" when there is none. */
bool system_read_line(char *out, size_t capacity, const char *root, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A whole decimal number that starts the file; false when there is none (for example "max"). */
bool system_read_count(uint64_t *value, const char *root, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool system_exists(const char *root, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The number behind `key` at the start of a line of `text` ("MemTotal:", "inactive_file"), as it stands there. */
bool system_field(const char *text, const char *key, uint64_t *value);
/* The rest of the line behind `key`, spaces, tabs and one colon passed over; cut to fit. */
bool system_field_text(const char *text, const char *key, char *out, size_t capacity);

/* The names in a folder, sorted, those that begin with `prefix`; NULL-ended, free with system_free_names. */
char **system_list(const char *root, const char *folder, const char *prefix);
void system_free_names(char **names);

#endif
