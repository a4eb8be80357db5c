#include "reports/format/format.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/base/parse.h"
#include "reports/format/write.h"

extern const struct format format_text, format_json, format_csv, format_markdown, format_html, format_junit,
    format_openmetrics, format_bmf;

const struct format *const formats[] = {&format_text,        &format_json, &format_csv,
                                        &format_markdown,    &format_html, &format_junit,
                                        &format_openmetrics, &format_bmf,  NULL};

const struct format *format_find(const char *name)
{
    for (size_t i = 0; formats[i]; i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

int terminal_columns(int descriptor)
{
    if (!isatty(descriptor))
        return 0;
    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *variable = getenv("COLUMNS");
    uint64_t columns;
    return variable && parse_count(variable, "COLUMNS", 1, 10000, &columns, NULL) ? (int)columns : 80;
}

bool format_write(const struct report *report, const char *format, const char *path, bool color, struct error *error)
{
    const struct format *found = format_find(format);
    if (!found)
        return error_set(error, ERROR_INPUT, "there is no format '%s'", format);
    if (!report_complete(report))
        return error_set(error, ERROR_SYSTEM, "out of memory while putting the report together");
    bool to_stdout = !path || strcmp(path, "-") == 0;
    struct sink sink = {.color = color, .columns = to_stdout ? terminal_columns(STDOUT_FILENO) : 0};
    bool right = found->write(report, &sink, error);
    if (right && sink.text.failed)
        right = error_set(error, ERROR_SYSTEM, "out of memory while writing the results as %s", format);
    const char *bytes = text_string(&sink.text);
    if (right)
        right = to_stdout ? write_descriptor(STDOUT_FILENO, bytes, sink.text.length, "standard output", error)
                          : write_file(path, bytes, sink.text.length, error);
    text_free(&sink.text);
    return right;
}
