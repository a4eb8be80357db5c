#include "reports/fitness/sheet_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "models/graph/plan.h"
#include "reports/fitness/fit_limits.h"

/* Each is planned: more than a suite has are somebody's mistake. */
enum { MOST_CASES = 5000 };

static uint64_t memory_bytes(const struct device *device)
{
    return device->memory_gib > 0 ? (uint64_t)(device->memory_gib * (double)(1ull << 30)) : BYTES_UNKNOWN;
}

static json_t *describe(const struct device *device)
{
    json_t *machine = json_object(), *memory = json_object();
    json_put_string(machine, "name", device->name);
    json_put_string(machine, "basis", "data sheet");
    if (memory_bytes(device) != BYTES_UNKNOWN) {
        json_put_count(memory, "total_bytes", memory_bytes(device));
        json_put_count(memory, "limit_bytes", memory_bytes(device));
    }
    json_put(machine, "memory", memory);
    return machine;
}

static void set_time(struct record *record, const struct model_case *one, const struct fit_limits *limits,
                     const struct graph *graph)
{
    const char *bound;
    if (!limits_known(limits)) {
        record->status = STATUS_SKIPPED;
        snprintf(record->reason, sizeof record->reason, "its data sheet tells no peak or no bandwidth");
        return;
    }
    struct range seconds = limits_seconds(limits, graph, &bound);
    record->status = STATUS_OK;
    record->time = (struct interval){seconds.median, seconds.low, seconds.high, NAN};
    record->throughput = case_units(one) / seconds.median;
    snprintf(record->unit, sizeof record->unit, "%s", case_unit(one));
    snprintf(record->bound, sizeof record->bound, "%s", bound);
}

/* What the machine would make of the case; `record` has its name already. */
static bool fill(struct record *record, const struct device *device, const struct fit_limits *limits,
                 struct error *error)
{
    struct model_case one;
    struct error own = {0};
    struct plan plan;
    if (!case_parse(record->id, &one, &own)) {
        record->status = STATUS_SKIPPED;
        snprintf(record->reason, sizeof record->reason, "no case of this program: %.300s", own.message);
        return true;
    }
    struct graph *graph = case_build_shapes(&one, error);
    bool right = graph && plan_make(graph, 1, &plan, error);
    if (right) {
        snprintf(record->dtype, sizeof record->dtype, "%s", case_dtype_name(&one));
        record->memory[MEMORY_PLANNED] = plan.arena_bytes;
        set_time(record, &one, limits, graph);
        if (plan.arena_bytes > memory_bytes(device)) {
            char need[32], there[32];
            format_size(plan.arena_bytes, need, sizeof need);
            format_size(memory_bytes(device), there, sizeof there);
            record->status = STATUS_OUT_OF_MEMORY;
            snprintf(record->reason, sizeof record->reason, "needs %s, and its data sheet tells %s", need, there);
        }
        plan_free(&plan);
    }
    graph_free(graph);
    return right;
}

bool sheet_run_make(const struct device *device, const struct run *like, const struct workload *workload,
                    struct run *run, struct error *error)
{
    struct fit_limits limits = limits_of_device(device);
    *run = (struct run){.id = "data-sheet", .machine = describe(device)};
    run->records = calloc(like->record_count + 1, sizeof *run->records);
    bool right = run->records || error_set(error, ERROR_SYSTEM, "not enough memory to compare");
    for (size_t i = 0; right && i < like->record_count; i++) {
        if (isnan(workload_weight(workload, like->records[i].id)))
            continue;
        if (run->record_count == MOST_CASES)
            right =
                error_set(error, ERROR_INPUT, "%s: a data sheet is asked about at most %d cases; --workload chooses",
                          device->name, MOST_CASES);
        else {
            struct record *record = &run->records[run->record_count++];
            record_clear(record);
            snprintf(record->id, sizeof record->id, "%s", like->records[i].id);
            right = fill(record, device, &limits, error);
        }
    }
    if (!right)
        run_free(run);
    return right;
}
