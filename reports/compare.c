/* Judging what can be compared, and the figures that follow; see compare.h. */
#include "reports/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/stats/log_median.h"

static const double CONFIDENCE = 0.95;
static const double HOURS_A_YEAR = 8760;

bool compare_value_parse(const char *text, const char *option, double least, struct compare_value *value,
                         struct error *error)
{
    const char *equals = strrchr(text, '=');
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof value->name)
        return error_set(error, ERROR_INPUT, "%s: '%s' must be a name, = and a number", option, text);
    memcpy(value->name, text, (size_t)(equals - text));
    value->name[equals - text] = '\0';
    return parse_number(equals + 1, option, least, 1e15, &value->value, error);
}

/* ---- names ---- */

static bool name_from_note(const char *note, char *name, size_t capacity)
{
    const char *at = note ? strstr(note, "name=") : NULL;
    if (!at || (at > note && at[-1] != ' ' && at[-1] != ',' && at[-1] != ';'))
        return false;
    size_t length = strcspn(at + 5, " ,;\n\t");
    snprintf(name, capacity, "%.*s", (int)length, at + 5);
    return length > 0;
}

static void name_run(const struct run *run, const char *file, char *name, size_t capacity)
{
    if (name_from_note(run->note, name, capacity))
        return;
    const char *slash = file ? strrchr(file, '/') : NULL, *base = slash ? slash + 1 : file;
    if (base && strcmp(base, "-") != 0 && *base) {
        const char *dot = strrchr(base, '.');
        snprintf(name, capacity, "%.*s", dot && dot > base ? (int)(dot - base) : (int)strlen(base), base);
        return;
    }
    snprintf(name, capacity, "%s", *run_machine_name(run) ? run_machine_name(run) : run->id);
}

static void name_runs(struct comparison *comparison, const char *const *files)
{
    size_t count = comparison->run_count;
    bool *again = calloc(count, sizeof *again);
    for (size_t i = 0; i < count; i++)
        name_run(comparison->runs[i].run, files[i], comparison->runs[i].name, TEXT_ID);
    for (size_t i = 0; again && i < count; i++)
        for (size_t j = 0; j < count; j++)
            again[i] |= i != j && !strcmp(comparison->runs[i].name, comparison->runs[j].name);
    for (size_t i = 0; again && i < count; i++)
        if (again[i]) {
            size_t length = strlen(comparison->runs[i].name);
            snprintf(comparison->runs[i].name + length, sizeof comparison->runs[i].name - length, "-%s",
                     comparison->runs[i].run->id);
            for (size_t j = 0, same = 1; j < i; j++) /* one run given twice */
                if (!strcmp(comparison->runs[j].run->id, comparison->runs[i].run->id))
                    snprintf(comparison->runs[i].name + length, sizeof comparison->runs[i].name - length, "-%s-%zu",
                             comparison->runs[i].run->id, ++same);
        }
    free(again);
}

/* ---- what can be compared ---- */

