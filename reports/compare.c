/* Names, and judging what can be compared; see compare.h. */
#include "reports/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"

/* ---- names ---- */

static bool name_from_note(const char *note, char *name, size_t capacity)
{
    const char *at = note ? strstr(note, "name=") : NULL;
    if (!at || (at > note && at[-1] != ' ' && at[-1] != ',' && at[-1] != ';'))
        return false;
    size_t length = strcspn(at + 5, " ,;\n\t");
    snprintf(name, capacity, "%.*s", (int)length, at + 5);
    return length > 0;
}

static void name_run(const struct run *run, const char *file, char *name, size_t capacity)
{
    if (name_from_note(run->note, name, capacity))
        return;
    const char *slash = file ? strrchr(file, '/') : NULL, *base = slash ? slash + 1 : file;
    if (base && strcmp(base, "-") != 0 && *base) {
        const char *dot = strrchr(base, '.');
        snprintf(name, capacity, "%.*s", dot && dot > base ? (int)(dot - base) : (int)strlen(base), base);
        return;
    }
    snprintf(name, capacity, "%s", *run_machine_name(run) ? run_machine_name(run) : run->id);
}

static void name_runs(struct comparison *comparison, const struct compare_input *inputs)
{
    size_t count = comparison->run_count;
    bool *again = calloc(count, sizeof *again);
    for (size_t i = 0; i < count; i++)
        name_run(comparison->runs[i].run, inputs[i].file, comparison->runs[i].name, TEXT_ID);
    for (size_t i = 0; again && i < count; i++)
        for (size_t j = 0; j < count; j++)
            again[i] |= i != j && !strcmp(comparison->runs[i].name, comparison->runs[j].name);
    for (size_t i = 0; again && i < count; i++)
        if (again[i]) {
            size_t length = strlen(comparison->runs[i].name);
            snprintf(comparison->runs[i].name + length, sizeof comparison->runs[i].name - length, "-%s",
                     comparison->runs[i].run->id);
            for (size_t j = 0, same = 1; j < i; j++) /* one run given twice */
                if (!strcmp(comparison->runs[j].run->id, comparison->runs[i].run->id))
                    snprintf(comparison->runs[i].name + length, sizeof comparison->runs[i].name - length, "-%s-%zu",
                             comparison->runs[i].run->id, ++same);
        }
    free(again);
}

/* ---- what can be compared ---- */

