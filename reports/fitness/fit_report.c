/* The fitness table as data: the document of CONTRACT.md, and beside it the sentences and the table for people. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "models/families/family.h"
#include "reports/fitness/fit.h"
#include "reports/fitness/fit_figures.h"

/* ---- the document ---- */

static json_t *range_to_json(struct range range, const char *unit)
{
    if (isnan(range.median))
        return NULL;
    json_t *object = json_object();
    json_put_real(object, "median", range.median);
    json_put_real(object, "low", range.low);
    json_put_real(object, "high", range.high);
    json_put_string(object, "unit", unit);
    if (unit_is_audio(unit))
        json_put_real(object, "real_time_factor", 1 / range.median);
    return object;
}

static json_t *memory_to_json(const struct fit_row *row)
{
    json_t *memory = json_object();
    json_put_count(memory, "weights_bytes", row->weights_bytes);
    json_put_count(memory, "kv_cache_bytes", row->kv_cache_bytes);
    if (row->tensors_only) {
        json_put_count(memory, "runtime_bytes", row->runtime_bytes);
        json_put_count(memory, "total_bytes", row->total_bytes);
        return memory;
    }
    json_put_count(memory, "activations_bytes", row->activations_bytes);
    json_put_count(memory, "gradients_bytes", row->gradients_bytes);
    json_put_count(memory, "optimizer_bytes", row->optimizer_bytes);
    json_put_count(memory, "workspace_bytes", row->workspace_bytes);
    json_put_count(memory, "runtime_bytes", row->runtime_bytes);
    json_put_count(memory, "total_bytes", row->total_bytes);
    return memory;
}

static json_t *row_to_json(const struct fit_row *row, const struct fit_machine *machine)
{
    json_t *object = json_object();
    json_put_string(object, "id", row->one.id);
    json_put_string(object, "model", row->one.size->name);
    json_put_string(object, "family", row->one.family->name);
    json_put_string(object, "task", row->one.family->task);
    json_put_count(object, "parameters", row->parameters);
    if (row->active_parameters < row->parameters)
        json_put_count(object, "active_parameters", row->active_parameters);
    json_put_string(object, "mode", mode_name(row->one.mode));
    json_put_string(object, "dtype", fit_row_dtype(row));
    json_put_count(object, "batch", (uint64_t)row->one.batch);
    if (row->one.context)
        json_put_count(object, "context", (uint64_t)row->one.context);
    json_put(object, "memory", memory_to_json(row));
    json_put_count(object, "available_bytes", machine->available_bytes);
    json_put_count(object, "max_batch", (uint64_t)row->max_batch);
    json_put_string(object, "machine", machine->name);
    json_put_string(object, "fits", fits_name(row->fits));
    json_put(object, "throughput", range_to_json(row->throughput, case_unit(&row->one)));
    json_put(object, "latency_s", range_to_json(row->latency_s, NULL));
    json_put_string(object, "bound", row->bound[0] ? row->bound : NULL);
    json_put_string(object, "basis", row->measured ? "measured" : row->estimated ? "estimated" : NULL);
    json_put_string(object, "engine", "native");
    json_put_string(object, "reason", row->reason);
    return object;
}

static json_t *demands_to_json(const struct fit_demands *demands)
{
    json_t *object = json_object();
    json_put_string(object, "task", demands->task);
    if (demands->context)
        json_put_count(object, "context", (uint64_t)demands->context);
    if (demands->batch)
        json_put_count(object, "batch", (uint64_t)demands->batch);
    if (demands->optimizer >= 0)
        json_put_string(object, "optimizer", optimizer_name((enum optimizer_kind)demands->optimizer));
    if (demands->checkpointing)
        json_put_bool(object, "checkpointing", true);
    if (demands->min_throughput > 0)
        json_put_real(object, "min_throughput", demands->min_throughput);
    if (demands->max_latency_s > 0)
        json_put_real(object, "max_latency_s", demands->max_latency_s);
    return object;
}

