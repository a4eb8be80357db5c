#include "reports/run_table.h"

#include <math.h>

#include "harness/base/json.h"

enum column_place {
    RUN,
    STARTED,
    MACHINE,
    FINGERPRINT,
    VERSION,
    SUITE,
    ENGINE,
    NOTE,
    CASE,
    FAMILY,
    MODEL,
    TASK,
    MODE,
    DTYPE,
    BATCH,
    CONTEXT,
    DEVICE,
    THREADS,
    STATUS,
    REASON,
    THROUGHPUT,
    UNIT,
    TIME,
    SAMPLES,
    GFLOPS,
    MFU,
    MBU,
    BOUND,
    PLANNED,
    PEAK,
    ENERGY,
    CHECK,
    COLUMNS
};

static const struct column columns[COLUMNS] = {
    [RUN] = {"run", "Run", false, 0},
    [STARTED] = {"started", "Started", false, 1},
    [MACHINE] = {"machine", "Machine", false, 1},
    [FINGERPRINT] = {"fingerprint", "Fingerprint", false, 9},
    [VERSION] = {"version", "Version", false, 9},
    [SUITE] = {"suite", "Suite", false, 8},
    [ENGINE] = {"engine", "Engine", false, 7},
    [NOTE] = {"note", "Note", false, 8},
    [CASE] = {"case", "Case", false, 0},
    [FAMILY] = {"family", "Family", false, 9},
    [MODEL] = {"model", "Model", false, 9},
    [TASK] = {"task", "Task", false, 9},
    [MODE] = {"mode", "Mode", false, 9},
    [DTYPE] = {"dtype", "Dtype", false, 9},
    [BATCH] = {"batch", "Batch", true, 9},
    [CONTEXT] = {"context", "Context", true, 9},
    [DEVICE] = {"device", "Device", false, 9},
    [THREADS] = {"threads", "Threads", true, 8},
    [STATUS] = {"status", "Status", false, 2},
    [REASON] = {"reason", "Reason", false, 8},
    [THROUGHPUT] = {"throughput", "Speed", true, 0},
    [UNIT] = {"unit", "Unit", false, 1},
    [TIME] = {"time_s", "Time, s", true, 2},
    [SAMPLES] = {"samples", "Samples", true, 8},
    [GFLOPS] = {"gflops", "GFLOP/s", true, 6},
    [MFU] = {"mfu", "MFU", true, 6},
    [MBU] = {"mbu", "MBU", true, 6},
    [BOUND] = {"bound", "Bound", false, 7},
    [PLANNED] = {"planned_bytes", "Planned, bytes", true, 7},
    [PEAK] = {"peak_bytes", "Memory, bytes", true, 5},
    [ENERGY] = {"energy_j", "Energy, J", true, 8},
    [CHECK] = {"check_error", "Check", true, 9},
};

struct report *run_table_create(struct table **table)
{
    struct report *report = report_create("Cases of all runs");
    if (report)
        *table = report_table(report, NULL, columns, COLUMNS);
    return report;
}

static void put_text(struct cell *cell, const char *text)
{
    if (text && *text)
        cell_text(cell, TONE_PLAIN, "%s", text);
}

static void put_real(struct cell *cell, double value)
{
    if (isfinite(value))
        cell_number(cell, value, "%.6g", value);
}

static void put_count(struct cell *cell, uint64_t count, uint64_t unknown)
{
    if (count != unknown)
        cell_number(cell, (double)count, "%llu", (unsigned long long)count);
}

static void put_run(struct cell *row, const struct run *run)
{
    put_text(&row[RUN], run->id);
    put_text(&row[STARTED], run->started);
    put_text(&row[MACHINE], run_machine_name(run));
    put_text(&row[FINGERPRINT], run_fingerprint(run));
    put_text(&row[VERSION], json_get_string(json_object_get(run->machine, "software"), "benchmark"));
    put_text(&row[SUITE], run->suite);
    put_text(&row[ENGINE], run->engine);
    put_text(&row[NOTE], run->note);
}

static void put_case(struct cell *row, const struct record *record)
{
    put_text(&row[CASE], record->id);
    put_text(&row[FAMILY], record->family);
    put_text(&row[MODEL], record->model);
    put_text(&row[TASK], record->task);
    put_text(&row[MODE], record->mode);
    put_text(&row[DTYPE], record->dtype);
    put_count(&row[BATCH], (uint64_t)record->batch, 0);
    put_count(&row[CONTEXT], (uint64_t)record->context, 0);
    put_text(&row[DEVICE], record->device);
    put_count(&row[THREADS], (uint64_t)record->threads, 0);
    put_text(&row[STATUS], status_name(record->status));
    put_text(&row[REASON], record->reason);
}

static void put_figures(struct cell *row, const struct record *record)
{
    put_real(&row[THROUGHPUT], record->throughput);
    put_text(&row[UNIT], record->unit);
    put_real(&row[TIME], record->time.median);
    row[TIME].low = record->time.low;
    row[TIME].high = record->time.high;
    put_count(&row[SAMPLES], record->sample_count, 0);
    put_real(&row[GFLOPS], record->gflops);
    put_real(&row[MFU], record->mfu);
    put_real(&row[MBU], record->mbu);
    put_text(&row[BOUND], record->bound);
    put_count(&row[PLANNED], record->memory[MEMORY_PLANNED], BYTES_UNKNOWN);
    put_count(&row[PEAK], record->memory[MEMORY_PEAK], BYTES_UNKNOWN);
    put_real(&row[ENERGY], record->energy_j);
    if (record->has_check)
        put_real(&row[CHECK], record->check_error);
}

void run_table_add(struct table *table, const struct run *run)
{
    for (size_t i = 0; i < run->record_count; i++) {
        struct cell *row = table_row(table);
        put_run(row, run);
        put_case(row, &run->records[i]);
        put_figures(row, &run->records[i]);
    }
}
