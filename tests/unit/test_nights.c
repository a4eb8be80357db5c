/* harness/stats over nights: changes of level found where they are, and no others; corrected p-values by hand. */
#include <math.h>
#include <stdlib.h>

#include "harness/base/random.h"
#include "harness/stats/false_discovery.h"
#include "harness/stats/nights.h"
#include "harness/stats/noise_law.h"
#include "harness/stats/segments.h"
#include "harness/stats/shared_drift.h"
#include "tests/suite.h"

START_TEST(levels_are_told_apart)
{
    uint64_t key = random_key(1, "segments");
    for (int trial = 0; trial < 50; trial++) {
        double values[60];
        for (int i = 0; i < 60; i++)
            values[i] = 0.01 * random_normal(key, (uint64_t)(trial * 60 + i)) + (i >= 25) * 0.05 - (i >= 45) * 0.08;
        values[10] += 0.5; /* a lone odd night is no level */
        struct segment_change changes[8];
        ck_assert_uint_eq(segments_find(values, 60, 0.01, changes, 8), 2);
        ck_assert_msg(changes[0].first >= 24 && changes[0].first <= 26, "%zu", changes[0].first);
        ck_assert_msg(changes[1].first >= 44 && changes[1].first <= 46, "%zu", changes[1].first);
        ck_assert_double_eq_tol(changes[0].size, 0.05, 0.015);
        ck_assert_double_eq_tol(changes[1].size, -0.08, 0.015);
    }
}
END_TEST

START_TEST(noise_alone_has_no_changes)
{
    uint64_t key = random_key(2, "segments");
    int found = 0;
    struct segment_change changes[8];
    for (int trial = 0; trial < 300; trial++) {
        double values[60];
        for (int i = 0; i < 60; i++)
            values[i] = 0.02 * random_heavy_tailed(key, (uint64_t)(trial * 60 + i));
        found += segments_find(values, 60, 0.01, changes, 8) > 0;
    }
    ck_assert_msg(found <= 6, "%d of 300", found);
    ck_assert_uint_eq(segments_find((const double[]){1, 2, 3}, 3, 0.01, changes, 8), 0);
}
END_TEST

/* Benjamini and Hochberg by hand: 0.01·5/1, 0.02·5/2, 0.03·5/3, then 0.9; the absent one isn't counted. */
START_TEST(discoveries_are_corrected)
{
    double p[] = {0.03, 0.9, NAN, 0.01, 0.02, 0.95};
    struct error error;
    ck_assert(false_discovery_adjust(p, 6, &error));
    ck_assert_double_eq_tol(p[3], 0.05, 1e-12);
    ck_assert_double_eq_tol(p[4], 0.05, 1e-12);
    ck_assert_double_eq_tol(p[0], 0.05, 1e-12);
    ck_assert_double_eq_tol(p[1], 0.95, 1e-12);
    ck_assert(isnan(p[2]));
}
END_TEST

START_TEST(two_levels_are_known)
{
    uint64_t key = random_key(3, "levels");
    double values[40];
    for (int i = 0; i < 40; i++)
        values[i] = 0.004 * random_normal(key, (uint64_t)i) + (i % 3 == 0 ? 0.05 : 0);
    struct noise_law law;
    noise_law_fit(values, 40, &noise_prior_vague, 5e-4, &law);
    ck_assert_uint_eq(law.levels, 2);
    ck_assert_double_eq_tol(law.level[1] - law.level[0], 0.05, 0.005);
    ck_assert_double_eq_tol(law.scale, 0.004, 0.0015);
    ck_assert_double_eq_tol(law.weight[1], 1.0 / 3, 0.05);
    ck_assert(law.move[1][0] > 0.9); /* never two such nights in a row */
}
END_TEST

/* Drift common to all cases is found, whatever one case does by itself. */
START_TEST(drift_is_the_machines)
{
    enum { CASES = 20, NIGHTS = 30 };
    uint64_t key = random_key(4, "drift");
    double values[CASES * NIGHTS], drift[NIGHTS];
    struct error error;
    for (int c = 0; c < CASES; c++)
        for (int n = 0; n < NIGHTS; n++)
            values[c * NIGHTS + n] = c + 0.03 * sin(n) + 0.003 * random_normal(key, (uint64_t)(c * NIGHTS + n)) +
                                     (c == 7 && n > 15 ? 0.2 : 0);
    values[3 * NIGHTS + 4] = NAN;
    ck_assert(shared_drift_find(values, CASES, NIGHTS, drift, &error));
    for (int n = 1; n < NIGHTS; n++)
        ck_assert_double_eq_tol(drift[n] - drift[0], 0.03 * sin(n), 0.004);
    ck_assert(shared_drift_find(values, 4, NIGHTS, drift, &error));
    ck_assert(drift[5] == 0); /* four cases don't tell */
}
END_TEST

