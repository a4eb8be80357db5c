#include "reports/compare_figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "reports/machine_figures.h"

enum { MOST_ROWS = 18, MOST_TOPOLOGIES = 4 };

/* ---- scores ---- */

static void add_speeds(struct report *report, const struct comparison *comparison)
{
    static const char *const parts[] = {"speed"};
    if (!comparison->scored)
        return;
    struct bars *bars = report_bars(report, "Speed, the first machine's being 1", parts, 1);
    for (size_t r = 0; r < comparison->run_count; r++) {
        const struct compared_run *run = &comparison->runs[r];
        char text[60];
        if (!run->cases)
            continue;
        snprintf(text, sizeof text, "%.3g ×", run->speed.median);
        struct bar *bar = bars_add(bars, run->name, text);
        bar->parts[0] = run->speed.median;
        bar->low = run->speed.low;
        bar->high = run->speed.high;
        bar->estimated = run->sheet;
    }
    report_drawn_only(report);
}

static void add_costs(struct report *report, const struct comparison *comparison)
{
    static const char *const parts[] = {"price", "electricity"};
    size_t known = 0;
    for (size_t r = 0; r < comparison->run_count; r++)
        known += isfinite(comparison->runs[r].tco_usd);
    if (!known)
        return;
    struct bars *bars = report_bars(report, "Cost of ownership, US dollars", parts, 2);
    for (size_t r = 0; r < comparison->run_count; r++) {
        const struct compared_run *run = &comparison->runs[r];
        char text[60];
        if (!isfinite(run->tco_usd))
            continue;
        snprintf(text, sizeof text, "%.0f", run->tco_usd);
        struct bar *bar = bars_add(bars, run->name, text);
        bar->parts[0] = run->price_usd;
        bar->parts[1] = run->tco_usd - run->price_usd;
    }
    report_drawn_only(report);
}

/* ---- cases ---- */

struct spread {
    const struct compared_case *one;
    double size; /* of the logarithms of its ratios, weighted */
};

static int by_spread(const void *a, const void *b)
{
    const struct spread *one = a, *other = b;
    return (one->size < other->size) - (one->size > other->size);
}

static double spread_of(const struct comparison *comparison, const struct compared_case *one)
{
    double low = 0, high = 0;
    for (size_t r = 0; r < comparison->run_count; r++) {
        low = fmin(low, log(one->ratios[r].median));
        high = fmax(high, log(one->ratios[r].median));
    }
    return one->scored ? one->weight * (high - low) : -1;
}

/* Those in which the machines differ most. */
static void add_cases(struct report *report, const struct comparison *comparison)
{
    static const char *const parts[] = {"ratio"};
    struct spread *cases = calloc(comparison->case_count + 1, sizeof *cases);
    size_t others = comparison->run_count - 1;
    if (!cases || comparison->scored < 2 || others > MOST_ROWS) {
        free(cases);
        return;
    }
    for (size_t i = 0; i < comparison->case_count; i++)
        cases[i] = (struct spread){&comparison->cases[i], spread_of(comparison, &comparison->cases[i])};
    qsort(cases, comparison->case_count, sizeof *cases, by_spread);
    struct bars *bars = report_bars(
        report, "Where they differ most: speed over the first machine's (the length is logarithmic)", parts, 1);
    bars->logarithmic = true;
    for (size_t i = 0; bars->count + others <= MOST_ROWS && i < comparison->scored; i++)
        for (size_t r = 1; r < comparison->run_count; r++) {
            const struct interval *ratio = &cases[i].one->ratios[r];
            char label[TEXT_ID + 200], text[60];
            if (*comparison->runs[r].left_out)
                continue;
            snprintf(label, sizeof label, comparison->run_count > 2 ? "%s, %s" : "%s", cases[i].one->id,
                     comparison->runs[r].name);
            snprintf(text, sizeof text, "%.3g ×", ratio->median);
            struct bar *bar = bars_add(bars, label, text);
            bar->parts[0] = ratio->median;
            bar->low = ratio->low;
            bar->high = ratio->high;
            bar->estimated = comparison->runs[r].sheet || comparison->runs[0].sheet;
        }
    free(cases);
    report_drawn_only(report);
}

void compare_add_figures(struct report *report, const struct comparison *comparison)
{
    add_speeds(report, comparison);
    add_costs(report, comparison);
    add_cases(report, comparison);
}

void compare_add_machines(struct report *report, const struct comparison *comparison)
{
    for (size_t r = 0; r < comparison->run_count && r < MOST_TOPOLOGIES; r++)
        if (!comparison->runs[r].sheet)
            machine_add_topology(report, comparison->runs[r].run->machine);
}
