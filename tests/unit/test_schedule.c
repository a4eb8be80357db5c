/* harness/run/schedule: rounds, budget, and cases that go wrong, against workers that only pretend. */
#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/run/clock.h"
#include "harness/run/schedule.h"
#include "tests/suite.h"

enum { MOST = 16 };

struct log {
    size_t kept, settled_when_kept;
    char order[MOST * 4][TEXT_ID]; /* ids as their visits began */
    size_t begun;
    const char *current;
    bool refuse;
};

static bool keep(void *state, size_t position, const struct record *record, struct error *error)
{
    struct log *log = state;
    (void)position;
    log->kept++;
    log->settled_when_kept += !record->unfinished;
    return !log->refuse || error_set(error, ERROR_SYSTEM, "disk full");
}

static void progress(void *state, const struct progress *progress)
{
    struct log *log = state;
    if (progress->id && progress->id != log->current && log->begun < MOST * 4)
        strcpy(log->order[log->begun++], progress->id);
    log->current = progress->id;
}

static volatile sig_atomic_t stop;
static const int cpu = 0;

static struct schedule schedule_of_test(struct log *log)
{
    struct schedule schedule = {.program = {FALSE_WORKER, "worker"},
                                .cpus = &cpu,
                                .threads = 1,
                                .measure = measure_defaults(),
                                .budget_s = 60,
                                .started_s = clock_now_s(),
                                .timeout_s = NAN,
                                .rounds = 2,
                                .memory_bytes = BYTES_UNKNOWN,
                                .stop = &stop,
                                .keep = keep,
                                .progress = progress,
                                .state = log};
    return schedule;
}

static size_t fill(struct item *items, const char *const *ids)
{
    size_t count = 0;
    for (; ids[count]; count++) {
        struct item *item = &items[count];
        *item = (struct item){.units = 10, .roof = {100, 10, 0.0005, "compute"}};
        record_clear(&item->record);
        strcpy(item->record.id, ids[count]);
        item->record.flops = 1e7;
        item->record.bytes = 1e6;
        item->record.memory[MEMORY_PLANNED] = 1000;
        item->expected_step_s = 0.001;
    }
    return count;
}

static void run(const struct schedule *schedule, struct item *items, size_t count)
{
    struct error error = {0};
    ck_assert_msg(schedule_run(schedule, items, count, &error), "%s", error.message);
}

static void empty(struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        record_free(&items[i].record);
}

START_TEST(cases_are_interleaved_in_rounds)
{
    static const char *const ids[] = {"ok 4", "ok 2", "ok 3", NULL};
    struct log log = {0};
    struct schedule schedule = schedule_of_test(&log);
    struct item items[MOST];
    size_t count = fill(items, ids);
    items[0].expected_step_s = 0.004;
    run(&schedule, items, count);
    static const char *const order[] = {"ok 2", "ok 3", "ok 4", "ok 2", "ok 3", "ok 4"}; /* cheap ones first */
    ck_assert_uint_eq(log.begun, 6);
    for (size_t i = 0; i < 6; i++)
        ck_assert_str_eq(log.order[i], order[i]);
    const struct record *record = &items[0].record;
    ck_assert_int_eq(record->status, STATUS_OK);
    ck_assert_uint_eq(record->sample_count, 6); /* three of each visit */
    ck_assert_double_eq_tol(record->time.median, 0.004, 1e-9);
    ck_assert_double_eq_tol(record->throughput, 2500, 1e-3);
    ck_assert_double_eq_tol(record->gflops, 2.5, 1e-6);
    ck_assert_double_eq_tol(record->mfu, 0.025, 1e-6);
    ck_assert_double_eq_tol(record->mbu, 0.025, 1e-6);
    ck_assert_str_eq(record->bound, "compute");
    ck_assert(record->has_check && record->check_passed && !record->unfinished);
    ck_assert_double_eq(record->canary, 1);
    ck_assert_uint_eq(record->memory[MEMORY_PEAK], 1000);
    empty(items, count);
}
END_TEST

START_TEST(a_bad_case_costs_itself_alone)
{
    static const char *const ids[] = {"ok 1", "die 9", "nonsense", "memory", "wrong", "hang", "ok 2", NULL};
    static const enum status expected[] = {STATUS_OK,     STATUS_FAILED,  STATUS_FAILED, STATUS_OUT_OF_MEMORY,
                                           STATUS_FAILED, STATUS_TIMEOUT, STATUS_OK};
    struct log log = {0};
    struct schedule schedule = schedule_of_test(&log);
    schedule.timeout_s = 0.5;
    struct item items[MOST];
    size_t count = fill(items, ids);
    run(&schedule, items, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(items[i].record.status == expected[i], "%s: %s: %s", ids[i], status_name(items[i].record.status),
                      items[i].record.reason);
        ck_assert((items[i].record.status == STATUS_OK) == !*items[i].record.reason);
    }
    ck_assert(items[4].record.has_check && !items[4].record.check_passed);
    empty(items, count);
}
END_TEST

