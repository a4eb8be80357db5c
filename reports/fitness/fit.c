#include "reports/fitness/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/parse.h"
#include "models/engine/case_batches.h"
#include "models/families/family.h"
#include "models/graph/plan.h"
#include "reports/fitness/fit_engine.h"
#include "reports/fitness/fit_recipe.h"

/* ---- memory ---- */

/* Bytes that the case would hold in all; false when it can't be built (a context beyond its positions). */
static bool plan_case(const struct model_case *one, int threads, struct plan *plan, struct graph **graph,
                      struct error *error)
{
    *graph = case_build_shapes(one, error);
    if (!*graph)
        return false;
    if (plan_make(*graph, threads, plan, error))
        return true;
    graph_free(*graph);
    *graph = NULL;
    return false;
}

uint64_t fit_room(const struct fit_machine *machine)
{
    uint64_t runtime = machine->runtime_bytes;
    return machine->available_bytes > runtime ? machine->available_bytes - runtime : 0;
}

/* The longest context that fits, in the modes that keep one. */
static void find_longest_context(struct fit_row *row, const struct plan *plan, const struct fit_machine *machine)
{
    bool cached = row->one.mode == MODE_PREFILL || row->one.mode == MODE_DECODE;
    if (cached && plan->weights_bytes <= fit_room(machine))
        row->max_context = solve_context(&row->one, plan, fit_room(machine));
}

/* The largest batch that fits beside the process itself. What the graph holds whatever the batch may be too much
 * already. */
static bool find_largest_batch(struct fit_row *row, struct graph *graph, const struct plan *plan,
                               const struct fit_machine *machine, struct error *error)
{
    uint64_t room = fit_room(machine);
    struct case_batches batches;
    if (plan->weights_bytes + plan->optimizer_bytes > room || (row->one.batch == 1 && plan->arena_bytes > room))
        return true;
    if (!case_batches_open(&row->one, graph, plan->threads, &batches, error))
        return false;
    row->max_batch = case_batches_largest(&batches, plan, room, FIT_MOST_BATCH);
    case_batches_close(&batches);
    return true;
}

static void plan_row(struct fit_row *row, const struct plan *plan, uint64_t runtime_bytes)
{
    row->weights_bytes = plan->weights_bytes;
    row->kv_cache_bytes = plan->kv_cache_bytes;
    row->activations_bytes = plan->activations_bytes;
    row->gradients_bytes = plan->gradients_bytes;
    row->optimizer_bytes = plan->optimizer_bytes;
    row->workspace_bytes = plan->workspace_bytes;
    row->runtime_bytes = runtime_bytes;
    row->total_bytes = row->planned_bytes = plan->arena_bytes + runtime_bytes;
}

/* ---- speed ---- */

static const struct range UNKNOWN = {NAN, NAN, NAN};

/* The latest record of the case that was measured, or NULL. */
static const struct record *find_record(const struct fit_machine *machine, const char *id)
{
    for (size_t i = 0; i < machine->record_count; i++)
        if (status_is_measured(machine->records[i].status) && strcmp(machine->records[i].id, id) == 0)
            return &machine->records[i];
    return NULL;
}

/* By what ops reach of other machines' limits. */
static bool judge_transfer(struct fit_row *row, const struct graph *graph, const struct fit_machine *machine)
{
    const char *bound;
    if (!machine->transfer)
        return false;
    struct range seconds = fit_transfer_seconds(machine->transfer, graph, row->one.mode, &bound);
    if (!(seconds.median > 0))
        return false;
    fit_set_speed(row, seconds, bound);
    return row->estimated = true;
}

static void judge_speed(struct fit_row *row, const struct graph *graph, const struct fit_machine *machine)
{
    if (fit_engine_speed(row, machine))
        return;
    const struct record *record = find_record(machine, row->one.id);
    row->throughput = row->latency_s = UNKNOWN;
    if (record && record->time.median > 0) {
        struct range seconds = {record->time.median, record->time.low, record->time.high};
        fit_set_speed(row, seconds, record->bound);
        row->measured = true;
    } else if (machine->estimator) {
        struct estimate estimate = estimator_estimate(machine->estimator, graph, row->one.mode);
        if (!(estimate.seconds > 0))
            return;
        struct range seconds = {estimate.seconds, estimate.low, estimate.high};
        fit_set_speed(row, seconds, bound_name(estimate.bound));
        row->estimated = true;
    } else if (judge_transfer(row, graph, machine)) {
        return;
    } else if (machine->limits && limits_known(machine->limits)) {
        const char *bound;
        struct range seconds = limits_seconds(machine->limits, graph, &bound);
        fit_set_speed(row, seconds, bound);
        row->sheet = machine->limits->sheet;
        row->estimated = !row->sheet;
    }
}

