/* The comparison as the document of CONTRACT.md, and beside it the tables and the answer for people. */
#include <math.h>
#include <stdlib.h>

#include "harness/base/json.h"
#include "reports/compare.h"

/* ---- the document ---- */

static json_t *interval_to_json(const struct interval *interval)
{
    if (!isfinite(interval->median))
        return json_null();
    json_t *object = json_object();
    json_put_real(object, "median", interval->median);
    json_put_real(object, "low", interval->low);
    json_put_real(object, "high", interval->high);
    return object;
}

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *runs_to_json(const struct comparison *comparison)
{
    json_t *runs = json_array();
    for (size_t r = 0; r < comparison->run_count; r++) {
        const struct compared_run *one = &comparison->runs[r];
        json_t *object = json_object();
        json_put_string(object, "id", one->run->id);
        json_put_string(object, "name", one->name);
        json_put(object, "machine", json_incref(one->run->machine));
        json_put_real(object, "price_usd", one->price_usd);
        json_put_real(object, "watts", one->watts);
        if (isfinite(one->watts))
            json_put_string(object, "watts_basis", one->watts_given ? "given" : "measured");
        json_array_append_new(runs, object);
    }
    return runs;
}

/* Dollars for a million units, the machine at work through all its years as --utilisation says; NaN without a price. */
static double usd_per_million(const struct comparison *comparison, size_t r, double throughput)
{
    double seconds = comparison->prices.years * 8760 * 3600 * comparison->prices.utilisation;
    return comparison->runs[r].tco_usd / (throughput * seconds) * 1e6;
}

static json_t *case_to_json(const struct comparison *comparison, const struct compared_case *one)
{
    json_t *object = json_object(), *speeds = json_array(), *ratios = json_array(), *intervals = json_array(),
           *per_usd = json_array(), *per_watt = json_array(), *per_million = json_array();
    for (size_t r = 0; r < comparison->run_count; r++) {
        struct interval speed =
            one->records[r] ? compare_throughput(one->records[r]) : (struct interval){NAN, NAN, NAN, NAN};
        json_array_append_new(speeds, interval_to_json(&speed));
        json_array_append_new(ratios, real_or_null(one->ratios[r].median));
        json_array_append_new(intervals, interval_to_json(&one->ratios[r]));
        json_array_append_new(per_usd, real_or_null(speed.median / comparison->runs[r].price_usd));
        json_array_append_new(per_watt, real_or_null(speed.median / comparison->runs[r].watts));
        json_array_append_new(per_million, real_or_null(usd_per_million(comparison, r, speed.median)));
    }
    json_put_string(object, "id", one->id);
    json_put_string(object, "unit", one->unit);
    json_put_real(object, "weight", one->weight);
    json_put_bool(object, "scored", one->scored);
    json_put(object, "throughput", speeds);
    json_put(object, "ratio", ratios);
    json_put(object, "ratio_interval", intervals);
    json_put(object, "per_usd", per_usd);
    json_put(object, "per_watt", per_watt);
    json_put(object, "usd_per_million", per_million);
    return object;
}

static json_t *scores_to_json(const struct comparison *comparison)
{
    json_t *scores = json_array();
    for (size_t r = 0; r < comparison->run_count; r++) {
        const struct compared_run *one = &comparison->runs[r];
        json_t *object = json_object();
        json_put_string(object, "name", one->name);
        if (isfinite(one->speed.median))
            json_put(object, "speed", interval_to_json(&one->speed));
        json_put_real(object, "per_usd", one->speed.median / one->price_usd);
        json_put_real(object, "per_watt", one->speed.median / one->watts);
        json_put_real(object, "tco_usd", one->tco_usd);
        json_put_bool(object, "pareto", one->pareto);
        json_put_count(object, "cases", one->cases);
        json_array_append_new(scores, object);
    }
    return scores;
}

/* A case of which no run has anything to compare is in left_out alone. */
static bool is_row(const struct comparison *comparison, const struct compared_case *one)
{
    for (size_t r = 0; r < comparison->run_count; r++)
        if (one->records[r])
            return true;
    return false;
}

static void fill_document(json_t *document, const struct comparison *comparison)
{
    json_t *rows = json_array(), *left_out = json_array(), *warnings = json_array();
    for (size_t i = 0; i < comparison->case_count; i++)
        if (is_row(comparison, &comparison->cases[i]))
            json_array_append_new(rows, case_to_json(comparison, &comparison->cases[i]));
    for (size_t i = 0; i < comparison->left_out_count; i++) {
        json_t *object = json_object();
        json_put_string(object, "id", comparison->left_out[i].id);
        json_put_string(object, "why", comparison->left_out[i].why);
        json_array_append_new(left_out, object);
    }
    if (!comparison->scored)
        json_array_append_new(warnings, json_string("no case is there to compare in all runs: there is no score"));
    json_put_string(document, "schema", "benchmark.compare/1");
    json_put(document, "runs", runs_to_json(comparison));
    json_put(document, "rows", rows);
    json_put(document, "scores", scores_to_json(comparison));
    json_put(document, "left_out", left_out);
    json_put(document, "warnings", warnings);
}

