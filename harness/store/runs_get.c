/* Finding runs in the store and reading them back; see store.h. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/base/text.h"
#include "harness/store/fidelity_json.h"
#include "harness/store/statement.h"

/* jansson doesn't always tell what it lacks from what is wrong. */
static json_t *column_json(struct statement *statement, int column)
{
    char *text = column_long_text(statement, column);
    json_t *value = text ? json_loads(text, 0, NULL) : NULL;
    if (text && !value)
        statement_fail(statement, "a document in it can't be read: not enough memory, or it was changed by hand");
    free(text);
    return value;
}

static bool get_head(struct store *store, const char *id, struct run *run, struct error *error)
{
    struct statement get = statement_prepare(
        store, "SELECT id, started, finished, suite, note, engine, command, machine FROM runs WHERE id = ?", error);
    bind_text(&get, id);
    bool there = statement_step(&get);
    if (there) {
        column_text(&get, 0, run->id, sizeof run->id);
        column_text(&get, 1, run->started, sizeof run->started);
        column_text(&get, 2, run->finished, sizeof run->finished);
        column_text(&get, 3, run->suite, sizeof run->suite);
        run->note = column_long_text(&get, 4);
        run->engine = column_long_text(&get, 5);
        run->command = column_json(&get, 6);
        run->machine = column_json(&get, 7);
    }
    if (!statement_finish(&get))
        return false;
    return there || error_set(error, ERROR_INPUT, "%s: no run '%s' in it", store->path, id);
}

static void get_interval(struct statement *get, int column, struct interval *interval)
{
    interval->median = column_real(get, column);
    interval->low = column_real(get, column + 1);
    interval->high = column_real(get, column + 2);
    interval->confidence = column_real(get, column + 3);
}

static void get_identity(struct statement *get, struct record *record)
{
    column_text(get, 1, record->id, sizeof record->id);
    column_text(get, 2, record->family, sizeof record->family);
    column_text(get, 3, record->model, sizeof record->model);
    column_text(get, 4, record->task, sizeof record->task);
    column_text(get, 5, record->mode, sizeof record->mode);
    column_text(get, 6, record->dtype, sizeof record->dtype);
    record->batch = column_count(get, 7, 0);
    record->context = column_count(get, 8, 0);
    column_text(get, 9, record->device, sizeof record->device);
    record->threads = (int)column_count(get, 10, 0);
    char status[TEXT_WORD];
    column_text(get, 11, status, sizeof status);
    if (!status_parse(status, &record->status))
        record->status = STATUS_FAILED;
    column_text(get, 12, record->reason, sizeof record->reason);
    record->unfinished = column_count(get, 13, 0) != 0;
    record->parameters = (uint64_t)column_count(get, 14, 0);
}

static void get_figures(struct statement *get, struct record *record)
{
    record->flops = column_real(get, 15);
    record->bytes = column_real(get, 16);
    for (int i = 0; i < MEMORY_PART_COUNT; i++)
        record->memory[i] = (uint64_t)column_count(get, 17 + i, (int64_t)BYTES_UNKNOWN);
    get_interval(get, 25, &record->time);
    get_interval(get, 29, &record->estimate);
    record->throughput = column_real(get, 33);
    column_text(get, 34, record->unit, sizeof record->unit);
    record->gflops = column_real(get, 35);
    record->mfu = column_real(get, 36);
    record->mbu = column_real(get, 37);
    column_text(get, 38, record->bound, sizeof record->bound);
    int64_t passed = column_count(get, 39, -1);
    record->has_check = passed >= 0;
    record->check_passed = passed > 0;
    record->check_error = column_real(get, 40);
    column_text(get, 41, record->check_against, sizeof record->check_against);
    record->counters = column_json(get, 42);
    record->energy_j = column_real(get, 43);
    record->steal = column_real(get, 44);
    record->run_delay = column_real(get, 45);
    record->canary_s = column_real(get, 46);
    record->canary = column_real(get, 47);
    json_t *fidelity = column_json(get, 48);
    if (fidelity && !fidelity_from_json(fidelity, &record->fidelity))
        record->fidelity = fidelity_unknown();
    json_decref(fidelity);
}

