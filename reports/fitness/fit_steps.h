/* The recommendation as the five steps of choosing: the task and what it demands, the families that serve it and what
 * they are good at, what each needs, what fits, how to tune it. */
#ifndef FITNESS_FIT_STEPS_H
#define FITNESS_FIT_STEPS_H

#include "reports/fitness/fit.h"

enum { FIT_STEPS = 5, STEP_TEXT = 1200 };

struct fit_step {
    const char *name; /* "task", "families", "needs", "fits", "tune" */
    char text[STEP_TEXT];
};

/* Of a fit that is concluded and has an answer. */
void fit_make_steps(const struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                    struct fit_step steps[FIT_STEPS]);

#endif
