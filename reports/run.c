/* The report of a run; see run.h. */
#include "reports/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/base/text.h"
#include "harness/store/document.h"
#include "models/families/family.h"
#include "reports/run_fidelity.h"
#include "reports/run_figures.h"

enum column_place { CASE, THROUGHPUT, UNIT, TIME, MFU, BOUND, GFLOPS, PEAK, PLANNED, CHECK, MBU, STATUS, COLUMNS };

static const struct column columns[COLUMNS] = {
    [CASE] = {"case", "Case", false, 0},
    [THROUGHPUT] = {"throughput", "Speed", true, 0},
    [UNIT] = {"unit", "", false, 0},
    [TIME] = {"time_s", "Time", true, 0},
    [MFU] = {"mfu", "MFU", true, 1},
    [BOUND] = {"bound", "Bound", false, 2},
    [GFLOPS] = {"gflops", "GFLOP/s", true, 3},
    [PEAK] = {"peak_bytes", "Memory", true, 2},
    [PLANNED] = {"planned_bytes", "Planned", true, 4},
    [CHECK] = {"check_error", "Check", true, 5},
    [MBU] = {"mbu", "MBU", true, 5},
    [STATUS] = {"status", "Status", false, 6},
};

struct run_counts run_count(const struct run *run)
{
    struct run_counts counts = {.all = run->record_count};
    for (size_t i = 0; i < run->record_count; i++) {
        const struct record *record = &run->records[i];
        counts.of[record->status]++;
        counts.measured += status_is_measured(record->status);
        counts.unfinished += record->unfinished;
    }
    return counts;
}

/* ---- the machine ---- */

static void append_part(struct text *line, const char *part)
{
    if (part && *part)
        text_printf(line, "%s%s", line->length ? ", " : "", part);
}

static void add_machine(struct report *report, const struct run *run)
{
    const json_t *cpu = json_object_get(run->machine, "cpu"), *memory = json_object_get(run->machine, "memory");
    const json_t *software = json_object_get(run->machine, "software");
    struct text line = {0};
    char part[96], size[32];
    const char *name = json_get_string(cpu, "model");
    append_part(&line, name ? name : run_machine_name(run));
    int threads = run->record_count ? run->records[0].threads : 0;
    if (threads) {
        snprintf(part, sizeof part, "%d thread%s", threads, threads == 1 ? "" : "s");
        append_part(&line, part);
    }
    uint64_t bytes = json_get_count(memory, "total_bytes", 0);
    if (bytes) {
        format_size(bytes, size, sizeof size);
        append_part(&line, size);
    }
    append_part(&line, json_get_string(software, "blas"));
    append_part(&line, json_get_string(software, "kernel"));
    append_part(&line, run->engine);
    if (line.length)
        report_sentence(report, TONE_FAINT, "%s", text_string(&line));
    text_free(&line);
}

/* ---- the table ---- */

static enum tone tone_of(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return TONE_PLAIN;
    case STATUS_NOISY:
        return TONE_WARNING;
    case STATUS_SKIPPED:
        return TONE_FAINT;
    default:
        return TONE_BAD;
    }
}

static const char *status_words(enum status status)
{
    return status == STATUS_OUT_OF_MEMORY ? "out of memory" : status_name(status);
}

