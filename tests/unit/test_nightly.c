/* What a nightly run does besides measuring: waits for a quiet machine, measures first what is in doubt, lets old
 * samples go. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/run/quiet.h"
#include "harness/store/retention.h"
#include "harness/store/unsettled.h"
#include "tests/suite.h"

/* ---- waiting ---- */

struct looks {
    const double *busy_cpus, *steal_shares;
    size_t count, taken, told;
};

static struct quiet_look next_look(void *state)
{
    struct looks *looks = state;
    size_t i = looks->taken++ % looks->count;
    return (struct quiet_look){looks->busy_cpus[i], looks->steal_shares ? looks->steal_shares[i] : NAN};
}

static void tell(void *state, const struct quiet_look *look)
{
    (void)look;
    ((struct looks *)state)->told++;
}

START_TEST(a_quiet_machine_is_waited_for)
{
    static const double busy[] = {2, 0, 0, 1, 0, 0.05, 0};
    struct looks looks = {.busy_cpus = busy, .count = 7};
    ck_assert(quiet_wait(60, 4, NULL, tell, next_look, &looks));
    ck_assert_uint_eq(looks.taken, 7); /* two quiet looks aren't enough */
    ck_assert_uint_eq(looks.told, 2);
}
END_TEST

START_TEST(the_wait_has_a_limit)
{
    static const double busy[] = {1}, idle[] = {0}, steal[] = {0.2};
    struct looks looks = {.busy_cpus = busy, .count = 1}, stolen = {idle, steal, 1, 0, 0};
    ck_assert(!quiet_wait(0.05, 4, NULL, NULL, next_look, &looks));
    ck_assert(!quiet_wait(0.05, 4, NULL, NULL, next_look, &stolen));
    volatile sig_atomic_t stop = 1;
    ck_assert(!quiet_wait(60, 4, &stop, NULL, next_look, &looks));
}
END_TEST

/* ---- doubt ---- */

START_TEST(doubt_is_about_moves_and_noise)
{
    static const double still[] = {1.001, 1, 0.999, 1, 1.002, 1, 1, 0.998},
                        moved[] = {1.06, 1.05, 1, 1, 1.001, 0.999, 1}, wild[] = {1, 1.1, 0.9, 1.05, 0.92, 1.1, 1, 0.9};
    ck_assert(unsettled_doubt(still, 8, false) == 0);
    ck_assert(unsettled_doubt(still, 8, true) > 0);
    ck_assert(unsettled_doubt(wild, 8, false) > 0);
    ck_assert(unsettled_doubt(moved, 7, false) > unsettled_doubt(wild, 8, false));
    ck_assert(unsettled_doubt(moved, 3, false) == 0); /* too few to tell */
}
END_TEST

/* ---- the store ---- */

static char folder[64], path[96];
static struct store *store;

static void make_folder(void)
{
    struct error error = {0};
    strcpy(folder, "/tmp/benchmark-nightly-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/history.db", folder);
    store = store_open(path, STORE_WRITE, &error);
    ck_assert_msg(store, "%s", error.message);
}

