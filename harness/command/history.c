/* `benchmark history`: cases over time, and where they changed. */
#include "reports/history.h"
#include "harness/command/command.h"

enum { MOST_RUNS = 400 };

static char *filter;

static struct poptOption options[] = {
    {"filter", 0, POPT_ARG_STRING, &filter, 0, "only cases that a pattern matches (* and ?)", "GLOB"},
    POPT_TABLEEND,
};

static bool read_history(const struct invocation *invocation, struct history *history, struct error *error)
{
    *history = (struct history){0};
    struct store *store = store_open(invocation->database, STORE_READ, error);
    char latest[TEXT_WORD], fingerprint[TEXT_NAME];
    bool right = store && store_find_run(store, "latest", latest, error) &&
                 store_get_fingerprint(store, latest, fingerprint, sizeof fingerprint, error) &&
                 store_get_history(store, fingerprint, NULL, MOST_RUNS, filter, history, error);
    store_close(store);
    if (right && !history->case_count) {
        history_free(history);
        return error_set(error, ERROR_INPUT, "--filter: no case matches '%s'; 'benchmark report' shows the cases",
                         filter ? filter : "*");
    }
    return right;
}

static int run(const struct invocation *invocation, struct error *error)
{
    struct history history;
    if (!read_history(invocation, &history, error))
        return (int)error->kind;
    int code = command_write(invocation, history_report(&history), error);
    history_free(&history);
    return code;
}

const struct command command_history = {
    .name = "history",
    .help = "each case over time, and where it changed",
    .details = "Of the machine that the latest run was made on: up to 400 runs, a bar a run, the slowest highest; a "
               "stroke stands where a case changed for good. Below it: what changed in the machine's software.",
    .options = options,
    .run = run,
};