/* ---- the rows ---- */

static bool is_wanted_model(const struct fit_demands *demands, const struct family *family,
                            const struct family_size *size)
{
    bool demanding = demands->min_throughput > 0 || demands->max_latency_s > 0;
    if (demands->task && strcasecmp(demands->task, family_task(family, size)) != 0)
        return false;
    if (!demands->models || !demands->models[0])
        return !(size->task && demanding); /* what stands beside others isn't as fast in the same unit */
    for (size_t i = 0; demands->models[i]; i++)
        if (family_find_size(demands->models[i], NULL) == size)
            return true;
    return false;
}

bool fit_append(struct fit *fit, const struct fit_row *row, struct error *error)
{
    struct fit_row *rows = realloc(fit->rows, (fit->row_count + 1) * sizeof *rows);
    if (!rows)
        return error_set(error, ERROR_SYSTEM, "out of memory for the fitness table");
    fit->rows = rows;
    rows[fit->row_count++] = *row;
    return true;
}

const char *fit_row_dtype(const struct fit_row *row)
{
    return row->dtype ? row->dtype : case_dtype_name(&row->one);
}

static bool solve(struct fit_row *row, struct graph *graph, const struct plan *plan, const struct fit_machine *machine,
                  struct error *error)
{
    find_longest_context(row, plan, machine);
    return find_largest_batch(row, graph, plan, machine, error);
}

bool fit_solve_row(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine,
                   struct error *error)
{
    struct plan plan;
    struct graph *graph;
    if (row->memory_of) /* another engine's, solved with the row */
        return true;
    if (!plan_case(&row->one, demands->threads, &plan, &graph, error))
        return false;
    bool right = solve(row, graph, &plan, machine, error);
    plan_free(&plan);
    graph_free(graph);
    return right;
}

static bool fill_row(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine,
                     uint64_t weights_bytes, struct fit_recipe_last *last, struct error *error)
{
    struct plan plan;
    struct graph *graph;
    if (!plan_case(&row->one, demands->threads, &plan, &graph, error))
        return false;
    row->machine = machine->name;
    row->available_bytes = machine->available_bytes;
    row->parameters = graph_parameters(graph);
    row->active_parameters = graph_active_parameters(graph);
    plan_row(row, &plan, machine->runtime_bytes);
    if (!weights_bytes)
        weights_bytes = fit_recipe_weights(&row->one, row->weights_bytes, last);
    if (weights_bytes) { /* as the file has them */
        row->total_bytes += weights_bytes - row->weights_bytes;
        row->weights_bytes = weights_bytes;
    }
    judge_speed(row, graph, machine);
    bool foreign = fit_engine_memory(row, machine);
    fit_judge(row, demands, machine);
    bool right = true;
    if (foreign)
        fit_engine_limits(row, machine);
    else if (!demands->shown_only)
        right = solve(row, graph, &plan, machine, error);
    plan_free(&plan);
    graph_free(graph);
    return right;
}

/* Safe to be called by several threads for different rows. */
bool fit_fill_row(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine,
                  uint64_t weights_bytes, struct error *error)
{
    return fill_row(row, demands, machine, weights_bytes, &(struct fit_recipe_last){0}, error);
}

bool fit_add_row(struct fit *fit, const struct model_case *one, const struct fit_demands *demands,
                 const struct fit_machine *machine, uint64_t weights_bytes, struct error *error)
{
    struct fit_row row = {.one = *one};
    return fit_fill_row(&row, demands, machine, weights_bytes, error) && fit_append(fit, &row, error);
}

/* The shape asked for, or the one that the size is usually measured at in that mode. */
static struct model_case case_of(const struct fit_demands *demands, const struct family *family,
                                 const struct family_size *size, enum mode mode)
{
    bool train = mode_trains(mode) && !family->solves;
    struct model_case one = case_of_size(family, size, mode);
    one.batch = demands->batch ? demands->batch : mode == MODE_DECODE ? 1 : size->batches[0];
    if (family->has_context && demands->context)
        one.context = demands->context;
    if (mode == MODE_PREFILL || mode == MODE_DECODE)
        one.kv_dtype = demands->kv_dtype;
    one.optimizer = train ? demands->optimizer : -1;
    one.checkpointing = train && demands->checkpointing;
    return one;
}

/* What people run in each mode where they don't say. */
static const char *const usual[] = {"f32", "bf16"}, *const usual_cached[] = {"bf16", "q8_0", "q4_K_M"};

