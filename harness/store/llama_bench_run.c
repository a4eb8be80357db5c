/* Rows as records, and the machines that they were measured on; see llama_bench_run.h. */
#include "harness/store/llama_bench_run.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/random.h"
#include "harness/base/text.h"
#include "harness/store/llama_bench_model.h"

/* ---- the machine ---- */

/* The device that did the work: the first backend, "cpu" where all layers stayed there. */
static void name_device(const struct bench_row *row, char *out, size_t size)
{
    size_t length = strcspn(row->backends, ", ");
    snprintf(out, size, "%.*s", (int)length, row->backends);
    for (char *at = out; *at; at++)
        *at = isalnum((unsigned char)*at) ? (char)tolower((unsigned char)*at) : '-';
    if (!*out || strcmp(out, "blas") == 0 || strcmp(out, "zendnn") == 0 || row->gpu_layers == 0)
        snprintf(out, size, "cpu");
}

/* What sets machines apart: its processor, and the card where one does the work. */
static void describe_machine(const struct bench_row *row, struct text *text)
{
    char device[TEXT_WORD];
    name_device(row, device, sizeof device);
    text_printf(text, "%s|%s", row->cpu, strcmp(device, "cpu") ? row->gpu : "");
}

static uint64_t machine_key(const struct bench_row *row)
{
    struct text text = {0};
    describe_machine(row, &text);
    uint64_t key = random_key(1, text_string(&text));
    text_free(&text);
    return key;
}

/* The name that people see: the card's, the processor's, the one given, or the file's stem. */
static void name_machine(const struct bench_row *row, const char *file, const char *given, char *out, size_t size)
{
    char device[TEXT_WORD];
    name_device(row, device, sizeof device);
    const char *name = given ? given : strcmp(device, "cpu") && *row->gpu ? row->gpu : row->cpu;
    const char *slash = strrchr(file, '/');
    snprintf(out, size, "%.*s", (int)size - 1, *name ? name : slash ? slash + 1 : file);
    char *dot = *name ? NULL : strrchr(out, '.');
    if (dot)
        *dot = '\0';
}

/* A series of another engine's figures is none of this machine's own: its fingerprint holds the engine too. */
static json_t *machine_document(const struct bench_row *row, const char *build, const char *name)
{
    struct text text = {0};
    char fingerprint[33];
    describe_machine(row, &text);
    text_printf(&text, "|%s|" ENGINE_LLAMA_CPP, name);
    snprintf(fingerprint, sizeof fingerprint, "%016llx%016llx", (unsigned long long)random_key(1, text_string(&text)),
             (unsigned long long)random_key(2, text_string(&text)));
    text_free(&text);
    json_t *machine = json_object(), *cpu = json_object(), *gpus = json_array(), *software = json_object();
    json_put_string(machine, "schema", "benchmark.machine/1");
    json_put_string(machine, "fingerprint", fingerprint);
    json_put_string(machine, "name", name);
    if (*row->cpu)
        json_put_string(cpu, "model", row->cpu);
    json_put(machine, "cpu", cpu);
    if (*row->gpu) {
        json_t *gpu = json_object();
        json_put_string(gpu, "name", row->gpu);
        json_array_append_new(gpus, gpu);
    }
    json_put(machine, "gpus", gpus);
    if (*build)
        json_put_string(software, "llama_cpp", build);
    json_put(machine, "software", software);
    return machine;
}

/* ---- a record ---- */

/* A step is one token when generating, and the whole prompt when reading it. */
static double tokens_of_step(const struct bench_row *row)
{
    return row->prompt > 0 ? row->prompt + row->generated : 1;
}

static bool take_times(const struct bench_row *row, struct record *record, struct error *error)
{
    double step = tokens_of_step(row), tokens = row->prompt + row->generated;
    for (size_t i = 0; i < row->sample_count; i++) {
        double seconds = row->samples[i] * step / tokens;
        if (!record_add_samples(record, &seconds, 1))
            return error_set(error, ERROR_SYSTEM, "not enough memory for the results");
    }
    record->time = stats_median_interval(record->samples, record->sample_count, 0.95);
    if (!record->sample_count)
        record->time = (struct interval){step / row->rate, NAN, NAN, NAN};
    record->throughput = record->sample_count ? step / record->time.median : row->rate;
    strcpy(record->unit, "tokens/s");
    return true;
}

