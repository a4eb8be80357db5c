/* `benchmark export`: a run as a document that `import` reads, here or on another machine. */
#include "harness/command/command.h"
#include "harness/command/run_reference.h"

const struct command command_export = {
    .name = "export",
    .arguments = "[RUN]",
    .help = "write a run as JSON (or another format) to keep or to move",
    .details = "RUN is a run's id or its beginning, latest (when left out), latest~N, or a JSON file. What is written "
               "as JSON, `benchmark import` reads.",
    .most_arguments = 1,
    .format = "json",
    .run = run_show,
};
