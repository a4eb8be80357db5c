/* harness/store under faults: each open, read, write, sync, truncation, lock and allocation that an operation makes
 * fails once, in turn. Either the operation succeeds nevertheless, and everything is there, or it is told as an error
 * of the system in one line; what was committed before is never touched, and a case is there as a whole or not at all.
 */
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/base/log.h"
#include "harness/store/document.h"
#include "harness/store/fidelity_json.h"
#include "harness/store/store.h"
#include "tests/suite.h"
#include "tests/unit/faults.h"

/* ---- what is kept ---- */

static char folder[64], path[96], sound[96];

static const char KEPT[] = "65a0000011112222", NEW[] = "65b0000011112222";

static void fill_record(struct record *record, const char *id, size_t samples)
{
    record_clear(record);
    strcpy(record->id, id);
    strcpy(record->mode, "train");
    record->threads = 2;
    for (size_t i = 0; i < samples; i++) {
        double seconds = 0.125 + (double)i;
        ck_assert(record_add_samples(record, &seconds, 1));
    }
    record->time = stats_median_interval(record->samples, record->sample_count, 0.95);
    record->fidelity.output_error = 0.125;
    strcpy(record->fidelity.at, "b2/s128");
    record->counters = json_pack("{s:I}", "cycles", (json_int_t)123);
    record->ops = calloc(2, sizeof *record->ops);
    record->op_count = 2;
    for (size_t i = 0; i < 2; i++)
        record->ops[i] = (struct op_time){"linear", DTYPE_F32, 1e9, 1e6, 32, 64 + (double)i, 1, 0.5};
}

static struct run make_run(const char *id)
{
    struct run run = {0};
    strcpy(run.id, id);
    strcpy(run.started, "2026-01-01T10:00:00.000Z");
    run.note = strdup("name=this one; a \"quoted\" µ, and text that is longer than what fits into small buffers");
    run.command = json_pack("[s,s]", "benchmark", "run");
    run.machine = json_pack("{s:s,s:s,s:{s:f}}", "fingerprint", "abc", "name", "box", "ceilings", "read_gbs", 20.5);
    run.records = calloc(2, sizeof *run.records);
    run.record_count = 2;
    fill_record(&run.records[0], "mlp/mlp-1m/train/f32/b32", 12);
    fill_record(&run.records[1], "mlp/mlp-10m/train/f32/b32", 3);
    return run;
}

static char *document_of(const struct run *run)
{
    json_t *document = run_to_json(run);
    char *text = json_write(document, false);
    json_decref(document);
    return text;
}

static void copy_file(const char *from, const char *to)
{
    char block[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    for (ssize_t count; (count = read(in, block, sizeof block)) > 0;)
        ck_assert(write(out, block, (size_t)count) == count);
    close(in);
    close(out);
}

static void remove_store(const char *name)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".version-1"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char file[160];
        snprintf(file, sizeof file, "%s%s", name, ends[i]);
        unlink(file);
    }
}

static void make_sound_store(void)
{
    struct error error = {0};
    strcpy(folder, "/tmp/benchmark-faults-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/history.db", folder);
    snprintf(sound, sizeof sound, "%s/sound.db", folder);
    struct run run = make_run(KEPT);
    bool added;
    struct store *store = store_open(sound, STORE_WRITE, &error);
    ck_assert_msg(store && store_import_run(store, &run, &added, &error), "%s", error.message);
    store_close(store);
    run_free(&run);
}

static void remove_folder(void)
{
    remove_store(sound);
    remove_store(path);
    ck_assert_msg(rmdir(folder) == 0, "%s has files that nobody should have left there", folder);
}

