/* From a case to the item that is scheduled; see prepare.h. */
#include "harness/run/prepare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/families/family.h"
#include "models/families/recipe.h"
#include "models/graph/cost.h"
#include "models/graph/plan.h"

/* Guesses for a machine of which nothing was measured yet: only the order of the first round rests on them. */
static const double guess_gflops = 20, guess_gbs = 5;
/* A step takes about so many times the floor that the ceilings set. */
static const double usual_over_floor = 3;
/* Filling memory with generated weights, checking the output at its reduced size, starting the process. */
static const double fill_gbs = 0.5, check_s = 0.5;
/* A sample of a model isn't checked, and its weights repeat. */
static const double sample_fill_gbs = 1.5, sample_s = 0.2;

/* What a dtype's multiplications are done in at best: packed weights meet 8-bit activations, f16 is widened. Where the
 * machine doesn't say how fast that is, the next wider unit stands for it. */
double prepare_peak_gflops(const struct machine *machine, const char *dtype)
{
    const struct recipe *recipe = recipe_find(dtype);
    const char *unit = !recipe ? dtype : dtype_quantised(recipe->base) ? "int8" : "f32";
    double peak = NAN;
    static const char *const kinds[] = {"gemm", "peak"};
    for (size_t i = 0; i < 2; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s_%s_gflops", kinds[i], unit);
        peak = fmax(peak, machine_ceiling(machine, name)); /* fmax passes over NaN */
    }
    if (!isnan(peak) || strcmp(unit, "f32") == 0)
        return peak;
    return prepare_peak_gflops(machine, strcmp(unit, "int8") == 0 ? "bf16" : "f32");
}

/* Each node's time is at least what its FLOPs take, or its bytes, or starting it; the step's bound is what makes up
 * most of the sum. */
static struct roof find_roof(const struct graph *graph, const struct machine *machine, const char *dtype)
{
    struct roof roof = {.peak_gflops = prepare_peak_gflops(machine, dtype),
                        .read_gbs = machine_ceiling(machine, "read_gbs")};
    double fork_join = machine_ceiling(machine, "fork_join_s");
    double start_s = isnan(fork_join) ? 0 : fork_join, sums[3] = {0};
    if (isnan(roof.peak_gflops) || isnan(roof.read_gbs))
        return roof;
    for (int i = 0; i < graph->node_count; i++) {
        struct cost cost = node_cost(graph, &graph->nodes[i]);
        double compute = cost.flops / roof.peak_gflops / 1e9;
        double bandwidth = (cost.bytes_read + cost.bytes_written) / roof.read_gbs / 1e9;
        if (cost.flops + cost.bytes_read + cost.bytes_written <= 0)
            continue; /* a reshape: nothing is started for it */
        int most = compute >= bandwidth ? 0 : 1;
        if (start_s > fmax(compute, bandwidth))
            most = 2;
        sums[most] += fmax(start_s, fmax(compute, bandwidth));
    }
    static const char *const names[] = {"compute", "bandwidth", "overhead"};
    int most = sums[1] > sums[0] ? 1 : 0;
    roof.bound = names[sums[2] > sums[most] ? 2 : most];
    roof.floor_s = sums[0] + sums[1] + sums[2];
    return roof;
}

static void fill_identity(const struct model_case *one, int threads, struct record *record)
{
    record_clear(record);
    snprintf(record->id, sizeof record->id, "%s", one->id);
    snprintf(record->family, sizeof record->family, "%s", one->family->name);
    snprintf(record->model, sizeof record->model, "%s", one->size->name);
    snprintf(record->task, sizeof record->task, "%s", family_task(one->family, one->size));
    snprintf(record->mode, sizeof record->mode, "%s", mode_name(one->mode));
    snprintf(record->dtype, sizeof record->dtype, "%s", case_dtype_name(one));
    snprintf(record->device, sizeof record->device, "%s", one->device);
    snprintf(record->unit, sizeof record->unit, "%s", case_unit(one));
    record->batch = one->batch;
    record->context = one->context;
    record->threads = threads;
    record->status = STATUS_SKIPPED;
    record->unfinished = true;
    snprintf(record->reason, sizeof record->reason, "the run ended before it; --resume goes on with it");
}

static void fill_memory(const struct plan *plan, struct record *record)
{
    record->memory[MEMORY_PLANNED] = plan->arena_bytes;
    record->memory[MEMORY_WEIGHTS] = plan->weights_bytes;
    record->memory[MEMORY_ACTIVATIONS] = plan->activations_bytes;
    record->memory[MEMORY_GRADIENTS] = plan->gradients_bytes;
    record->memory[MEMORY_OPTIMIZER] = plan->optimizer_bytes;
    record->memory[MEMORY_KV_CACHE] = plan->kv_cache_bytes;
    record->memory[MEMORY_WORKSPACE] = plan->workspace_bytes;
}

static void fill_costs(const struct graph *graph, const struct machine *machine, struct item *item)
{
    struct record *record = &item->record;
    struct cost cost = graph_cost(graph);
    record->flops = cost.flops;
    record->bytes = cost.bytes_read + cost.bytes_written;
    record->parameters = graph_parameters(graph);
    item->roof = find_roof(graph, machine, record->dtype);
    double floor =
        item->roof.bound ? item->roof.floor_s : cost.flops / guess_gflops / 1e9 + record->bytes / guess_gbs / 1e9;
    item->expected_step_s = usual_over_floor * floor;
    double planned = (double)record->memory[MEMORY_PLANNED];
    item->expected_setup_s =
        item->sampled ? sample_s + planned / sample_fill_gbs / 1e9 : check_s + planned / fill_gbs / 1e9;
}

void prepare_item(const struct model_case *one, int threads, const struct machine *machine, struct item *item)
{
    *item = (struct item){.units = case_units(one),
                          .roof = {NAN, NAN, NAN, NULL},
                          .sampled = one->layers > 0,
                          .model = one->size->file,
                          .weights = one->size->file_weights,
                          .tokens = one->size->tokens,
                          .output = one->size->output};
    fill_identity(one, threads, &item->record);
    struct error error = {0};
    struct plan plan = {0};
    struct graph *graph = case_build(one, &error);
    if (graph && plan_make(graph, threads, &plan, &error)) {
        fill_memory(&plan, &item->record);
        fill_costs(graph, machine, item);
    } else {
        item->record.status = STATUS_FAILED;
        item->record.unfinished = false;
        snprintf(item->record.reason, sizeof item->record.reason, "%.399s", error.message);
        item->settled = true;
    }
    plan_free(&plan);
    graph_free(graph);
}
