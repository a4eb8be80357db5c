#include "reports/run_figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "models/families/family.h"
#include "reports/machine_figures.h"

enum { MOST_ROWS = 24, MOST_MEMORY_ROWS = 16 };

/* ---- speeds ---- */

static const struct record *is_first_of_unit(const struct run *run, size_t place)
{
    const struct record *record = &run->records[place];
    if (!status_is_measured(record->status) || !(record->throughput > 0))
        return NULL;
    for (size_t i = 0; i < place; i++)
        if (status_is_measured(run->records[i].status) && strcmp(run->records[i].unit, record->unit) == 0)
            return NULL;
    return record;
}

static int by_speed(const void *a, const void *b)
{
    double one = (*(const struct record *const *)a)->throughput, other = (*(const struct record *const *)b)->throughput;
    return (one < other) - (one > other);
}

static void add_speed_row(struct bars *bars, const struct record *record)
{
    char figure[32], text[80];
    if (record->throughput < 999.5)
        snprintf(figure, sizeof figure, "%.3g", record->throughput);
    else
        format_count(record->throughput, figure, sizeof figure);
    snprintf(text, sizeof text, "%s %s", figure, unit_words(record->unit));
    struct bar *bar = bars_add(bars, record->id, text);
    bar->parts[0] = record->throughput;
    bar->low = record->throughput * record->time.median / record->time.high;
    bar->high = record->throughput * record->time.median / record->time.low;
}

/* Of each unit the fastest cases, spread over all of them where there are too many to show. */
static void add_speeds(struct report *report, const struct run *run, const struct record *first)
{
    static const char *const parts[] = {"speed"};
    const struct record **of_unit = calloc(run->record_count + 1, sizeof *of_unit);
    size_t count = 0;
    for (size_t i = 0; of_unit && i < run->record_count; i++)
        if (status_is_measured(run->records[i].status) && strcmp(run->records[i].unit, first->unit) == 0)
            of_unit[count++] = &run->records[i];
    if (count > 1) {
        qsort(of_unit, count, sizeof *of_unit, by_speed);
        struct bars *bars = report_bars(report,
                                        count > MOST_ROWS ? "Speed (some of the cases; the length is logarithmic)"
                                                          : "Speed (the length is logarithmic)",
                                        parts, 1);
        bars->logarithmic = true;
        size_t shown = count < MOST_ROWS ? count : MOST_ROWS;
        for (size_t i = 0; i < shown; i++)
            add_speed_row(bars, of_unit[i * (count - 1) / (shown > 1 ? shown - 1 : 1)]);
        report_drawn_only(report);
    }
    free(of_unit);
}

/* ---- memory ---- */

static int by_memory(const void *a, const void *b)
{
    uint64_t one = (*(const struct record *const *)a)->memory[MEMORY_PLANNED],
             other = (*(const struct record *const *)b)->memory[MEMORY_PLANNED];
    return (one < other) - (one > other);
}

static void add_memory(struct report *report, const struct run *run)
{
    static const enum memory_part shown[] = {MEMORY_WEIGHTS,   MEMORY_KV_CACHE,  MEMORY_ACTIVATIONS,
                                             MEMORY_GRADIENTS, MEMORY_OPTIMIZER, MEMORY_WORKSPACE};
    static const char *const names[] = {"weights", "KV cache", "activations", "gradients", "optimizer", "workspace"};
    enum { PARTS = sizeof shown / sizeof *shown };
    const struct record **planned = calloc(run->record_count + 1, sizeof *planned);
    size_t count = 0;
    for (size_t i = 0; planned && i < run->record_count; i++)
        if (run->records[i].memory[MEMORY_PLANNED] != BYTES_UNKNOWN &&
            run->records[i].memory[MEMORY_WEIGHTS] != BYTES_UNKNOWN)
            planned[count++] = &run->records[i];
    if (count) {
        double limit = json_get_real(json_object_get(run->machine, "memory"), "limit_bytes");
        qsort(planned, count, sizeof *planned, by_memory);
        struct bars *bars = report_bars(report, "Memory by part, of the largest cases", names, PARTS);
        bars->limit_title = "all that the machine lets us have";
        for (size_t i = 0; i < count && i < MOST_MEMORY_ROWS; i++) {
            char total[32];
            format_size(planned[i]->memory[MEMORY_PLANNED], total, sizeof total);
            struct bar *bar = bars_add(bars, planned[i]->id, total);
            bar->limit = limit;
            for (size_t part = 0; part < PARTS; part++) {
                uint64_t bytes = planned[i]->memory[shown[part]];
                bar->parts[part] = bytes == BYTES_UNKNOWN ? 0 : (double)bytes;
            }
        }
        report_drawn_only(report);
    }
    free(planned);
}

/* ---- roofline ---- */

static void add_roofline(struct report *report, const struct run *run)
{
    if (!(json_get_real(json_object_get(run->machine, "ceilings"), "read_gbs") > 0))
        return;
    struct roofline *roofline = report_roofline(report, "The cases under this machine's roofline");
    machine_add_ceilings(roofline, run->machine, "bf16");
    for (size_t i = 0; i < run->record_count; i++) {
        const struct record *record = &run->records[i];
        if (status_is_measured(record->status) && record->flops > 0 && record->bytes > 0 && record->time.median > 0)
            roofline_point(roofline, record->id, record->flops / record->bytes,
                           record->flops / record->time.median / 1e9);
    }
    report_drawn_only(report);
}

void run_add_figures(struct report *report, const struct run *run)
{
    if (run->record_count < 2)
        return;
    report_heading(report, "Figures");
    report_drawn_only(report);
    for (size_t i = 0; i < run->record_count; i++) {
        const struct record *first = is_first_of_unit(run, i);
        if (first)
            add_speeds(report, run, first);
    }
    add_memory(report, run);
    add_roofline(report, run);
    size_t drawn = report->block_count;
    machine_add_topology(report, run->machine);
    if (report->block_count > drawn)
        report_drawn_only(report);
}
