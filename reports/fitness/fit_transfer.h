/* How fast a case would be on a machine of which only its limits were measured, from what this program's ops reach of
 * the limits of machines where they were measured: each of those estimates the case, and the time it spends at a limit
 * is scaled by the ratio of the two machines' limits.
 *
 * The interval is by leaving machines out: each that is known is foretold from each other one, and the errors' quantile
 * is the half-width. With a single known machine nothing can be left out: then a factor that stands for what machines
 * differ by widens the estimate's own interval. */
#ifndef FITNESS_FIT_TRANSFER_H
#define FITNESS_FIT_TRANSFER_H

#include "harness/estimate/estimate.h"
#include "harness/store/record.h"
#include "reports/fitness/range.h"

enum { TRANSFER_MACHINES = 8 };

struct transfer_source {
    const char *name;
    const struct estimator *estimator;
    struct limits limits;
    const struct record *records; /* measured there */
    size_t record_count;
};

struct fit_transfer {
    struct transfer_source sources[TRANSFER_MACHINES];
    size_t source_count;
    struct limits limits; /* of the machine that is asked about */
    double half_width;    /* of the logarithm: what leaving machines out found; NaN: nothing could be left out */
    size_t errors;        /* that it rests on */
};

/* Finds the half-width. */
void fit_transfer_judge(struct fit_transfer *transfer);
/* Seconds of a step; NaN where nothing is known of its ops. */
struct range fit_transfer_seconds(const struct fit_transfer *transfer, const struct graph *graph, enum mode mode,
                                  const char **bound);

#endif
