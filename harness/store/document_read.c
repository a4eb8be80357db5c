/* Reading benchmark.run/1 from anyone's hands; see document.h. A reader keeps the first error and where it was. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/store/document.h"
#include "harness/store/fidelity_json.h"
#include "harness/store/op_time.h"

enum { MOST_CASES = 100000, MOST_SAMPLES = 10000000 };
static const size_t most_bytes = 256u << 20;

struct reader {
    const char *name;         /* of the document */
    char where[TEXT_ID + 16]; /* "" or "case X: " */
    struct error *error;
    bool failed;
};

static bool fail(struct reader *reader, const char *key, const char *right)
{
    if (!reader->failed)
        error_set(reader->error, ERROR_INPUT, "%s: %s'%s' must be %s", reader->name, reader->where, key, right);
    reader->failed = true;
    return false;
}

/* Absent leaves `out` as it is. */
static void take_text(struct reader *reader, const json_t *object, const char *key, char *out, size_t capacity)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return;
    if (!json_is_string(value))
        fail(reader, key, "text");
    else if (json_string_length(value) >= capacity)
        fail(reader, key, "shorter");
    else if (strlen(json_string_value(value)) != json_string_length(value))
        fail(reader, key, "text without NUL characters");
    else
        memcpy(out, json_string_value(value), json_string_length(value) + 1);
}

static char *take_long_text(struct reader *reader, const json_t *object, const char *key)
{
    char text[4096] = "";
    take_text(reader, object, key, text, sizeof text);
    return *text ? strdup(text) : NULL;
}

static void take_real(struct reader *reader, const json_t *object, const char *key, double least, double *out)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return;
    if (!json_is_number(value) || !(json_number_value(value) >= least))
        fail(reader, key, least == 0 ? "a number of at least 0" : "a number");
    else
        *out = json_number_value(value);
}

static void take_count(struct reader *reader, const json_t *object, const char *key, uint64_t most, uint64_t *out)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > most)
        fail(reader, key, "a whole number of at least 0");
    else
        *out = (uint64_t)json_integer_value(value);
}

static void take_bool(struct reader *reader, const json_t *object, const char *key, bool *out)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_boolean(value))
        fail(reader, key, "true or false");
    else if (value)
        *out = json_is_true(value);
}

/* The object under `key`, or NULL when it is absent. */
static const json_t *take_object(struct reader *reader, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_object(value)) {
        fail(reader, key, "an object");
        return NULL;
    }
    return value;
}

static void take_interval(struct reader *reader, const json_t *object, const char *key, struct interval *out)
{
    const json_t *value = take_object(reader, object, key);
    take_real(reader, value, "median", 0, &out->median);
    take_real(reader, value, "low", 0, &out->low);
    take_real(reader, value, "high", 0, &out->high);
    take_real(reader, value, "confidence", 0, &out->confidence);
    if (out->low > out->median || out->high < out->median)
        fail(reader, key, "in order: low <= median <= high");
}

static void take_samples(struct reader *reader, const json_t *object, struct record *record)
{
    const json_t *array = json_object_get(object, "samples_s");
    if (!array)
        return;
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count > MOST_SAMPLES) {
        fail(reader, "samples_s", "a list of seconds");
        return;
    }
    double *samples = malloc((count + 1) * sizeof *samples);
    bool right = samples;
    for (size_t i = 0; right && i < count; i++) {
        samples[i] = json_number_value(json_array_get(array, i));
        right = json_is_number(json_array_get(array, i)) && samples[i] > 0;
    }
    if (!right || !record_add_samples(record, samples, count))
        fail(reader, "samples_s", "a list of seconds, each above 0");
    free(samples);
}

