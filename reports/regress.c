#include "reports/regress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/stats/robust.h"

/* Memory hardly differs from night to night. */
static const double memory_floor = 0.002;
/* Nights that a check passed before its failing says that something changed. */
enum { CHECKS_BEFORE = 2 };
/* Nights on each side of an accepted change that tell its size. */
enum { ACCEPTED_NIGHTS = 20 };

const char *regress_quantity_name(enum regress_quantity quantity)
{
    static const char *const names[] = {"time_s", "peak_bytes", "check"};
    return names[quantity];
}

static double value_of(const struct history_point *point, enum regress_quantity quantity)
{
    double value = quantity == REGRESS_TIME ? point->median_s : point->peak_bytes;
    return point->status != STATUS_COUNT && status_is_measured(point->status) && value > 0 ? log(value) : NAN;
}

/* Moves what was before a known change to the level after it; the nights of a case are values[nights]. */
static void move_before(double *values, size_t nights, size_t first)
{
    double before[ACCEPTED_NIGHTS], after[ACCEPTED_NIGHTS];
    size_t earlier = 0, later = 0;
    for (size_t n = first; n-- > 0 && earlier < ACCEPTED_NIGHTS;)
        if (isfinite(values[n]))
            before[earlier++] = values[n];
    for (size_t n = first; n < nights && later < ACCEPTED_NIGHTS; n++)
        if (isfinite(values[n]))
            after[later++] = values[n];
    if (!earlier || !later)
        return;
    double size = stats_median(after, later) - stats_median(before, earlier);
    for (size_t n = 0; n < first; n++)
        values[n] += size;
}

static size_t find_name(const char *name, const char *names, size_t width, size_t count)
{
    size_t place = 0;
    while (place < count && strcmp(names + place * width, name))
        place++;
    return place;
}

static void apply_accepted(const struct regression *regression, enum regress_quantity quantity, double *values)
{
    const struct history *history = regression->history;
    for (size_t i = 0; i < regression->accepted_count; i++) {
        const struct accepted_change *one = &regression->accepted[i];
        size_t c = find_name(one->id, *history->ids, sizeof *history->ids, history->case_count);
        size_t r = find_name(one->run, history->runs[0].id, sizeof *history->runs, history->run_count);
        if (c < history->case_count && r < history->run_count &&
            !strcmp(one->quantity, regress_quantity_name(quantity)))
            move_before(values + c * history->run_count, history->run_count, r);
    }
}

static bool judge_figures(const struct regression *regression, enum regress_quantity quantity,
                          struct night_options options, struct night_finding *findings, struct shared_shift *shift,
                          struct error *error)
{
    const struct history *history = regression->history;
    size_t all = history->case_count * history->run_count;
    double *values = calloc(all + 1, sizeof *values);
    if (!values)
        return error_set(error, ERROR_SYSTEM, "not enough memory to judge the runs");
    for (size_t i = 0; i < all; i++)
        values[i] = value_of(&history->points[i], quantity);
    apply_accepted(regression, quantity, values);
    if (quantity == REGRESS_MEMORY)
        options.floor = memory_floor;
    const struct night_panel panel = {values, history->case_count, history->run_count, quantity == REGRESS_TIME};
    bool right = nights_judge(&panel, &options, findings, shift, error);
    free(values);
    return right;
}

/* A check that always passed and fails tonight, or last passed some nights ago. */
static struct night_finding judge_check(const struct history_point *points, size_t count)
{
    size_t tonight = count - 1, since = count, passed = 0;
    struct night_finding finding = {NIGHT_MISSING, NAN, NAN, NAN, NAN, tonight, false, NAN};
    while (since && points[since - 1].has_check && !points[since - 1].check_passed)
        since--;
    for (size_t n = 0; n < since; n++)
        passed += points[n].has_check && points[n].check_passed;
    if (!points[tonight].has_check)
        return finding;
    finding.verdict = since < count && passed >= CHECKS_BEFORE ? NIGHT_SLOWER : NIGHT_SAME;
    finding.since = since < count ? since : tonight;
    return finding;
}

