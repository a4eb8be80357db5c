#include "harness/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Untrusted text must not reach a terminal as an escape sequence or break the one-line rule. */
static void replace_controls(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
}

bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    if (!error)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    replace_controls(error->message);
    error->kind = kind;
    return false;
}

bool error_prefix(struct error *error, const char *format, ...)
{
    if (!error)
        return false;
    char old[sizeof error->message], prefix[sizeof error->message];
    memcpy(old, error->message, sizeof old);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    replace_controls(prefix);
    int length = snprintf(error->message, sizeof error->message, "%s: ", prefix);
    if (length > 0 && (size_t)length < sizeof error->message)
        strncat(error->message, old, sizeof error->message - (size_t)length - 1);
    return false;
}
