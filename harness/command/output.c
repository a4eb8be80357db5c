#include <string.h>
#include <unistd.h>

#include "harness/command/command.h"
#include "reports/format/format.h"
#include "reports/format/write.h"

int command_write(const struct invocation *invocation, struct report *report, struct error *error)
{
    bool right = report ? format_write(report, invocation->format, invocation->output, invocation->color, error)
                        : error_set(error, ERROR_SYSTEM, "out of memory");
    report_free(report);
    return right ? 0 : (int)error->kind;
}

int command_write_text(const struct invocation *invocation, struct text *text, struct error *error)
{
    const char *path = invocation->output, *bytes = text_string(text);
    bool right = !text->failed || error_set(error, ERROR_SYSTEM, "out of memory");
    if (right)
        right = !path || strcmp(path, "-") == 0
                    ? write_descriptor(STDOUT_FILENO, bytes, text->length, "standard output", error)
                    : write_file(path, bytes, text->length, error);
    text_free(text);
    return right ? 0 : (int)error->kind;
}
