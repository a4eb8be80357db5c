#include "harness/store/retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/store/statement.h"

struct ranked {
    double value;
    size_t place;
};

static int by_value(const void *one, const void *other)
{
    const struct ranked *a = one, *b = other;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

bool retention_choose(const double *samples, size_t count, bool *keep)
{
    for (size_t i = 0; i < count; i++)
        keep[i] = count <= RETAINED_SAMPLES;
    if (count <= RETAINED_SAMPLES)
        return true;
    struct ranked *ranked = malloc(count * sizeof *ranked);
    if (!ranked)
        return false;
    for (size_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){samples[i], i};
    qsort(ranked, count, sizeof *ranked, by_value);
    for (size_t i = 0; i < RETAINED_SAMPLES; i++)
        keep[ranked[(count - 1) * i / (RETAINED_SAMPLES - 1)].place] = true;
    free(ranked);
    return true;
}

/* The cases of that run with more samples than are to stay. */
static bool list_cases(struct store *store, const char *run, int64_t **keys, size_t *count, struct error *error)
{
    struct statement get = statement_prepare(store,
                                             "SELECT key FROM cases JOIN samples ON samples.case_key = cases.key "
                                             "WHERE run = ? GROUP BY key HAVING count(*) > ?",
                                             error);
    bind_text(&get, run);
    bind_count(&get, RETAINED_SAMPLES);
    bool enough = true;
    while (enough && statement_step(&get)) {
        int64_t *more = realloc(*keys, (*count + 1) * sizeof *more);
        enough = more;
        if (more) {
            *keys = more;
            more[(*count)++] = column_count(&get, 0, 0);
        }
    }
    return statement_finish(&get) && (enough || error_set(error, ERROR_SYSTEM, "not enough memory to thin samples"));
}

/* All of them by the case's key and place in the run's order. */
static bool get_samples(struct store *store, int64_t key, double **samples, int64_t **places, size_t *count,
                        struct error *error)
{
    struct statement get =
        statement_prepare(store, "SELECT position, seconds FROM samples WHERE case_key = ? ORDER BY position", error);
    bind_count(&get, key);
    size_t capacity = 0;
    bool enough = true;
    while (enough && statement_step(&get)) {
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 256;
            double *more = realloc(*samples, capacity * sizeof *more);
            *samples = more ? more : *samples;
            int64_t *more_places = more ? realloc(*places, capacity * sizeof *more_places) : NULL;
            *places = more_places ? more_places : *places;
            enough = more && more_places;
        }
        if (enough) {
            (*places)[*count] = column_count(&get, 0, 0);
            (*samples)[(*count)++] = column_real(&get, 1);
        }
    }
    return statement_finish(&get) && (enough || error_set(error, ERROR_SYSTEM, "not enough memory to thin samples"));
}

static bool delete_others(struct store *store, int64_t key, const bool *keep, const int64_t *places, size_t count,
                          size_t *removed, struct error *error)
{
    struct statement remove =
        statement_prepare(store, "DELETE FROM samples WHERE case_key = ? AND position = ?", error);
    for (size_t i = 0; i < count && !remove.failed; i++) {
        if (keep[i])
            continue;
        bind_count(&remove, key);
        bind_count(&remove, places[i]);
        statement_repeat(&remove);
        ++*removed;
    }
    return statement_finish(&remove);
}

static bool thin_case(struct store *store, int64_t key, size_t *removed, struct error *error)
{
    double *samples = NULL;
    int64_t *places = NULL;
    size_t count = 0;
    bool right = get_samples(store, key, &samples, &places, &count, error);
    bool *keep = right ? calloc(count + 1, sizeof *keep) : NULL;
    if (right && (!keep || !retention_choose(samples, count, keep)))
        right = error_set(error, ERROR_SYSTEM, "not enough memory to thin samples");
    right = right && delete_others(store, key, keep, places, count, removed, error);
    free(keep);
    free(samples);
    free(places);
    return right;
}

static bool thin_run(struct store *store, const char *run, size_t *removed, struct error *error)
{
    int64_t *keys = NULL;
    size_t count = 0;
    bool right = list_cases(store, run, &keys, &count, error);
    for (size_t i = 0; right && i < count; i++)
        right = thin_case(store, keys[i], removed, error);
    free(keys);
    return right;
}

static void stamp_before(double age_s, char stamp[TEXT_WORD])
{
    time_t then = time(NULL) - (time_t)age_s;
    struct tm utc;
    gmtime_r(&then, &utc);
    strftime(stamp, TEXT_WORD, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* Ids of the runs that have something to let go. */
static bool list_old_runs(struct store *store, const char *fingerprint, double age_s, char (**ids)[TEXT_WORD],
                          size_t *count, struct error *error)
{
    char before[TEXT_WORD];
    stamp_before(age_s, before);
    struct statement get = statement_prepare(
        store, "SELECT id FROM runs WHERE fingerprint = ? AND julianday(started) < julianday(?) ORDER BY id", error);
    bind_text(&get, fingerprint);
    bind_text(&get, before);
    bool enough = true;
    while (enough && statement_step(&get)) {
        char(*more)[TEXT_WORD] = realloc(*ids, (*count + 1) * sizeof *more);
        enough = more;
        if (more) {
            *ids = more;
            column_text(&get, 0, more[(*count)++], TEXT_WORD);
        }
    }
    return statement_finish(&get) && (enough || error_set(error, ERROR_SYSTEM, "not enough memory to thin samples"));
}

bool store_thin_samples(struct store *store, const char *fingerprint, double age_s, size_t *removed,
                        struct error *error)
{
    char(*ids)[TEXT_WORD] = NULL;
    size_t count = 0;
    *removed = 0;
    bool right = list_old_runs(store, fingerprint, age_s, &ids, &count, error);
    for (size_t i = 0; right && i < count; i++)
        right = store_begin(store, error) && store_end(store, thin_run(store, ids[i], removed, error), error);
    free(ids);
    return right;
}