static void take_identity(struct reader *reader, const json_t *object, struct record *record)
{
    take_text(reader, object, "family", record->family, sizeof record->family);
    take_text(reader, object, "model", record->model, sizeof record->model);
    take_text(reader, object, "task", record->task, sizeof record->task);
    take_text(reader, object, "mode", record->mode, sizeof record->mode);
    take_text(reader, object, "dtype", record->dtype, sizeof record->dtype);
    take_text(reader, object, "device", record->device, sizeof record->device);
    uint64_t batch = 0, context = 0, threads = 0;
    take_count(reader, object, "batch", INT64_MAX, &batch);
    take_count(reader, object, "context", INT64_MAX, &context);
    take_count(reader, object, "threads", 1 << 20, &threads);
    record->batch = (int64_t)batch;
    record->context = (int64_t)context;
    record->threads = (int)threads;
    take_count(reader, object, "parameters", INT64_MAX, &record->parameters);
}

static void take_figures(struct reader *reader, const json_t *object, struct record *record)
{
    take_real(reader, object, "flops", 0, &record->flops);
    take_real(reader, object, "bytes", 0, &record->bytes);
    const json_t *memory = take_object(reader, object, "memory");
    for (int i = 0; i < MEMORY_PART_COUNT; i++)
        take_count(reader, memory, memory_part_names[i], INT64_MAX, &record->memory[i]);
    take_samples(reader, object, record);
    take_interval(reader, object, "time_s", &record->time);
    const json_t *throughput = take_object(reader, object, "throughput");
    take_real(reader, throughput, "value", 0, &record->throughput);
    take_text(reader, throughput, "unit", record->unit, sizeof record->unit);
    take_real(reader, object, "gflops", 0, &record->gflops);
    take_real(reader, object, "mfu", 0, &record->mfu);
    take_real(reader, object, "mbu", 0, &record->mbu);
    take_text(reader, object, "bound", record->bound, sizeof record->bound);
    take_interval(reader, object, "estimate_s", &record->estimate);
}

static void take_judgement(struct reader *reader, const json_t *object, struct record *record)
{
    const json_t *check = take_object(reader, object, "check");
    record->has_check = check;
    take_bool(reader, check, "passed", &record->check_passed);
    take_real(reader, check, "error", 0, &record->check_error);
    take_text(reader, check, "against", record->check_against, sizeof record->check_against);
    const json_t *fidelity = take_object(reader, object, "against_f32");
    if (fidelity && !fidelity_from_json(fidelity, &record->fidelity))
        fail(reader, "against_f32", "figures from 0 up, and an agreement from 0 to 1");
    const json_t *counters = take_object(reader, object, "counters");
    if (counters)
        record->counters = json_deep_copy(counters);
    take_real(reader, object, "energy_j", 0, &record->energy_j);
    const json_t *noise = take_object(reader, object, "noise");
    take_real(reader, noise, "steal", 0, &record->steal);
    take_real(reader, noise, "run_delay", 0, &record->run_delay);
    take_real(reader, noise, "canary", 0, &record->canary);
    take_real(reader, noise, "canary_s", 0, &record->canary_s);
}

static bool take_record(struct reader *reader, const json_t *object, struct record *record)
{
    reader->where[0] = '\0';
    record_clear(record);
    if (!json_is_object(object))
        return fail(reader, "cases", "a list of objects");
    take_text(reader, object, "id", record->id, sizeof record->id);
    if (!*record->id)
        return fail(reader, "id", "there for each of 'cases'");
    strcpy(reader->where, "case ");
    strcat(reader->where, record->id);
    strcat(reader->where, ": ");
    char status[TEXT_WORD] = "ok";
    take_text(reader, object, "status", status, sizeof status);
    if (!status_parse(status, &record->status))
        fail(reader, "status", "ok, noisy, failed, timeout, out_of_memory or skipped");
    take_text(reader, object, "reason", record->reason, sizeof record->reason);
    take_bool(reader, object, "unfinished", &record->unfinished);
    take_identity(reader, object, record);
    take_figures(reader, object, record);
    take_judgement(reader, object, record);
    if (!op_times_from_json(json_object_get(object, "ops"), &record->ops, &record->op_count))
        fail(reader, "ops", "a list of objects with op, dtype and figures of at least 0");
    if (status_is_measured(record->status) && !isfinite(record->time.median))
        fail(reader, "time_s", "there for a case that was measured");
    return !reader->failed;
}