/* Rows of the size's cases, to be filled. */
static bool add_rows_of(struct fit *fit, const struct fit_demands *demands, const struct family *family,
                        const struct family_size *size, struct error *error)
{
    unsigned modes = demands->modes ? demands->modes : ~0u;
    bool named = demands->models && demands->models[0], beside = size->task;
    if (demands->context && (family->has_context ? demands->context > size->config.max_context : !named && !beside))
        return true; /* the model has no positions for that context: no row of it can answer */
    for (int mode = 0; mode < MODE_COUNT; mode++) {
        bool cached = mode == MODE_PREFILL || mode == MODE_DECODE;
        const char *const *names = cached ? usual_cached : usual;
        size_t count = cached ? sizeof usual_cached / sizeof *usual_cached : sizeof usual / sizeof *usual;
        if (demands->dtype_count) {
            names = demands->dtypes;
            count = demands->dtype_count;
        }
        struct model_case one = case_of(demands, family, size, (enum mode)mode), valid;
        for (size_t i = 0; i < count && modes >> mode & 1 && family_has_mode(family, size, (enum mode)mode); i++) {
            uint64_t weights_bytes = 0;
            bool runs = case_set_dtype(&one, names[i]);
            if (!runs) { /* a recipe that no kernel runs: memory is its file's, the rest as the nearest that does */
                weights_bytes = fit_recipe_bytes(family, size, names[i]);
                if (!weights_bytes || mode_trains((enum mode)mode))
                    continue;
                case_set_dtype(&one, fit_recipe_stand_in(family, size, weights_bytes));
            }
            case_name(&one);
            if (!case_parse(one.id, &valid, NULL))
                continue; /* no such case: a trained q4_0, a quantised convolution */
            if (!fit_append(fit, &(struct fit_row){.one = one, .file_weights_bytes = weights_bytes}, error))
                return false;
            fit->rows[fit->row_count - 1].dtype = runs ? NULL : names[i];
        }
    }
    return true;
}

/* The rows of the model at `first`, one after the other; false at an error. A row that can't have the cache's type
 * asked for stays empty. */
static bool fill_model(struct fit *fit, size_t first, const struct fit_demands *demands,
                       const struct fit_machine *machine, struct error *error)
{
    struct fit_recipe_last last = {0};
    for (size_t i = first; i < fit->row_count && fit->rows[i].one.size == fit->rows[first].one.size; i++)
        if (!fill_row(&fit->rows[i], demands, machine, fit->rows[i].file_weights_bytes, &last, error) &&
            (demands->kv_dtype < 0 || error->kind != ERROR_INPUT))
            return false;
    return true;
}

/* Each model is its own work: as many at once as there are threads to measure with, and the first error of them all. */
static bool fill_rows(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                      struct error *error)
{
    bool right = true;
#pragma omp parallel for schedule(dynamic, 4) num_threads(demands->threads)
    for (size_t i = 0; i < fit->row_count; i++) {
        struct error own = {0};
        if ((i && fit->rows[i - 1].one.size == fit->rows[i].one.size) || fill_model(fit, i, demands, machine, &own))
            continue;
#pragma omp critical(fit_error)
        {
            if (right && error)
                *error = own;
            right = false;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < fit->row_count; i++)
        if (fit->rows[i].machine)
            fit->rows[kept++] = fit->rows[i];
    fit->row_count = kept;
    return right;
}

bool fit_list_rows(struct fit *fit, const struct fit_demands *demands, struct error *error)
{
    const struct family_size *size;
    bool right = true;
    for (size_t f = 0; right && families[f]; f++)
        for (size_t s = 0; right && (size = family_size_at(families[f], s)); s++)
            if (is_wanted_model(demands, families[f], size))
                right = add_rows_of(fit, demands, families[f], size, error);
    return right;
}

static bool make_rows(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                      struct error *error)
{
    return fit_list_rows(fit, demands, error) && fill_rows(fit, demands, machine, error);
}

bool fit_make(const struct fit_demands *demands, const struct fit_machine *machine, struct fit *fit,
              struct error *error)
{
    *fit = (struct fit){.asks = demands->min_throughput > 0 || demands->max_latency_s > 0};
    if (!make_rows(fit, demands, machine, error)) {
        fit_free(fit);
        return false;
    }
    fit_conclude(fit, demands, machine);
    return true;
}

bool fit_add_machine(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                     struct error *error)
{
    struct fit own = {0};
    bool right = make_rows(&own, demands, machine, error);
    fit->machines = true;
    for (size_t i = 0; right && i < own.row_count; i++) {
        const struct fit_row *row = &own.rows[i];
        size_t last = fit->row_count;
        bool again =
            last && fit->rows[last - 1].one.size == row->one.size && fit->rows[last - 1].machine == row->machine;
        if (!again)
            right = fit_append(fit, row, error);
        else if (row->fits < fit->rows[last - 1].fits)
            fit->rows[last - 1] = *row;
    }
    fit_free(&own);
    return right;
}

void fit_free(struct fit *fit)
{
    free(fit->rows);
    *fit = (struct fit){0};
}
