/* The run and its records as data; see record.h. */
#include "harness/store/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "harness/store/fidelity_json.h"

static const char *const status_names[STATUS_COUNT] = {
    [STATUS_OK] = "ok",
    [STATUS_NOISY] = "noisy",
    [STATUS_FAILED] = "failed",
    [STATUS_TIMEOUT] = "timeout",
    [STATUS_OUT_OF_MEMORY] = "out_of_memory",
    [STATUS_SKIPPED] = "skipped",
};

const char *const memory_part_names[MEMORY_PART_COUNT] = {
    [MEMORY_PLANNED] = "planned_bytes",     [MEMORY_PEAK] = "peak_bytes",
    [MEMORY_WEIGHTS] = "weights_bytes",     [MEMORY_ACTIVATIONS] = "activations_bytes",
    [MEMORY_GRADIENTS] = "gradients_bytes", [MEMORY_OPTIMIZER] = "optimizer_bytes",
    [MEMORY_KV_CACHE] = "kv_cache_bytes",   [MEMORY_WORKSPACE] = "workspace_bytes",
};

const char *status_name(enum status status)
{
    return status_names[status];
}

bool status_parse(const char *name, enum status *status)
{
    for (int i = 0; i < STATUS_COUNT; i++)
        if (!strcmp(name, status_names[i])) {
            *status = (enum status)i;
            return true;
        }
    return false;
}

bool status_is_measured(enum status status)
{
    return status == STATUS_OK || status == STATUS_NOISY;
}

void record_clear(struct record *record)
{
    *record = (struct record){0};
    for (int i = 0; i < MEMORY_PART_COUNT; i++)
        record->memory[i] = BYTES_UNKNOWN;
    record->time = record->estimate = (struct interval){NAN, NAN, NAN, NAN};
    record->flops = record->bytes = NAN;
    record->throughput = record->gflops = record->mfu = record->mbu = record->check_error = NAN;
    record->fidelity = fidelity_unknown();
    record->energy_j = record->steal = record->run_delay = record->canary_s = record->canary = NAN;
}

void record_free(struct record *record)
{
    free(record->samples);
    free(record->ops);
    json_decref(record->counters);
    record_clear(record);
}

bool record_add_samples(struct record *record, const double *samples, size_t count)
{
    if (!count)
        return true;
    double *all = realloc(record->samples, (record->sample_count + count) * sizeof *all);
    if (!all)
        return false;
    memcpy(all + record->sample_count, samples, count * sizeof *samples);
    record->samples = all;
    record->sample_count += count;
    return true;
}

void run_free(struct run *run)
{
    for (size_t i = 0; i < run->record_count; i++)
        record_free(&run->records[i]);
    free(run->records);
    free(run->note);
    free(run->engine);
    json_decref(run->command);
    json_decref(run->machine);
    *run = (struct run){0};
}

static const char *machine_string(const struct run *run, const char *key)
{
    const char *value = json_string_value(json_object_get(run->machine, key));
    return value ? value : "";
}

const char *run_fingerprint(const struct run *run)
{
    return machine_string(run, "fingerprint");
}

const char *run_machine_name(const struct run *run)
{
    return machine_string(run, "name");
}

void run_make_id(char id[TEXT_WORD])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint32_t random;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = (uint32_t)now.tv_nsec ^ (uint32_t)getpid() << 12;
    snprintf(id, TEXT_WORD, "%08x%08x", (unsigned)now.tv_sec, random);
}

void time_stamp(char stamp[TEXT_WORD])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(stamp, TEXT_WORD, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp + length, TEXT_WORD - length, ".%03dZ", (int)(now.tv_nsec / 1000000));
}