static bool leave_out(struct comparison *comparison, const char *id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool leave_out(struct comparison *comparison, const char *id, const char *format, ...)
{
    struct left_out_case *more = realloc(comparison->left_out, (comparison->left_out_count + 1) * sizeof *more);
    if (!more)
        return false;
    comparison->left_out = more;
    struct left_out_case *one = &more[comparison->left_out_count++];
    snprintf(one->id, sizeof one->id, "%s", id);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(one->why, sizeof one->why, format, arguments);
    va_end(arguments);
    return true;
}

static const char *version_of(const struct run *run)
{
    const char *version = json_get_string(json_object_get(run->machine, "software"), "benchmark");
    return version ? version : "";
}

/* Every run is judged by the first that was measured: of a data sheet there is nothing to be the same. */
static bool judge_run(struct comparison *comparison, struct compared_run *one, const struct run *first)
{
    const char *engine = one->run->engine ? one->run->engine : "", *its = first->engine ? first->engine : "";
    if (one->sheet)
        return true;
    if (strcmp(engine, its) != 0)
        snprintf(one->left_out, sizeof one->left_out, "engine %.60s was measured, and %.60s in the first run",
                 *engine ? engine : "native", *its ? its : "native");
    else if (strcmp(version_of(one->run), version_of(first)) != 0)
        snprintf(one->left_out, sizeof one->left_out,
                 "the kernels of version %.60s were measured, and those of %.60s in the first run",
                 *version_of(one->run) ? version_of(one->run) : "unknown",
                 *version_of(first) ? version_of(first) : "unknown");
    return !*one->left_out || leave_out(comparison, one->run->id, "%s: %s", one->name, one->left_out);
}

/* Whether it computed with all the threads, or all the cores, of its machine. */
static bool is_whole(const struct run *run, const struct record *record)
{
    const json_t *cpu = json_object_get(run->machine, "cpu");
    uint64_t threads = (uint64_t)record->threads;
    return threads && (threads == json_get_count(cpu, "usable_threads", 0) ||
                       threads == json_get_count(cpu, "threads", 0) || threads == json_get_count(cpu, "cores", 0));
}

/* ---- a run's records by their names: of a document there may be a hundred thousand ---- */

static int by_id(const void *a, const void *b)
{
    const struct record *one = *(const struct record *const *)a, *other = *(const struct record *const *)b;
    int order = strcmp(one->id, other->id);
    return order ? order : (one > other) - (one < other);
}

static bool index_records(struct compared_run *one)
{
    size_t count = one->run->record_count;
    one->by_id = calloc(count + 1, sizeof *one->by_id);
    for (size_t i = 0; one->by_id && i < count; i++)
        one->by_id[i] = &one->run->records[i];
    if (one->by_id)
        qsort(one->by_id, count, sizeof *one->by_id, by_id);
    return one->by_id;
}

/* The first of that name, or NULL. */
static const struct record *find_record(const struct compared_run *one, const char *id)
{
    size_t from = 0, to = one->run->record_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcmp(one->by_id[middle]->id, id) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from < one->run->record_count && !strcmp(one->by_id[from]->id, id) ? one->by_id[from] : NULL;
}

/* It was tried, or needs more memory than there is: not merely left out of the run. */
static bool was_unable(const struct run *run, const struct record *record)
{
    uint64_t limit = json_get_count(json_object_get(run->machine, "memory"), "limit_bytes", BYTES_UNKNOWN);
    return record && (record->status == STATUS_FAILED || record->status == STATUS_TIMEOUT ||
                      record->status == STATUS_OUT_OF_MEMORY ||
                      (record->status == STATUS_SKIPPED && record->memory[MEMORY_PLANNED] != BYTES_UNKNOWN &&
                       record->memory[MEMORY_PLANNED] > limit));
}

/* "" when the record stands beside the first run's (NULL: it has none that counts). */
static void judge_record(const struct compared_run *one, const struct record *record, const struct compared_run *first,
                         const struct record *its, char *why, size_t capacity)
{
    bool measured = !one->sheet && its;
    *why = '\0';
    if (!record)
        snprintf(why, capacity, "not run");
    else if (record->status != STATUS_OK)
        snprintf(why, capacity, "%s%s%.300s", status_name(record->status), *record->reason ? ": " : "", record->reason);
    else if (!(record->time.median > 0))
        snprintf(why, capacity, "no time above 0");
    else if (its && strcmp(record->dtype, its->dtype) != 0)
        snprintf(why, capacity, "dtype %s, and %s in the first run", record->dtype, its->dtype);
    else if (its && strcmp(record->unit, its->unit) != 0)
        snprintf(why, capacity, "in %s, and %s in the first run", record->unit, its->unit);
    else if (measured && record->threads != its->threads &&
             (!strcmp(run_fingerprint(one->run), run_fingerprint(first->run)) || !is_whole(one->run, record) ||
              !is_whole(first->run, its)))
        snprintf(why, capacity, "%d threads, and %d in the first run", record->threads, its->threads);
}

static struct compared_case *append_case(struct comparison *comparison, const char *id)
{
    struct compared_case *more = realloc(comparison->cases, (comparison->case_count + 1) * sizeof *more);
    if (!more)
        return NULL;
    comparison->cases = more;
    struct compared_case *one = &more[comparison->case_count++];
    *one = (struct compared_case){.id = id, .unit = "", .weight = 1};
    one->records = calloc(comparison->run_count, sizeof *one->records);
    one->ratios = calloc(comparison->run_count, sizeof *one->ratios);
    return one->records && one->ratios ? one : NULL;
}

/* Whether it is the first of its name in all runs that aren't left out. */
static bool is_new(const struct comparison *comparison, size_t r, const struct record *record)
{
    for (size_t before = 0; before < r; before++)
        if (!*comparison->runs[before].left_out && find_record(&comparison->runs[before], record->id))
            return false;
    return find_record(&comparison->runs[r], record->id) == record;
}

/* Runs that aren't left out as a whole. */
static size_t runs_left(const struct comparison *comparison)
{
    size_t count = 0;
    for (size_t r = 0; r < comparison->run_count; r++)
        count += !*comparison->runs[r].left_out;
    return count;
}

/* Who was unable to do what others did. */
static void count_unable(struct comparison *comparison, const struct compared_case *one)
{
    bool any = false;
    for (size_t r = 0; r < comparison->run_count; r++)
        any |= one->records[r] && !comparison->runs[r].sheet;
    for (size_t r = 0; any && r < comparison->run_count; r++)
        if (!one->records[r] && !*comparison->runs[r].left_out)
            comparison->runs[r].unable +=
                was_unable(comparison->runs[r].run, find_record(&comparison->runs[r], one->id));
}

static bool fill_case(struct comparison *comparison, struct compared_case *one)
{
    size_t missing = 0;
    const struct compared_run *first = &comparison->runs[comparison->first_measured];
    for (size_t r = 0; r < comparison->run_count; r++) {
        const struct compared_run *compared = &comparison->runs[r];
        const struct record *record = find_record(compared, one->id), *its = find_record(first, one->id);
        char why[TEXT_REASON];
        if (*compared->left_out)
            continue;
        judge_record(compared, record, first, its == record || (its && its->status != STATUS_OK) ? NULL : its, why,
                     sizeof why);
        if (!*why) {
            one->records[r] = record;
            one->unit = *one->unit ? one->unit : record->unit;
            continue;
        }
        missing++;
        if (!leave_out(comparison, one->id, "%s: %s", compared->name, why))
            return false;
    }
    count_unable(comparison, one);
    if (!missing && !(one->weight > 0) && !leave_out(comparison, one->id, "its weight is 0"))
        return false;
    one->scored = !missing && one->weight > 0 && runs_left(comparison) > 1;
    comparison->scored += one->scored;
    return true;
}

static bool find_cases(struct comparison *comparison)
{
    for (size_t r = 0; r < comparison->run_count; r++)
        for (size_t i = 0; !*comparison->runs[r].left_out && i < comparison->runs[r].run->record_count; i++) {
            const struct record *record = &comparison->runs[r].run->records[i];
            double weight = workload_weight(comparison->workload, record->id);
            if (isnan(weight) || !is_new(comparison, r, record))
                continue;
            struct compared_case *one = append_case(comparison, record->id);
            if (!one)
                return false;
            one->weight = weight;
            if (!fill_case(comparison, one))
                return false;
        }
    return true;
}

/* Each glob of a workload's cases stands for something in these runs: one that doesn't is a mistake. */
static bool has_cases_of(const struct comparison *comparison, struct error *error)
{
    const struct workload *workload = comparison->workload;
    for (size_t g = 0; g < workload->case_count; g++) {
        bool found = false;
        for (size_t c = 0; !found && c < comparison->case_count; c++)
            found = glob_match(workload->cases[g], comparison->cases[c].id);
        if (!found)
            return error_set(error, ERROR_INPUT, "workload %s: 'cases'[%zu]: no case of these runs is like '%s'",
                             workload->name, g, workload->cases[g]);
    }
    return true;
}

static bool fill(struct comparison *comparison, const struct compare_input *inputs, bool any_software)
{
    bool right = comparison->runs;
    for (size_t i = 0; right && i < comparison->run_count; i++) {
        comparison->runs[i] = (struct compared_run){.run = inputs[i].run,
                                                    .sheet = inputs[i].sheet,
                                                    .price_usd = inputs[i].price_usd,
                                                    .watts = inputs[i].watts,
                                                    .tco_usd = NAN,
                                                    .machines = NAN,
                                                    .machines_most = NAN};
        right = index_records(&comparison->runs[i]);
    }
    if (right)
        name_runs(comparison, inputs);
    while (right && comparison->runs[comparison->first_measured].sheet)
        comparison->first_measured++;
    const struct compared_run *first = right ? &comparison->runs[comparison->first_measured] : NULL;
    for (size_t i = comparison->first_measured + 1; right && !any_software && i < comparison->run_count; i++)
        right = judge_run(comparison, &comparison->runs[i], first->run);
    return right && find_cases(comparison) && compare_add_speeds(comparison);
}

bool compare_make(const struct compare_input *inputs, size_t count, bool any_software, const struct workload *workload,
                  struct comparison *comparison, struct error *error)
{
    size_t measured = 0;
    *comparison = (struct comparison){.run_count = count, .workload = workload};
    for (size_t i = 0; i < count; i++)
        measured += !inputs[i].sheet;
    if (!measured)
        return error_set(error, ERROR_INPUT, "one of the machines must be a run: its cases are what is compared");
    comparison->runs = calloc(count, sizeof *comparison->runs);
    bool right =
        fill(comparison, inputs, any_software) || error_set(error, ERROR_SYSTEM, "not enough memory to compare");
    if (right && has_cases_of(comparison, error))
        return true;
    compare_free(comparison);
    return false;
}

void compare_free(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->case_count; i++) {
        free(comparison->cases[i].records);
        free(comparison->cases[i].ratios);
    }
    for (size_t r = 0; comparison->runs && r < comparison->run_count; r++)
        free(comparison->runs[r].by_id);
    for (size_t d = 0; d < comparison->demand_count; d++)
        free(comparison->demands[d].answers);
    free(comparison->runs);
    free(comparison->cases);
    free(comparison->left_out);
    free(comparison->demands);
    *comparison = (struct comparison){0};
}
