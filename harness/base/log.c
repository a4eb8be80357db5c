#include "harness/base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "harness/base/error.h"

static enum log_level current = LOG_NORMAL;

void log_set_level(enum log_level level)
{
    current = level;
}

enum log_level log_level(void)
{
    return current;
}

static void write_line(const char *prefix, const char *format, va_list arguments)
{
    struct error line; /* borrowed for its replacing of control characters */
    char text[sizeof line.message];
    vsnprintf(text, sizeof text, format, arguments);
    error_set(&line, ERROR_NONE, "%s", text);
    fprintf(stderr, "benchmark: %s%s\n", prefix, line.message);
}

void log_warning(const char *format, ...)
{
    if (current < LOG_NORMAL)
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line("warning: ", format, arguments);
    va_end(arguments);
}

void log_detail(const char *format, ...)
{
    if (current < LOG_VERBOSE)
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line("", format, arguments);
    va_end(arguments);
}