static void remove_folder(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    store_close(store);
    for (size_t i = 0; i < 3; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    rmdir(folder);
}

static void put_night(int night, const char *started, const char *fingerprint, double seconds, size_t samples)
{
    struct error error = {0};
    struct record records[2];
    struct run run = {.records = records, .record_count = 2};
    snprintf(run.id, sizeof run.id, "%s%04d", fingerprint, night);
    strcpy(run.started, started);
    run.machine = json_pack("{s:s,s:s}", "fingerprint", fingerprint, "name", "box");
    for (int i = 0; i < 2; i++) {
        record_clear(&records[i]);
        snprintf(records[i].id, sizeof records[i].id, "mlp/case-%d", i);
        for (size_t s = 0; s < samples; s++) {
            double taken = (i ? seconds : 1) * (1 + 0.001 * (double)((s * 7) % samples));
            ck_assert(record_add_samples(&records[i], &taken, 1));
        }
        records[i].time = stats_median_interval(records[i].samples, samples, 0.95);
    }
    bool added;
    ck_assert_msg(store_import_run(store, &run, &added, &error) && added, "%s", error.message);
    for (int i = 0; i < 2; i++)
        record_free(&records[i]);
    json_decref(run.machine);
}

START_TEST(the_store_tells_what_is_in_doubt)
{
    struct error error = {0};
    struct unsettled *cases;
    size_t count;
    for (int night = 0; night < 10; night++) {
        char started[TEXT_WORD];
        snprintf(started, sizeof started, "2026-01-%02dT02:00:00Z", night + 1);
        put_night(night, started, "here", night < 9 ? 0.5 : 0.6, 7);
        put_night(night, started, "there", night % 2 ? 0.5 : 0.7, 7);
    }
    ck_assert(store_list_unsettled(store, "here", 12, &cases, &count, &error));
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(cases[0].id, "mlp/case-1");
    free(cases);
    ck_assert(store_list_unsettled(store, "elsewhere", 12, &cases, &count, &error) && count == 0);
    free(cases);
}
END_TEST

START_TEST(samples_that_stay_stand_for_all)
{
    enum { MOST = 1000 };
    double samples[MOST], kept[RETAINED_SAMPLES];
    bool keep[MOST];
    for (size_t count = 1; count <= MOST; count += count < 40 ? 1 : 97) {
        for (size_t i = 0; i < count; i++)
            samples[i] = (double)((i * 7919) % count);
        ck_assert(retention_choose(samples, count, keep));
        size_t stay = 0;
        for (size_t i = 0; i < count; i++)
            if (keep[i]) {
                ck_assert_uint_lt(stay, RETAINED_SAMPLES);
                kept[stay++] = samples[i];
            }
        ck_assert_uint_eq(stay, count < RETAINED_SAMPLES ? count : RETAINED_SAMPLES);
        if (count % 2)
            ck_assert(stats_median(kept, stay) == stats_median(samples, count));
        ck_assert(stats_quantile(kept, stay, 0) == stats_quantile(samples, count, 0));
        ck_assert(stats_quantile(kept, stay, 1) == stats_quantile(samples, count, 1));
    }
}
END_TEST

static void check_samples(const char *id, size_t expected, double median_s)
{
    struct error error = {0};
    struct run run;
    ck_assert_msg(store_get_run(store, id, &run, &error), "%s", error.message);
    for (size_t i = 0; i < run.record_count; i++)
        ck_assert_msg(run.records[i].sample_count == expected, "%s: %zu samples", id, run.records[i].sample_count);
    ck_assert(run.records[1].time.median == median_s);
    run_free(&run);
}

START_TEST(old_samples_go_and_medians_stay)
{
    struct error error = {0};
    struct run before;
    size_t removed;
    char now[TEXT_WORD];
    time_stamp(now);
    put_night(1, "2020-01-01T02:00:00Z", "here", 0.5, 101);
    put_night(2, now, "here", 0.5, 101);
    put_night(3, "2020-01-01T02:00:00Z", "there", 0.5, 101);
    ck_assert(store_get_run(store, "here0001", &before, &error));
    double median_s = before.records[1].time.median;
    run_free(&before);
    ck_assert_msg(store_thin_samples(store, "here", 90 * 86400., &removed, &error), "%s", error.message);
    ck_assert_uint_eq(removed, 2 * (101 - RETAINED_SAMPLES));
    check_samples("here0001", RETAINED_SAMPLES, median_s);
    check_samples("here0002", 101, median_s);
    check_samples("there0003", 101, median_s);
    ck_assert(store_thin_samples(store, "here", 90 * 86400., &removed, &error) && removed == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nightly");
    TCase *tests = tcase_create("nightly");
    tcase_set_timeout(tests, 0);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, a_quiet_machine_is_waited_for);
    tcase_add_test(tests, the_wait_has_a_limit);
    tcase_add_test(tests, doubt_is_about_moves_and_noise);
    tcase_add_test(tests, the_store_tells_what_is_in_doubt);
    tcase_add_test(tests, samples_that_stay_stand_for_all);
    tcase_add_test(tests, old_samples_go_and_medians_stay);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