static json_t *document(const struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                        json_t *machine_document)
{
    json_t *object = json_object(), *rows = json_array();
    json_put_string(object, "schema", "benchmark.fit/1");
    json_put(object, "machine", machine_document);
    json_put(object, "demands", demands_to_json(demands));
    for (size_t i = 0; i < fit->row_count; i++)
        json_array_append_new(rows, row_to_json(&fit->rows[i], machine));
    json_put(object, "rows", rows);
    if (fit->answer < fit->row_count) {
        const struct fit_row *row = &fit->rows[fit->answer];
        json_t *recommendation = json_object();
        json_put_string(recommendation, "model", row->one.size->name);
        json_put_string(recommendation, "mode", mode_name(row->one.mode));
        json_put_string(recommendation, "dtype", fit_row_dtype(row));
        json_put_string(recommendation, "why", fit->why);
        json_put(object, "recommendation", recommendation);
    }
    return object;
}

/* ---- the table ---- */

enum { MODEL, PARAMETERS, MODE, DTYPE, SHAPE, MEMORY, FITS, SPEED, INTERVAL, BASIS, BOUND, MAX_BATCH, COLUMN_COUNT };

static const struct column columns[COLUMN_COUNT] = {
    [MODEL] = {"model", "model", false, 0},
    [PARAMETERS] = {"parameters", "params", true, 2},
    [MODE] = {"mode", "mode", false, 0},
    [DTYPE] = {"dtype", "dtype", false, 0},
    [SHAPE] = {"shape", "shape", false, 3},
    [MEMORY] = {"total_bytes", "memory", true, 0},
    [FITS] = {"fits", "fits", false, 0},
    [SPEED] = {"throughput", "speed", true, 0},
    [INTERVAL] = {"throughput_interval", "90 % interval", true, 1},
    [BASIS] = {"basis", "basis", false, 2},
    [BOUND] = {"bound", "limit", false, 4},
    [MAX_BATCH] = {"max_batch", "max batch", true, 5},
};

/* Three digits that a person can read: "1240", "18.3", "0.42". */
static void write_figure(double value, char *out, size_t capacity)
{
    if (value >= 9.995e5)
        format_count(value, out, capacity);
    else
        snprintf(out, capacity, "%.*f", value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2, value);
}

static void speed_cells(struct cell *cells, const struct fit_row *row)
{
    char median[32], low[32], high[32];
    if (isnan(row->throughput.median))
        return;
    write_figure(row->throughput.median, median, sizeof median);
    cell_number(&cells[SPEED], row->throughput.median, "%s%s %s", row->measured ? "" : "~", median,
                unit_words(case_unit(&row->one)));
    cells[SPEED].low = row->throughput.low;
    cells[SPEED].high = row->throughput.high;
    if (isnan(row->throughput.low))
        return;
    write_figure(row->throughput.low, low, sizeof low);
    write_figure(row->throughput.high, high, sizeof high);
    cell_text(&cells[INTERVAL], TONE_FAINT, "%s–%s", low, high);
}

static void add_table_row(struct table *table, const struct fit_row *row, const struct fit_row *before)
{
    struct cell *cells = table_row(table);
    if (!cells)
        return;
    static const enum tone tones[] = {TONE_GOOD, TONE_WARNING, TONE_BAD};
    char text[48];
    bool again = before && before->one.size == row->one.size;
    cell_text(&cells[MODEL], again ? TONE_FAINT : TONE_STRONG, "%s", row->one.size->name);
    format_count((double)row->parameters, text, sizeof text);
    cell_number(&cells[PARAMETERS], (double)row->parameters, "%s", text);
    cell_text(&cells[MODE], TONE_PLAIN, "%s", mode_name(row->one.mode));
    cell_text(&cells[DTYPE], TONE_PLAIN, "%s", fit_row_dtype(row));
    if (row->one.context)
        cell_text(&cells[SHAPE], TONE_FAINT, "b%lld/s%lld", (long long)row->one.batch, (long long)row->one.context);
    else
        cell_text(&cells[SHAPE], TONE_FAINT, "b%lld", (long long)row->one.batch);
    format_size(row->total_bytes, text, sizeof text);
    cell_number(&cells[MEMORY], (double)row->total_bytes, "%s", text);
    cell_text(&cells[FITS], tones[row->fits], "%s", fits_name(row->fits));
    speed_cells(cells, row);
    cell_text(&cells[BASIS], TONE_FAINT, "%s",
              row->measured    ? "measured"
              : row->estimated ? "estimated"
                               : "memory only");
    cell_text(&cells[BOUND], TONE_FAINT, "%s", row->bound);
    cell_number(&cells[MAX_BATCH], (double)row->max_batch, "%s%lld", row->max_batch == FIT_MOST_BATCH ? "≥ " : "",
                (long long)row->max_batch);
}