static void make_it_old(void)
{
    sqlite3 *database;
    ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_exec(database, "ALTER TABLE cases DROP COLUMN against_f32; PRAGMA user_version = 1", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(database);
}

/* ---- operations ---- */

/* `run`: the one that is put, or that was read. */
static bool import(struct run *run, struct error *error)
{
    bool added;
    struct store *store = store_open(path, STORE_WRITE, error);
    bool right = store && store_import_run(store, run, &added, error);
    store_close(store);
    return right;
}

/* As a run does it: whole without figures, and then case by case, twice. */
static bool measure(struct run *run, struct error *error)
{
    const struct calibration figure = {"read_gbs", 20, 19, 21};
    struct store *store = store_open(path, STORE_WRITE, error);
    bool right = store && store_put_calibration(store, "abc", "s", "ceiling", &figure, 1, error) &&
                 store_put_run(store, run, error);
    for (size_t i = 0; right && i < 2 * run->record_count; i++)
        right = store_put_case(store, run->id, i % run->record_count, &run->records[i % run->record_count], error);
    store_close(store);
    return right;
}

static bool read_back(struct run *run, struct error *error)
{
    char id[TEXT_WORD];
    struct calibration *figures = NULL;
    size_t count = 0;
    struct store *store = store_open(path, STORE_READ, error);
    bool right = store && store_find_run(store, "65a", id, error) && store_get_run(store, id, run, error) &&
                 store_get_calibration(store, "abc", "s", "ceiling", &figures, &count, error);
    free(figures);
    store_close(store);
    return right;
}

static const struct operation {
    const char *name;
    bool (*act)(struct run *run, struct error *error);
    bool fresh, old, reads; /* the store isn't there yet; is of the version before; the run is read */
} operations[] = {
    {"import", import, false, false, false},
    {"a run", measure, false, false, false},
    {"import into a new store", import, true, false, false},
    {"import into an older store", import, false, true, false},
    {"reading", read_back, false, false, true},
};

/* ---- judging ---- */

static void check_same(const struct run *run, const char *expected, const char *what)
{
    char *text = document_of(run);
    ck_assert_msg(strcmp(text, expected) == 0, "%s: what is kept is another thing:\n%s\n%s", what, text, expected);
    free(text);
}

/* After the fault, with nothing failing any more. */
static void check_store(const struct operation *operation, bool right, const char *kept, const char *put,
                        const char *what)
{
    struct error error = {0};
    struct store *store = store_open(path, STORE_READ, &error);
    if (!store && operation->fresh && !right && error.kind == ERROR_INPUT)
        return;
    ck_assert_msg(store, "%s: %s", what, error.message);
    struct run run;
    if (!operation->fresh) {
        ck_assert_msg(store_get_run(store, KEPT, &run, &error), "%s: lost: %s", what, error.message);
        check_same(&run, kept, what);
        run_free(&run);
    }
    bool there = store_get_run(store, NEW, &run, &error);
    ck_assert_msg(there || !right || operation->reads, "%s: was told to be right, and isn't there: %s", what,
                  error.message);
    if (there && right)
        check_same(&run, put, what);
    for (size_t i = 0; there && i < run.record_count; i++)
        ck_assert_msg(run.records[i].sample_count == (strstr(run.records[i].id, "-1m") ? 12 : 3) &&
                          run.records[i].op_count == 2,
                      "%s: half a case", what);
    if (there)
        run_free(&run);
    store_close(store);
}

static void check_error(const struct error *error, const char *what)
{
    ck_assert_msg(error->kind == ERROR_SYSTEM, "%s: kind %d: %s", what, (int)error->kind, error->message);
    ck_assert_msg(*error->message && !strchr(error->message, '\n'), "%s: '%s'", what, error->message);
    ck_assert_msg(strstr(error->message, path) || strstr(error->message, "memory"), "%s: doesn't say where: %s", what,
                  error->message);
}

START_TEST(each_fails_once)
{
    const struct operation *operation = &operations[_i / FAULT_COUNT];
    enum fault fault = (enum fault)(_i % FAULT_COUNT);
    make_sound_store();
    struct run run = make_run(operation->reads ? KEPT : NEW), read = {0};
    struct run old = make_run(KEPT);
    if (operation->old)
        for (size_t i = 0; i < 2; i++)
            old.records[i].fidelity = fidelity_unknown();
    char *put = document_of(&run), *kept = document_of(&old);
    long place = 1;
    for (bool more = true; more; place++) {
        char what[128];
        struct error error = {0};
        snprintf(what, sizeof what, "%s, %s %ld", operation->name, fault_names[fault], place);
        remove_store(path);
        if (!operation->fresh)
            copy_file(sound, path);
        if (operation->old)
            make_it_old();
        fault_arm(fault, place);
        bool right = operation->act(operation->reads ? &read : &run, &error);
        more = fault_struck;
        fault_disarm();
        ck_assert_msg(right || more, "%s: %s", what, error.message);
        if (!right)
            check_error(&error, what);
        else if (operation->reads)
            check_same(&read, kept, what);
        if (operation->reads && right)
            run_free(&read);
        check_store(operation, right, kept, put, what);
    }
    printf("%-28s %-20s %ld\n", operation->name, fault_names[fault], place - 2);
    run_free(&run);
    run_free(&old);
    free(put);
    free(kept);
    remove_folder();
}
END_TEST

int main(void)
{
    faults_take_over();
    log_set_level(LOG_QUIET);
    return suite_run("store_faults", 0,
                     SUITE(LOOP(each_fails_once, FAULT_COUNT * sizeof operations / sizeof *operations)));
}
