/* `benchmark validate`: how well the estimates do on this machine. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/log.h"
#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/command/measure_suite.h"
#include "harness/estimate/calibration.h"
#include "harness/estimate/known.h"
#include "probes/machine.h"
#include "reports/fitness/validate.h"

static char *budget, *threads;
static int no_calibrate;

static struct poptOption options[] = {
    {"budget", 0, POPT_ARG_STRING, &budget, 0, "how long to measure first what is lacking (4m)", "DURATION"},
    {"no-calibrate", 0, POPT_ARG_NONE, &no_calibrate, 0, "measure nothing: by what the store has", NULL},
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

/* What is left of a budget goes to cases first, since nothing can be foretold of what was never measured. */
static const double BUDGET_S = 240, CASES_SHARE = 0.7;
enum { FEW_CASES = 8 };

static bool is_known(const struct known *known, const char *id)
{
    for (size_t i = 0; i < known->record_count; i++)
        if (strcmp(known->records[i].id, id) == 0)
            return true;
    return false;
}

/* Samples of the measured cases that the store lacks; none of a model of a file, which may be gone. */
static bool list_lacking(const struct known *known, struct case_list *lacking, struct error *error)
{
    struct case_list measured = {calloc(known->record_count + 1, sizeof *measured.cases), 0};
    for (size_t i = 0; measured.cases && i < known->record_count; i++)
        if (!known->calibration[i] && !known_case(&known->records[i]).layers &&
            case_parse(known->records[i].id, &measured.cases[measured.count], NULL))
            measured.count++;
    bool right = measured.cases
                     ? calibration_samples(measured.cases, measured.count, &lacking->cases, &lacking->count, error)
                     : error_set(error, ERROR_SYSTEM, "not enough memory to list the cases");
    size_t kept = 0;
    for (size_t i = 0; right && i < lacking->count; i++)
        if (!is_known(known, lacking->cases[i].id))
            lacking->cases[kept++] = lacking->cases[i];
    lacking->count = right ? kept : 0;
    case_list_free(&measured);
    return right;
}

/* Measures cases where there are next to none, then what `fit` would have measured before it foretold them. */
static bool measure_lacking(const struct invocation *invocation, const char *fingerprint, double budget_s, int threads,
                            struct known *known, int *stopped_by, struct error *error)
{
    bool right = true;
    if (known->op_cases < FEW_CASES) {
        known_free(known);
        right = measure_suite(invocation, "all", CASES_SHARE * budget_s, threads, stopped_by, error) &&
                known_load(invocation->database, fingerprint, threads, known, error);
        budget_s *= 1 - CASES_SHARE;
    }
    struct case_list lacking = {0};
    right = right && list_lacking(known, &lacking, error);
    if (right && lacking.count) {
        log_detail("measuring %zu cases first: a few layers of each model that was measured", lacking.count);
        known_free(known);
        right = measure_chosen(invocation, CALIBRATION_SUITE, &lacking, budget_s, threads, stopped_by, error) &&
                known_load(invocation->database, fingerprint, threads, known, error);
    }
    case_list_free(&lacking);
    return right;
}

static int run_validate(const struct invocation *invocation, struct error *error)
{
    uint64_t count = 0;
    double budget_s = BUDGET_S;
    struct machine machine;
    if ((threads && !parse_count(threads, "--threads", 1, 4096, &count, error)) ||
        (budget && !parse_duration(budget, "--budget", &budget_s, error)) || !machine_probe(&machine, NULL, error))
        return (int)error->kind;
    if (!count)
        count = machine.cpu.usable_threads > 0 ? (uint64_t)machine.cpu.usable_threads : 1;
    struct known known = {0};
    int code, stopped_by = 0;
    if (!known_load(invocation->database, machine.fingerprint, (int)count, &known, error) ||
        (!no_calibrate &&
         !measure_lacking(invocation, machine.fingerprint, budget_s, (int)count, &known, &stopped_by, error)))
        code = stopped_by ? 128 + stopped_by : (int)error->kind;
    else if (known.estimator)
        code = answer(invocation, &known, error);
    else {
        error_set(error, ERROR_INPUT,
                  "no run yet on this machine with %d threads: `benchmark run --suite all` first, "
                  "or without --no-calibrate",
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
               "compared with what was measured. What `fit` would have measured before (a few layers of the model, "
               "moments of each) is measured first where the store lacks it.\n\n"
               "Exit codes: 0 the intervals hold; 2 nothing was measured yet; 3 they hold less often than they claim.",
    .options = options,
    .run = run_validate,
};
