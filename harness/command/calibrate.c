#include "harness/command/calibrate.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/log.h"
#include "harness/command/measure_suite.h"

static bool was_tried(const void *state, const char *id)
{
    enum { OFTEN = 2 }; /* a machine that is never quiet isn't asked for ever */
    const struct known *known = state;
    int noisy = 0;
    for (size_t r = 0; r < known->run_count; r++)
        for (size_t i = 0; i < known->runs[r].record_count; i++) {
            const struct record *record = &known->runs[r].records[i];
            if (strcmp(record->id, id) != 0)
                continue;
            if (record->status != STATUS_NOISY || ++noisy == OFTEN)
                return true;
        }
    return false;
}

bool calibrate(const struct invocation *invocation, const struct machine *machine, const struct model_case *asked,
               size_t asked_count, const struct calibration_limits *limits, struct known *known, int *stopped_by,
               struct error *error)
{
    struct case_list list = {0};
    const struct calibration_tried tried = {was_tried, known};
    if (!calibration_choose(asked, asked_count, known->estimator, limits, &tried, &list.cases, &list.count, error))
        return false;
    bool right = true;
    if (list.count) {
        log_detail("measuring %zu cases first, that the estimates rest on", list.count);
        known_free(known);
        right = measure_chosen(invocation, CALIBRATION_SUITE, &list, limits->budget_s, limits->threads, stopped_by,
                               error) &&
                known_load(invocation->database, machine->fingerprint, limits->threads, known, error);
    }
    case_list_free(&list);
    return right;
}
