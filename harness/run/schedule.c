/* Rounds over a run's cases within its budget; see schedule.h. */
#include "harness/run/schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "harness/base/text.h"
#include "harness/run/clock.h"

/* With 2 threads a whole small run peaked at 13.7 MiB. */
uint64_t worker_idle_bytes(size_t threads)
{
    return ((uint64_t)14 + threads) << 20;
}

struct course {
    const struct schedule *schedule;
    struct item *items;
    size_t count;
    size_t *order; /* positions, as they are visited within a round */
    int round;
    double end_s;
    size_t visits;
    double visits_s; /* that they took */
    const char *current;
};

static bool is_stopped(const struct course *course)
{
    return course->schedule->stop && *course->schedule->stop;
}

static size_t settled_count(const struct course *course)
{
    size_t settled = 0;
    for (size_t i = 0; i < course->count; i++)
        settled += course->items[i].settled;
    return settled;
}

/* Visits that are still to come, by the rounds that are left. */
static size_t visits_left(const struct course *course)
{
    size_t left = 0;
    for (size_t i = 0; i < course->count; i++)
        if (!course->items[i].settled)
            left += (size_t)(course->schedule->rounds - course->items[i].visits > 1
                                 ? course->schedule->rounds - course->items[i].visits
                                 : 1);
    return left;
}

static void show(struct course *course, const struct record *last)
{
    if (!course->schedule->progress)
        return;
    double left_s = fmax(0, course->end_s - clock_now_s());
    if (course->visits)
        left_s = fmin(left_s, course->visits_s / (double)course->visits * (double)visits_left(course));
    const struct progress progress = {settled_count(course), course->count, course->current, last, left_s};
    course->schedule->progress(course->schedule->state, &progress);
}

static void tick(void *state)
{
    show(state, NULL);
}

static bool keep(struct course *course, size_t position, struct error *error)
{
    struct item *item = &course->items[position];
    item->record.unfinished = !item->settled;
    return course->schedule->keep(course->schedule->state, position, &item->record, error);
}

/* MemAvailable now: other processes may have taken memory since the run began. BYTES_UNKNOWN where it isn't told. */
static uint64_t available_bytes(void)
{
    char *text = text_read_file("/proc/meminfo", 1 << 16);
    const char *line = text ? strstr(text, "MemAvailable:") : NULL;
    uint64_t bytes = line ? strtoull(line + 13, NULL, 10) * 1024 : BYTES_UNKNOWN;
    free(text);
    return bytes;
}

/* A case that doesn't fit is never started. */
static bool fits(const struct course *course, struct item *item)
{
    uint64_t planned = item->record.memory[MEMORY_PLANNED], now = available_bytes();
    uint64_t limit = course->schedule->memory_bytes, idle_bytes = worker_idle_bytes(course->schedule->threads);
    const char *limited_by = course->schedule->memory_limited_by;
    if (now < limit) {
        limit = now;
        limited_by = "what is available now";
    }
    if (planned == BYTES_UNKNOWN || limit == BYTES_UNKNOWN || (planned <= limit && limit - planned >= idle_bytes))
        return true;
    char need[32], there[32];
    format_size(planned + idle_bytes, need, sizeof need);
    format_size(limit, there, sizeof there);
    item->record.status = STATUS_SKIPPED;
    snprintf(item->record.reason, sizeof item->record.reason, "needs %s of memory, and there are %s (%s)", need, there,
             limited_by ? limited_by : "the machine's limit");
    return false;
}

/* Infinite while there are too few canaries to tell what is usual. */
static double usual_canary_s(const struct course *course)
{
    size_t known;
    double usual = judge_usual_canary_s(course->items, course->count, &known);
    return known >= 3 ? usual : INFINITY;
}

static double larger(double a, double b)
{
    return isnan(a) ? b : fmax(a, b); /* fmax passes over NaN */
}

static void forget_samples(struct record *record)
{
    free(record->samples);
    record->samples = NULL;
    record->sample_count = 0;
    record->steal = record->run_delay = record->canary_s = NAN;
}

