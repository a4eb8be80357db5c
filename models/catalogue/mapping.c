#include "models/catalogue/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool map(int file, struct mapping *mapping, struct error *error)
{
    struct stat status;
    if (fstat(file, &status) != 0)
        return error_set(error, ERROR_INPUT, "%s: %s", mapping->name, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_INPUT, "%s: is %s; a model's file is wanted", mapping->name,
                         S_ISDIR(status.st_mode) ? "a directory" : "no regular file");
    if (status.st_size == 0)
        return error_set(error, ERROR_INPUT, "%s: byte 0: the file is empty", mapping->name);
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes == MAP_FAILED)
        return error_set(error, ERROR_SYSTEM, "%s: can't be mapped: %s", mapping->name, strerror(errno));
    mapping->bytes = bytes;
    mapping->size = (uint64_t)status.st_size;
    mapping->mapped = true;
    return true;
}

bool mapping_of_bytes(const char *name, const void *bytes, uint64_t size, struct mapping *mapping, struct error *error)
{
    *mapping = (struct mapping){.name = strdup(name), .bytes = bytes, .size = size};
    return mapping->name || error_set(error, ERROR_SYSTEM, "out of memory for a file's name");
}

bool mapping_open(const char *path, struct mapping *mapping, struct error *error)
{
    if (!mapping_of_bytes(path, NULL, 0, mapping, error))
        return false;
    /* Without O_NONBLOCK a named pipe would be waited for. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool right = file >= 0 ? map(file, mapping, error) : error_set(error, ERROR_INPUT, "%s: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    if (!right)
        mapping_close(mapping);
    return right;
}

void mapping_close(struct mapping *mapping)
{
    if (mapping->mapped)
        munmap((void *)(uintptr_t)mapping->bytes, (size_t)mapping->size);
    free(mapping->name);
    *mapping = (struct mapping){0};
}

bool mapping_error(const struct mapping *mapping, uint64_t at, struct error *error, const char *format, ...)
{
    char what[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_INPUT, "%.90s: byte %llu: %s", mapping->name, (unsigned long long)at, what);
}

/* Bytes that the character at `c` takes, 0 when it isn't a clean one. */
static unsigned clean_character(const uint8_t *c, uint64_t left)
{
    if (c[0] < 0x80)
        return c[0] >= 0x20 && c[0] != 0x7f;
    unsigned more = c[0] >= 0xf0 ? 3 : c[0] >= 0xe0 ? 2 : 1;
    if (c[0] < 0xc2 || c[0] > 0xf4 || left <= more)
        return 0;
    uint32_t code = c[0] & (0x3f >> more);
    for (unsigned i = 1; i <= more; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (c[i] & 0x3f);
    }
    bool overlong = code < (more == 1 ? 0x80u : more == 2 ? 0x800u : 0x10000u);
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    bool direction = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return overlong || surrogate || direction || code < 0xa0 || code > 0x10ffff ? 0 : more + 1;
}

/* Eight bytes from 0x20 to 0x7e. */
static bool are_printable(const char *bytes)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x80 * ones;
    uint64_t eight;
    memcpy(&eight, bytes, sizeof eight);
    return !(((eight - 0x20 * ones) | (eight + ones) | eight) & tops);
}

bool text_is_clean(const char *bytes, uint64_t length)
{
    for (uint64_t i = 0; i < length;) {
        if (length - i >= 8 && are_printable(bytes + i)) {
            i += 8;
            continue;
        }
        unsigned taken = clean_character((const uint8_t *)bytes + i, length - i);
        if (!taken)
            return false;
        i += taken;
    }
    return true;
}
