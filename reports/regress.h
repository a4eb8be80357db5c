/* What the latest run says of a machine beside the runs before it: which cases got slower or larger, since when, and
 * what changed there. Pure data in, pure data out: `regress_judge` decides, `regress_report` tells. */
#ifndef REPORTS_REGRESS_H
#define REPORTS_REGRESS_H

#include "harness/stats/nights.h"
#include "harness/store/accepted.h"
#include "harness/store/history.h"
#include "reports/report.h"

enum regress_quantity { REGRESS_TIME, REGRESS_MEMORY, REGRESS_CHECK, REGRESS_QUANTITIES };
enum regress_verdict { REGRESS_CLEAN, REGRESS_FOUND, REGRESS_UNSURE };

struct regression {
    const struct history *history;
    const struct accepted_change *accepted;
    size_t accepted_count;
    struct night_finding *findings[REGRESS_QUANTITIES]; /* [case]; owned */
    struct shared_shift shift;
    enum regress_verdict verdict;
    size_t baseline;                       /* runs before tonight that the noise is learned from */
    size_t slower, unsure, faster, judged; /* over all quantities; unsure: those that may be slower */
};

/* The history's last run is tonight. A case's figures before an accepted change count as if they were at the level
 * after it already. */
bool regress_judge(const struct history *history, const struct accepted_change *accepted, size_t accepted_count,
                   const struct night_options *options, struct regression *regression, struct error *error);
/* What is told as worse, to be accepted. The caller frees it; NULL without memory. */
struct accepted_change *regress_changes(const struct regression *regression, size_t *count);
void regress_free(struct regression *regression);
const char *regress_quantity_name(enum regress_quantity quantity);

/* Schema benchmark.regress/1. */
struct report *regress_report(const struct regression *regression);

#endif