/* Samples of quiet visits are kept together; a noisy visit's are kept only while there are no quiet ones. */
static bool take_visit(struct course *course, struct item *item, struct visit *visit)
{
    struct record *record = &item->record;
    bool noisy = visit_is_noisy(visit, usual_canary_s(course));
    if (record->sample_count && noisy && !item->is_noisy)
        return true;
    if (record->sample_count && ((!noisy && item->is_noisy) || (item->cold && !visit->cold)))
        forget_samples(record);
    item->cold = visit->cold;
    item->is_noisy = noisy;
    record->steal = larger(record->steal, visit->steal);
    record->run_delay = larger(record->run_delay, visit->run_delay);
    record->canary_s = larger(record->canary_s, visit->canary_s);
    if (isfinite(visit->energy_j))
        record->energy_j = visit->energy_j;
    if (visit->counters) {
        json_decref(record->counters);
        record->counters = json_incref(visit->counters);
    }
    if (visit->op_count) { /* moved over */
        free(record->ops);
        record->ops = visit->ops;
        record->op_count = visit->op_count;
        visit->ops = NULL;
    }
    /* The first visit's: it alone ran the check before, which leaves the libraries' own buffers in the baseline. */
    if (record->memory[MEMORY_PEAK] == BYTES_UNKNOWN)
        record->memory[MEMORY_PEAK] = visit->peak_bytes;
    return record_add_samples(record, visit->samples, visit->count);
}

static void take_check(struct record *record, const struct visit *visit)
{
    if (!visit->has_check)
        return;
    record->has_check = true;
    record->check_passed = visit->check_passed;
    record->check_error = visit->check_error;
    memcpy(record->check_against, visit->check_against, sizeof record->check_against);
    record->fidelity = visit->fidelity;
}

static bool is_precise(const struct course *course, const struct record *record)
{
    return record->time.confidence >= 0.95 && stats_relative_error(&record->time) <= course->schedule->measure.target;
}

/* After the last round; or when another visit would mostly be setting up, and what there is is precise. */
static bool needs_no_more(const struct course *course, const struct item *item, double slice_s)
{
    if (item->visits >= course->schedule->rounds)
        return true;
    return !item->is_noisy && is_precise(course, &item->record) && item->expected_setup_s > 0.25 * slice_s;
}

static void fail(struct item *item, enum status status, const char *reason)
{
    forget_samples(&item->record);
    item->record.time = (struct interval){NAN, NAN, NAN, NAN};
    item->record.throughput = item->record.gflops = item->record.mfu = item->record.mbu = NAN;
    item->record.status = status;
    snprintf(item->record.reason, sizeof item->record.reason, "%s", reason);
    item->settled = true;
}

static bool judge_visit(struct course *course, struct item *item, struct visit *visit, double slice_s,
                        struct error *error)
{
    take_check(&item->record, visit);
    item->visits++;
    switch (visit->fate) {
    case FATE_DONE:
        if (!take_visit(course, item, visit))
            return error_set(error, ERROR_SYSTEM, "not enough memory to keep the samples");
        judge_canaries(course->items, course->count);
        judge_record(item);
        item->expected_step_s = item->record.time.median;
        if (isfinite(visit->setup_s))
            item->expected_setup_s = visit->setup_s;
        item->settled = needs_no_more(course, item, slice_s);
        break;
    case FATE_SKIPPED:
        item->record.status = item->record.sample_count ? item->record.status : STATUS_SKIPPED;
        if (!item->record.sample_count)
            snprintf(item->record.reason, sizeof item->record.reason, "%s", visit->reason);
        break;
    case FATE_TIMEOUT:
        fail(item, STATUS_TIMEOUT, visit->reason);
        break;
    case FATE_OUT_OF_MEMORY:
        fail(item, STATUS_OUT_OF_MEMORY, visit->reason);
        break;
    case FATE_FAILED:
        fail(item, STATUS_FAILED, visit->reason);
        break;
    case FATE_STOPPED:
        item->visits--;
        break;
    }
    return true;
}

