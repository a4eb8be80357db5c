/* The comparison as the document of CONTRACT.md, and beside it the tables and the answer for people. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/json.h"
#include "models/families/family.h"
#include "reports/compare.h"
#include "reports/compare_figures.h"

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
        json_put_string(object, "basis", one->sheet ? "data sheet" : "measured");
        json_put(object, "machine", json_incref(one->run->machine));
        json_put_real(object, "price_usd", one->price_usd);
        if (isfinite(one->price_usd))
            json_put_string(object, "price_basis", one->price_given ? "given" : "data sheet");
        json_put_real(object, "watts", one->watts);
        if (isfinite(one->watts))
            json_put_string(object, "watts_basis", one->watts_given ? "given" : one->sheet ? "data sheet" : "measured");
        json_array_append_new(runs, object);
    }
    return runs;
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
        json_array_append_new(per_million, real_or_null(compare_usd_per_million(comparison, r, speed.median)));
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
        json_put_count(object, "unable", one->unable);
        if (comparison->demand_count)
            json_put_count(object, "demands_met", one->demands_met);
        json_put_real(object, "machines", one->machines);
        json_put_real(object, "machines_most", one->machines_most);
        json_put_real(object, "work_usd", one->machines * one->tco_usd);
        json_array_append_new(scores, object);
    }
    return scores;
}

static json_t *answer_to_json(const struct comparison *comparison, size_t r, const struct demand_answer *answer)
{
    json_t *object = json_object();
    json_put_string(object, "name", comparison->runs[r].name);
    json_put_string(object, "verdict", verdict_name(answer->verdict));
    if (*answer->basis)
        json_put_string(object, "basis", answer->basis);
    if (*answer->id)
        json_put_string(object, "case", answer->id);
    if (isfinite(answer->throughput.median))
        json_put(object, "throughput", interval_to_json(&answer->throughput));
    json_put_real(object, "machines", answer->machines);
    json_put_real(object, "machines_most", answer->machines_most);
    json_put_real(object, "usd_per_million", compare_usd_per_million(comparison, r, answer->throughput.median));
    json_put_string(object, "reason", answer->reason);
    return object;
}

static json_t *demands_to_json(const struct comparison *comparison)
{
    json_t *demands = json_array();
    for (size_t d = 0; d < comparison->demand_count; d++) {
        const struct demand *demand = comparison->demands[d].demand;
        json_t *object = json_object(), *answers = json_array();
        json_put_string(object, "demand", demand->text);
        json_put_string(object, "model", demand->size->name);
        json_put_string(object, "mode", mode_name(demand->mode));
        json_put_real(object, "least", demand->least);
        json_put_string(object, "unit", demand->unit);
        json_put_bool(object, "total", demand->total);
        for (size_t r = 0; r < comparison->run_count; r++)
            json_array_append_new(answers, answer_to_json(comparison, r, &comparison->demands[d].answers[r]));
        json_put(object, "answers", answers);
        json_array_append_new(demands, object);
    }
    return demands;
}

static json_t *terms_to_json(const struct comparison *comparison)
{
    json_t *terms = json_object();
    json_put_real(terms, "years", comparison->prices.years);
    json_put_real(terms, "kwh_price_usd", comparison->prices.kwh_price_usd);
    json_put_real(terms, "utilisation", comparison->prices.utilisation);
    return terms;
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
    if (comparison->demand_count)
        json_put(document, "demands", demands_to_json(comparison));
    if (*comparison->workload->name)
        json_put_string(document, "workload", comparison->workload->name);
    json_put(document, "terms", terms_to_json(comparison));
    if (compare_best(comparison) < comparison->run_count)
        json_put_string(document, "best", comparison->runs[compare_best(comparison)].name);
    json_put(document, "left_out", left_out);
    json_put(document, "warnings", warnings);
}

/* ---- for people ---- */

