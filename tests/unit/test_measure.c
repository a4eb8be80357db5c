/* harness/run/measure: the loop against a clock of the test's own, so that no machine's speed matters. */
#include <check.h>
#include <math.h>

#include "harness/base/random.h"
#include "harness/run/measure.h"
#include "tests/suite.h"

/* A step that takes scripted time on a scripted clock. */
struct script {
    double time, settled_s, first_s, halving, jitter;
    uint64_t steps;
};

static void step(void *state)
{
    struct script *script = state;
    double extra = script->first_s * pow(script->halving, (double)script->steps);
    double noise = script->jitter * (double)random_normal(random_key(1, "jitter"), script->steps);
    script->time += script->settled_s * (1 + noise) + extra;
    script->steps++;
}

static double now(void *state)
{
    return ((struct script *)state)->time;
}

static struct measure_options options_of_test(void)
{
    struct measure_options options = measure_defaults();
    options.now = now;
    options.until_s = 1000;
    options.deadline_s = 2000;
    return options;
}

START_TEST(warms_up_until_steady_then_stops_when_precise)
{
    struct script script = {.settled_s = 0.1, .first_s = 1, .halving = 0.5, .jitter = 0.01};
    struct measure_options options = options_of_test();
    struct measurement found;
    struct error error;
    ck_assert(measure(step, &script, &options, &found, &error));
    ck_assert(found.steady && !found.cold && found.batch == 1 && found.end == MEASURED_PRECISELY);
    ck_assert_uint_ge(found.warmups, 9); /* the extra second is below 3 % of a step after nine halvings */
    ck_assert(found.count >= options.least && found.count < 60);
    for (size_t i = 0; i < found.count; i++)
        ck_assert_double_eq_tol(found.samples[i], 0.1, 0.006);
    ck_assert_uint_eq(found.steps + found.warmups, script.steps);
    measurement_free(&found);
}
END_TEST

START_TEST(short_steps_are_batched)
{
    struct script script = {.settled_s = 2e-6};
    struct measure_options options = options_of_test();
    struct measurement found;
    struct error error;
    ck_assert(measure(step, &script, &options, &found, &error));
    ck_assert_uint_ge(found.batch, 450);
    ck_assert_uint_le(found.batch, 550);
    ck_assert_double_eq_tol(found.samples[0], 2e-6, 1e-9);
    ck_assert(found.steady && found.warmups < 10 * found.batch);
    ck_assert(script.time >= options.least_s);
    measurement_free(&found);
}
END_TEST

START_TEST(noise_samples_until_time_is_spent)
{
    struct script script = {.settled_s = 0.1, .jitter = 0.4};
    struct measure_options options = options_of_test();
    options.until_s = 30;
    options.target = 0.001;
    struct measurement found;
    struct error error;
    ck_assert(measure(step, &script, &options, &found, &error));
    ck_assert_int_eq(found.end, MEASURED_UNTIL);
    ck_assert(script.time >= 30 && script.time < 30.5);
    measurement_free(&found);
}
END_TEST

START_TEST(counts_that_were_asked_for_are_kept)
{
    struct script script = {.settled_s = 0.1};
    struct measure_options options = options_of_test();
    options.warmup = 3;
    options.least = 20;
    options.most = 25;
    options.until_s = 0.5;
    struct measurement found;
    struct error error;
    ck_assert(measure(step, &script, &options, &found, &error));
    ck_assert(found.count == 20 && found.warmups == 3); /* the least even beyond until_s */
    measurement_free(&found);

    script = (struct script){.settled_s = 0.1, .jitter = 0.4};
    options.until_s = 1000;
    options.target = 0;
    ck_assert(measure(step, &script, &options, &found, &error));
    ck_assert(found.count == 25 && found.end == MEASURED_MOST);
    measurement_free(&found);

    script = (struct script){.settled_s = 0.1};
    options.warmup = 0;
    options.least = options.most = 1;
    ck_assert(measure(step, &script, &options, &found, &error));
    ck_assert(found.count == 1 && found.warmups == 0 && script.steps == 1);
    measurement_free(&found);
}
END_TEST

START_TEST(the_deadline_holds_to_within_one_step)
{
    struct script script = {.settled_s = 7};
    struct measure_options options = options_of_test();
    options.deadline_s = options.until_s = 30;
    options.least = 100;
    struct measurement found;
    struct error error;
    ck_assert(measure(step, &script, &options, &found, &error));
    ck_assert_int_eq(found.end, MEASURED_DEADLINE);
    ck_assert(script.time >= 30 && script.time <= 37 && found.count >= 1);
    measurement_free(&found);

    script = (struct script){.settled_s = 50};
    ck_assert(measure(step, &script, &options, &found, &error));
    ck_assert(found.cold && found.count == 1 && script.steps == 1);
    ck_assert_double_eq(found.samples[0], 50);
    measurement_free(&found);
}
END_TEST

int main(void)
{
    return suite_run("measure", 60,
                     SUITE(ONCE(warms_up_until_steady_then_stops_when_precise), ONCE(short_steps_are_batched),
                           ONCE(noise_samples_until_time_is_spent), ONCE(counts_that_were_asked_for_are_kept),
                           ONCE(the_deadline_holds_to_within_one_step)));
}