static bool get_samples(struct store *store, int64_t key, struct record *record, struct error *error)
{
    struct statement get =
        statement_prepare(store, "SELECT seconds FROM samples WHERE case_key = ? ORDER BY position", error);
    bind_count(&get, key);
    bool enough = true;
    size_t capacity = 0;
    while (enough && statement_step(&get)) {
        if (record->sample_count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            double *more = realloc(record->samples, capacity * sizeof *more);
            enough = more;
            record->samples = more ? more : record->samples;
        }
        if (enough)
            record->samples[record->sample_count++] = column_real(&get, 0);
    }
    return statement_finish(&get) && (enough || error_set(error, ERROR_SYSTEM, "not enough memory to read a run"));
}

static bool get_ops(struct store *store, int64_t key, struct record *record, struct error *error)
{
    struct statement get = statement_prepare(store,
                                             "SELECT op, dtype, flops, bytes, rows, columns, count, seconds FROM ops "
                                             "WHERE case_key = ? ORDER BY position",
                                             error);
    bind_count(&get, key);
    bool enough = true;
    while (enough && statement_step(&get)) {
        struct op_time *more = realloc(record->ops, (record->op_count + 1) * sizeof *more), *op;
        char dtype[TEXT_WORD];
        enough = more;
        if (!enough)
            break;
        record->ops = more;
        op = &more[record->op_count];
        column_text(&get, 0, op->op, sizeof op->op);
        column_text(&get, 1, dtype, sizeof dtype);
        op->flops = column_real(&get, 2);
        op->bytes = column_real(&get, 3);
        op->rows = column_real(&get, 4);
        op->columns = column_real(&get, 5);
        op->count = column_real(&get, 6);
        op->seconds = column_real(&get, 7);
        record->op_count += dtype_parse(dtype, &op->dtype); /* one of a later version is passed over */
    }
    return statement_finish(&get) && (enough || error_set(error, ERROR_SYSTEM, "not enough memory to read a run"));
}

static struct record *append_record(struct run *run)
{
    struct record *more = realloc(run->records, (run->record_count + 1) * sizeof *more);
    if (!more)
        return NULL;
    run->records = more;
    record_clear(&more[run->record_count]);
    return &more[run->record_count++];
}

/* `against_f32` names the column of that, which tables of version 1 don't have. */
#define SELECT_CASES(against_f32)                                                                                      \
    "SELECT key, id, family, model, task, mode, dtype, batch, context, device, threads, status, reason, unfinished, "  \
    "parameters, flops, bytes, planned_bytes, peak_bytes, weights_bytes, activations_bytes, gradients_bytes, "         \
    "optimizer_bytes, kv_cache_bytes, workspace_bytes, median_s, low_s, high_s, confidence, estimate_median_s, "       \
    "estimate_low_s, estimate_high_s, estimate_confidence, throughput, unit, gflops, mfu, mbu, bound, check_passed, "  \
    "check_error, check_against, counters, energy_j, steal, run_delay, canary_s, canary, " against_f32                 \
    " FROM cases WHERE run = ? ORDER BY position"

static bool get_cases(struct store *store, struct run *run, struct error *error)
{
    struct statement get =
        statement_prepare(store, store->version < 2 ? SELECT_CASES("NULL") : SELECT_CASES("against_f32"), error);
    bind_text(&get, run->id);
    bool right = true;
    while (right && statement_step(&get)) {
        struct record *record = append_record(run);
        if (!record) {
            right = error_set(error, ERROR_SYSTEM, "not enough memory to read a run");
            break;
        }
        get_identity(&get, record);
        get_figures(&get, record);
        int64_t key = column_count(&get, 0, 0);
        right = get_samples(store, key, record, error) && get_ops(store, key, record, error);
    }
    return statement_finish(&get) && right;
}

bool store_get_run(struct store *store, const char *id, struct run *run, struct error *error)
{
    *run = (struct run){0};
    if (get_head(store, id, run, error) && get_cases(store, run, error))
        return true;
    run_free(run);
    return false;
}