/* One visit, unless what is left of the budget is too little even for its first step. */
static bool visit(struct course *course, size_t position, struct error *error)
{
    struct item *item = &course->items[position];
    double start = clock_now_s(), left_s = course->end_s - start;
    if (left_s < item->expected_setup_s + 2 * item->expected_step_s)
        return true;
    if (!fits(course, item)) {
        item->settled = true;
        return keep(course, position, error);
    }
    double slice_s = left_s / (double)visits_left(course);
    course->current = item->record.id;
    show(course, NULL);
    struct visit visit;
    if (!visit_item(course->schedule, item, slice_s, tick, course, &visit, error))
        return false;
    course->current = NULL;
    course->visits++;
    course->visits_s += clock_now_s() - start;
    bool right = judge_visit(course, item, &visit, slice_s, error);
    bool stopped = visit.fate == FATE_STOPPED;
    visit_free(&visit);
    show(course, &item->record);
    return right && (stopped || keep(course, position, error));
}

static bool run_round(struct course *course, struct error *error)
{
    for (size_t i = 0; i < course->count && !is_stopped(course); i++) {
        struct item *item = &course->items[course->order[i]];
        if (!item->settled && item->visits <= course->round && !visit(course, course->order[i], error))
            return false;
    }
    return true;
}

static bool deserves_another(const struct item *item)
{
    return item->record.status == STATUS_NOISY && item->visits && !item->seen_again;
}

/* Noisy ones have one more chance, the machine may be quieter now. */
static bool run_again(struct course *course, struct error *error)
{
    if (is_stopped(course))
        return true;
    for (size_t i = 0; i < course->count; i++)
        if (deserves_another(&course->items[i]))
            course->items[i].settled = false;
    for (size_t i = 0; i < course->count && !is_stopped(course); i++) {
        struct item *item = &course->items[course->order[i]];
        if (!deserves_another(item))
            continue;
        item->seen_again = true;
        if (!visit(course, course->order[i], error))
            return false;
        item->settled = true;
    }
    return true;
}

/* What was not come to is told as such; the others are judged by the canaries of the whole run. */
static bool close_records(struct course *course, struct error *error)
{
    char budget[32];
    format_duration(course->schedule->budget_s, budget, sizeof budget);
    judge_canaries(course->items, course->count);
    for (size_t i = 0; i < course->count; i++) {
        struct item *item = &course->items[i];
        struct record *record = &item->record;
        if (record->sample_count) {
            judge_record(item);
            item->settled = item->settled || !is_stopped(course);
        } else if (!item->settled) {
            record->status = STATUS_SKIPPED;
            if (is_stopped(course))
                snprintf(record->reason, sizeof record->reason,
                         "the run was interrupted before it; --resume goes on with it");
            else
                snprintf(record->reason, sizeof record->reason,
                         "the budget of %s was spent before it; --resume goes on with it", budget);
        }
        if (!keep(course, i, error))
            return false;
    }
    return true;
}

static bool goes_before(const struct item *one, const struct item *other)
{
    if (one->doubt != other->doubt)
        return one->doubt > other->doubt;
    return one->expected_step_s + one->expected_setup_s < other->expected_step_s + other->expected_setup_s;
}

/* Insertion sort: stable, so that equal ones stay in the suite's order. */
static void put_in_order(struct course *course)
{
    for (size_t i = 0; i < course->count; i++) {
        size_t place = i;
        for (; place && goes_before(&course->items[i], &course->items[course->order[place - 1]]); place--)
            course->order[place] = course->order[place - 1];
        course->order[place] = i;
    }
}

bool schedule_run(const struct schedule *schedule, struct item *items, size_t count, struct error *error)
{
    struct course course = {.schedule = schedule,
                            .items = items,
                            .count = count,
                            .order = calloc(count + 1, sizeof *course.order),
                            .end_s = schedule->started_s + schedule->budget_s};
    if (!course.order)
        return error_set(error, ERROR_SYSTEM, "not enough memory to order the cases");
    put_in_order(&course);
    bool right = true;
    for (; right && course.round < schedule->rounds && !is_stopped(&course); course.round++)
        right = run_round(&course, error);
    right = right && run_again(&course, error) && close_records(&course, error);
    free(course.order);
    return right;
}
