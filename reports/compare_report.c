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
        if (comparison->demand_count)
            json_put_real(object, "work_usd", compare_cost(comparison, r));
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
    {"machine", "Machine", false, 0}, {"speed", "Speed", true, 0},      {"price_usd", "Price, USD", true, 1},
    {"watts", "Watts", true, 1},      {"tco_usd", "TCO, USD", true, 1}, {"per_usd", "Speed/USD", true, 3},
    {"per_watt", "Speed/W", true, 3}, {"pareto", "Unbeaten", false, 2}, {"cases", "Cases", true, 4},
    {"unable", "Unable", true, 4},    {"basis", "Basis", false, 1},
};
static const struct column work_columns[] = {
    {"machine", "Machine", false, 0},
    {"demands_met", "Demands met", true, 0},
    {"machines", "Machines needed", true, 0},
    {"work_usd", "Cost of the work, USD", true, 0},
};
static const struct column demand_columns[] = {
    {"demand", "Demand", false, 0},   {"machine", "Machine", false, 0},  {"verdict", "Met", false, 0},
    {"throughput", "Speed", true, 1}, {"machines", "Machines", true, 2}, {"usd_per_million", "USD a million", true, 3},
    {"basis", "Basis", false, 2},
};
static const struct column case_columns[] = {
    {"case", "Case", false, 0},       {"machine", "Machine", false, 0},
    {"throughput", "Speed", true, 0}, {"unit", "", false, 1},
    {"ratio", "Ratio", true, 0},      {"per_usd", "per USD", true, 3},
    {"per_watt", "per W", true, 3},   {"usd_per_million", "USD a million", true, 2},
    {"basis", "Basis", false, 4},
};
static const struct column left_out_columns[] = {{"id", "Left out", false, 0}, {"why", "Why", false, 0}};
#define COUNT(columns) (sizeof(columns) / sizeof *(columns))

/* Four digits, and all of those before the point of what people count in thousands. */
static void write_figure(double value, char *out, size_t capacity)
{
    snprintf(out, capacity, value >= 999.5 && value < 1e8 ? "%.0f" : "%.4g", value);
}

static void put_number(struct cell *cell, double value)
{
    char figure[40];
    if (!isfinite(value))
        return;
    write_figure(value, figure, sizeof figure);
    cell_number(cell, value, "%s", figure);
}

/* `unit` follows it, "" for none. */
static void put_interval(struct cell *cell, const struct interval *interval, const char *unit)
{
    char median[40], low[40], high[40];
    const char *space = *unit ? " " : "";
    if (!isfinite(interval->median))
        return;
    write_figure(interval->median, median, sizeof median);
    write_figure(interval->low, low, sizeof low);
    write_figure(interval->high, high, sizeof high);
    if (isfinite(interval->low) && interval->low < interval->high)
        cell_number(cell, interval->median, "%s (%s to %s)%s%s", median, low, high, space, unit);
    else
        cell_number(cell, interval->median, "%s%s%s", median, space, unit);
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
    struct table *table =
        report_table(report, "Machines, speed relative to the first", score_columns, COUNT(score_columns));
    for (size_t r = 0; r < comparison->run_count; r++) {
        const struct compared_run *one = &comparison->runs[r];
        struct cell *row = table_row(table);
        cell_text(&row[0], TONE_PLAIN, "%s", one->name);
        put_interval(&row[1], &one->speed, "");
        put_number(&row[2], one->price_usd);
        put_number(&row[3], one->watts);
        put_number(&row[4], one->tco_usd);
        put_number(&row[5], one->speed.median / one->price_usd);
        put_number(&row[6], one->speed.median / one->watts);
        cell_text(&row[7], one->pareto ? TONE_GOOD : TONE_FAINT, "%s", one->pareto ? "yes" : "no");
        cell_number(&row[8], (double)one->cases, "%zu", one->cases);
        if (one->unable)
            cell_number(&row[9], (double)one->unable, "%zu", one->unable);
        cell_text(&row[10], TONE_PLAIN, "%s", basis_of(one));
    }
}