/* ---- for people ---- */

static const struct column score_columns[] = {
    {"machine", "Machine", false, 0},  {"speed", "Speed", true, 0},      {"cases", "Cases", true, 3},
    {"price_usd", "Price", true, 1},   {"watts", "Watts", true, 1},      {"tco_usd", "Cost of ownership", true, 1},
    {"per_usd", "Speed/USD", true, 2}, {"per_watt", "Speed/W", true, 2}, {"pareto", "Best of its kind", false, 4},
};
static const struct column case_columns[] = {
    {"case", "Case", false, 0},       {"machine", "Machine", false, 0},
    {"throughput", "Speed", true, 0}, {"unit", "", false, 1},
    {"ratio", "Ratio", true, 0},      {"per_usd", "per USD", true, 3},
    {"per_watt", "per W", true, 3},   {"usd_per_million", "USD a million", true, 2},
};
enum {
    SCORE_COLUMNS = sizeof score_columns / sizeof *score_columns,
    CASE_COLUMNS = sizeof case_columns / sizeof *case_columns
};

static void put_number(struct cell *cell, double value)
{
    if (isfinite(value))
        cell_number(cell, value, "%.4g", value);
}

static void put_interval(struct cell *cell, const struct interval *interval)
{
    if (!isfinite(interval->median))
        return;
    if (isfinite(interval->low) && interval->low < interval->high)
        cell_number(cell, interval->median, "%.4g (%.4g to %.4g)", interval->median, interval->low, interval->high);
    else
        cell_number(cell, interval->median, "%.4g", interval->median);
    cell->low = interval->low;
    cell->high = interval->high;
}

static void add_scores(struct report *report, const struct comparison *comparison)
{
    struct table *table = report_table(report, "Machines, speed relative to the first", score_columns, SCORE_COLUMNS);
    for (size_t r = 0; r < comparison->run_count; r++) {
        const struct compared_run *one = &comparison->runs[r];
        struct cell *row = table_row(table);
        cell_text(&row[0], TONE_PLAIN, "%s", one->name);
        put_interval(&row[1], &one->speed);
        cell_number(&row[2], (double)one->cases, "%zu", one->cases);
        put_number(&row[3], one->price_usd);
        put_number(&row[4], one->watts);
        put_number(&row[5], one->tco_usd);
        put_number(&row[6], one->speed.median / one->price_usd);
        put_number(&row[7], one->speed.median / one->watts);
        cell_text(&row[8], one->pareto ? TONE_GOOD : TONE_FAINT, "%s", one->pareto ? "yes" : "no");
    }
}

static void add_cases(struct report *report, const struct comparison *comparison)
{
    struct table *table = report_table(report, "Cases", case_columns, CASE_COLUMNS);
    for (size_t i = 0; i < comparison->case_count; i++) {
        const struct compared_case *one = &comparison->cases[i];
        for (size_t r = 0; r < comparison->run_count; r++) {
            if (!one->records[r])
                continue;
            struct interval speed = compare_throughput(one->records[r]);
            struct cell *row = table_row(table);
            cell_text(&row[0], TONE_PLAIN, "%s", one->id);
            cell_text(&row[1], TONE_PLAIN, "%s", comparison->runs[r].name);
            put_interval(&row[2], &speed);
            cell_text(&row[3], TONE_PLAIN, "%s", one->unit);
            put_interval(&row[4], &one->ratios[r]);
            put_number(&row[5], speed.median / comparison->runs[r].price_usd);
            put_number(&row[6], speed.median / comparison->runs[r].watts);
            put_number(&row[7], usd_per_million(comparison, r, speed.median));
        }
    }
}

static void add_answer(struct report *report, const struct comparison *comparison)
{
    const struct compared_run *best = &comparison->runs[0];
    bool certain = true;
    for (size_t r = 1; r < comparison->run_count; r++)
        if (comparison->runs[r].speed.median > best->speed.median)
            best = &comparison->runs[r];
    for (size_t r = 0; r < comparison->run_count; r++)
        certain &= &comparison->runs[r] == best || !comparison->runs[r].cases ||
                   best->speed.low > comparison->runs[r].speed.high;
    if (!comparison->scored)
        report_sentence(report, TONE_BAD, "No case is there to compare in all of these runs.");
    else if (!certain)
        report_sentence(report, TONE_WARNING,
                        "%s is the fastest so far as these samples tell, but its interval meets another's, over %zu "
                        "cases.",
                        best->name, comparison->scored);
    else
        report_sentence(report, TONE_GOOD, "%s is the fastest: %.3g times the first, over %zu cases.", best->name,
                        best->speed.median, comparison->scored);
}

struct report *compare_report(const struct comparison *comparison)
{
    struct report *report = report_create("Machines compared");
    if (!report)
        return NULL;
    fill_document(report->document, comparison);
    add_answer(report, comparison);
    add_scores(report, comparison);
    add_cases(report, comparison);
    for (size_t i = 0; i < comparison->left_out_count; i++)
        report_sentence(report, TONE_WARNING, "Left out: %s: %s", comparison->left_out[i].id,
                        comparison->left_out[i].why);
    return report;
}