static void put_percent(struct cell *cell, double share)
{
    if (isfinite(share))
        cell_number(cell, share, share < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
}

static void put_bytes(struct cell *cell, uint64_t bytes)
{
    char size[32];
    if (bytes == BYTES_UNKNOWN)
        return;
    format_size(bytes, size, sizeof size);
    cell_number(cell, (double)bytes, "%s", size);
}

static void put_time(struct cell *cell, const struct record *record)
{
    if (!status_is_measured(record->status)) {
        cell_text(cell, tone_of(record->status), "%s", status_words(record->status));
        return;
    }
    char time[32];
    double error = stats_relative_error(&record->time);
    format_duration(record->time.median, time, sizeof time);
    if (isfinite(error))
        cell_number(cell, record->time.median, error < 0.0995 ? "%s ±%.1f %%" : "%s ±%.0f %%", time, 100 * error);
    else
        cell_number(cell, record->time.median, "%s", time);
    cell->low = record->time.low;
    cell->high = record->time.high;
    cell->tone = tone_of(record->status);
}

static void put_rate(struct cell *cell, double value)
{
    char text[32];
    if (!isfinite(value))
        return;
    if (value < 999.5)
        snprintf(text, sizeof text, "%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value);
    else
        format_count(value, text, sizeof text);
    cell_number(cell, value, "%s", text);
}

static void add_row(struct table *table, const struct record *record)
{
    struct cell *row = table_row(table);
    bool measured = status_is_measured(record->status);
    cell_text(&row[CASE], TONE_PLAIN, "%s", record->id);
    put_rate(&row[THROUGHPUT], record->throughput);
    cell_text(&row[UNIT], TONE_FAINT, "%s", measured ? unit_words(record->unit) : "");
    put_time(&row[TIME], record);
    put_percent(&row[MFU], record->mfu);
    cell_text(&row[BOUND], TONE_PLAIN, "%s", record->bound);
    put_rate(&row[GFLOPS], record->gflops);
    put_bytes(&row[PEAK], record->memory[MEMORY_PEAK]);
    put_bytes(&row[PLANNED], record->memory[MEMORY_PLANNED]);
    if (record->has_check && isfinite(record->check_error))
        cell_number(&row[CHECK], record->check_error, "%.0e", record->check_error);
    if (record->has_check && !record->check_passed)
        cell_text(&row[CHECK], TONE_BAD, "wrong");
    put_percent(&row[MBU], record->mbu);
    cell_text(&row[STATUS], tone_of(record->status), "%s", status_name(record->status));
    if (*record->reason)
        cell_note(&row[STATUS], "%s", record->reason);
}

/* ---- warnings ---- */

static bool is_told(const struct run *run, size_t place)
{
    for (size_t i = 0; i < place; i++)
        if (run->records[i].status == run->records[place].status &&
            !strcmp(run->records[i].reason, run->records[place].reason))
            return true;
    return false;
}

/* One sentence for all cases that have the same thing wrong with them. */
static void add_doubt(struct report *report, const struct run *run, size_t place)
{
    const struct record *record = &run->records[place];
    size_t others = 0;
    for (size_t i = place + 1; i < run->record_count; i++)
        others += run->records[i].status == record->status && !strcmp(run->records[i].reason, record->reason);
    enum tone tone = record->status == STATUS_NOISY || record->status == STATUS_SKIPPED ? TONE_WARNING : TONE_BAD;
    char more[48] = "";
    if (others)
        snprintf(more, sizeof more, " and %zu other%s", others, others == 1 ? "" : "s");
    report_sentence(report, tone, "%s%s: %s%s%s", record->id, more, status_words(record->status),
                    *record->reason ? ": " : "", record->reason);
}

static void add_warnings(struct report *report, const struct run *run)
{
    for (size_t i = 0; i < run->record_count; i++)
        if (run->records[i].status != STATUS_OK && !is_told(run, i))
            add_doubt(report, run, i);
    const json_t *warnings = json_object_get(run->machine, "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const char *warning = json_string_value(json_array_get(warnings, i));
        if (warning)
            report_sentence(report, TONE_FAINT, "machine: %s", warning);
    }
}

/* ---- the answer ---- */

static const struct record *best_by_mfu(const struct run *run)
{
    const struct record *best = NULL;
    for (size_t i = 0; i < run->record_count; i++) {
        const struct record *record = &run->records[i];
        if (status_is_measured(record->status) && isfinite(record->mfu) && (!best || record->mfu > best->mfu))
            best = record;
    }
    return best;
}

/* More than all there is: then it is the peak that is wrong, measured while the machine was busy with other things. */
static const double most_mfu = 1.05;

/* " 5 wait for compute, 3 for memory": what holds the cases up. */
static void append_bounds(struct text *line, const struct run *run)
{
    static const char *const bounds[] = {"compute", "bandwidth", "overhead"};
    static const char *const words[] = {"arithmetic", "memory bandwidth", "overhead"};
    bool first = true;
    for (size_t b = 0; b < 3; b++) {
        size_t count = 0;
        for (size_t i = 0; i < run->record_count; i++)
            count += status_is_measured(run->records[i].status) && !strcmp(run->records[i].bound, bounds[b]);
        if (count)
            text_printf(line, "%s%zu %s", first ? "; bound by: " : ", ", count, words[b]);
        first = first && !count;
    }
}

static void add_answer(struct report *report, const struct run *run)
{
    struct run_counts counts = run_count(run);
    struct text line = {0};
    const struct record *best = best_by_mfu(run);
    if (best && best->mfu > most_mfu)
        report_sentence(
            report, TONE_WARNING,
            "%s reaches %.0f %% of the machine's peak: the peak was measured while the machine was busy, so "
            "MFU is too high; a longer run on a quiet machine measures it again",
            best->id, 100 * best->mfu);
    if (counts.measured == counts.all)
        text_printf(&line, "%s%zu case%s measured", counts.all > 1 ? "All " : "", counts.all,
                    counts.all == 1 ? "" : "s");
    else
        text_printf(&line, "%zu of %zu cases measured", counts.measured, counts.all);
    if (counts.of[STATUS_NOISY])
        text_printf(&line, ", %zu of them noisy", counts.of[STATUS_NOISY]);
    append_bounds(&line, run);
    if (best && best->mfu <= most_mfu)
        text_printf(&line, "; the most of the machine's %s peak is reached by %s: %.0f %%", best->dtype, best->id,
                    100 * best->mfu);
    text_append(&line, ".");
    if (counts.unfinished)
        text_printf(&line, " %zu more to do: benchmark run --resume %s", counts.unfinished, run->id);
    size_t failed = counts.of[STATUS_FAILED] + counts.of[STATUS_TIMEOUT] + counts.of[STATUS_OUT_OF_MEMORY];
    enum tone tone = failed || !counts.measured ? TONE_BAD : counts.of[STATUS_NOISY] ? TONE_WARNING : TONE_GOOD;
    report_answer(report, tone, "%s", text_string(&line));
    text_free(&line);
}

struct report *run_report(const struct run *run)
{
    char title[160];
    snprintf(title, sizeof title, "Run %s%s%s, %.10s %.5s", run->id, *run->suite ? ", suite " : "", run->suite,
             run->started, strlen(run->started) > 11 ? run->started + 11 : "");
    struct report *report = report_create(title);
    if (!report)
        return NULL;
    json_decref(report->document);
    report->document = run_to_json(run);
    add_machine(report, run);
    if (run->note)
        report_sentence(report, TONE_PLAIN, "Note: %s", run->note);
    struct table *table = report_table(report, NULL, columns, COLUMNS);
    for (size_t i = 0; i < run->record_count; i++)
        add_row(table, &run->records[i]);
    run_add_fidelity(report, run);
    add_warnings(report, run);
    add_answer(report, run);
    run_add_figures(report, run);
    return report;
}