/* The case's name; what makes a difference to its speed and has no part of its own follows as options. */
static void name_case(const struct bench_row *row, struct record *record)
{
    struct text id = {0};
    text_printf(&id, "%s/%s/%s/%s/b1/s%lld", record->family, record->model, record->mode, record->dtype,
                (long long)record->context);
    size_t word = strspn(row->type_k, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (word > 0 && strcmp(row->type_k, "f16") != 0)
        text_printf(&id, "/kv-%.*s", (int)word, row->type_k);
    if (row->prompt > 0 && row->depth > 0)
        text_printf(&id, "/after-%lld", (long long)row->depth);
    if (strcmp(record->device, "cpu") != 0)
        text_printf(&id, "@%s", record->device);
    snprintf(record->id, sizeof record->id, "%s", text_string(&id));
    text_free(&id);
}

bool bench_record(const struct bench_row *row, struct record *record, struct error *error)
{
    record_clear(record);
    bench_name_model(row, record);
    name_device(row, record->device, sizeof record->device);
    strcpy(record->mode, row->prompt == 0 ? "decode" : row->generated == 0 ? "prefill" : "prefill+decode");
    record->batch = 1;
    /* generating, the cache holds half of the tokens on the average */
    record->context = (int64_t)(row->prompt > 0 ? row->prompt + row->generated : row->depth + ceil(row->generated / 2));
    record->threads = isnan(row->threads) ? 0 : (int)row->threads;
    if (row->parameters > 0)
        record->parameters = (uint64_t)row->parameters;
    if (row->model_bytes > 0)
        record->memory[MEMORY_WEIGHTS] = (uint64_t)row->model_bytes;
    name_case(row, record);
    return take_times(row, record, error);
}

/* Whether `id` is `whole`, or that with what tells it apart. */
static bool same_test(const char *id, const char *whole, size_t length)
{
    return strncmp(id, whole, length) == 0 &&
           (!id[length] || (id[length] == '/' && (id[length + 1] == 't' || id[length + 1] == 'r')));
}

/* The same test with another number of threads, or once more, is a case of its own. */
static void tell_apart(struct run *run, struct record *record)
{
    char whole[TEXT_ID], threads[TEXT_ID];
    snprintf(whole, sizeof whole, "%.140s", record->id);
    snprintf(threads, sizeof threads, "%.140s/t%d", record->id, record->threads);
    size_t length = strlen(whole), again = 1;
    bool other_threads = record->threads > 0;
    for (size_t i = 0; &run->records[i] < record; i++) {
        const struct record *other = &run->records[i];
        if (!same_test(other->id, whole, length))
            continue;
        other_threads = other_threads && other->threads != record->threads;
        again++;
    }
    if (again > 1 && other_threads)
        snprintf(record->id, sizeof record->id, "%s", threads);
    else if (again > 1)
        snprintf(record->id, sizeof record->id, "%.130s/r%zu", whole, again);
}

/* ---- the run ---- */

/* "2026-01-31T23:59:59Z", as llama-bench writes it. */
static bool is_time(const char *text)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
    for (size_t i = 0; i < sizeof shape; i++)
        if (shape[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != shape[i])
            return false;
    return true;
}

/* A test's time where it is one, else now: of results that don't say when they were measured. */
static void date_run(struct run *run, const struct bench_row *row)
{
    if (!is_time(row->time))
        return;
    if (!*run->started || strcmp(row->time, run->started) < 0)
        strcpy(run->started, row->time);
    if (strcmp(row->time, run->finished) > 0)
        strcpy(run->finished, row->time);
}

static void put_identity(struct text *text, const struct bench_row *row)
{
    text_printf(text, "%s|%s|%s|%s|%.0f+%.0f@%.0f|%.0f|%.6f\n", row->file, row->model, row->time, row->backends,
                row->prompt, row->generated, row->depth, row->threads, row->rate);
}

/* Of the rows with the key of row `at`, which is their first. */
static bool make_run(const struct bench_rows *rows, const uint64_t *keys, size_t at, const char *name,
                     const char *given, struct run *run, struct error *error)
{
    const struct bench_row *first = &rows->rows[at];
    struct text identity = {0};
    char machine[TEXT_NAME];
    name_machine(first, name, given, machine, sizeof machine);
    run->machine = machine_document(first, *first->build ? first->build : rows->build, machine);
    size_t own = 0;
    for (size_t i = at; i < rows->count; i++)
        own += keys[i] == keys[at];
    run->records = calloc(own, sizeof *run->records);
    run->engine = strdup(ENGINE_LLAMA_CPP);
    bool right = run->records && run->engine && run->machine;
    text_printf(&identity, "%s\n", run_fingerprint(run));
    for (size_t i = at; right && i < rows->count; i++) {
        const struct bench_row *row = &rows->rows[i];
        if (keys[i] != keys[at])
            continue;
        struct record *record = &run->records[run->record_count++];
        right = bench_record(row, record, error);
        tell_apart(run, record);
        date_run(run, row);
        put_identity(&identity, row);
    }
    right = right && !identity.failed;
    if (!right && error->kind == ERROR_NONE)
        error_set(error, ERROR_SYSTEM, "%s: not enough memory to read it", name);
    snprintf(run->id, sizeof run->id, "llama-%016llx", (unsigned long long)random_key(1, text_string(&identity)));
    text_free(&identity);
    strcpy(run->suite, "llama-bench");
    if (!*run->started)
        time_stamp(run->started);
    if (!*run->finished)
        strcpy(run->finished, run->started);
    return right;
}

bool bench_runs(const struct bench_rows *rows, const char *name, const char *machine, struct run **runs, size_t *count,
                struct error *error)
{
    *count = 0;
    *runs = calloc(rows->count + 1, sizeof **runs);
    uint64_t *keys = calloc(rows->count + 1, sizeof *keys);
    for (size_t i = 0; keys && i < rows->count; i++)
        keys[i] = machine_key(&rows->rows[i]);
    bool right = (*runs && keys) || error_set(error, ERROR_SYSTEM, "%s: not enough memory to read it", name);
    for (size_t i = 0; right && i < rows->count; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = keys[k] == keys[i];
        if (!seen)
            right = make_run(rows, keys, i, name, machine, &(*runs)[(*count)++], error);
    }
    free(keys);
    if (right)
        return true;
    for (size_t i = 0; i < *count; i++)
        run_free(&(*runs)[i]);
    free(*runs);
    *runs = NULL;
    *count = 0;
    return false;
}
