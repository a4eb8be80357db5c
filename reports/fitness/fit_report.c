/* The fitness table as data: the document of CONTRACT.md, and beside it the sentences and the table for people. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "models/families/family.h"
#include "reports/fitness/fit.h"
#include "reports/fitness/fit_engine.h"
#include "reports/fitness/fit_figures.h"
#include "reports/fitness/fit_steps.h"
#include "reports/fitness/fit_told.h"

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

static const char *basis_of(const struct fit_row *row)
{
    return row->measured ? "measured" : row->estimated ? "estimated" : row->sheet ? "data sheet" : NULL;
}

static json_t *row_to_json(const struct fit_row *row)
{
    json_t *object = json_object();
    json_put_string(object, "id", row->one.id);
    json_put_string(object, "model", row->one.size->name);
    json_put_string(object, "family", row->one.family->name);
    json_put_string(object, "task", family_task(row->one.family, row->one.size));
    json_put_count(object, "parameters", row->parameters);
    if (row->active_parameters < row->parameters)
        json_put_count(object, "active_parameters", row->active_parameters);
    json_put_string(object, "mode", mode_name(row->one.mode));
    json_put_string(object, "dtype", fit_row_dtype(row));
    json_put_count(object, "batch", (uint64_t)row->one.batch);
    if (row->one.context)
        json_put_count(object, "context", (uint64_t)row->one.context);
    json_put(object, "memory", memory_to_json(row));
    json_put_string(object, "memory_of", row->memory_of);
    json_put_count(object, "available_bytes", row->available_bytes);
    json_put_count(object, "max_batch", (uint64_t)row->max_batch);
    if (row->one.mode == MODE_PREFILL || row->one.mode == MODE_DECODE)
        json_put_count(object, "max_context", (uint64_t)row->max_context);
    json_put_string(object, "machine", row->machine);
    json_put_string(object, "fits", fits_name(row->fits));
    json_put(object, "throughput", range_to_json(row->throughput, case_unit(&row->one)));
    json_put(object, "latency_s", range_to_json(row->latency_s, NULL));
    json_put_string(object, "bound", row->bound[0] ? row->bound : NULL);
    json_put_string(object, "basis", basis_of(row));
    json_put_string(object, "engine", row->engine ? row->engine : "native");
    json_put_string(object, "reason", row->reason);
    json_t *advice = json_array();
    for (size_t i = 0; i < row->advice_count; i++)
        json_array_append_new(advice, json_string(row->advice[i]));
    json_put(object, "advice", advice);
    return object;
}

static json_t *widths_to_json(const struct fit *fit)
{
    json_t *widths = json_array();
    for (size_t i = 0; i < fit->width_count; i++) {
        const struct width *width = &fit->widths[i];
        json_t *object = json_object();
        json_put_string(object, "family", width->family->name);
        json_put_string(object, "mode", mode_name(width->mode));
        json_put_string(object, "dtype", width->dtype);
        json_put_count(object, "layers", (uint64_t)width->layers);
        json_put_count(object, "hidden", (uint64_t)width->hidden);
        json_put_count(object, "parameters", width->parameters);
        json_array_append_new(widths, object);
    }
    return widths;
}

static json_t *steps_to_json(const struct fit *fit, const struct fit_demands *demands,
                             const struct fit_machine *machine)
{
    struct fit_step steps[FIT_STEPS];
    json_t *array = json_array();
    fit_make_steps(fit, demands, machine, steps);
    for (int i = 0; i < FIT_STEPS; i++) {
        json_t *object = json_object();
        json_put_string(object, "step", steps[i].name);
        json_put_string(object, "text", steps[i].text);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *demands_to_json(const struct fit_demands *demands)
{
    json_t *object = json_object();
    json_put_string(object, "task", demands->task);
    if (demands->context)
        json_put_count(object, "context", (uint64_t)demands->context);
    if (demands->batch)
        json_put_count(object, "batch", (uint64_t)demands->batch);
    if (demands->kv_dtype >= 0)
        json_put_string(object, "kv_dtype", dtype_info((enum dtype)demands->kv_dtype)->name);
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
        json_array_append_new(rows, row_to_json(&fit->rows[i]));
    json_put(object, "rows", rows);
    if (fit->width_count)
        json_put(object, "widths", widths_to_json(fit));
    if (fit->answer < fit->row_count) {
        const struct fit_row *row = &fit->rows[fit->answer];
        json_t *recommendation = json_object();
        json_put_string(recommendation, "model", row->one.size->name);
        json_put_string(recommendation, "mode", mode_name(row->one.mode));
        json_put_string(recommendation, "dtype", fit_row_dtype(row));
        if (fit->machines)
            json_put_string(recommendation, "machine", row->machine);
        json_put_string(recommendation, "why", fit->why);
        if (!fit->machines)
            json_put(recommendation, "steps", steps_to_json(fit, demands, machine));
        json_put(object, "recommendation", recommendation);
    }
    return object;
}

/* ---- the table ---- */