static const struct column score_columns[] = {
    {"machine", "Machine", false, 0},
    {"basis", "Basis", false, 1},
    {"speed", "Speed", true, 0},
    {"cases", "Cases", true, 4},
    {"unable", "Unable", true, 4},
    {"price_usd", "Price, USD", true, 1},
    {"watts", "Watts", true, 2},
    {"tco_usd", "Cost of ownership, USD", true, 1},
    {"per_usd", "Speed/USD", true, 3},
    {"per_watt", "Speed/W", true, 3},
    {"demands_met", "Demands", true, 0},
    {"machines", "Machines needed", true, 1},
    {"work_usd", "Cost of work, USD", true, 1},
    {"pareto", "Unbeaten", false, 2},
};
static const struct column case_columns[] = {
    {"case", "Case", false, 0},       {"machine", "Machine", false, 0},
    {"throughput", "Speed", true, 0}, {"unit", "", false, 1},
    {"ratio", "Ratio", true, 0},      {"per_usd", "per USD", true, 3},
    {"per_watt", "per W", true, 3},   {"usd_per_million", "USD a million", true, 2},
    {"basis", "Basis", false, 4},
};
static const struct column demand_columns[] = {
    {"demand", "Demand", false, 0},
    {"machine", "Machine", false, 0},
    {"verdict", "Met", false, 0},
    {"throughput", "Speed", true, 1},
    {"unit", "", false, 2},
    {"basis", "Basis", false, 2},
    {"machines", "Machines", true, 1},
    {"usd_per_million", "USD a million", true, 3},
    {"reason", "Why", false, 2},
};
static const struct column left_out_columns[] = {{"id", "Left out", false, 0}, {"why", "Why", false, 0}};
enum {
    SCORE_COLUMNS = sizeof score_columns / sizeof *score_columns,
    CASE_COLUMNS = sizeof case_columns / sizeof *case_columns,
    DEMAND_COLUMNS = sizeof demand_columns / sizeof *demand_columns
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

static const char *basis_of(const struct compared_run *run)
{
    return run->sheet ? "data sheet" : "measured";
}

static void put_machines(struct cell *cell, double machines, double most)
{
    if (!isfinite(machines))
        return;
    if (most > machines)
        cell_number(cell, machines, "%.6g (up to %.6g)", machines, most);
    else
        cell_number(cell, machines, "%.6g", machines);
    cell->high = most;
}

static void add_scores(struct report *report, const struct comparison *comparison)
{
    struct table *table = report_table(report, "Machines, speed relative to the first", score_columns, SCORE_COLUMNS);
    for (size_t r = 0; r < comparison->run_count; r++) {
        const struct compared_run *one = &comparison->runs[r];
        struct cell *row = table_row(table);
        cell_text(&row[0], TONE_PLAIN, "%s", one->name);
        cell_text(&row[1], TONE_PLAIN, "%s", basis_of(one));
        put_interval(&row[2], &one->speed);
        cell_number(&row[3], (double)one->cases, "%zu", one->cases);
        if (one->unable)
            cell_number(&row[4], (double)one->unable, "%zu", one->unable);
        put_number(&row[5], one->price_usd);
        put_number(&row[6], one->watts);
        put_number(&row[7], one->tco_usd);
        put_number(&row[8], one->speed.median / one->price_usd);
        put_number(&row[9], one->speed.median / one->watts);
        if (comparison->demand_count)
            cell_number(&row[10], (double)one->demands_met, "%zu of %zu", one->demands_met, comparison->demand_count);
        put_machines(&row[11], one->machines, one->machines_most);
        put_number(&row[12], one->machines * one->tco_usd);
        cell_text(&row[13], one->pareto ? TONE_GOOD : TONE_FAINT, "%s", one->pareto ? "yes" : "no");
    }
}

static void add_demands(struct report *report, const struct comparison *comparison)
{
    static const enum tone tones[] = {TONE_GOOD, TONE_WARNING, TONE_BAD, TONE_WARNING};
    if (!comparison->demand_count)
        return;
    struct table *table = report_table(report, "Demands", demand_columns, DEMAND_COLUMNS);
    for (size_t d = 0; d < comparison->demand_count; d++)
        for (size_t r = 0; r < comparison->run_count; r++) {
            const struct demand_answer *answer = &comparison->demands[d].answers[r];
            struct cell *row = table_row(table);
            cell_text(&row[0], TONE_PLAIN, "%s", comparison->demands[d].demand->text);
            cell_text(&row[1], TONE_PLAIN, "%s", comparison->runs[r].name);
            cell_text(&row[2], tones[answer->verdict], "%s", verdict_name(answer->verdict));
            if (*answer->id)
                cell_note(&row[2], "by %s", answer->id);
            put_interval(&row[3], &answer->throughput);
            cell_text(&row[4], TONE_PLAIN, "%s", unit_words(comparison->demands[d].demand->unit));
            cell_text(&row[5], TONE_PLAIN, "%s", answer->basis);
            put_machines(&row[6], answer->machines, answer->machines_most);
            put_number(&row[7], compare_usd_per_million(comparison, r, answer->throughput.median));
            cell_text(&row[8], TONE_PLAIN, "%s", answer->reason);
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
            cell_text(&row[3], TONE_PLAIN, "%s", unit_words(one->unit));
            put_interval(&row[4], &one->ratios[r]);
            put_number(&row[5], speed.median / comparison->runs[r].price_usd);
            put_number(&row[6], speed.median / comparison->runs[r].watts);
            put_number(&row[7], compare_usd_per_million(comparison, r, speed.median));
            cell_text(&row[8], TONE_PLAIN, "%s", basis_of(&comparison->runs[r]));
        }
    }
}

static void add_left_out(struct report *report, const struct comparison *comparison)
{
    if (!comparison->left_out_count)
        return;
    struct table *table = report_table(report, "Left out of the score", left_out_columns, 2);
    for (size_t i = 0; i < comparison->left_out_count; i++) {
        struct cell *row = table_row(table);
        cell_text(&row[0], TONE_PLAIN, "%s", comparison->left_out[i].id);
        cell_text(&row[1], TONE_PLAIN, "%s", comparison->left_out[i].why);
    }
}

struct report *compare_report(const struct comparison *comparison)
{
    struct report *report = report_create("Machines compared");
    if (!report)
        return NULL;
    fill_document(report->document, comparison);
    compare_add_answer(report, comparison);
    add_scores(report, comparison);
    compare_add_figures(report, comparison);
    add_demands(report, comparison);
    add_cases(report, comparison);
    add_left_out(report, comparison);
    compare_add_machines(report, comparison);
    return report;
}
