/* Breaking text into lines of a terminal. */
#ifndef FORMAT_WRAP_H
#define FORMAT_WRAP_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/text.h"

/* Bytes of `string` that go on a line of `columns`, at least one character; *next receives where the next line starts.
 * It breaks at spaces; inside_words allows breaks after '/' and ',' and, failing that, anywhere. */
size_t wrap_line(const char *string, size_t columns, bool inside_words, const char **next);
/* Appends a paragraph with its line ends, every line but the first indented by `indent` spaces; the first one starts at
 * column `start`, where the caller stands. No breaks where columns is 0. */
void wrap_paragraph(struct text *out, const char *string, size_t columns, size_t start, size_t indent);

#endif
