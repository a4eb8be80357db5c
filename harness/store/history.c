/* A machine's runs side by side; see history.h. */
#include "harness/store/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "harness/store/statement.h"

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_SYSTEM, "not enough memory to read the runs");
}

/* Latest first, as they are found; turned about afterwards. */
static bool get_runs(struct store *store, const char *fingerprint, const char *run_id, size_t most,
                     struct history *history, struct error *error)
{
    struct statement get = statement_prepare(
        store,
        "SELECT id, started, machine FROM runs WHERE fingerprint IS ?1 AND engine IS NULL AND (?2 IS NULL OR "
        "(julianday(started), id) <= (SELECT julianday(started), id FROM runs WHERE id = ?2)) "
        "ORDER BY julianday(started) DESC, id DESC LIMIT ?3",
        error);
    bind_text(&get, fingerprint);
    bind_text(&get, run_id);
    bind_count(&get, (int64_t)most);
    history->runs = calloc(most + 1, sizeof *history->runs);
    while (history->runs && history->run_count < most && statement_step(&get)) {
        struct history_run *run = &history->runs[history->run_count++];
        column_text(&get, 0, run->id, sizeof run->id);
        column_text(&get, 1, run->started, sizeof run->started);
        char *machine = column_long_text(&get, 2);
        run->machine = machine ? json_loads(machine, 0, NULL) : NULL;
        free(machine);
    }
    for (size_t i = 0; i < history->run_count / 2; i++) {
        struct history_run swapped = history->runs[i];
        history->runs[i] = history->runs[history->run_count - 1 - i];
        history->runs[history->run_count - 1 - i] = swapped;
    }
    return statement_finish(&get) && (history->runs || no_memory(error));
}

/* The case's place, made when it is new; `guess` is where it was in the run before. */
static bool find_case(struct history *history, const char *id, size_t guess, size_t *place)
{
    size_t count = history->case_count;
    for (size_t tried = 0; tried < count; tried++) {
        *place = (guess + tried) % count;
        if (!strcmp(history->ids[*place], id))
            return true;
    }
    size_t runs = history->run_count;
    char(*ids)[TEXT_ID] = realloc(history->ids, (count + 1) * sizeof *ids);
    history->ids = ids ? ids : history->ids;
    struct history_point *points = ids ? realloc(history->points, (count + 1) * runs * sizeof *points) : NULL;
    if (!points)
        return false;
    history->points = points;
    strcpy(ids[count], id);
    for (size_t r = 0; r < runs; r++)
        points[count * runs + r] = (struct history_point){NAN, NAN, NAN, NAN, NAN, STATUS_COUNT, false, false};
    *place = count;
    history->case_count++;
    return true;
}

static void get_point(struct statement *get, struct history_point *point)
{
    char status[TEXT_WORD];
    point->median_s = column_real(get, 1);
    point->low_s = column_real(get, 2);
    point->high_s = column_real(get, 3);
    point->confidence = column_real(get, 4);
    point->peak_bytes = column_real(get, 5);
    column_text(get, 6, status, sizeof status);
    if (!status_parse(status, &point->status))
        point->status = STATUS_FAILED;
    int64_t passed = column_count(get, 7, -1);
    point->has_check = passed >= 0;
    point->check_passed = passed > 0;
}

static bool get_cases(struct store *store, const char *glob, struct history *history, struct error *error)
{
    struct statement get = statement_prepare(store,
                                             "SELECT id, median_s, low_s, high_s, confidence, peak_bytes, status, "
                                             "check_passed FROM cases WHERE run = ? ORDER BY position",
                                             error);
    bool enough = true;
    for (size_t r = 0; enough && r < history->run_count && !get.failed; r++) {
        bind_text(&get, history->runs[r].id);
        size_t place = 0;
        while (enough && statement_step(&get)) {
            char id[TEXT_ID];
            column_text(&get, 0, id, sizeof id);
            if (glob && !glob_match(glob, id))
                continue;
            enough = find_case(history, id, place, &place);
            if (enough)
                get_point(&get, &history->points[place * history->run_count + r]);
            place++;
        }
        statement_rewind(&get);
    }
    return statement_finish(&get) && (enough || no_memory(error));
}

bool store_get_history(struct store *store, const char *fingerprint, const char *run_id, size_t most, const char *glob,
                       struct history *history, struct error *error)
{
    *history = (struct history){0};
    if (get_runs(store, fingerprint, run_id, most, history, error) && get_cases(store, glob, history, error))
        return true;
    history_free(history);
    return false;
}

void history_free(struct history *history)
{
    for (size_t r = 0; r < history->run_count; r++)
        json_decref(history->runs[r].machine);
    free(history->runs);
    free(history->ids);
    free(history->points);
    *history = (struct history){0};
}

bool store_get_fingerprint(struct store *store, const char *run_id, char *out, size_t capacity, struct error *error)
{
    struct statement get = statement_prepare(store, "SELECT fingerprint FROM runs WHERE id = ?", error);
    bind_text(&get, run_id);
    *out = '\0';
    if (statement_step(&get))
        column_text(&get, 0, out, capacity);
    return statement_finish(&get);
}
