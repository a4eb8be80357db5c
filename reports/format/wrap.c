#include "reports/format/wrap.h"

#include <string.h>

/* The string is valid UTF-8: see report.h. */
static size_t character_bytes(const char *c)
{
    size_t length = 1;
    while ((c[length] & 0xc0) == 0x80)
        length++;
    return length;
}

size_t wrap_line(const char *string, size_t columns, bool inside_words, const char **next)
{
    size_t used = 0, end = 0, broken = 0; /* broken: the last good place to end the line, 0 none */
    while (string[end]) {
        size_t bytes = character_bytes(string + end);
        char one[16] = {0};
        memcpy(one, string + end, bytes < sizeof one ? bytes : sizeof one - 1);
        if (string[end] == ' ')
            broken = end;
        used += text_columns(one);
        if (used > columns && (broken || (inside_words && end)))
            break;
        end += bytes;
        if (inside_words && (one[0] == '/' || one[0] == ','))
            broken = end;
    }
    if (string[end])
        end = broken ? broken : end;
    *next = string + end;
    while (**next == ' ')
        (*next)++;
    return end;
}

void wrap_paragraph(struct text *out, const char *string, size_t columns, size_t start, size_t indent)
{
    while (*string) {
        size_t room = columns > start + 8 ? columns - start : 8;
        const char *next = string + strlen(string);
        size_t length = columns ? wrap_line(string, room, false, &next) : strlen(string);
        text_append_n(out, string, length);
        string = next;
        start = indent;
        if (*string) {
            text_append(out, "\n");
            text_repeat(out, " ", indent);
        }
    }
    text_append(out, "\n");
}
