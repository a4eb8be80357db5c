#include "harness/command/fit_others.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The latest run of a fingerprint that isn't there yet: its machine, measured with that run's threads. */
static bool add_other(struct others *others, const char *database, const struct run *run, struct error *error)
{
    struct fit_transfer *transfer = &others->transfer;
    const char *fingerprint = run_fingerprint(run);
    size_t at = transfer->source_count;
    if (!*fingerprint || !run->record_count || run->engine || at == TRANSFER_MACHINES)
        return true;
    for (size_t i = 0; i < at; i++)
        if (strcmp(others->fingerprints[i], fingerprint) == 0)
            return true;
    struct known *known = &others->known[at];
    if (!known_load(database, fingerprint, run->records[0].threads, known, error))
        return false;
    if (!known->estimator || !(known->limits.read_gbs > 0) || !(known->limits.peak_f32_gflops > 0)) {
        known_free(known);
        return true;
    }
    snprintf(others->fingerprints[at], sizeof others->fingerprints[at], "%s", fingerprint);
    transfer->sources[transfer->source_count++] = (struct transfer_source){.name = run_machine_name(&known->runs[0]),
                                                                           .estimator = known->estimator,
                                                                           .limits = known->limits,
                                                                           .records = known->records,
                                                                           .record_count = known->record_count};
    return true;
}

static bool add_runs(struct others *others, const char *database, struct store *store, struct error *error)
{
    enum { MOST_RUNS = 60 };
    char(*ids)[TEXT_WORD];
    size_t count;
    if (!store_list_runs(store, NULL, MOST_RUNS, &ids, &count, error))
        return false;
    bool right = true;
    for (size_t i = 0; right && i < count; i++) {
        struct run run;
        right = store_get_run(store, ids[i], &run, error);
        if (!right)
            break;
        right = add_other(others, database, &run, error);
        run_free(&run);
    }
    free(ids);
    return right;
}

bool others_load(const char *database, const struct fit_limits *limits, struct others *others, struct error *error)
{
    *others = (struct others){
        .transfer.limits = {limits->f32_flops / 1e9, limits->half_flops / 1e9, limits->bytes_per_s / 1e9}};
    if (access(database, F_OK) != 0)
        return true;
    struct store *store = store_open(database, STORE_READ, error);
    bool right = store && add_runs(others, database, store, error);
    store_close(store);
    if (right && others->transfer.source_count)
        fit_transfer_judge(&others->transfer);
    if (!right)
        others_free(others);
    return right;
}

void others_free(struct others *others)
{
    for (size_t i = 0; i < others->transfer.source_count; i++)
        known_free(&others->known[i]);
    others->transfer.source_count = 0;
}
