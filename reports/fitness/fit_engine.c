#include "reports/fitness/fit_engine.h"

#include <stdio.h>
#include <strings.h>

#include "harness/store/llama_bench_run.h"
#include "models/families/family.h"

void fit_set_speed(struct fit_row *row, struct range seconds, const char *bound)
{
    double units = case_units(&row->one);
    row->latency_s = seconds;
    row->throughput = (struct range){units / seconds.median, units / seconds.high, units / seconds.low};
    snprintf(row->bound, sizeof row->bound, "%s", bound);
}

static bool take_speed(struct fit_row *row, const struct engine_work *work, const struct fit_machine *machine)
{
    struct engine_speed speed = engine_profile_measured(machine->engine_profile, work);
    row->measured = speed.seconds > 0;
    if (!row->measured)
        speed = engine_profile_predict(machine->engine_profile, work);
    if (!(speed.seconds > 0))
        return false;
    fit_set_speed(row, (struct range){speed.seconds, speed.low, speed.high}, "");
    row->estimated = !row->measured;
    row->engine = machine->engine;
    return true;
}

bool fit_engine_speed(struct fit_row *row, const struct fit_machine *machine)
{
    struct engine_work work;
    return machine->engine_profile &&
           engine_work_of_case(&row->one, fit_row_dtype(row), (double)row->parameters, (double)row->weights_bytes,
                               machine->engine_threads, &work) &&
           take_speed(row, &work, machine);
}

bool fit_engine_speed_of_settings(struct fit_row *row, const struct settings *settings,
                                  const struct fit_machine *machine)
{
    struct engine_work work;
    return machine->engine_profile &&
           engine_work_of_settings(settings, &row->one, fit_row_dtype(row), (double)row->parameters,
                                   (double)row->weights_bytes, machine->engine_threads, &work) &&
           take_speed(row, &work, machine);
}

static bool memory_of(const struct model_case *one, struct engine_memory *memory, uint64_t weights_bytes,
                      uint64_t *total_bytes)
{
    if (!engine_memory_of_case(one, true, memory))
        return false;
    *total_bytes =
        weights_bytes + memory->kv_cache_bytes + memory->compute_bytes + memory->output_bytes + memory->runtime_bytes;
    return true;
}

bool fit_engine_memory(struct fit_row *row, const struct fit_machine *machine)
{
    struct engine_memory memory;
    if (!machine->engine || strcasecmp(machine->engine, ENGINE_LLAMA_CPP) != 0 ||
        !memory_of(&row->one, &memory, row->weights_bytes, &row->total_bytes))
        return false;
    row->kv_cache_bytes = memory.kv_cache_bytes;
    row->activations_bytes = memory.output_bytes;
    row->workspace_bytes = memory.compute_bytes;
    row->runtime_bytes = memory.runtime_bytes;
    row->memory_of = ENGINE_MEMORY_VERSION;
    return true;
}

/* The largest value of what `value` points at, of the case, with which it fits; 0 when not even 1 does. */
static int64_t largest(struct model_case *one, int64_t *value, int64_t most, uint64_t weights_bytes, uint64_t room)
{
    int64_t fits = 0, least_not = most + 1;
    while (least_not - fits > 1) {
        struct engine_memory memory;
        uint64_t total;
        *value = fits + (least_not - fits) / 2;
        if (memory_of(one, &memory, weights_bytes, &total) && total <= room)
            fits = *value;
        else
            least_not = *value;
    }
    return fits;
}

void fit_engine_limits(struct fit_row *row, const struct fit_machine *machine)
{
    struct model_case one = row->one;
    int64_t most = one.size->config.max_context > 0 ? one.size->config.max_context : one.context;
    row->max_context = largest(&one, &one.context, most, row->weights_bytes, machine->available_bytes);
    one = row->one;
    row->max_batch = largest(&one, &one.batch, FIT_MOST_BATCH, row->weights_bytes, machine->available_bytes);
}
