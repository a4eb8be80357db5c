/* How well the estimates do on this machine: what was measured against what would have been said without it. Pure data
 * in, pure data out. */
#ifndef FITNESS_VALIDATE_H
#define FITNESS_VALIDATE_H

#include <stddef.h>

#include "harness/estimate/known.h"
#include "reports/report.h"

enum quantity { QUANTITY_DECODE, QUANTITY_PREFILL, QUANTITY_FORWARD, QUANTITY_TRAIN, QUANTITY_PEAK, QUANTITY_COUNT };
extern const char *const quantity_names[QUANTITY_COUNT]; /* "decode_s" */

/* One figure of one case. What can't be told without it (an op that no other model has) is NaN. */
struct validate_row {
    const struct record *record; /* the caller's */
    enum quantity quantity;
    double measured, estimated, low, high;
};

/* What rows come to; a NaN where there are none. Errors are relative and without their sign. */
struct accuracy {
    size_t cases, under_estimates; /* measured above `high` */
    double median_error, p90_error, max_error, within_10pct, coverage;
};

struct validation {
    struct validate_row *rows; /* owned; the worst first */
    size_t row_count, untold;  /* untold: measured, but with an op that is in no other model */
    struct accuracy quantities[QUANTITY_COUNT];
};

/* Of all records that were measured with their ops' times; `kind` says what is left out for each. False without
 * memory. */
bool validate_make(const struct known *known, enum left_out kind, struct validation *validation);
void validate_free(struct validation *validation);
struct accuracy validate_accuracy(const struct validation *validation, enum quantity quantity, const char *family);
/* Whether the 90 % intervals hold no fewer than that by more than chance would have it: 95 of 100 such counts, if the
 * claim holds, are larger. */
bool validate_holds(const struct accuracy *accuracy);

/* The contract's document with all that was left out in turn, and the tables that a person reads; `rows` of what
 * `LEFT_OUT_SIZE` left out only. */
struct report *validate_report(const struct validation validations[LEFT_OUT_KINDS]);

#endif