enum {
    MACHINE,
    ROOM,
    MODEL,
    PARAMETERS,
    MODE,
    DTYPE,
    SHAPE,
    MEMORY,
    FITS,
    SPEED,
    INTERVAL,
    BASIS,
    BOUND,
    MAX_BATCH,
    MAX_CONTEXT,
    COLUMN_COUNT
};

#define COLUMNS(mode_priority)                                                                                         \
    {                                                                                                                  \
        [MACHINE] = {"machine", "machine", false, 0}, [ROOM] = {"available_bytes", "room", true, 1},                   \
        [MODEL] = {"model", "model", false, 0}, [PARAMETERS] = {"parameters", "params", true, 2},                      \
        [MODE] = {"mode", "mode", false, mode_priority}, [DTYPE] = {"dtype", "dtype", false, 0},                       \
        [SHAPE] = {"shape", "shape", false, 3}, [MEMORY] = {"total_bytes", "memory", true, 0},                         \
        [FITS] = {"fits", "fits", false, 0}, [SPEED] = {"throughput", "speed", true, 0},                               \
        [INTERVAL] = {"throughput_interval", "90 % interval", true, 1}, [BASIS] = {"basis", "basis", false, 2},        \
        [BOUND] = {"bound", "limit", false, 4}, [MAX_BATCH] = {"max_batch", "max batch", true, 5},                     \
        [MAX_CONTEXT] = {"max_context", "max context", true, 5},                                                       \
    }
static const struct column columns[COLUMN_COUNT] = COLUMNS(0);
/* Where all rows are of one mode its column leaves first, and the interval has room on narrow terminals. */
static const struct column columns_of_one_mode[COLUMN_COUNT] = COLUMNS(6);

/* Three digits that a person can read: "1240", "18.3", "0.42". */
static void write_figure(double value, char *out, size_t capacity)
{
    if (value >= 9.995e5)
        format_count(value, out, capacity);
    else
        snprintf(out, capacity, "%.*f", value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2, value);
}

static void speed_cells(struct cell *cells, int first, const struct fit_row *row)
{
    char median[32], low[32], high[32];
    if (isnan(row->throughput.median))
        return;
    write_figure(row->throughput.median, median, sizeof median);
    cell_number(&cells[SPEED - first], row->throughput.median, "%s%s %s", row->measured ? "" : "~", median,
                unit_words(case_unit(&row->one)));
    cells[SPEED - first].low = row->throughput.low;
    cells[SPEED - first].high = row->throughput.high;
    if (isnan(row->throughput.low))
        return;
    write_figure(row->throughput.low, low, sizeof low);
    write_figure(row->throughput.high, high, sizeof high);
    cell_text(&cells[INTERVAL - first], TONE_FAINT, "%s–%s", low, high);
}

