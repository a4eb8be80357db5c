#include "harness/command/regress_confirm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/command/measure_suite.h"
#include "harness/run/case_list.h"
#include "probes/machine.h"

enum { COMPANIONS = 8, SECONDS_A_CASE = 10 };

static bool is_this_machine(const char *fingerprint, struct error *error)
{
    struct machine machine;
    if (!machine_probe(&machine, NULL, error))
        return false;
    bool same = !strcmp(machine.fingerprint, fingerprint);
    machine_free(&machine);
    return same || error_set(error, ERROR_INPUT, "--confirm: the run was made on another machine; measure again there");
}

static bool is_suspected(const struct night_finding *finding)
{
    return finding->verdict == NIGHT_SLOWER || finding->verdict == NIGHT_UNSURE;
}

/* Cases that can't be made from their name (those of a file) are left out. */
static bool add_case(struct case_list *list, const char *id, struct error *error)
{
    struct model_case one;
    struct error unknown;
    return !case_parse(id, &one, &unknown) || case_list_add(list, &one, error);
}

/* The quickest of tonight's cases that is slower than `over` seconds; NaN where there is none. */
static double next_quickest(const struct history *history, double over, size_t *place)
{
    double least = NAN;
    for (size_t c = 0; c < history->case_count; c++) {
        double seconds = history->points[c * history->run_count + history->run_count - 1].median_s;
        if (seconds > over && !(seconds >= least)) {
            least = seconds;
            *place = c;
        }
    }
    return least;
}

static bool choose_cases(const struct regression *regression, struct case_list *list, struct error *error)
{
    const struct history *history = regression->history;
    bool right = true;
    for (size_t c = 0; right && c < history->case_count; c++)
        for (int q = 0; right && q < REGRESS_QUANTITIES; q++)
            if (is_suspected(&regression->findings[q][c]))
                right = add_case(list, history->ids[c], error);
    double seconds = 0;
    size_t place = 0;
    for (int i = 0; right && i < COMPANIONS && (seconds = next_quickest(history, seconds, &place)) > 0; i++)
        right = add_case(list, history->ids[place], error);
    return right;
}

bool regress_measure_again(const struct invocation *invocation, const struct regression *regression,
                           const char *fingerprint, int *stopped_by, struct error *error)
{
    struct case_list list = {0};
    *stopped_by = 0;
    if (!is_this_machine(fingerprint, error))
        return false;
    bool right =
        choose_cases(regression, &list, error) &&
        (list.count || error_set(error, ERROR_INPUT, "--confirm: no case there can be measured here")) &&
        measure_chosen(invocation, "confirm", &list, (double)list.count * SECONDS_A_CASE, 0, stopped_by, error);
    case_list_free(&list);
    return right;
}
