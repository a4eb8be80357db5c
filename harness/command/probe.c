/* `benchmark probe`: what this machine, or one of an hwloc export, is and can do. */
#include <stdio.h>

#include "harness/command/command.h"
#include "harness/command/machine_report.h"

static int ceilings;
static char *topology;

static struct poptOption options[] = {
    {"ceilings", '\0', POPT_ARG_NONE, &ceilings, 0, "measure what the machine can do at most (up to 20 s)", NULL},
    {"topology", '\0', POPT_ARG_STRING, &topology, 0, "describe the machine of an hwloc export instead", "FILE.xml"},
    POPT_TABLEEND,
};

static bool measure(struct machine *machine, const struct invocation *invocation, struct error *error)
{
    if (invocation->progress)
        fputs("measuring the ceilings: 10 to 20 s …", stderr);
    bool right = machine_measure_ceilings(machine, NULL, error);
    if (invocation->progress)
        fputs("\r\033[K", stderr);
    return right;
}

static int run(const struct invocation *invocation, struct error *error)
{
    struct machine machine;
    if (ceilings && topology) {
        error_set(error, ERROR_INPUT, "--ceilings: they are measured on the machine itself, not on that of --topology");
        return ERROR_INPUT;
    }
    if (!machine_probe(&machine, topology, error))
        return (int)error->kind;
    int code = 0;
    if (ceilings && !measure(&machine, invocation, error))
        code = (int)error->kind;
    if (!code) {
        struct report *report = report_create("This machine");
        if (report)
            machine_report(report, &machine);
        code = command_write(invocation, report, error);
    }
    machine_free(&machine);
    return code;
}

const struct command command_probe = {
    .name = "probe",
    .help = "what this machine is and can do",
    .details = "Shows CPU, caches, memory and what limits it, GPUs, counters, energy, software and conditions; what is "
               "absent is named with the reason and the remedy. FILE.xml is what `lstopo --of xml` writes.",
    .options = options,
    .run = run,
};
