/* A machine's runs side by side: each case's figures run by run, without their samples. */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include "harness/store/store.h"

struct history_run {
    char id[TEXT_WORD], started[TEXT_WORD];
    json_t *machine; /* owned */
};

/* One case of one run; NaN where absent. */
struct history_point {
    double median_s, low_s, high_s, confidence, peak_bytes;
    enum status status; /* STATUS_COUNT: the run hasn't this case */
    bool has_check, check_passed;
};

struct history {
    struct history_run *runs; /* oldest first */
    size_t run_count;
    char (*ids)[TEXT_ID]; /* of the cases, in the order in which they first came */
    size_t case_count;
    struct history_point *points; /* [case][run] */
};

/* The last `most` runs of that fingerprint up to `run_id` and with it (NULL: up to the latest), and the cases that
 * `glob` matches (NULL: all). Runs of other engines are left out. */
bool store_get_history(struct store *store, const char *fingerprint, const char *run_id, size_t most, const char *glob,
                       struct history *history, struct error *error);
void history_free(struct history *history);
/* The fingerprint of a run in the store. */
bool store_get_fingerprint(struct store *store, const char *run_id, char *out, size_t capacity, struct error *error);

#endif