enum { CASES = 30, NIGHTS = 40 };

/* Cases of 0.5 % noise, of which `odd_one` is `size` slower on its last `late` nights, and all on the last `all_late`.
 */
static void judge(int odd_one, double size, int late, int all_late, struct night_finding *findings,
                  struct shared_shift *shift)
{
    double values[CASES * NIGHTS];
    uint64_t key = random_key(5, "nights");
    struct error error;
    for (int c = 0; c < CASES; c++)
        for (int n = 0; n < NIGHTS; n++)
            values[c * NIGHTS + n] = c + 0.005 * random_normal(key, (uint64_t)(c * NIGHTS + n)) +
                                     (c == odd_one && n >= NIGHTS - late ? size : 0) +
                                     (n >= NIGHTS - all_late ? 0.06 : 0);
    values[3 * NIGHTS + NIGHTS - 1] = NAN;
    for (int n = 0; n < NIGHTS - 3; n++)
        values[4 * NIGHTS + n] = NAN;
    const struct night_panel panel = {values, CASES, NIGHTS, true};
    struct night_options options = night_defaults();
    ck_assert(nights_judge(&panel, &options, findings, shift, &error));
}

static int count(const struct night_finding *findings, enum night_verdict verdict)
{
    int found = 0;
    for (int c = 0; c < CASES; c++)
        found += findings[c].verdict == verdict;
    return found;
}

START_TEST(a_slower_case_is_found)
{
    struct night_finding findings[CASES];
    struct shared_shift shift;
    judge(9, 0.05, 3, 0, findings, &shift);
    ck_assert_int_eq(findings[9].verdict, NIGHT_SLOWER);
    ck_assert_uint_eq(findings[9].since, NIGHTS - 3);
    ck_assert(findings[9].low < exp(0.05) && exp(0.05) < findings[9].high);
    ck_assert_int_eq(count(findings, NIGHT_SLOWER), 1);
    ck_assert_int_eq(count(findings, NIGHT_FASTER), 0);
    ck_assert_int_eq(findings[3].verdict, NIGHT_MISSING);
    ck_assert_int_eq(findings[4].verdict, NIGHT_NEW);
    ck_assert(!shift.moved);
    judge(9, -0.05, 3, 0, findings, &shift);
    ck_assert_int_eq(findings[9].verdict, NIGHT_FASTER);
}
END_TEST

START_TEST(a_lone_odd_night_is_none)
{
    struct night_finding findings[CASES];
    struct shared_shift shift;
    judge(9, 0.5, 1, 0, findings, &shift);
    ck_assert_int_eq(count(findings, NIGHT_SLOWER), 0);
}
END_TEST

START_TEST(what_all_do_is_the_machines)
{
    struct night_finding findings[CASES];
    struct shared_shift shift;
    judge(-1, 0, 0, 1, findings, &shift);
    ck_assert(shift.moved && !shift.confirmed);
    ck_assert_double_eq_tol(shift.change, exp(0.06), 0.01);
    ck_assert_int_eq(count(findings, NIGHT_SLOWER), 0);
    judge(-1, 0, 0, 2, findings, &shift);
    ck_assert(shift.moved && shift.confirmed);
    ck_assert_uint_eq(shift.since, NIGHTS - 2);
    ck_assert_int_eq(count(findings, NIGHT_SLOWER), 0);
}
END_TEST

int main(void)
{
    return suite_run("nights", 60,
                     SUITE(ONCE(levels_are_told_apart), ONCE(noise_alone_has_no_changes),
                           ONCE(discoveries_are_corrected), ONCE(two_levels_are_known), ONCE(drift_is_the_machines),
                           ONCE(a_slower_case_is_found), ONCE(a_lone_odd_night_is_none),
                           ONCE(what_all_do_is_the_machines)));
}
