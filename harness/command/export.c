/* `benchmark export`: a run as a document that `import` reads, here or on another machine. */
#include <string.h>

#include "harness/command/command.h"
#include "harness/command/run_reference.h"
#include "reports/run.h"

static int run_export(const struct invocation *invocation, struct error *error)
{
    struct run run;
    if (!run_load(invocation->argument_count ? invocation->arguments[0] : "latest", invocation->database, &run, error))
        return (int)error->kind;
    struct invocation as_document = *invocation;
    if (!strcmp(as_document.format, "text")) /* what other commands do unless told otherwise */
        as_document.format = "json";
    int code = command_write(&as_document, run_report(&run), error);
    run_free(&run);
    return code;
}

const struct command command_export = {
    .name = "export",
    .arguments = "[RUN]",
    .help = "write a run as JSON (or another format) to keep or to move",
    .details = "RUN is a run's id or its beginning, latest (when left out), latest~N, or a JSON file. What is written "
               "as JSON, `benchmark import` reads.",
    .most_arguments = 1,
    .run = run_export,
};
