/* `benchmark regress`: did the latest run get slower than those before it, since when, and why. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/command/regress_confirm.h"
#include "harness/store/store.h"
#include "reports/regress.h"

/* Levels are remembered for longer than the nights that the noise is learned from. */
enum { REMEMBERED = 100 };

static char *baseline, *threshold, *alpha;
static int accept, confirm;

static struct poptOption options[] = {
    {"baseline", 0, POPT_ARG_STRING, &baseline, 0, "the runs to judge by: the last N (last:40)", "last:N"},
    {"threshold", 0, POPT_ARG_STRING, &threshold, 0, "a change by less than this never counts (1)", "PCT"},
    {"alpha", 0, POPT_ARG_STRING, &alpha, 0, "share of quiet nights on which anything is called (0.01)", "P"},
    {"accept", 0, POPT_ARG_NONE, &accept, 0, "what got worse is known: don't tell it again", NULL},
    {"confirm", 0, POPT_ARG_NONE, &confirm, 0, "measure again what is or may be worse, and judge by that too", NULL},
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

/* What the store knows of the machine up to the run. */
struct known {
    struct history history;
    struct accepted_change *accepted;
    size_t accepted_count;
    char fingerprint[TEXT_NAME];
};

static bool read_known(const struct invocation *invocation, const char *run, size_t nights, struct known *known,
                       struct error *error)
{
    *known = (struct known){0};
    struct store *store = store_open(invocation->database, STORE_READ, error);
    char id[TEXT_WORD];
    bool right = store && store_find_run(store, run, id, error) &&
                 store_get_fingerprint(store, id, known->fingerprint, sizeof known->fingerprint, error) &&
                 store_get_history(store, known->fingerprint, id, nights, NULL, &known->history, error) &&
                 store_get_accepted(store, known->fingerprint, &known->accepted, &known->accepted_count, error);
    store_close(store);
    return right;
}

static void known_free(struct known *known)
{
    history_free(&known->history);
    free(known->accepted);
}

static bool accept_changes(const struct invocation *invocation, const struct known *known,
                           const struct regression *regression, struct error *error)
{
    size_t count;
    struct accepted_change *changes = regress_changes(regression, &count);
    struct store *store = changes ? store_open(invocation->database, STORE_WRITE, error) : NULL;
    bool right = changes || error_set(error, ERROR_SYSTEM, "not enough memory to accept the changes");
    right = right && store && store_accept(store, known->fingerprint, changes, count, error);
    store_close(store);
    free(changes);
    return right;
}

static int tell(const struct invocation *invocation, const struct known *known, const struct regression *regression,
                struct error *error)
{
    if (accept && !accept_changes(invocation, known, regression, error))
        return (int)error->kind;
    int code = command_write(invocation, regress_report(regression), error);
    if (code != 0 || regression->verdict == REGRESS_CLEAN || accept)
        return code;
    return regression->verdict == REGRESS_FOUND ? 1 : (int)ERROR_MEASURE;
}

static int judge(const struct invocation *invocation, const char *run, bool again, struct error *error)
{
    struct night_options judging;
    struct known known = {0};
    struct regression regression;
    int stopped_by = 0, code = ERROR_INPUT;
    bool right = read_options(&judging, error);
    size_t nights = judging.baseline > REMEMBERED ? judging.baseline + 1 : REMEMBERED;
    if (!right || !read_known(invocation, run, nights, &known, error) ||
        !regress_judge(&known.history, known.accepted, known.accepted_count, &judging, &regression, error)) {
        known_free(&known);
        return (int)error->kind;
    }
    bool measured = false;
    if (!again || !(regression.slower + regression.unsure))
        code = tell(invocation, &known, &regression, error);
    else if (!(measured = regress_measure_again(invocation, &regression, known.fingerprint, &stopped_by, error)))
        code = stopped_by ? 128 + stopped_by : (int)error->kind;
    regress_free(&regression);
    known_free(&known);
    return measured ? judge(invocation, "latest", false, error) : code;
}

static int run(const struct invocation *invocation, struct error *error)
{
    return judge(invocation, invocation->argument_count ? invocation->arguments[0] : "latest", confirm, error);
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
