/* `benchmark report`: shows a run again. */
#include "reports/run.h"

#include "harness/command/command.h"
#include "harness/command/run_reference.h"

static int run_report_command(const struct invocation *invocation, struct error *error)
{
    struct run run;
    if (!run_load(invocation->argument_count ? invocation->arguments[0] : "latest", invocation->database, &run, error))
        return (int)error->kind;
    int code = command_write(invocation, run_report(&run), error);
    run_free(&run);
    return code;
}

const struct command command_report = {
    .name = "report",
    .arguments = "[RUN]",
    .help = "what a run found: the latest, or the one that is named",
    .details = "RUN is a run's id or its beginning, latest, latest~N (the N-th before it), or a JSON file.",
    .most_arguments = 1,
    .run = run_report_command,
};
