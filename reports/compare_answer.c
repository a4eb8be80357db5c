/* The comparison's answer: the sentence that a reader in a hurry is to know. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/compare_figures.h"

/* "$12,345": money as people write it. */
static void write_usd(double usd, char *out, size_t capacity)
{
    char digits[64];
    snprintf(digits, sizeof digits, usd < 100 ? "%.2f" : "%.0f", usd);
    size_t whole = strcspn(digits, "."), used = 0;
    out[used++] = '$';
    for (size_t i = 0; digits[i] && used + 2 < capacity; i++) {
        out[used++] = digits[i];
        if (i + 1 < whole && (whole - i - 1) % 3 == 0)
            out[used++] = ',';
    }
    out[used] = '\0';
}

/* Whether its interval meets none of another's. */
static bool is_certain(const struct comparison *comparison, size_t best)
{
    for (size_t r = 0; r < comparison->run_count; r++)
        if (r != best && comparison->runs[r].cases &&
            !(comparison->runs[best].speed.low > comparison->runs[r].speed.high))
            return false;
    return true;
}

static size_t find_fastest(const struct comparison *comparison)
{
    size_t fastest = comparison->run_count;
    for (size_t r = 0; r < comparison->run_count; r++)
        if (comparison->runs[r].cases && (fastest == comparison->run_count ||
                                          comparison->runs[r].speed.median > comparison->runs[fastest].speed.median))
            fastest = r;
    return fastest;
}

/* ": 3 of them cost $14,760 to buy and run for 3 years", or nothing where that isn't known. */
static void say_cost(const struct comparison *comparison, size_t r, char *out, size_t capacity)
{
    const struct compared_run *run = &comparison->runs[r];
    char money[40], years[60] = "to buy";
    bool several = run->machines > 1;
    double usd = isfinite(run->tco_usd) ? run->tco_usd : run->price_usd;
    *out = '\0';
    if (!isfinite(usd))
        return;
    write_usd(several ? usd * run->machines : usd, money, sizeof money);
    if (isfinite(run->tco_usd))
        snprintf(years, sizeof years, "to buy and run for %g year%s", comparison->prices.years,
                 comparison->prices.years == 1 ? "" : "s");
    if (several)
        snprintf(out, capacity, ": %.6g of them cost %s %s", run->machines, money, years);
    else
        snprintf(out, capacity, ": it costs %s %s", money, years);
}

/* Demands met, and as halves those that may be. */
static double nearness(const struct comparison *comparison, size_t r)
{
    double sum = (double)comparison->runs[r].demands_met;
    for (size_t d = 0; d < comparison->demand_count; d++)
        sum += comparison->demands[d].answers[r].verdict == VERDICT_MAYBE ? 0.5 : 0;
    return sum;
}

static void answer_demands(struct report *report, const struct comparison *comparison)
{
    size_t best = compare_best(comparison), nearest = 0, count = comparison->demand_count;
    char cost[200];
    for (size_t r = 1; r < comparison->run_count; r++)
        if (nearness(comparison, r) > nearness(comparison, nearest))
            nearest = r;
    if (best == comparison->run_count) {
        if (!comparison->runs[nearest].demands_met)
            report_answer(report, TONE_BAD, "None of these machines meets any of the %zu demand%s for certain.", count,
                          count == 1 ? "" : "s");
        else
            report_answer(report, TONE_BAD,
                          "None of these machines meets all %zu demands for certain: %s comes nearest with %zu.", count,
                          comparison->runs[nearest].name, comparison->runs[nearest].demands_met);
        return;
    }
    say_cost(comparison, best, cost, sizeof cost);
    size_t able = 0;
    for (size_t r = 0; r < comparison->run_count; r++)
        able += comparison->runs[r].demands_met == count;
    const char *among = able == 1                                  ? ", and no other does"
                        : isfinite(compare_cost(comparison, best)) ? " at the least cost"
                                                                   : " and is the fastest that does";
    report_answer(report, TONE_GOOD, "Take %s. It meets %s%s%s.", comparison->runs[best].name,
                  count == 1 ? "the demand" : "all demands", among, cost);
}

static void answer_speed(struct report *report, const struct comparison *comparison, size_t fastest)
{
    const struct compared_run *run = &comparison->runs[fastest];
    if (!is_certain(comparison, fastest))
        report_answer(
            report, TONE_WARNING,
            "%s is the fastest so far as these samples tell, but its interval meets another's, over %zu cases.",
            run->name, comparison->scored);
    else if (fastest)
        report_answer(report, TONE_GOOD, "%s is the fastest: %.3g times the first (%.3g to %.3g), over %zu cases.",
                      run->name, run->speed.median, run->speed.low, run->speed.high, comparison->scored);
    else
        report_answer(report, TONE_GOOD, "%s is the fastest, over %zu cases.", run->name, comparison->scored);
}

static void answer_money(struct report *report, const struct comparison *comparison, size_t best, size_t fastest)
{
    char cost[200];
    say_cost(comparison, best, cost, sizeof cost);
    if (best == fastest)
        report_answer(report, is_certain(comparison, best) ? TONE_GOOD : TONE_WARNING,
                      "%s gives the most work for its money and is the fastest%s%s.", comparison->runs[best].name,
                      is_certain(comparison, best) ? "" : " so far as these samples tell", cost);
    else
        report_answer(report, TONE_GOOD, "%s gives the most work for its money%s; %s is %.3g times as fast.",
                      comparison->runs[best].name, cost, comparison->runs[fastest].name,
                      comparison->runs[fastest].speed.median / comparison->runs[best].speed.median);
}

void compare_add_answer(struct report *report, const struct comparison *comparison)
{
    size_t best = compare_best(comparison), fastest = find_fastest(comparison);
    if (comparison->demand_count)
        answer_demands(report, comparison);
    else if (!comparison->scored)
        report_answer(report, TONE_BAD, "No case is there to compare in all of these runs.");
    else if (isfinite(compare_cost(comparison, best)))
        answer_money(report, comparison, best, fastest);
    else
        answer_speed(report, comparison, fastest);
    for (size_t r = 0; r < comparison->run_count; r++) {
        const struct compared_run *run = &comparison->runs[r];
        if (run->unable)
            report_sentence(report, TONE_WARNING,
                            "%s could not run %zu case%s that another did; %s no part in the scores.", run->name,
                            run->unable, run->unable == 1 ? "" : "s", run->unable == 1 ? "it has" : "they have");
        if (run->sheet)
            report_sentence(report, TONE_PLAIN,
                            "%s was not measured: its figures follow from its data sheet, with the wide interval that "
                            "this has.",
                            run->name);
    }
}
