/* `benchmark regress`: did the latest run get slower than those before it, since when, and why. */
#include <string.h>

#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/store/store.h"
#include "reports/regress.h"

/* Levels are remembered for longer than the nights that the noise is learned from. */
enum { REMEMBERED = 100 };

static char *baseline, *threshold, *alpha;

static struct poptOption options[] = {
    {"baseline", 0, POPT_ARG_STRING, &baseline, 0, "the runs to judge by: the last N (last:40)", "last:N"},
    {"threshold", 0, POPT_ARG_STRING, &threshold, 0, "a change by less than this never counts (1)", "PCT"},
    {"alpha", 0, POPT_ARG_STRING, &alpha, 0, "share of quiet nights on which anything is called (0.01)", "P"},
    POPT_TABLEEND,
};

static bool read_options(struct night_options *judging, struct error *error)
{
    double percent = 1;
    uint64_t nights = 40;
    *judging = night_defaults();
    if ((threshold && !parse_number(threshold, "--threshold", 0.01, 100, &percent, error)) ||
        (alpha && !parse_number(alpha, "--alpha", 1e-9, 0.5, &judging->alpha, error)))
        return false;
    if (baseline && strncmp(baseline, "last:", 5))
        return error_set(error, ERROR_INPUT, "--baseline: '%s' is not last:N, such as last:40", baseline);
    if (baseline && !parse_count(baseline + 5, "--baseline last:N", 7, 1000, &nights, error))
        return false;
    judging->threshold = percent / 100;
    judging->baseline = (size_t)nights;
    return true;
}

static bool read_history(const struct invocation *invocation, size_t nights, struct history *history,
                         struct error *error)
{
    *history = (struct history){0};
    struct store *store = store_open(invocation->database, STORE_READ, error);
    char id[TEXT_WORD], fingerprint[TEXT_NAME];
    bool right = store &&
                 store_find_run(store, invocation->argument_count ? invocation->arguments[0] : "latest", id, error) &&
                 store_get_fingerprint(store, id, fingerprint, sizeof fingerprint, error) &&
                 store_get_history(store, fingerprint, id, nights, NULL, history, error);
    store_close(store);
    return right;
}

static int run(const struct invocation *invocation, struct error *error)
{
    struct night_options judging;
    struct history history;
    struct regression regression;
    if (!read_options(&judging, error) ||
        !read_history(invocation, judging.baseline > REMEMBERED ? judging.baseline + 1 : REMEMBERED, &history, error))
        return (int)error->kind;
    int code = (int)ERROR_SYSTEM;
    if (regress_judge(&history, &judging, &regression, error)) {
        enum regress_verdict verdict = regression.verdict;
        code = command_write(invocation, regress_report(&regression), error);
        if (code == 0 && verdict != REGRESS_CLEAN)
            code = verdict == REGRESS_FOUND ? 1 : (int)ERROR_MEASURE;
        regress_free(&regression);
    }
    history_free(&history);
    return code;
}

const struct command command_regress = {
    .name = "regress",
    .arguments = "[RUN]",
    .help = "did anything get slower, since when, and what changed there",
    .details = "Judges RUN (the latest) by the runs of the same machine before it: each case's time beside its own "
               "noise, memory, and checks that used to pass. One odd night never counts. Exit status: 0 nothing got "
               "worse, 1 something did, 3 it can't be told yet.",
    .options = options,
    .most_arguments = 1,
    .run = run,
};