/* A table about one machine leaves out the columns that name it: `first` is the first that it has. */
static void add_table_row(struct table *table, int first, const struct fit_row *row, const struct fit_row *before)
{
    struct cell *cells = table_row(table);
    if (!cells)
        return;
    static const enum tone tones[] = {TONE_GOOD, TONE_WARNING, TONE_BAD};
    char text[48];
    bool again = before && before->one.size == row->one.size;
    if (first <= MACHINE) {
        cell_text(&cells[MACHINE - first], TONE_STRONG, "%s", row->machine);
        format_size(row->available_bytes, text, sizeof text);
        cell_number(&cells[ROOM - first], (double)row->available_bytes, "%s", text);
    }
    cell_text(&cells[MODEL - first], again ? TONE_FAINT : TONE_STRONG, "%s", row->one.size->name);
    format_count((double)row->parameters, text, sizeof text);
    cell_number(&cells[PARAMETERS - first], (double)row->parameters, "%s", text);
    cell_text(&cells[MODE - first], TONE_PLAIN, "%s", mode_name(row->one.mode));
    cell_text(&cells[DTYPE - first], TONE_PLAIN, "%s", fit_row_dtype(row));
    if (row->one.context)
        cell_text(&cells[SHAPE - first], TONE_FAINT, "b%lld/s%lld", (long long)row->one.batch,
                  (long long)row->one.context);
    else
        cell_text(&cells[SHAPE - first], TONE_FAINT, "b%lld", (long long)row->one.batch);
    format_size(row->total_bytes, text, sizeof text);
    cell_number(&cells[MEMORY - first], (double)row->total_bytes, "%s", text);
    cell_text(&cells[FITS - first], tones[row->fits], "%s", fits_name(row->fits));
    speed_cells(cells, first, row);
    cell_text(&cells[BASIS - first], TONE_FAINT, "%s", basis_of(row) ? basis_of(row) : "memory only");
    cell_text(&cells[BOUND - first], TONE_FAINT, "%s", row->bound);
    cell_number(&cells[MAX_BATCH - first], (double)row->max_batch, "%s%lld",
                row->max_batch == FIT_MOST_BATCH ? "≥ " : "", (long long)row->max_batch);
    if (row->max_context)
        cell_number(&cells[MAX_CONTEXT - first], (double)row->max_context, "%s%lld",
                    row->max_context == row->one.size->config.max_context ? "all " : "", (long long)row->max_context);
}

/* ---- the sentences ---- */

