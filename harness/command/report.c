/* `benchmark report`: shows a run again. */
#include "harness/command/command.h"
#include "harness/command/run_reference.h"

const struct command command_report = {
    .name = "report",
    .arguments = "[RUN]",
    .help = "what a run found: the latest, or the one that is named",
    .details = "RUN is a run's id or its beginning, latest, latest~N (the N-th before it), or a JSON file.",
    .most_arguments = 1,
    .run = run_show,
};
