/* `benchmark validate`: how well the estimates do on this machine. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/command/measure_suite.h"
#include "harness/estimate/known.h"
#include "probes/machine.h"
#include "reports/fitness/validate.h"

static char *budget, *threads;

static struct poptOption options[] = {
    {"budget", 0, POPT_ARG_STRING, &budget, 0, "measure suite all anew first, for this long (5m)", "DURATION"},
    {"threads", 0, POPT_ARG_STRING, &threads, 0, "threads that were computed with (all CPUs that may be used)", "N"},
    POPT_TABLEEND,
};

/* 3 when a quantity's intervals cover less than they claim, by more than chance. */
static int judge(const struct validation *sizes, struct error *error)
{
    for (int i = 0; i < QUANTITY_COUNT; i++)
        if (!validate_holds(&sizes->quantities[i])) {
            error_set(error, ERROR_MEASURE, "%s: the 90 %% intervals hold %.0f %% of %zu cases", quantity_names[i],
                      100 * sizes->quantities[i].coverage, sizes->quantities[i].cases);
            return ERROR_MEASURE;
        }
    return 0;
}

static int answer(const struct invocation *invocation, const struct known *known, struct error *error)
{
    struct validation validations[LEFT_OUT_KINDS] = {0};
    struct error unwritten = {0};
    int code = ERROR_SYSTEM;
    bool right = true;
    for (int kind = 0; right && kind < LEFT_OUT_KINDS; kind++)
        right = validate_make(known, (enum left_out)kind, &validations[kind]);
    if (!right) {
        error_set(error, ERROR_SYSTEM, "not enough memory to validate");
    } else {
        int judged = judge(&validations[LEFT_OUT_SIZE], error),
            written = command_write(invocation, validate_report(validations), &unwritten);
        if (written)
            *error = unwritten;
        code = written ? written : judged;
    }
    for (int kind = 0; kind < LEFT_OUT_KINDS; kind++)
        validate_free(&validations[kind]);
    return code;
}

static int run_validate(const struct invocation *invocation, struct error *error)
{
    uint64_t count = 0;
    double budget_s = NAN;
    struct machine machine;
    if ((threads && !parse_count(threads, "--threads", 1, 4096, &count, error)) ||
        (budget && !parse_duration(budget, "--budget", &budget_s, error)) || !machine_probe(&machine, NULL, error))
        return (int)error->kind;
    if (!count)
        count = machine.cpu.usable_threads > 0 ? (uint64_t)machine.cpu.usable_threads : 1;
    struct known known = {0};
    int code, stopped_by = 0;
    if ((budget && !measure_suite(invocation, "all", budget_s, (int)count, &stopped_by, error)) ||
        !known_load(invocation->database, machine.fingerprint, (int)count, &known, error))
        code = stopped_by ? 128 + stopped_by : (int)error->kind;
    else if (known.estimator)
        code = answer(invocation, &known, error);
    else {
        error_set(error, ERROR_INPUT,
                  "no run yet on this machine with %d threads: `benchmark run --suite all` first, "
                  "or --budget 5m",
                  (int)count);
        code = ERROR_INPUT;
    }
    known_free(&known);
    machine_free(&machine);
    return code;
}

const struct command command_validate = {
    .name = "validate",
    .help = "how accurate the estimates are on this machine",
    .details = "Each case that was measured here is estimated as if nothing of its model, or of its whole family, had "
               "been, and "
               "compared with what was measured.\n\n"
               "Exit codes: 0 the intervals hold; 2 nothing was measured yet; 3 they hold less often than they claim.",
    .options = options,
    .run = run_validate,
};
