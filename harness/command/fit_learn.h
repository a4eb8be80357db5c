/* What `fit` knows of the machine before it answers, and what it measures first because it knows too little. */
#ifndef COMMAND_FIT_LEARN_H
#define COMMAND_FIT_LEARN_H

#include "harness/command/command.h"
#include "harness/estimate/known.h"
#include "probes/machine.h"
#include "reports/fitness/fit.h"
#include "reports/fitness/fit_file.h"

struct fit_question {
    const struct fit_demands *demands;
    const struct fit_file *files; /* that are asked about in place of names */
    size_t file_count;
    const char *engine;    /* whose speed; NULL: this program's own */
    uint64_t memory_bytes; /* that measuring may take */
    bool quick, measures;  /* in half the time; at all */
    bool told_too; /* fit_learn fills it: nothing was calibrated here before, so what is told first may be now */
};

/* What the store knows; measured first what is too far from all of that. False also when a signal ended it, whose
 * number *stopped_by then has. */
bool fit_learn(const struct invocation *invocation, struct fit_question *question, const struct machine *machine,
               struct known *known, int *stopped_by, struct error *error);

/* Measures the samples of what the answer speaks of first, where its figures rest on ops far away: *learned then, and
 * *known is loaded anew. Failures as above. */
bool fit_learn_told(const struct invocation *invocation, const struct fit_question *question,
                    const struct machine *machine, const struct fit *fit, struct known *known, bool *learned,
                    int *stopped_by, struct error *error);

#endif