/* ---- the sentences ---- */

/* The largest model that fits in a mode, over all dtypes; NULL when none does. */
static const struct fit_row *largest(const struct fit *fit, enum mode mode)
{
    const struct fit_row *best = NULL;
    for (size_t i = 0; i < fit->row_count; i++) {
        const struct fit_row *row = &fit->rows[i];
        if (row->one.mode == mode && row->fits == FITS_YES && (!best || row->parameters > best->parameters))
            best = row;
    }
    return best;
}

static void say_largest(struct report *report, const struct fit *fit, enum mode mode, const char *verb)
{
    const struct fit_row *row = largest(fit, mode);
    char total[32], speed[32];
    if (!row)
        return;
    format_size(row->total_bytes, total, sizeof total);
    if (isnan(row->throughput.median)) {
        report_sentence(report, TONE_STRONG, "The largest model here that this machine %s is %s in %s: %s.", verb,
                        row->one.size->name, fit_row_dtype(row), total);
        return;
    }
    write_figure(row->throughput.median, speed, sizeof speed);
    report_sentence(report, TONE_STRONG, "The largest model here that this machine %s is %s in %s: %s%s %s, %s.", verb,
                    row->one.size->name, fit_row_dtype(row), row->measured ? "" : "about ", speed,
                    unit_words(case_unit(&row->one)), total);
}

static void say_basis(struct report *report, const struct fit *fit, const struct fit_machine *machine)
{
    size_t measured = 0, estimated = 0;
    for (size_t i = 0; i < fit->row_count; i++) {
        measured += fit->rows[i].measured;
        estimated += fit->rows[i].estimated;
    }
    if (estimated)
        report_sentence(
            report, TONE_FAINT,
            "%zu of %zu speeds were measured on this machine. %zu (~) are estimated from the time that each op "
            "took in the measured cases; their 90 %% intervals rest on how well %zu measured cases are "
            "foretold from the others.",
            measured, fit->row_count, estimated, estimator_scores(machine->estimator));
    else if (!measured)
        report_sentence(report, TONE_WARNING,
                        "Nothing was measured on this machine yet, so speeds are not known: `benchmark run --suite "
                        "calibration` takes half a minute.");
    report_sentence(
        report, TONE_FAINT,
        "Memory is the planner's: weights, activations, gradients, optimizer and workspace laid out as they "
        "are used, and what the process itself holds.");
}

struct report *fit_report(const struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                          json_t *machine_document)
{
    struct report *report = report_create("Which model size fits this machine");
    if (!report) {
        json_decref(machine_document);
        return NULL;
    }
    report->document = document(fit, demands, machine, machine_document);
    char room[32];
    format_size(machine->available_bytes, room, sizeof room);
    report_sentence(report, TONE_PLAIN, "%s, %d threads, %s of memory available (%s).", machine->cpu, demands->threads,
                    room, machine->name);
    if (fit->answer == fit->row_count) {
        report_sentence(report, TONE_BAD, "%c%s.", fit->why[0] - 'a' + 'A', fit->why + 1);
    } else if (fit->asks) {
        const struct fit_row *row = &fit->rows[fit->answer];
        report_sentence(report, TONE_STRONG, "Take %s in %s (%s): %s.", row->one.size->name, fit_row_dtype(row),
                        mode_name(row->one.mode), fit->why);
    } else {
        say_largest(report, fit, MODE_TRAIN, "trains");
        say_largest(report, fit, MODE_FORWARD, "runs");
    }
    struct table *table = report_table(report, NULL, columns, COLUMN_COUNT);
    for (size_t i = 0; table && i < fit->row_count; i++)
        add_table_row(table, &fit->rows[i], i ? &fit->rows[i - 1] : NULL);
    for (size_t i = 0; i < fit->row_count; i++)
        if (fit->rows[i].tensors_only)
            report_sentence(report, TONE_WARNING, "%s: %s.", fit->rows[i].one.size->name, fit->rows[i].reason);
    say_basis(report, fit, machine);
    fit_add_figures(report, fit, machine);
    return report;
}
