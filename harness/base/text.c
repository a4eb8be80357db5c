#include "harness/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool reserve(struct text *text, size_t more)
{
    if (text->failed)
        return false;
    size_t need = text->length + more + 1;
    if (need <= text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity : 64;
    while (capacity < need)
        capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_append_n(struct text *text, const char *bytes, size_t count)
{
    if (!reserve(text, count))
        return;
    memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void text_append(struct text *text, const char *string)
{
    text_append_n(text, string, strlen(string));
}

void text_repeat(struct text *text, const char *string, size_t count)
{
    while (count--)
        text_append(text, string);
}

void text_printf(struct text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length >= 0 && reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

const char *text_string(const struct text *text)
{
    return text->data ? text->data : "";
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

char *text_read_file(const char *path, size_t limit)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    struct text text = {0};
    char block[4096];
    ssize_t count;
    while ((count = read(file, block, sizeof block)) != 0) {
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 || text.length + (size_t)count > limit) {
            text.failed = true;
            break;
        }
        text_append_n(&text, block, (size_t)count);
    }
    close(file);
    if (!text.failed && !text.data)
        text_append(&text, "");
    if (text.failed) {
        text_free(&text);
        return NULL;
    }
    if (text.length && text.data[text.length - 1] == '\n')
        text.data[text.length - 1] = '\0';
    return text.data;
}

/* Wide and zero-width ranges that occur in model and machine names; everything else takes one column. */
static size_t codepoint_columns(unsigned code)
{
    if ((code >= 0x300 && code <= 0x36f) || code == 0x200b || code == 0x200d || (code >= 0xfe00 && code <= 0xfe0f))
        return 0;
    bool wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
                (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
                (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
                (code >= 0x1f300 && code <= 0x1faff);
    return wide ? 2 : 1;
}

size_t text_columns(const char *string)
{
    size_t columns = 0;
    for (const unsigned char *c = (const unsigned char *)string; *c;) {
        unsigned code = *c, more = code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : code >= 0xc0 ? 1 : 0;
        code &= more == 3 ? 0x07 : more == 2 ? 0x0f : more == 1 ? 0x1f : 0x7f;
        c++;
        while (more-- && (*c & 0xc0) == 0x80)
            code = code << 6 | (*c++ & 0x3f);
        columns += codepoint_columns(code);
    }
    return columns;
}