static bool is_accepted(const struct regression *regression, const char *id, const char *run, const char *quantity)
{
    for (size_t i = 0; i < regression->accepted_count; i++) {
        const struct accepted_change *one = &regression->accepted[i];
        if (!strcmp(one->id, id) && !strcmp(one->run, run) && !strcmp(one->quantity, quantity))
            return true;
    }
    return false;
}

static void count_verdicts(struct regression *regression)
{
    for (int q = 0; q < REGRESS_QUANTITIES; q++)
        for (size_t c = 0; c < regression->history->case_count; c++) {
            enum night_verdict verdict = regression->findings[q][c].verdict;
            regression->slower += verdict == NIGHT_SLOWER;
            regression->faster += verdict == NIGHT_FASTER;
            regression->unsure += verdict == NIGHT_UNSURE && regression->findings[q][c].change > 1;
            regression->judged += q != REGRESS_CHECK && verdict <= NIGHT_UNSURE;
        }
    const struct shared_shift *shift = &regression->shift;
    bool slower = shift->moved && shift->change > 1;
    if (regression->slower || (slower && shift->confirmed))
        regression->verdict = REGRESS_FOUND;
    else if (regression->unsure || slower)
        regression->verdict = REGRESS_UNSURE;
}

bool regress_judge(const struct history *history, const struct accepted_change *accepted, size_t accepted_count,
                   const struct night_options *options, struct regression *regression, struct error *error)
{
    size_t cases = history->case_count;
    struct shared_shift none;
    *regression = (struct regression){
        .history = history, .accepted = accepted, .accepted_count = accepted_count, .shift = {.change = 1}};
    regression->baseline = history->run_count - 1 < options->baseline ? history->run_count - 1 : options->baseline;
    for (int q = 0; q < REGRESS_QUANTITIES; q++)
        if (!(regression->findings[q] = calloc(cases + 1, sizeof **regression->findings))) {
            regress_free(regression);
            return error_set(error, ERROR_SYSTEM, "not enough memory to judge the runs");
        }
    if (!judge_figures(regression, REGRESS_TIME, *options, regression->findings[REGRESS_TIME], &regression->shift,
                       error) ||
        !judge_figures(regression, REGRESS_MEMORY, *options, regression->findings[REGRESS_MEMORY], &none, error)) {
        regress_free(regression);
        return false;
    }
    for (size_t c = 0; c < cases; c++) {
        struct night_finding finding = judge_check(history->points + c * history->run_count, history->run_count);
        if (is_accepted(regression, history->ids[c], history->runs[finding.since].id, "check"))
            finding.verdict = NIGHT_SAME;
        regression->findings[REGRESS_CHECK][c] = finding;
    }
    count_verdicts(regression);
    return true;
}

void regress_free(struct regression *regression)
{
    for (int q = 0; q < REGRESS_QUANTITIES; q++)
        free(regression->findings[q]);
    *regression = (struct regression){0};
}

struct accepted_change *regress_changes(const struct regression *regression, size_t *count)
{
    const struct history *history = regression->history;
    struct accepted_change *changes = calloc(REGRESS_QUANTITIES * history->case_count + 1, sizeof *changes);
    *count = 0;
    for (int q = 0; changes && q < REGRESS_QUANTITIES; q++)
        for (size_t c = 0; c < history->case_count; c++) {
            const struct night_finding *finding = &regression->findings[q][c];
            if (finding->verdict != NIGHT_SLOWER)
                continue;
            struct accepted_change *one = &changes[(*count)++];
            strcpy(one->id, history->ids[c]);
            strcpy(one->quantity, regress_quantity_name(q));
            strcpy(one->run, history->runs[finding->since].id);
        }
    return changes;
}