bool store_list_runs(struct store *store, const char *fingerprint, size_t most, char (**ids)[TEXT_WORD], size_t *count,
                     struct error *error)
{
    struct statement get = statement_prepare(store,
                                             "SELECT id FROM runs WHERE ?1 IS NULL OR fingerprint = ?1 "
                                             "ORDER BY julianday(started) DESC, id DESC LIMIT ?2",
                                             error);
    bind_text(&get, fingerprint);
    bind_count(&get, most ? (int64_t)most : -1);
    *ids = NULL;
    *count = 0;
    bool enough = true;
    while (enough && statement_step(&get)) {
        char(*more)[TEXT_WORD] = realloc(*ids, (*count + 1) * sizeof *more);
        enough = more;
        if (!enough)
            break;
        *ids = more;
        column_text(&get, 0, more[(*count)++], TEXT_WORD);
    }
    if (statement_finish(&get) && enough)
        return true;
    free(*ids);
    *ids = NULL;
    *count = 0;
    return enough ? false : error_set(error, ERROR_SYSTEM, "not enough memory to list the runs");
}

/* N of "latest~N", 0 for "latest"; false when `reference` is another thing. */
static bool latest_reference(const char *reference, uint64_t *back, bool *right, struct error *error)
{
    *back = 0;
    *right = true;
    if (!strcmp(reference, "latest"))
        return true;
    if (strncmp(reference, "latest~", 7))
        return false;
    *right = parse_count(reference + 7, "latest~N", 0, 1000000, back, error);
    return true;
}

static bool find_latest(struct store *store, uint64_t back, char id[TEXT_WORD], struct error *error)
{
    char(*ids)[TEXT_WORD];
    size_t count;
    if (!store_list_runs(store, NULL, back + 1, &ids, &count, error))
        return false;
    bool there = count > back;
    if (there)
        memcpy(id, ids[back], TEXT_WORD);
    free(ids);
    if (there)
        return true;
    if (!count)
        return error_set(error, ERROR_INPUT, "%s: no run yet: `benchmark run` makes the first", store->path);
    return error_set(error, ERROR_INPUT, "latest~%llu: the store holds %zu run%s, so latest~%zu is the oldest",
                     (unsigned long long)back, count, count == 1 ? "" : "s", count - 1);
}

static bool find_prefix(struct store *store, const char *prefix, char id[TEXT_WORD], struct error *error)
{
    struct statement find = statement_prepare(
        store, "SELECT id FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id = ?1 DESC, id LIMIT 4", error);
    bind_text(&find, prefix);
    struct text several = {0};
    size_t found = 0;
    bool exact = false;
    while (!exact && statement_step(&find)) {
        char one[TEXT_WORD];
        column_text(&find, 0, one, sizeof one);
        if (!found++)
            memcpy(id, one, sizeof one);
        exact = found == 1 && !strcmp(one, prefix);
        text_printf(&several, "%s%s", found > 1 ? ", " : "", found > 3 ? "…" : one);
    }
    bool right = statement_finish(&find);
    if (right && !found)
        right = error_set(error, ERROR_INPUT,
                          "%s: no such run: a RUN is an id or its beginning, latest, latest~N or a JSON file", prefix);
    else if (right && found > 1)
        right = error_set(error, ERROR_INPUT, "%s: several runs begin so: %s", prefix, text_string(&several));
    text_free(&several);
    return right;
}

bool store_find_run(struct store *store, const char *reference, char id[TEXT_WORD], struct error *error)
{
    uint64_t back;
    bool right;
    if (latest_reference(reference, &back, &right, error))
        return right && find_latest(store, back, id, error);
    if (!*reference)
        return error_set(error, ERROR_INPUT, "RUN is empty: an id or its beginning, latest, latest~N or a JSON file");
    return find_prefix(store, reference, id, error);
}

bool store_find_unfinished(struct store *store, const char *fingerprint, char id[TEXT_WORD], struct error *error)
{
    struct statement find =
        statement_prepare(store,
                          "SELECT id FROM runs WHERE fingerprint = ? AND (finished IS NULL OR EXISTS "
                          "(SELECT 1 FROM cases WHERE run = runs.id AND unfinished)) "
                          "ORDER BY julianday(started) DESC, id DESC LIMIT 1",
                          error);
    bind_text(&find, fingerprint);
    bool there = statement_step(&find);
    if (there)
        column_text(&find, 0, id, TEXT_WORD);
    if (!statement_finish(&find))
        return false;
    return there || error_set(error, ERROR_INPUT,
                              "--resume: no run of this machine was left unfinished; name one: --resume RUN");
}
