/* Whether a machine does what is demanded of it: by what was measured there, else by an estimate from its own ops'
 * times, else by its ceilings or its data sheet; and what it can't run, it doesn't do. */
#ifndef FITNESS_DEMAND_ANSWER_H
#define FITNESS_DEMAND_ANSWER_H

#include "harness/estimate/known.h"
#include "models/catalogue/devices.h"
#include "reports/compare.h"
#include "reports/fitness/fit.h"

/* What is asked: opened once for all demands. */
struct demanded_machine {
    const struct run *run;
    struct fit_machine room;
    struct fit_limits limits;
    struct known known;
    int threads;
};
/* `device` where it is known by its data sheet, else NULL. The run stays the caller's. */
bool demanded_machine_open(const struct run *run, const struct device *device, struct demanded_machine *machine,
                           struct error *error);
void demanded_machine_close(struct demanded_machine *machine);

bool demand_answer(const struct demand *demand, const struct demanded_machine *machine, struct demand_answer *answer,
                   struct error *error);

#endif
