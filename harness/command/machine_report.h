/* A machine as a person wants to see it: what it is, what limits it, what is absent and why. */
#ifndef COMMAND_MACHINE_REPORT_H
#define COMMAND_MACHINE_REPORT_H

#include "probes/machine.h"
#include "reports/report.h"

/* Adds tables and sentences to the report; its document becomes the machine's. */
void machine_report(struct report *report, const struct machine *machine);

#endif
