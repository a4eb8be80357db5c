/* Prices, power and demands: what a machine costs, what its work costs, and which one to take. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "reports/compare.h"

static const double HOURS_A_YEAR = 8760;

static bool assign(struct comparison *comparison, const char *option, const struct named_value *value, bool watts,
                   struct error *error)
{
    bool found = false, exact = false, named = false;
    size_t length = strlen(value->name);
    for (size_t r = 0; r < comparison->run_count; r++) {
        exact |= !strcmp(comparison->runs[r].name, value->name);
        named |= !strcasecmp(comparison->runs[r].name, value->name);
    }
    for (size_t r = 0; r < comparison->run_count; r++) {
        struct compared_run *one = &comparison->runs[r];
        bool meant = exact   ? !strcmp(one->name, value->name)
                     : named ? !strcasecmp(one->name, value->name)
                             : length >= 4 && !strncmp(one->run->id, value->name, length);
        if (!meant)
            continue;
        *(watts ? &one->watts : &one->price_usd) = value->value;
        *(watts ? &one->watts_given : &one->price_given) = true;
        found = true;
    }
    if (found)
        return true;
    char names[300] = "";
    for (size_t r = 0; r < comparison->run_count; r++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", r ? ", " : "", comparison->runs[r].name);
    return error_set(error, ERROR_INPUT, "%s: no run is called '%s'; these are: %s", option, value->name, names);
}

/* The mean power over the cases' time, where the energy was counted. */
static double measured_watts(const struct comparison *comparison, size_t r)
{
    double energy = 0, seconds = 0;
    for (size_t i = 0; i < comparison->case_count; i++) {
        const struct record *record = comparison->cases[i].records[r];
        if (!record || !(record->energy_j > 0))
            continue;
        energy += record->energy_j / record->time.median;
        seconds += 1;
    }
    return seconds > 0 ? energy / seconds : NAN;
}

/* Whether `other` is at least as good in everything that is known of all, and better in something. */
static bool dominates(const struct compared_run *other, const struct compared_run *one, bool priced, bool powered)
{
    bool worse = other->speed.median < one->speed.median || (priced && other->price_usd > one->price_usd) ||
                 (powered && other->watts > one->watts);
    bool better = other->speed.median > one->speed.median || (priced && other->price_usd < one->price_usd) ||
                  (powered && other->watts < one->watts);
    return better && !worse;
}

static void find_front(struct comparison *comparison)
{
    bool priced = true, powered = true;
    for (size_t r = 0; r < comparison->run_count; r++)
        if (comparison->runs[r].cases) {
            priced &= isfinite(comparison->runs[r].price_usd);
            powered &= isfinite(comparison->runs[r].watts);
        }
    for (size_t r = 0; r < comparison->run_count; r++) {
        struct compared_run *one = &comparison->runs[r];
        one->pareto = one->cases;
        for (size_t o = 0; one->pareto && o < comparison->run_count; o++)
            if (comparison->runs[o].cases && dominates(&comparison->runs[o], one, priced, powered))
                one->pareto = false;
    }
}

bool compare_price(struct comparison *comparison, const struct named_value *prices, size_t price_count,
                   const struct named_value *watts, size_t watt_count, const struct compare_prices *terms,
                   struct error *error)
{
    comparison->prices = *terms;
    for (size_t r = 0; r < comparison->run_count; r++)
        if (!comparison->runs[r].sheet)
            comparison->runs[r].watts = measured_watts(comparison, r);
    for (size_t i = 0; i < price_count; i++)
        if (!assign(comparison, "--price", &prices[i], false, error))
            return false;
    for (size_t i = 0; i < watt_count; i++)
        if (!assign(comparison, "--watts", &watts[i], true, error))
            return false;
    for (size_t r = 0; r < comparison->run_count; r++) {
        struct compared_run *one = &comparison->runs[r];
        double kwh = one->watts / 1000 * HOURS_A_YEAR * terms->years * terms->utilisation;
        one->tco_usd = one->price_usd + kwh * terms->kwh_price_usd;
    }
    find_front(comparison);
    return true;
}

double compare_usd_per_million(const struct comparison *comparison, size_t r, double throughput)
{
    double seconds = comparison->prices.years * HOURS_A_YEAR * 3600 * comparison->prices.utilisation;
    return comparison->runs[r].tco_usd / (throughput * seconds) * 1e6;
}

/* ---- demands ---- */

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {"yes", "tight", "no", "unknown"};
    return names[verdict];
}

/* What each answer says of how many machines it takes; of demands that are shared by all of them the sum, since one
 * machine does one thing at a time. */
static void count_machines(struct comparison *comparison, size_t r)
{
    struct compared_run *run = &comparison->runs[r];
    double sum = 0, most = 0;
    bool any = false;
    run->demands_met = 0;
    for (size_t d = 0; d < comparison->demand_count; d++) {
        const struct demand *demand = comparison->demands[d].demand;
        struct demand_answer *answer = &comparison->demands[d].answers[r];
        double share = demand->least / answer->throughput.median, worst = demand->least / answer->throughput.low;
        bool able = answer->verdict != VERDICT_NO && answer->verdict != VERDICT_UNKNOWN;
        answer->machines = able || demand->total ? ceil(share) : NAN;
        answer->machines_most = able || demand->total ? ceil(worst) : NAN;
        run->demands_met += answer->verdict == VERDICT_YES;
        if (!demand->total)
            continue;
        any = true;
        sum += share;
        most += worst;
    }
    run->machines = any ? ceil(sum) : NAN;
    run->machines_most = any ? ceil(most) : NAN;
}

bool compare_add_demands(struct comparison *comparison, struct demand_answer *const *answers, struct error *error)
{
    size_t count = comparison->workload->demand_count;
    comparison->demands = calloc(count + 1, sizeof *comparison->demands);
    if (!comparison->demands)
        return error_set(error, ERROR_SYSTEM, "not enough memory to compare");
    comparison->demand_count = count;
    for (size_t d = 0; d < count; d++)
        comparison->demands[d] = (struct compared_demand){&comparison->workload->demands[d], answers[d]};
    for (size_t r = 0; r < comparison->run_count; r++)
        count_machines(comparison, r);
    return true;
}

/* What is paid for the work that all is about; NaN where it isn't known. */
double compare_cost(const struct comparison *comparison, size_t r)
{
    const struct compared_run *run = &comparison->runs[r];
    double each = isfinite(run->tco_usd) ? run->tco_usd : run->price_usd;
    bool shared = false;
    for (size_t d = 0; d < comparison->demand_count; d++)
        shared |= comparison->demands[d].demand->total;
    if (shared)
        return each * run->machines;
    return comparison->demand_count ? each : each / run->speed.median;
}

static bool is_candidate(const struct comparison *comparison, size_t r)
{
    return comparison->demand_count ? comparison->runs[r].demands_met == comparison->demand_count
                                    : comparison->runs[r].cases > 0;
}

size_t compare_best(const struct comparison *comparison)
{
    size_t best = comparison->run_count;
    bool priced = true;
    for (size_t r = 0; r < comparison->run_count; r++)
        priced &= !is_candidate(comparison, r) || isfinite(compare_cost(comparison, r));
    for (size_t r = 0; r < comparison->run_count; r++) {
        if (!is_candidate(comparison, r))
            continue;
        double better = best == comparison->run_count ? INFINITY
                        : priced                      ? compare_cost(comparison, best) - compare_cost(comparison, r)
                                 : comparison->runs[r].speed.median - comparison->runs[best].speed.median;
        if (better > 0)
            best = r;
    }
    return best;
}
