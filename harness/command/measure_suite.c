#include "harness/command/measure_suite.h"

#include <math.h>
#include <signal.h>

#include "harness/command/progress.h"
#include "harness/run/execute.h"

static volatile sig_atomic_t signalled;

static void stop(int number)
{
    signalled = number;
}

static bool measure_list(const struct invocation *invocation, const char *name, const struct case_list *cases,
                         double budget_s, bool of_cases, int rounds, int threads, int *stopped_by, struct error *error)
{
    struct progress_line line = {.drawn_on = invocation->progress};
    struct run run;
    struct run_request request = {.program = {"/proc/self/exe", "worker"},
                                  .database = invocation->database,
                                  .cases = *cases,
                                  .suite = name,
                                  .measure = measure_defaults(),
                                  .budget_s = budget_s,
                                  .budget_of_cases = of_cases,
                                  .timeout_s = NAN,
                                  .rounds = rounds,
                                  .memory_bytes = BYTES_UNKNOWN,
                                  .threads = threads,
                                  .stop = &signalled,
                                  .entered = progress_entered,
                                  .progress = progress_moved,
                                  .state = &line};
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    bool right = run_execute(&request, &run, error);
    progress_clear(&line);
    *stopped_by = signalled;
    if (right)
        run_free(&run);
    return right && !signalled;
}

bool measure_suite(const struct invocation *invocation, const char *name, double budget_s, int threads, int *stopped_by,
                   struct error *error)
{
    const struct suite *suite = suite_find(name);
    struct case_list cases = {0};
    bool right = suite_cases(suite, &cases, error) &&
                 measure_list(invocation, suite->name, &cases, isnan(budget_s) ? suite->budget_s : budget_s, false,
                              suite->rounds, threads, stopped_by, error);
    case_list_free(&cases);
    return right;
}

bool measure_chosen(const struct invocation *invocation, const char *name, const struct case_list *cases,
                    double budget_s, int threads, int *stopped_by, struct error *error)
{
    return measure_list(invocation, name, cases, budget_s, true, 1, threads, stopped_by, error);
}
