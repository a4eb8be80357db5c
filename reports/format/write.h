/* Where results go: a descriptor to its last byte, or a file whole or not at all. */
#ifndef FORMAT_WRITE_H
#define FORMAT_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"

/* A full disk or a closed pipe is an error of the system; `name` opens its message. SIGPIPE must be ignored. */
bool write_descriptor(int descriptor, const char *bytes, size_t count, const char *name, struct error *error);
/* A temporary file beside `path`, renamed over it once it is complete on the disk. The mode of a file that is replaced
 * is kept, and a symbolic link stays one. What is no ordinary file (a device, a pipe) is written to directly. */
bool write_file(const char *path, const char *bytes, size_t count, struct error *error);
/* Whether write_file could write there, as far as that can be told before anything was measured. */
bool write_file_possible(const char *path, struct error *error);

#endif
