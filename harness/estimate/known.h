/* What the store knows of a machine's speed: the latest measured record of each case, and the estimator that rests on
 * their ops' times. */
#ifndef ESTIMATE_KNOWN_H
#define ESTIMATE_KNOWN_H

#include "harness/estimate/estimate.h"
#include "harness/store/store.h"

#define CALIBRATION_SUITE "calibration"
struct known {
    struct run *runs; /* owned: the records below are theirs */
    size_t run_count;
    struct record *records; /* owned array of borrowed records: measured, each case once, the latest */
    bool *calibration;      /* [record_count] whether it was measured in a run of suite CALIBRATION_SUITE; owned */
    size_t record_count;
    size_t op_cases;             /* how many of them have their ops' times */
    struct estimator *estimator; /* NULL when op_cases is 0 */
    struct limits limits;        /* NaN where none were measured */
};

/* A record with its ops' times as the estimator takes it: borrowed from the record. */
struct measured_case known_case(const struct record *record);
/* Of the machine with that fingerprint, measured with that many threads. A store that isn't there knows nothing. */
bool known_load(const char *database, const char *fingerprint, int threads, struct known *known, struct error *error);
/* From one run alone, which stays the caller's and must outlive what is known. */
bool known_of_run(const struct run *run, int threads, struct known *known, struct error *error);
void known_free(struct known *known);

#endif
