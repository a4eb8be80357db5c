#include "reports/regress.h"

#include <math.h>
#include <stdlib.h>

/* Memory hardly differs from night to night. */
static const double memory_floor = 0.002;
/* Nights that a check passed before its failing says that something changed. */
enum { CHECKS_BEFORE = 2 };

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

static bool judge_figures(const struct history *history, enum regress_quantity quantity, struct night_options options,
                          struct night_finding *findings, struct shared_shift *shift, struct error *error)
{
    size_t all = history->case_count * history->run_count;
    double *values = calloc(all + 1, sizeof *values);
    if (!values)
        return error_set(error, ERROR_SYSTEM, "not enough memory to judge the runs");
    for (size_t i = 0; i < all; i++)
        values[i] = value_of(&history->points[i], quantity);
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

bool regress_judge(const struct history *history, const struct night_options *options, struct regression *regression,
                   struct error *error)
{
    size_t cases = history->case_count;
    struct shared_shift none;
    *regression = (struct regression){.history = history, .shift = {.change = 1}};
    regression->baseline = history->run_count - 1 < options->baseline ? history->run_count - 1 : options->baseline;
    for (int q = 0; q < REGRESS_QUANTITIES; q++)
        if (!(regression->findings[q] = calloc(cases + 1, sizeof **regression->findings))) {
            regress_free(regression);
            return error_set(error, ERROR_SYSTEM, "not enough memory to judge the runs");
        }
    if (!judge_figures(history, REGRESS_TIME, *options, regression->findings[REGRESS_TIME], &regression->shift,
                       error) ||
        !judge_figures(history, REGRESS_MEMORY, *options, regression->findings[REGRESS_MEMORY], &none, error)) {
        regress_free(regression);
        return false;
    }
    for (size_t c = 0; c < cases; c++)
        regression->findings[REGRESS_CHECK][c] =
            judge_check(history->points + c * history->run_count, history->run_count);
    count_verdicts(regression);
    return true;
}

void regress_free(struct regression *regression)
{
    for (int q = 0; q < REGRESS_QUANTITIES; q++)
        free(regression->findings[q]);
    *regression = (struct regression){0};
}
