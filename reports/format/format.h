/* An output format is one file with one struct, named in the table in format.c. */
#ifndef FORMAT_FORMAT_H
#define FORMAT_FORMAT_H

#include <stdbool.h>
#include <stdio.h>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "reports/report.h"

struct sink {
    struct text text; /* what is written goes here first: a file is written whole or not at all */
    bool color;
    int columns; /* of the terminal; 0 when there is none: then nothing is shortened */
};

struct format {
    const char *name, *media_type, *help;
    bool (*write)(const struct report *report, struct sink *sink, struct error *error);
};

extern const struct format *const formats[]; /* NULL-ended */
const struct format *format_find(const char *name);

/* Writes the report as `format` to `path` (a temporary file beside it, renamed), or to stdout when it is NULL or "-".
 * A full disk or a closed pipe is an error of the system. */
bool format_write(const struct report *report, const char *format, const char *path, bool color, struct error *error);

/* Columns of the terminal behind a descriptor, 0 where there is none. */
int terminal_columns(int descriptor);

#endif
