/* Putting runs and cases into the store; see store.h. Getting them back is in runs_get.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/store/fidelity_json.h"
#include "harness/store/statement.h"

static int64_t machine_count(const json_t *machine, const char *part, const char *key)
{
    return (int64_t)json_get_count(json_object_get(machine, part), key, 0);
}

static bool put_machine(struct store *store, const struct run *run, struct error *error)
{
    if (!*run_fingerprint(run))
        return true;
    struct statement put = statement_prepare(store,
                                             "INSERT INTO machines (fingerprint, name, cpu, threads, memory_bytes) "
                                             "VALUES (?, ?, ?, nullif(?, 0), nullif(?, 0)) "
                                             "ON CONFLICT DO NOTHING",
                                             error);
    bind_text(&put, run_fingerprint(run));
    bind_text(&put, run_machine_name(run));
    bind_text(&put, json_get_string(json_object_get(run->machine, "cpu"), "model"));
    bind_count(&put, machine_count(run->machine, "cpu", "threads"));
    bind_count(&put, machine_count(run->machine, "memory", "total_bytes"));
    statement_step(&put);
    return statement_finish(&put);
}

static bool put_ceilings(struct store *store, const struct run *run, struct error *error)
{
    struct statement put =
        statement_prepare(store, "INSERT OR REPLACE INTO ceilings (run, name, value) VALUES (?, ?, ?)", error);
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(run->machine, "ceilings"), name, value)
    {
        if (!json_is_number(value))
            continue;
        bind_text(&put, run->id);
        bind_text(&put, name);
        bind_real(&put, json_number_value(value));
        statement_repeat(&put);
    }
    return statement_finish(&put);
}

static void bind_json(struct statement *statement, const json_t *value)
{
    char *text = value ? json_write(value, false) : NULL;
    if (value && !text)
        statement_lacks_memory(statement);
    bind_text(statement, text);
    free(text);
}

static bool put_run(struct store *store, const struct run *run, struct error *error)
{
    if (!put_machine(store, run, error))
        return false;
    struct statement put = statement_prepare(
        store,
        "INSERT INTO runs (id, started, finished, suite, note, engine, fingerprint, command, machine) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET finished = excluded.finished, "
        "note = excluded.note, command = excluded.command, machine = excluded.machine",
        error);
    bind_text(&put, run->id);
    bind_text(&put, run->started);
    bind_text(&put, run->finished);
    bind_text(&put, run->suite);
    bind_text(&put, run->note);
    bind_text(&put, run->engine);
    bind_text(&put, run_fingerprint(run));
    bind_json(&put, run->command);
    bind_json(&put, run->machine);
    statement_step(&put);
    return statement_finish(&put) && put_ceilings(store, run, error);
}

static void bind_interval(struct statement *put, const struct interval *interval)
{
    bind_real(put, interval->median);
    bind_real(put, interval->low);
    bind_real(put, interval->high);
    bind_real(put, interval->confidence);
}

/* 0 stands for unknown in these. */
static void bind_known(struct statement *put, int64_t value)
{
    if (value)
        bind_count(put, value);
    else
        bind_null(put);
}

static void bind_identity(struct statement *put, const char *run_id, size_t position, const struct record *record)
{
    bind_text(put, run_id);
    bind_count(put, (int64_t)position);
    bind_text(put, record->id);
    bind_text(put, record->family);
    bind_text(put, record->model);
    bind_text(put, record->task);
    bind_text(put, record->mode);
    bind_text(put, record->dtype);
    bind_known(put, record->batch);
    bind_known(put, record->context);
    bind_text(put, record->device);
    bind_known(put, record->threads);
    bind_text(put, status_name(record->status));
    bind_text(put, record->reason);
    bind_count(put, record->unfinished);
    bind_known(put, (int64_t)record->parameters);
}

static void bind_figures(struct statement *put, const struct record *record)
{
    bind_real(put, record->flops);
    bind_real(put, record->bytes);
    for (int i = 0; i < MEMORY_PART_COUNT; i++)
        if (record->memory[i] == BYTES_UNKNOWN)
            bind_null(put);
        else
            bind_count(put, (int64_t)record->memory[i]);
    bind_interval(put, &record->time);
    bind_interval(put, &record->estimate);
    bind_real(put, record->throughput);
    bind_text(put, record->unit);
    bind_real(put, record->gflops);
    bind_real(put, record->mfu);
    bind_real(put, record->mbu);
    bind_text(put, record->bound);
}

