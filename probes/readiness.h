/* Is this machine fit to measure with? Findings are sentences with a remedy; those that spoil a measurement are marked.
 * `doctor` shows them all, `probe` and every record carry them as warnings. */
#ifndef PROBES_READINESS_H
#define PROBES_READINESS_H

#include "probes/machine.h"

struct finding {
    bool spoils; /* figures taken now would mislead; else they are right but worth knowing about */
    char what[300], remedy[300];
};

struct findings {
    struct finding *items; /* owned */
    size_t count;
};

/* What was observed for a moment just now, beside what the machine is. NaN where nothing was. */
struct observation {
    double busy_share, steal_share; /* of all CPUs' time, while this program did nothing */
    double new_throttles;           /* since the first look */
    int rivals;                     /* other processes that benchmark or burn CPU; their names below */
    char rival_names[200];
};

void readiness_check(const struct machine *machine, const struct observation *observed, struct findings *findings);
void findings_free(struct findings *findings);

/* Watches the live system for `seconds` without doing anything. */
struct observation readiness_observe(double seconds);
/* What observed nothing. */
struct observation readiness_unobserved(void);
/* Makes the findings machine->warnings, in place of those that are there. */
void readiness_warn(struct machine *machine);

#endif