/* What all demands together take of each machine. */
static void add_work(struct report *report, const struct comparison *comparison)
{
    if (!comparison->demand_count)
        return;
    struct table *table = report_table(report, "What the demands take", work_columns, COUNT(work_columns));
    for (size_t r = 0; r < comparison->run_count; r++) {
        const struct compared_run *one = &comparison->runs[r];
        struct cell *row = table_row(table);
        bool all = one->demands_met == comparison->demand_count;
        cell_text(&row[0], TONE_PLAIN, "%s", one->name);
        cell_number(&row[1], (double)one->demands_met, "%zu of %zu", one->demands_met, comparison->demand_count);
        row[1].tone = all ? TONE_GOOD : TONE_BAD;
        put_machines(&row[2], one->machines, one->machines_most);
        put_number(&row[3], compare_cost(comparison, r));
    }
}

static void add_answer(struct table *table, const struct comparison *comparison, const struct compared_demand *asked,
                       size_t r)
{
    static const enum tone tones[] = {TONE_GOOD, TONE_WARNING, TONE_BAD, TONE_WARNING};
    const struct demand_answer *answer = &asked->answers[r];
    struct cell *row = table_row(table);
    cell_text(&row[0], TONE_PLAIN, "%s", asked->demand->text);
    cell_text(&row[1], TONE_PLAIN, "%s", comparison->runs[r].name);
    cell_text(&row[2], tones[answer->verdict], "%s", verdict_name(answer->verdict));
    cell_note(&row[2], "%s%s%s", answer->reason, *answer->id ? ", by " : "", answer->id);
    put_interval(&row[3], &answer->throughput, unit_words(asked->demand->unit));
    put_machines(&row[4], answer->machines, answer->machines_most);
    put_number(&row[5], compare_usd_per_million(comparison, r, answer->throughput.median));
    cell_text(&row[6], TONE_PLAIN, "%s", answer->basis);
}

static void add_demands(struct report *report, const struct comparison *comparison)
{
    if (!comparison->demand_count)
        return;
    struct table *table = report_table(report, "Demands", demand_columns, COUNT(demand_columns));
    for (size_t d = 0; d < comparison->demand_count; d++)
        for (size_t r = 0; r < comparison->run_count; r++)
            add_answer(table, comparison, &comparison->demands[d], r);
    for (size_t d = 0; d < comparison->demand_count; d++) /* what has no figure has a reason */
        for (size_t r = 0; r < comparison->run_count; r++)
            if (!isfinite(comparison->demands[d].answers[r].throughput.median))
                report_sentence(report, TONE_WARNING, "%s, %s: %s", comparison->runs[r].name,
                                comparison->demands[d].demand->text, comparison->demands[d].answers[r].reason);
}

static void add_cases(struct report *report, const struct comparison *comparison)
{
    struct table *table = report_table(report, "Cases", case_columns, COUNT(case_columns));
    for (size_t i = 0; i < comparison->case_count; i++) {
        const struct compared_case *one = &comparison->cases[i];
        for (size_t r = 0; r < comparison->run_count; r++) {
            if (!one->records[r])
                continue;
            struct interval speed = compare_throughput(one->records[r]);
            struct cell *row = table_row(table);
            cell_text(&row[0], TONE_PLAIN, "%s", one->id);
            cell_text(&row[1], TONE_PLAIN, "%s", comparison->runs[r].name);
            put_interval(&row[2], &speed, "");
            cell_text(&row[3], TONE_PLAIN, "%s", unit_words(one->unit));
            put_interval(&row[4], &one->ratios[r], "");
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
    struct table *table = report_table(report, "Left out of the score", left_out_columns, COUNT(left_out_columns));
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
    add_work(report, comparison);
    add_demands(report, comparison);
    compare_add_figures(report, comparison);
    add_cases(report, comparison);
    add_left_out(report, comparison);
    compare_add_machines(report, comparison);
    return report;
}