START_TEST(the_budget_is_kept)
{
    static const char *const ids[] = {"ok 20 30", "ok 21 30", "ok 22 30", "ok 23 30", NULL};
    struct log log = {0};
    struct schedule schedule = schedule_of_test(&log);
    schedule.budget_s = 2;
    struct item items[MOST];
    size_t count = fill(items, ids);
    run(&schedule, items, count);
    double took_s = clock_now_s() - schedule.started_s;
    ck_assert_msg(took_s < 8, "%g s", took_s);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(items[i].record.sample_count >= 3, "%s: %zu samples: %s", ids[i], items[i].record.sample_count,
                      items[i].record.reason);
    empty(items, count);
}
END_TEST

START_TEST(what_the_budget_leaves_out_is_told)
{
    static const char *const ids[] = {"ok 5", "ok 6", NULL};
    struct log log = {0};
    struct schedule schedule = schedule_of_test(&log);
    schedule.budget_s = 2;
    struct item items[MOST];
    size_t count = fill(items, ids);
    items[1].expected_step_s = 100;
    run(&schedule, items, count);
    ck_assert_int_eq(items[0].record.status, STATUS_OK);
    ck_assert_int_eq(items[1].record.status, STATUS_SKIPPED);
    ck_assert(items[1].record.unfinished && !items[0].record.unfinished);
    ck_assert_ptr_nonnull(strstr(items[1].record.reason, "the budget of 2.00 s was spent before it"));
    empty(items, count);
}
END_TEST

START_TEST(what_does_not_fit_is_never_started)
{
    static const char *const ids[] = {"ok 5", "die 9", NULL};
    struct log log = {0};
    struct schedule schedule = schedule_of_test(&log);
    schedule.memory_bytes = 512ull << 20;
    schedule.memory_limited_by = "--memory-limit";
    struct item items[MOST];
    size_t count = fill(items, ids);
    items[1].record.memory[MEMORY_PLANNED] = 500ull << 20;
    run(&schedule, items, count);
    ck_assert_int_eq(items[0].record.status, STATUS_OK);
    ck_assert_int_eq(items[1].record.status, STATUS_SKIPPED);
    ck_assert_str_eq(items[1].record.reason, "needs 515 MiB of memory, and there are 512 MiB (--memory-limit)");
    ck_assert(!items[1].record.unfinished && items[1].visits == 0);
    empty(items, count);
}
END_TEST

START_TEST(spread_is_seen_again_and_then_marked)
{
    static const char *const ids[] = {"ok 2 300", NULL};
    struct log log = {0};
    struct schedule schedule = schedule_of_test(&log);
    schedule.budget_s = 1.5;
    schedule.measure.most = 8;
    struct item items[MOST];
    size_t count = fill(items, ids);
    run(&schedule, items, count);
    ck_assert_int_eq(items[0].record.status, STATUS_NOISY);
    ck_assert_ptr_nonnull(strstr(items[0].record.reason, "its times spread by"));
    ck_assert_int_eq(items[0].visits, 3);
    ck_assert(!items[0].record.unfinished);
    empty(items, count);
}
END_TEST

static void set_stop(int number)
{
    (void)number;
    stop = 1;
}

START_TEST(an_interrupt_keeps_what_is_finished)
{
    static const char *const ids[] = {"ok 2", "hang", "ok 3", NULL};
    struct log log = {0};
    struct schedule schedule = schedule_of_test(&log);
    struct item items[MOST];
    size_t count = fill(items, ids);
    items[2].expected_step_s = 0.1;
    signal(SIGALRM, set_stop);
    alarm(1);
    run(&schedule, items, count);
    stop = 0;
    ck_assert_int_eq(items[0].record.status, STATUS_OK);
    ck_assert_uint_eq(items[0].record.sample_count, 3);
    ck_assert(items[0].record.unfinished); /* its second visit is to come */
    ck_assert_int_eq(items[1].record.status, STATUS_SKIPPED);
    ck_assert_int_eq(items[2].record.status, STATUS_SKIPPED);
    ck_assert(items[1].record.unfinished && items[2].record.unfinished);

    /* And goes on from there. */
    strcpy(items[1].record.id, "ok 4");
    schedule.started_s = clock_now_s();
    log.begun = 0;
    run(&schedule, items, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(items[i].record.status, STATUS_OK);
        ck_assert_uint_eq(items[i].record.sample_count, 6);
    }
    empty(items, count);
}
END_TEST

START_TEST(a_record_that_cannot_be_kept_ends_the_run)
{
    static const char *const ids[] = {"ok 2", "ok 3", NULL};
    struct log log = {.refuse = true};
    struct schedule schedule = schedule_of_test(&log);
    struct item items[MOST];
    size_t count = fill(items, ids);
    struct error error = {0};
    ck_assert(!schedule_run(&schedule, items, count, &error));
    ck_assert_str_eq(error.message, "disk full");
    ck_assert_uint_eq(log.begun, 1);
    empty(items, count);
}
END_TEST

int main(void)
{
    return suite_run("schedule", 120,
                     SUITE(ONCE(cases_are_interleaved_in_rounds), ONCE(a_bad_case_costs_itself_alone),
                           ONCE(the_budget_is_kept), ONCE(what_the_budget_leaves_out_is_told),
                           ONCE(what_does_not_fit_is_never_started), ONCE(spread_is_seen_again_and_then_marked),
                           ONCE(an_interrupt_keeps_what_is_finished), ONCE(a_record_that_cannot_be_kept_ends_the_run)));
}
