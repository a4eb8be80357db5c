/* Writing a run as benchmark.run/1. Reading is in document_read.c. */
#include "harness/store/document.h"

#include <math.h>

#include "harness/base/json.h"
#include "harness/store/fidelity_json.h"
#include "harness/store/op_time.h"
#include "models/families/family.h"

static void put_text(json_t *object, const char *key, const char *text)
{
    if (text && *text)
        json_put_string(object, key, text);
}

static void put_interval(json_t *object, const char *key, const struct interval *interval)
{
    if (!isfinite(interval->median))
        return;
    json_t *value = json_object();
    json_put_real(value, "median", interval->median);
    json_put_real(value, "low", interval->low);
    json_put_real(value, "high", interval->high);
    json_put_real(value, "confidence", interval->confidence);
    json_put(object, key, value);
}

static void put_unless_empty(json_t *object, const char *key, json_t *value)
{
    if (json_object_size(value))
        json_put(object, key, value);
    else
        json_decref(value);
}

static void put_memory(json_t *object, const struct record *record)
{
    json_t *memory = json_object();
    for (int i = 0; i < MEMORY_PART_COUNT; i++)
        if (record->memory[i] != BYTES_UNKNOWN)
            json_put_count(memory, memory_part_names[i], record->memory[i]);
    put_unless_empty(object, "memory", memory);
}

static void put_times(json_t *object, const struct record *record)
{
    if (record->sample_count) {
        json_t *samples = json_array();
        for (size_t i = 0; i < record->sample_count; i++)
            json_array_append_new(samples, json_real(record->samples[i]));
        json_put(object, "samples_s", samples);
    }
    put_interval(object, "time_s", &record->time);
    if (isfinite(record->throughput)) {
        json_t *throughput = json_object();
        json_put_real(throughput, "value", record->throughput);
        put_text(throughput, "unit", record->unit);
        if (unit_is_audio(record->unit))
            json_put_real(throughput, "real_time_factor", 1 / record->throughput);
        json_put(object, "throughput", throughput);
    }
    json_put_real(object, "gflops", record->gflops);
    json_put_real(object, "mfu", record->mfu);
    json_put_real(object, "mbu", record->mbu);
    put_text(object, "bound", record->bound);
    put_interval(object, "estimate_s", &record->estimate);
}

static void put_judgement(json_t *object, const struct record *record)
{
    if (record->has_check) {
        json_t *check = json_object();
        json_put_bool(check, "passed", record->check_passed);
        json_put_real(check, "error", record->check_error);
        put_text(check, "against", record->check_against);
        json_put(object, "check", check);
    }
    json_put(object, "against_f32", fidelity_to_json(&record->fidelity));
    if (record->counters)
        json_put(object, "counters", json_incref(record->counters));
    json_put_real(object, "energy_j", record->energy_j);
    json_t *noise = json_object();
    json_put_real(noise, "steal", record->steal);
    json_put_real(noise, "run_delay", record->run_delay);
    json_put_real(noise, "canary", record->canary);
    json_put_real(noise, "canary_s", record->canary_s);
    put_unless_empty(object, "noise", noise);
}

static json_t *record_to_json(const struct record *record)
{
    json_t *object = json_object();
    json_put_string(object, "id", record->id);
    put_text(object, "family", record->family);
    put_text(object, "model", record->model);
    put_text(object, "task", record->task);
    put_text(object, "mode", record->mode);
    put_text(object, "dtype", record->dtype);
    if (record->batch)
        json_put_count(object, "batch", (uint64_t)record->batch);
    if (record->context)
        json_put_count(object, "context", (uint64_t)record->context);
    put_text(object, "device", record->device);
    if (record->threads)
        json_put_count(object, "threads", (uint64_t)record->threads);
    json_put_string(object, "status", status_name(record->status));
    put_text(object, "reason", record->reason);
    if (record->unfinished)
        json_put_bool(object, "unfinished", true);
    if (record->parameters)
        json_put_count(object, "parameters", record->parameters);
    json_put_real(object, "flops", record->flops);
    json_put_real(object, "bytes", record->bytes);
    put_memory(object, record);
    put_times(object, record);
    put_judgement(object, record);
    json_put(object, "ops", op_times_to_json(record->ops, record->op_count));
    return object;
}

json_t *run_to_json(const struct run *run)
{
    json_t *document = json_object();
    json_put_string(document, "schema", "benchmark.run/1");
    json_put_string(document, "id", run->id);
    put_text(document, "started", run->started);
    put_text(document, "finished", run->finished);
    if (run->command)
        json_put(document, "command", json_incref(run->command));
    put_text(document, "suite", run->suite);
    put_text(document, "note", run->note);
    put_text(document, "engine", run->engine);
    if (run->machine)
        json_put(document, "machine", json_incref(run->machine));
    json_t *cases = json_array();
    for (size_t i = 0; i < run->record_count; i++)
        json_array_append_new(cases, record_to_json(&run->records[i]));
    json_put(document, "cases", cases);
    return document;
}