/* "2026-01-31T23:59:59Z", with or without a fraction of the second. */
static bool is_time_stamp(const char *text)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    size_t i = 0;
    for (; shape[i]; i++)
        if (shape[i] == 'd' ? !(text[i] >= '0' && text[i] <= '9') : text[i] != shape[i])
            return false;
    if (text[i] == '.')
        i += 1 + strspn(text + i + 1, "0123456789");
    return text[i] == 'Z' && !text[i + 1];
}

static bool is_run_id(const char *text)
{
    size_t length = strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_");
    return length >= 4 && !text[length];
}

static void take_head(struct reader *reader, const json_t *document, struct run *run)
{
    take_text(reader, document, "id", run->id, sizeof run->id);
    if (!is_run_id(run->id))
        fail(reader, "id", "there: 4 to 31 letters and digits");
    take_text(reader, document, "started", run->started, sizeof run->started);
    take_text(reader, document, "finished", run->finished, sizeof run->finished);
    if (!is_time_stamp(run->started) || (*run->finished && !is_time_stamp(run->finished)))
        fail(reader, "started", "a time like 2026-01-31T23:59:59Z (and 'finished', if there)");
    take_text(reader, document, "suite", run->suite, sizeof run->suite);
    run->note = take_long_text(reader, document, "note");
    run->engine = take_long_text(reader, document, "engine");
    const json_t *command = json_object_get(document, "command");
    if (command && !json_is_array(command))
        fail(reader, "command", "a list of text");
    run->command = command ? json_deep_copy(command) : NULL;
    const json_t *machine = take_object(reader, document, "machine");
    run->machine = machine ? json_deep_copy(machine) : NULL;
    if (!machine)
        fail(reader, "machine", "there, an object");
}

static bool take_run(struct reader *reader, const json_t *document, struct run *run)
{
    const char *schema = json_get_string(document, "schema");
    if (!schema || strcmp(schema, "benchmark.run/1"))
        return fail(reader, "schema", "\"benchmark.run/1\"");
    take_head(reader, document, run);
    const json_t *cases = json_object_get(document, "cases");
    size_t count = json_array_size(cases);
    if (!json_is_array(cases) || count > MOST_CASES)
        return fail(reader, "cases", "a list");
    run->records = calloc(count + 1, sizeof *run->records);
    for (size_t i = 0; run->records && i < count && !reader->failed; i++) {
        run->record_count = i + 1;
        take_record(reader, json_array_get(cases, i), &run->records[i]);
    }
    return run->records && !reader->failed;
}

bool run_from_json(struct run *run, const json_t *document, const char *name, struct error *error)
{
    *run = (struct run){0};
    struct reader reader = {.name = name, .error = error};
    if (take_run(&reader, document, run))
        return true;
    if (!reader.failed)
        error_set(error, ERROR_SYSTEM, "%s: not enough memory to read it", name);
    run_free(run);
    return false;
}

bool run_read_file(struct run *run, const char *path, struct error *error)
{
    *run = (struct run){0};
    const char *name = strcmp(path, "-") ? path : "standard input";
    errno = 0;
    char *bytes = text_read_file(strcmp(path, "-") ? path : "/dev/stdin", most_bytes);
    if (!bytes)
        return error_set(error, ERROR_INPUT, "%s: %s", name, errno ? strerror(errno) : "larger than 256 MiB");
    json_t *document = json_parse(bytes, strlen(bytes), name, error);
    free(bytes);
    bool right = document && run_from_json(run, document, name, error);
    json_decref(document);
    return right;
}
