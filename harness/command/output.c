#include "harness/command/command.h"
#include "reports/format/format.h"

int command_write(const struct invocation *invocation, struct report *report, struct error *error)
{
    bool right = report ? format_write(report, invocation->format, invocation->output, invocation->color, error)
                        : error_set(error, ERROR_SYSTEM, "out of memory");
    report_free(report);
    return right ? 0 : (int)error->kind;
}