static bool leave_out(struct comparison *comparison, const char *id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool leave_out(struct comparison *comparison, const char *id, const char *format, ...)
{
    struct left_out *more = realloc(comparison->left_out, (comparison->left_out_count + 1) * sizeof *more);
    if (!more)
        return false;
    comparison->left_out = more;
    struct left_out *one = &more[comparison->left_out_count++];
    snprintf(one->id, sizeof one->id, "%s", id);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(one->why, sizeof one->why, format, arguments);
    va_end(arguments);
    return true;
}

static const char *version_of(const struct run *run)
{
    const char *version = json_get_string(json_object_get(run->machine, "software"), "benchmark");
    return version ? version : "";
}

static bool judge_run(struct comparison *comparison, struct compared_run *one, const struct run *first)
{
    const char *engine = one->run->engine ? one->run->engine : "", *its = first->engine ? first->engine : "";
    if (strcmp(engine, its) != 0)
        snprintf(one->left_out, sizeof one->left_out, "engine %.60s was measured, and %.60s in the first run",
                 *engine ? engine : "native", *its ? its : "native");
    else if (strcmp(version_of(one->run), version_of(first)) != 0)
        snprintf(one->left_out, sizeof one->left_out,
                 "the kernels of version %.60s were measured, and those of %.60s in the first run",
                 *version_of(one->run) ? version_of(one->run) : "unknown",
                 *version_of(first) ? version_of(first) : "unknown");
    return !*one->left_out || leave_out(comparison, one->run->id, "%s: %s", one->name, one->left_out);
}

/* Whether it computed with all the threads, or all the cores, of its machine. */
static bool is_whole(const struct run *run, const struct record *record)
{
    const json_t *cpu = json_object_get(run->machine, "cpu");
    uint64_t threads = (uint64_t)record->threads;
    return threads && (threads == json_get_count(cpu, "usable_threads", 0) ||
                       threads == json_get_count(cpu, "threads", 0) || threads == json_get_count(cpu, "cores", 0));
}

static const struct record *find_record(const struct run *run, const char *id)
{
    for (size_t i = 0; i < run->record_count; i++)
        if (!strcmp(run->records[i].id, id))
            return &run->records[i];
    return NULL;
}

/* "" when the record stands beside the first run's (NULL: it has none that counts). */
static void judge_record(const struct run *run, const struct record *record, const struct run *first,
                         const struct record *its, char *why, size_t capacity)
{
    *why = '\0';
    if (!record)
        snprintf(why, capacity, "not run");
    else if (record->status != STATUS_OK)
        snprintf(why, capacity, "%s%s%.300s", status_name(record->status), *record->reason ? ": " : "", record->reason);
    else if (!(record->time.median > 0))
        snprintf(why, capacity, "no time above 0");
    else if (its && strcmp(record->dtype, its->dtype) != 0)
        snprintf(why, capacity, "dtype %s, and %s in the first run", record->dtype, its->dtype);
    else if (its && strcmp(record->unit, its->unit) != 0)
        snprintf(why, capacity, "in %s, and %s in the first run", record->unit, its->unit);
    else if (its && record->threads != its->threads &&
             (!strcmp(run_fingerprint(run), run_fingerprint(first)) || !is_whole(run, record) || !is_whole(first, its)))
        snprintf(why, capacity, "%d threads, and %d in the first run", record->threads, its->threads);
}

static struct compared_case *append_case(struct comparison *comparison, const char *id)
{
    struct compared_case *more = realloc(comparison->cases, (comparison->case_count + 1) * sizeof *more);
    if (!more)
        return NULL;
    comparison->cases = more;
    struct compared_case *one = &more[comparison->case_count++];
    *one = (struct compared_case){.id = id, .unit = "", .weight = 1};
    one->records = calloc(comparison->run_count, sizeof *one->records);
    one->ratios = calloc(comparison->run_count, sizeof *one->ratios);
    return one->records && one->ratios ? one : NULL;
}

static bool has_case(const struct comparison *comparison, const char *id)
{
    for (size_t i = 0; i < comparison->case_count; i++)
        if (!strcmp(comparison->cases[i].id, id))
            return true;
    return false;
}

/* Runs that aren't left out as a whole. */
static size_t runs_left(const struct comparison *comparison)
{
    size_t count = 0;
    for (size_t r = 0; r < comparison->run_count; r++)
        count += !*comparison->runs[r].left_out;
    return count;
}

static bool fill_case(struct comparison *comparison, struct compared_case *one)
{
    size_t missing = 0;
    for (size_t r = 0; r < comparison->run_count; r++) {
        const struct compared_run *compared = &comparison->runs[r];
        const struct record *record = find_record(compared->run, one->id);
        char why[TEXT_REASON];
        if (*compared->left_out)
            continue;
        judge_record(compared->run, record, comparison->runs[0].run, one->records[0], why, sizeof why);
        if (!*why) {
            one->records[r] = record;
            one->unit = *one->unit ? one->unit : record->unit;
            continue;
        }
        missing++;
        if (!leave_out(comparison, one->id, "%s: %s", compared->name, why))
            return false;
    }
    if (!missing && !(one->weight > 0) && !leave_out(comparison, one->id, "its weight is 0"))
        return false;
    one->scored = !missing && one->weight > 0 && runs_left(comparison) > 1;
    comparison->scored += one->scored;
    return true;
}

static bool find_cases(struct comparison *comparison, const struct compare_value *weights, size_t weight_count)
{
    for (size_t r = 0; r < comparison->run_count; r++)
        for (size_t i = 0; !*comparison->runs[r].left_out && i < comparison->runs[r].run->record_count; i++) {
            const char *id = comparison->runs[r].run->records[i].id;
            if (has_case(comparison, id))
                continue;
            struct compared_case *one = append_case(comparison, id);
            if (!one)
                return false;
            for (size_t w = 0; w < weight_count; w++)
                if (glob_match(weights[w].name, id))
                    one->weight = weights[w].value;
            if (!fill_case(comparison, one))
                return false;
        }
    return true;
}

/* ---- figures ---- */

static struct log_median speed_of(const struct record *record)
{
    struct log_median time = record->sample_count > 1 ? stats_log_median(record->samples, record->sample_count)
                                                      : stats_log_median_of_interval(&record->time);
    time.value = -time.value;
    return time;
}

static bool add_ratios(struct comparison *comparison)
{
    size_t count = comparison->case_count;
    struct log_median *above = calloc(count + 1, sizeof *above), *below = calloc(count + 1, sizeof *below);
    double *weights = calloc(count + 1, sizeof *weights);
    bool right = above && below && weights;
    for (size_t r = 0; right && r < comparison->run_count; r++) {
        struct compared_run *compared = &comparison->runs[r];
        for (size_t i = 0; i < count; i++) {
            struct compared_case *one = &comparison->cases[i];
            const double whole = 1;
            weights[i] = one->scored ? one->weight : 0;
            one->ratios[r] = (struct interval){NAN, NAN, NAN, NAN};
            if (!one->records[0] || !one->records[r])
                continue;
            above[i] = speed_of(one->records[r]);
            below[i] = speed_of(one->records[0]);
            one->ratios[r] = r ? stats_mean_ratio(&above[i], &below[i], &whole, 1, CONFIDENCE)
                               : (struct interval){1, 1, 1, CONFIDENCE};
        }
        bool scored = comparison->scored && !*compared->left_out;
        compared->cases = scored ? comparison->scored : 0;
        compared->speed = !scored ? (struct interval){NAN, NAN, NAN, NAN}
                          : r     ? stats_mean_ratio(above, below, weights, count, CONFIDENCE)
                                  : (struct interval){1, 1, 1, CONFIDENCE};
    }
    free(above);
    free(below);
    free(weights);
    return right;
}

bool compare_make(const struct run *runs, const char *const *files, size_t count, bool any_software,
                  const struct compare_value *weights, size_t weight_count, struct comparison *comparison,
                  struct error *error)
{
    *comparison = (struct comparison){.run_count = count};
    comparison->runs = calloc(count, sizeof *comparison->runs);
    bool right = comparison->runs;
    for (size_t i = 0; right && i < count; i++)
        comparison->runs[i] = (struct compared_run){.run = &runs[i], .price_usd = NAN, .watts = NAN, .tco_usd = NAN};
    if (right)
        name_runs(comparison, files);
    for (size_t i = 1; right && !any_software && i < count; i++)
        right = judge_run(comparison, &comparison->runs[i], &runs[0]);
    right = right && find_cases(comparison, weights, weight_count) && add_ratios(comparison);
    if (right)
        return true;
    compare_free(comparison);
    return error_set(error, ERROR_SYSTEM, "not enough memory to compare");
}

struct interval compare_throughput(const struct record *record)
{
    double units = record->throughput * record->time.median;
    return (struct interval){record->throughput, units / record->time.high, units / record->time.low,
                             record->time.confidence};
}

/* ---- money and power ---- */

static bool assign(struct comparison *comparison, const char *option, const struct compare_value *value, bool watts,
                   struct error *error)
{
    bool found = false, named = false;
    size_t length = strlen(value->name);
    for (size_t r = 0; r < comparison->run_count; r++)
        named |= !strcmp(comparison->runs[r].name, value->name);
    for (size_t r = 0; r < comparison->run_count; r++) {
        struct compared_run *one = &comparison->runs[r];
        if (named ? strcmp(one->name, value->name) != 0 : length < 4 || strncmp(one->run->id, value->name, length) != 0)
            continue;
        *(watts ? &one->watts : &one->price_usd) = value->value;
        one->watts_given |= watts;
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

bool compare_price(struct comparison *comparison, const struct compare_value *prices, size_t price_count,
                   const struct compare_value *watts, size_t watt_count, const struct compare_prices *terms,
                   struct error *error)
{
    comparison->prices = *terms;
    for (size_t r = 0; r < comparison->run_count; r++)
        comparison->runs[r].watts = measured_watts(comparison, r);
    for (size_t i = 0; i < price_count; i++)
        if (!assign(comparison, "--price", &prices[i], false, error))
            return false;
    for (size_t i = 0; i < watt_count; i++)
        if (!assign(comparison, "--watts", &watts[i], true, error))
            return false;
    for (size_t r = 0; r < comparison->run_count; r++)
        comparison->runs[r].tco_usd = comparison->runs[r].price_usd + comparison->runs[r].watts / 1000 * HOURS_A_YEAR *
                                                                          terms->years * terms->utilisation *
                                                                          terms->kwh_price_usd;
    find_front(comparison);
    return true;
}

void compare_free(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->case_count; i++) {
        free(comparison->cases[i].records);
        free(comparison->cases[i].ratios);
    }
    free(comparison->runs);
    free(comparison->cases);
    free(comparison->left_out);
    *comparison = (struct comparison){0};
}