static void bind_judgement(struct statement *put, const struct record *record)
{
    if (record->has_check)
        bind_count(put, record->check_passed);
    else
        bind_null(put);
    bind_real(put, record->check_error);
    bind_text(put, record->check_against);
    bind_json(put, record->counters);
    bind_real(put, record->energy_j);
    bind_real(put, record->steal);
    bind_real(put, record->run_delay);
    bind_real(put, record->canary_s);
    bind_real(put, record->canary);
    json_t *fidelity = fidelity_to_json(&record->fidelity);
    if (!fidelity && isfinite(record->fidelity.output_error))
        statement_lacks_memory(put);
    bind_json(put, fidelity);
    json_decref(fidelity);
}

static bool put_samples(struct store *store, int64_t key, const struct record *record, struct error *error)
{
    struct statement put =
        statement_prepare(store, "INSERT INTO samples (case_key, position, seconds) VALUES (?, ?, ?)", error);
    for (size_t i = 0; i < record->sample_count && !put.failed; i++) {
        bind_count(&put, key);
        bind_count(&put, (int64_t)i);
        bind_real(&put, record->samples[i]);
        statement_repeat(&put);
    }
    return statement_finish(&put);
}

static bool put_ops(struct store *store, int64_t key, const struct record *record, struct error *error)
{
    struct statement put = statement_prepare(
        store,
        "INSERT INTO ops (case_key, position, op, dtype, flops, bytes, rows, columns, count, seconds) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        error);
    for (size_t i = 0; i < record->op_count && !put.failed; i++) {
        const struct op_time *op = &record->ops[i];
        bind_count(&put, key);
        bind_count(&put, (int64_t)i);
        bind_text(&put, op->op);
        bind_text(&put, dtype_info(op->dtype)->name);
        bind_real(&put, op->flops);
        bind_real(&put, op->bytes);
        bind_real(&put, op->rows);
        bind_real(&put, op->columns);
        bind_real(&put, op->count);
        bind_real(&put, op->seconds);
        statement_repeat(&put);
    }
    return statement_finish(&put);
}

static bool put_case(struct store *store, const char *run_id, size_t position, const struct record *record,
                     struct error *error)
{
    struct statement remove = statement_prepare(store, "DELETE FROM cases WHERE run = ? AND position = ?", error);
    bind_text(&remove, run_id);
    bind_count(&remove, (int64_t)position);
    statement_step(&remove);
    if (!statement_finish(&remove))
        return false;
    struct statement put = statement_prepare(
        store,
        "INSERT INTO cases (run, position, id, family, model, task, mode, dtype, batch, context, device, threads, "
        "status, reason, unfinished, parameters, flops, bytes, planned_bytes, peak_bytes, weights_bytes, "
        "activations_bytes, gradients_bytes, optimizer_bytes, kv_cache_bytes, workspace_bytes, median_s, low_s, "
        "high_s, confidence, estimate_median_s, estimate_low_s, estimate_high_s, estimate_confidence, throughput, "
        "unit, gflops, mfu, mbu, bound, check_passed, check_error, check_against, counters, energy_j, steal, "
        "run_delay, canary_s, canary, against_f32) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?, ?, ?, "
        "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        error);
    bind_identity(&put, run_id, position, record);
    bind_figures(&put, record);
    bind_judgement(&put, record);
    statement_step(&put);
    if (!statement_finish(&put))
        return false;
    int64_t key = sqlite3_last_insert_rowid(store->database);
    return put_samples(store, key, record, error) && put_ops(store, key, record, error);
}

bool store_put_run(struct store *store, const struct run *run, struct error *error)
{
    return store_begin(store, error) && store_end(store, put_run(store, run, error), error);
}

bool store_put_case(struct store *store, const char *run_id, size_t position, const struct record *record,
                    struct error *error)
{
    return store_begin(store, error) && store_end(store, put_case(store, run_id, position, record, error), error);
}

static bool has_run(struct store *store, const char *id, bool *there, struct error *error)
{
    struct statement find = statement_prepare(store, "SELECT 1 FROM runs WHERE id = ?", error);
    bind_text(&find, id);
    *there = statement_step(&find);
    return statement_finish(&find);
}

static bool import_run(struct store *store, const struct run *run, bool *added, struct error *error)
{
    bool there;
    if (!has_run(store, run->id, &there, error))
        return false;
    *added = !there;
    if (there)
        return true;
    bool right = put_run(store, run, error);
    for (size_t i = 0; right && i < run->record_count; i++)
        right = put_case(store, run->id, i, &run->records[i], error);
    return right;
}

bool store_import_run(struct store *store, const struct run *run, bool *added, struct error *error)
{
    return store_begin(store, error) && store_end(store, import_run(store, run, added, error), error);
}