static void say_largest(struct report *report, const struct fit *fit, enum mode mode, const char *verb)
{
    const struct fit_row *row = fit_largest(fit, mode);
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

/* The largest that fits is often slower than anyone reads: then also the largest that isn't. */
static void say_readable(struct report *report, const struct fit *fit)
{
    const struct fit_row *best = fit_readable(fit);
    char speed[32], total[32];
    if (!best)
        return;
    write_figure(best->throughput.median, speed, sizeof speed);
    format_size(best->total_bytes, total, sizeof total);
    report_sentence(report, TONE_STRONG,
                    "The largest that writes as fast as one reads (%.0f tokens/s) is %s in %s: %s%s %s, %s.",
                    FIT_READING_TOKENS_PER_S, best->one.size->name, fit_row_dtype(best), best->measured ? "" : "about ",
                    speed, unit_words(case_unit(&best->one)), total);
}

static void say_transfer(struct report *report, const struct fit_transfer *transfer)
{
    if (isnan(transfer->half_width))
        report_sentence(
            report, TONE_FAINT,
            "Speeds (~) are from that machine's measured limits, at the shares of them that each op reached "
            "on %s; no other machine is known to try that on, so the intervals are wide.",
            transfer->sources[0].name);
    else
        report_sentence(
            report, TONE_FAINT,
            "Speeds (~) are from that machine's measured limits, at the shares of them that each op reached "
            "on the %zu machines known here; the intervals are by foretelling each of these from the "
            "others, %zu times.",
            transfer->source_count, transfer->errors);
}

static void say_basis(struct report *report, const struct fit *fit, const struct fit_machine *machine)
{
    size_t measured = 0, estimated = 0, foreign = 0, known = 0, theirs = 0;
    for (size_t i = 0; i < fit->row_count; i++) {
        measured += fit->rows[i].measured;
        foreign += fit->rows[i].engine != NULL && !fit->rows[i].measured;
        known += fit->rows[i].engine != NULL && fit->rows[i].measured;
        theirs += fit->rows[i].memory_of != NULL;
        estimated += fit->rows[i].estimated && !fit->rows[i].engine;
    }
    if (theirs)
        report_sentence(report, TONE_FAINT, "Memory of %zu rows is by %s's own rules, as checked against %s.", theirs,
                        machine->engine, ENGINE_MEMORY_VERSION);
    if (foreign || known)
        report_sentence(
            report, TONE_FAINT,
            "%zu speeds are %s's as measured, %zu (~) foretold from %zu of its results on this machine; others "
            "are this program's own.",
            known, machine->engine, foreign,
            engine_profile_results(machine->engine_profile, true) +
                engine_profile_results(machine->engine_profile, false));
    else if (machine->engine)
        report_sentence(report, TONE_WARNING,
                        "No result of %s tells of these: speeds are this program's own. `benchmark import FILE` takes "
                        "what llama-bench prints.",
                        machine->engine);
    size_t told = 0;
    for (size_t i = 0; i < fit->row_count; i++)
        told += fit->rows[i].throughput.median > 0;
    if ((fit->machines || machine->limits) && !told) {
        report_sentence(
            report, TONE_WARNING,
            "How fast it would be isn't known: nothing here tells both what it computes and what it reads in "
            "a second.");
    } else if (machine->transfer) {
        say_transfer(report, machine->transfer);
    } else if (fit->machines || machine->limits) {
        const bool sheet = fit->machines || machine->limits->sheet;
        report_sentence(report, TONE_FAINT,
                        sheet ? "Speeds (~) are from data sheets: each op at the share of the peak that programs "
                                "usually reach, between the least and the most they do. Memory is what the data "
                                "sheet says; of a CPU, the most it takes."
                              : "Speeds (~) are from that machine's measured limits: each op at the share of them that "
                                "models usually reach.");
    } else if (estimated) {
        report_sentence(
            report, TONE_FAINT,
            "%zu of %zu speeds were measured on this machine. %zu (~) are estimated from the time that each op "
            "took in the measured cases; their 90 %% intervals rest on how well %zu measured cases are "
            "foretold from the others.",
            measured, fit->row_count, estimated, estimator_scores(machine->estimator));
    } else if (!measured && !foreign) {
        report_sentence(report, TONE_WARNING,
                        "Nothing was measured on this machine yet, so speeds are not known: `benchmark run --suite "
                        "calibration` takes half a minute.");
    }
    report_sentence(
        report, TONE_FAINT,
        "Memory is the planner's: weights, activations, gradients, optimizer and workspace laid out as they "
        "are used, and what the process itself holds.");
}

/* ---- the rows ---- */

static void add_table(struct report *report, const struct fit *fit)
{
    const int first = fit->machines ? MACHINE : MODEL;
    const struct fit_row *before = NULL;
    size_t shown = 0;
    bool one_mode = true;
    for (size_t i = 1; i < fit->row_count; i++)
        one_mode &= fit->rows[i].one.mode == fit->rows[0].one.mode;
    struct table *table =
        report_table(report, NULL, (one_mode ? columns_of_one_mode : columns) + first, (size_t)(COLUMN_COUNT - first));
    for (size_t i = 0; table && i < fit->row_count; i++) {
        if (!fit->rows[i].shown)
            continue;
        add_table_row(table, first, &fit->rows[i], before);
        before = &fit->rows[i];
        shown++;
    }
    if (shown < fit->row_count)
        report_sentence(report, TONE_FAINT, "%s; --all shows all %zu rows.",
                        fit->ladder ? "Of each family, to run and to train, the largest that fits and the next that "
                                      "doesn't"
                                    : "The first rows",
                        fit->row_count);
}

static void say_steps(struct report *report, const struct fit *fit, const struct fit_demands *demands,
                      const struct fit_machine *machine)
{
    static const char *const titles[FIT_STEPS] = {"Task", "Families", "Needs", "Fits", "Tune"};
    struct fit_step steps[FIT_STEPS];
    fit_make_steps(fit, demands, machine, steps);
    for (int i = 0; i < FIT_STEPS; i++)
        report_sentence(report, TONE_PLAIN, "%d. %s: %s", i + 1, titles[i], steps[i].text);
}

static void say_machine(struct report *report, const struct fit *fit, const struct fit_demands *demands,
                        const struct fit_machine *machine)
{
    char room[32];
    format_size(machine->available_bytes, room, sizeof room);
    if (fit->machines)
        report_sentence(report, TONE_PLAIN, "%zu devices, by their data sheets; nothing was measured on them.",
                        fit->row_count);
    else if (machine->limits && machine->limits->sheet)
        report_sentence(report, TONE_PLAIN, "%s, by its data sheet: %s of memory.", machine->name, room);
    else
        report_sentence(report, TONE_PLAIN, "%s, %d threads, %s of memory available (%s).", machine->cpu,
                        demands->threads, room, machine->name);
}

static void say_answer(struct report *report, const struct fit *fit)
{
    if (fit->answer == fit->row_count) {
        report_sentence(report, TONE_BAD, "%c%s.", fit->why[0] - 'a' + 'A', fit->why + 1);
        const struct fit_row *nearest = fit->row_count ? &fit->rows[fit->nearest] : NULL;
        for (size_t i = 0; nearest && i < nearest->advice_count; i++)
            report_sentence(report, TONE_PLAIN, "%s with %s.", nearest->one.size->name, nearest->advice[i]);
        return;
    }
    const struct fit_row *row = &fit->rows[fit->answer];
    if (fit->machines)
        report_sentence(report, TONE_STRONG, "Take %s for %s in %s (%s): %s.", row->machine, row->one.size->name,
                        fit_row_dtype(row), mode_name(row->one.mode), fit->why);
    else if (fit->asks)
        report_sentence(report, TONE_STRONG, "Take %s in %s (%s): %s.", row->one.size->name, fit_row_dtype(row),
                        mode_name(row->one.mode), fit->why);
    if (fit->machines || fit->asks)
        return;
    say_largest(report, fit, MODE_DECODE, "decodes");
    say_readable(report, fit);
    say_largest(report, fit, MODE_TRAIN, "trains");
    if (!fit_largest(fit, MODE_DECODE))
        say_largest(report, fit, MODE_FORWARD, "runs");
}

struct report *fit_report(const struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                          json_t *machine_document)
{
    struct report *report = report_create("Which model size fits this machine");
    if (!report) {
        json_decref(machine_document);
        return NULL;
    }
    if (demands->shown_only) {
        json_decref(machine_document);
    } else {
        json_decref(report->document);
        report->document = document(fit, demands, machine, machine_document);
    }
    say_machine(report, fit, demands, machine);
    say_answer(report, fit);
    if (fit->answer < fit->row_count && !fit->machines)
        say_steps(report, fit, demands, machine);
    add_table(report, fit);
    for (size_t i = 0; i < fit->row_count; i++)
        if (fit->rows[i].tensors_only)
            report_sentence(report, TONE_WARNING, "%s: %s.", fit->rows[i].one.size->name, fit->rows[i].reason);
    say_basis(report, fit, machine);
    fit_add_figures(report, fit, machine);
    return report;
}
