/* harness/store: what was put comes back, whoever else writes; what isn't sound is refused and left as it is. */
#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/store/document.h"
#include "harness/store/store.h"

static char folder[64], path[96];

static void make_folder(void)
{
    strcpy(folder, "/tmp/benchmark-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a folder/100%%#?.db", folder);
}

static void remove_folder(void)
{
    char name[128];
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".version-1", ".version-1.2"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    snprintf(name, sizeof name, "%s/a folder", folder);
    rmdir(name);
    rmdir(folder);
}

static void fill_record(struct record *record, const char *id, size_t samples)
{
    record_clear(record);
    strcpy(record->id, id);
    strcpy(record->family, "mlp");
    strcpy(record->model, "mlp-1m");
    strcpy(record->mode, "train");
    strcpy(record->dtype, "f32");
    strcpy(record->unit, "samples/s");
    record->batch = 32;
    record->threads = 2;
    record->flops = 1e9;
    record->memory[MEMORY_PLANNED] = 1 << 20;
    record->memory[MEMORY_KV_CACHE] = 0;
    for (size_t i = 0; i < samples; i++) {
        double seconds = 0.1 + (double)i / 3;
        record_add_samples(record, &seconds, 1);
    }
    record->time = stats_median_interval(record->samples, record->sample_count, 0.95);
    record->has_check = record->check_passed = true;
    record->check_error = 1e-6;
    record->fidelity = (struct fidelity){.output_error = 0.125,
                                         .divergence_nats = 0.25,
                                         .divergence_p99_nats = NAN,
                                         .loss_f32_nats = 2.5,
                                         .loss_difference_nats = -0.5,
                                         .agreement = 0.75,
                                         .positions = 256,
                                         .at = "b2/s128"};
    record->counters = json_pack("{s:I}", "cycles", (json_int_t)123);
    record->steal = 0.01;
    record->canary = 1.02;
}

static void fill_run(struct run *run, const char *id, const char *started)
{
    *run = (struct run){0};
    strcpy(run->id, id);
    strcpy(run->started, started);
    strcpy(run->suite, "quick");
    run->note = strdup("name=this one; a \"quoted\" µ");
    run->command = json_pack("[s,s]", "benchmark", "run");
    run->machine = json_pack("{s:s,s:s,s:{s:f}}", "fingerprint", "abc", "name", "box", "ceilings", "read_gbs", 20.5);
    run->records = calloc(2, sizeof *run->records);
    run->record_count = 2;
    fill_record(&run->records[0], "mlp/mlp-1m/train/f32/b32", 25);
    record_clear(&run->records[1]);
    strcpy(run->records[1].id, "mlp/mlp-10m/train/f32/b32");
    run->records[1].status = STATUS_SKIPPED;
    strcpy(run->records[1].reason, "needs more than there is");
}

static char *document_of(const struct run *run)
{
    json_t *document = run_to_json(run);
    char *text = json_write(document, true);
    json_decref(document);
    return text;
}

static void put_whole(struct store *store, const struct run *run)
{
    struct error error = {0};
    ck_assert_msg(store_put_run(store, run, &error), "%s", error.message);
    for (size_t i = 0; i < run->record_count; i++)
        ck_assert_msg(store_put_case(store, run->id, i, &run->records[i], &error), "%s", error.message);
}

/* A store with one run in it. */
static void make_store(void)
{
    struct error error = {0};
    struct store *store = store_open(path, STORE_WRITE, &error);
    ck_assert_msg(store, "%s", error.message);
    struct run run;
    fill_run(&run, "65a0000011112222", "2026-01-01T10:00:00.000Z");
    put_whole(store, &run);
    run_free(&run);
    store_close(store);
}

START_TEST(what_is_put_comes_back)
{
    struct error error = {0};
    struct store *store = store_open(path, STORE_WRITE, &error);
    ck_assert_msg(store, "%s", error.message);
    struct run run, back;
    fill_run(&run, "65a0000011112222", "2026-01-01T10:00:00.000Z");
    put_whole(store, &run);
    ck_assert(store_put_case(store, run.id, 0, &run.records[0], &error)); /* replaces, adds nothing */
    store_close(store);

    store = store_open(path, STORE_READ, &error);
    ck_assert_msg(store, "%s", error.message);
    ck_assert_msg(store_get_run(store, run.id, &back, &error), "%s", error.message);
    store_close(store);
    char *before = document_of(&run), *after = document_of(&back);
    ck_assert_str_eq(before, after);
    ck_assert_ptr_nonnull(strstr(after, "\"kv_cache_bytes\": 0"));
    ck_assert_ptr_null(strstr(after, "peak_bytes"));
    ck_assert_ptr_nonnull(strstr(after, "\"loss_difference_nats\": -0.5"));
    ck_assert_ptr_null(strstr(after, "kl_p99_nats")); /* unknown */
    free(before);
    free(after);
    run_free(&run);
    run_free(&back);
}
END_TEST

/* A store as version 1 made it. */
static void make_older_store(void)
{
    make_store();
    sqlite3 *database;
    ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_exec(database,
                     "ALTER TABLE cases DROP COLUMN against_f32; DROP TABLE accepted; PRAGMA user_version = 1", NULL,
                     NULL, NULL),
        SQLITE_OK);
    sqlite3_close(database);
}

/* One made before there was a comparison with f32 is read as it is, and brought up to date by the next write. */
START_TEST(an_older_store_is_read_and_climbs)
{
    struct error error = {0};
    make_older_store();
    for (int write = 0; write < 2; write++) {
        struct store *store = store_open(path, write ? STORE_WRITE : STORE_READ, &error);
        ck_assert_msg(store, "%s", error.message);
        struct run run;
        ck_assert_msg(store_get_run(store, "65a0000011112222", &run, &error), "%s", error.message);
        ck_assert(run.records[0].check_error == 1e-6 && isnan(run.records[0].fidelity.output_error));
        if (write) {
            run.records[0].fidelity.output_error = 0.5;
            ck_assert_msg(store_put_case(store, run.id, 0, &run.records[0], &error), "%s", error.message);
            run_free(&run);
            ck_assert(store_get_run(store, "65a0000011112222", &run, &error));
            ck_assert(run.records[0].fidelity.output_error == 0.5);
        }
        run_free(&run);
        store_close(store);
    }
}
END_TEST

static int64_t version_of(const char *file)
{
    sqlite3 *database;
    sqlite3_stmt *get;
    ck_assert_int_eq(sqlite3_open_v2(file, &database, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &get, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(get), SQLITE_ROW);
    int64_t version = sqlite3_column_int64(get, 0);
    sqlite3_finalize(get);
    sqlite3_close(database);
    return version;
}

/* Reading changes nothing; writing keeps a copy that is a sound store of the version before, also beside another. */
START_TEST(an_older_store_is_backed_up)
{
    char backup[128];
    for (int i = 0; i < 2; i++) {
        struct error error = {0};
        unlink(path);
        make_older_store();
        snprintf(backup, sizeof backup, "%s.version-1%s", path, i ? ".2" : "");
        store_close(store_open(path, STORE_READ, &error));
        ck_assert(access(backup, F_OK) != 0 && version_of(path) == 1);
        struct store *store = store_open(path, STORE_WRITE, &error);
        ck_assert_msg(store, "%s", error.message);
        store_close(store);
        ck_assert(version_of(path) > 1 && version_of(backup) == 1);
        store = store_open(backup, STORE_READ, &error);
        struct run run;
        ck_assert_msg(store && store_get_run(store, "65a0000011112222", &run, &error), "%s", error.message);
        ck_assert_uint_eq(run.record_count, 2);
        run_free(&run);
        store_close(store);
    }
}
END_TEST

/* No backup, no change. */
START_TEST(what_cannot_be_backed_up_stays_as_it_is)
{
    make_older_store();
    for (int i = 1; i < 1000; i++) {
        char name[128], ending[16] = "";
        if (i > 1)
            snprintf(ending, sizeof ending, ".%d", i);
        snprintf(name, sizeof name, "%s.version-1%s", path, ending);
        ck_assert(symlink("/", name) == 0);
    }
    struct error error = {0};
    ck_assert(!store_open(path, STORE_WRITE, &error));
    ck_assert_msg(error.kind == ERROR_SYSTEM && strstr(error.message, "backups"), "%s", error.message);
    ck_assert_int_eq(version_of(path), 1);
    for (int i = 1; i < 1000; i++) {
        char name[128], ending[16] = "";
        if (i > 1)
            snprintf(ending, sizeof ending, ".%d", i);
        snprintf(name, sizeof name, "%s.version-1%s", path, ending);
        unlink(name);
    }
}
END_TEST

START_TEST(documents_survive_the_round)
{
    struct error error = {0};
    struct run run, back;
    fill_run(&run, "65a0000011112222", "2026-01-01T10:00:00.000Z");
    json_t *document = run_to_json(&run);
    ck_assert_msg(run_from_json(&back, document, "x.json", &error), "%s", error.message);
    char *before = document_of(&run), *after = document_of(&back);
    ck_assert_str_eq(before, after);
    bool added;
    struct store *store = store_open(path, STORE_WRITE, &error);
    ck_assert(store_import_run(store, &back, &added, &error) && added);
    ck_assert(store_import_run(store, &back, &added, &error) && !added);
    char(*ids)[TEXT_WORD];
    size_t count;
    ck_assert(store_list_runs(store, "abc", 0, &ids, &count, &error) && count == 1);
    free(ids);
    store_close(store);
    free(before);
    free(after);
    json_decref(document);
    run_free(&run);
    run_free(&back);
}
END_TEST

/* Of speech alone: the time that a second of it takes. */
START_TEST(speech_has_a_real_time_factor)
{
    struct run run;
    fill_run(&run, "65a0000011112222", "2026-01-01T10:00:00.000Z");
    run.records[0].throughput = 250;
    char *without = document_of(&run);
    ck_assert_ptr_null(strstr(without, "real_time_factor"));
    strcpy(run.records[0].unit, "audio_s/s");
    char *with = document_of(&run);
    ck_assert_msg(strstr(with, "\"real_time_factor\": 0.004") != NULL, "%s", with);
    free(without);
    free(with);
    run_free(&run);
}
END_TEST

START_TEST(bad_documents_are_told)
{
    static const struct {
        const char *json, *part; /* of the message */
    } rows[] = {
        {"{}", "'schema' must be"},
        {"{\"schema\":\"benchmark.run/2\"}", "'schema' must be"},
        {"{\"schema\":\"benchmark.run/1\",\"id\":\"a/b\",\"started\":\"2026-01-01T00:00:00Z\",\"machine\":{},"
         "\"cases\":[]}",
         "'id' must be"},
        {"{\"schema\":\"benchmark.run/1\",\"id\":\"abcd\",\"started\":\"yesterday\",\"machine\":{},\"cases\":[]}",
         "'started' must be"},
        {"{\"schema\":\"benchmark.run/1\",\"id\":\"abcd\",\"started\":\"2026-01-01T00:00:00Z\",\"machine\":{},"
         "\"cases\":[{\"id\":\"x\",\"status\":\"fine\"}]}",
         "case x: 'status' must be"},
        {"{\"schema\":\"benchmark.run/1\",\"id\":\"abcd\",\"started\":\"2026-01-01T00:00:00Z\",\"machine\":{},"
         "\"cases\":[{\"id\":\"x\",\"samples_s\":[1,-1],\"time_s\":{\"median\":1}}]}",
         "case x: 'samples_s' must be"},
        {"{\"schema\":\"benchmark.run/1\",\"id\":\"abcd\",\"started\":\"2026-01-01T00:00:00Z\",\"machine\":{},"
         "\"cases\":[{\"id\":\"x\",\"time_s\":{\"median\":1,\"low\":2}}]}",
         "case x: 'time_s' must be"},
        {"{\"schema\":\"benchmark.run/1\",\"id\":\"abcd\",\"started\":\"2026-01-01T00:00:00Z\",\"machine\":{},"
         "\"cases\":[{\"id\":\"x\",\"against_f32\":{\"top1_agreement\":1.5}}]}",
         "case x: 'against_f32' must be"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = {0};
        struct run run;
        json_t *document = json_parse(rows[i].json, strlen(rows[i].json), "x.json", &error);
        ck_assert_msg(document, "%s", error.message);
        ck_assert(!run_from_json(&run, document, "x.json", &error));
        ck_assert_msg(strstr(error.message, rows[i].part) && !strncmp(error.message, "x.json: ", 8), "%s",
                      error.message);
        ck_assert_int_eq(error.kind, ERROR_INPUT);
        json_decref(document);
    }
}
END_TEST

START_TEST(references)
{
    struct error error = {0};
    struct store *store = store_open(path, STORE_WRITE, &error);
    static const char *const ids[] = {"65a0000011112222", "65a0000111112222", "65b0000011112222"};
    static const char *const started[] = {"2026-01-01T10:00:00Z", "2026-01-03T10:00:00Z", "2026-01-02T10:00:00Z"};
    for (int i = 0; i < 3; i++) {
        struct run run;
        fill_run(&run, ids[i], started[i]);
        put_whole(store, &run);
        run_free(&run);
    }
    char id[TEXT_WORD];
    ck_assert(store_find_run(store, "latest", id, &error));
    ck_assert_str_eq(id, ids[1]);
    ck_assert(store_find_run(store, "latest~2", id, &error));
    ck_assert_str_eq(id, ids[0]);
    ck_assert(store_find_run(store, "65b", id, &error));
    ck_assert_str_eq(id, ids[2]);
    ck_assert(!store_find_run(store, "65a", id, &error));
    ck_assert_str_eq(error.message, "65a: several runs begin so: 65a0000011112222, 65a0000111112222");
    ck_assert(!store_find_run(store, "latest~3", id, &error));
    ck_assert_str_eq(error.message, "latest~3: the store holds 3 runs, so latest~2 is the oldest");
    ck_assert(!store_find_run(store, "zzz", id, &error) && error.kind == ERROR_INPUT);
    ck_assert(!store_find_run(store, "%", id, &error) && error.kind == ERROR_INPUT);
    ck_assert(!store_find_run(store, "latest~x", id, &error) && error.kind == ERROR_INPUT);
    ck_assert(store_find_unfinished(store, "abc", id, &error));
    ck_assert_str_eq(id, ids[1]);
    ck_assert(!store_find_unfinished(store, "other", id, &error) && error.kind == ERROR_INPUT);
    store_close(store);
}
END_TEST

START_TEST(calibration_is_kept_by_machine_and_software)
{
    struct error error = {0};
    struct store *store = store_open(path, STORE_WRITE, &error);
    const struct calibration figures[] = {{"read_gbs", 20, 19, 21}, {"gemm_f32_gflops", 100, NAN, NAN}};
    ck_assert(store_put_calibration(store, "abc", "s1", "ceiling", figures, 2, &error));
    ck_assert(store_put_calibration(store, "abc", "s1", "ceiling", figures, 2, &error));
    struct calibration *back;
    size_t count;
    ck_assert(store_get_calibration(store, "abc", "s1", "ceiling", &back, &count, &error) && count == 2);
    ck_assert_str_eq(back[0].name, "gemm_f32_gflops");
    ck_assert(back[0].value == 100 && isnan(back[0].low) && back[1].high == 21);
    free(back);
    ck_assert(store_get_calibration(store, "abc", "s2", "ceiling", &back, &count, &error) && count == 0);
    ck_assert(store_get_calibration(store, "abc", "s1", "op", &back, &count, &error) && count == 0);
    store_close(store);
}
END_TEST

START_TEST(missing_store_is_no_run_yet)
{
    struct error error = {0};
    ck_assert_ptr_null(store_open(path, STORE_READ, &error));
    ck_assert_int_eq(error.kind, ERROR_INPUT);
    ck_assert_ptr_nonnull(strstr(error.message, "no run yet"));
    ck_assert(access(path, F_OK) != 0);
}
END_TEST

static char *file_bytes(size_t *length)
{
    int file = open(path, O_RDONLY);
    struct stat status;
    fstat(file, &status);
    char *bytes = malloc((size_t)status.st_size + 1);
    *length = (size_t)read(file, bytes, (size_t)status.st_size);
    close(file);
    return bytes;
}

static void write_bytes(const char *bytes, size_t length)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ck_assert(write(file, bytes, length) == (ssize_t)length);
    close(file);
}

/* Both ways of opening refuse the file as an error of the system, in one line, and leave every byte of it. */
static void check_refused(const char *what)
{
    size_t before_length, after_length;
    char *before = file_bytes(&before_length);
    for (int access = STORE_READ; access <= STORE_WRITE; access++) {
        struct error error = {0};
        struct store *store = store_open(path, (enum store_access)access, &error);
        ck_assert_msg(!store, "%s was opened", what);
        ck_assert_msg(error.kind == ERROR_SYSTEM && *error.message, "%s: %s", what, error.message);
        char *after = file_bytes(&after_length);
        ck_assert_msg(before_length == after_length && !memcmp(before, after, after_length), "%s was changed", what);
        free(after);
    }
    free(before);
}

START_TEST(unsound_stores_are_refused_untouched)
{
    make_store();
    size_t length;
    char *sound = file_bytes(&length);
    ck_assert_uint_gt(length, 8192);

    write_bytes(sound, length / 2);
    check_refused("a cut store");
    write_bytes(sound, 50);
    check_refused("a store cut within its header");

    char *bad = malloc(length);
    memcpy(bad, sound, length);
    memset(bad + 4096, 0x5a, 4096);
    write_bytes(bad, length);
    check_refused("a damaged store");

    memcpy(bad, sound, length);
    bad[63] = 99; /* user_version, big-endian at 60 */
    write_bytes(bad, length);
    check_refused("a newer store");

    memcpy(bad, sound, length);
    memcpy(bad + 68, "abcd", 4); /* application_id */
    write_bytes(bad, length);
    check_refused("another program's database");

    write_bytes("this is no database at all, only some text that someone wrote\n", 62);
    check_refused("a text file");

    write_bytes(sound, length);
    struct error error = {0};
    struct store *store = store_open(path, STORE_READ, &error);
    ck_assert_msg(store, "%s", error.message);
    store_close(store);
    free(bad);
    free(sound);
}
END_TEST

START_TEST(folders_and_devices_are_refused)
{
    struct error error = {0};
    ck_assert(!store_open("/tmp", STORE_WRITE, &error) && error.kind == ERROR_SYSTEM);
    ck_assert(!store_open("/dev/full", STORE_WRITE, &error) && error.kind == ERROR_SYSTEM);
    ck_assert(!store_open("/proc/no/such/history.db", STORE_WRITE, &error) && error.kind == ERROR_SYSTEM);
    ck_assert(!store_open("/dev/null/history.db", STORE_WRITE, &error) && error.kind == ERROR_SYSTEM);
}
END_TEST

/* Several processes put cases into one run of one store, which none of them finds ready made. */
START_TEST(processes_share_a_store)
{
    enum { WRITERS = 4, CASES = 10 };
    for (int w = 0; w < WRITERS; w++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child)
            continue;
        struct error error = {0};
        struct store *store = store_open(path, STORE_WRITE, &error);
        struct run run;
        char id[TEXT_WORD];
        snprintf(id, sizeof id, "65a000%d011112222", w);
        fill_run(&run, id, "2026-01-01T10:00:00Z");
        bool right = store && store_put_run(store, &run, &error);
        for (size_t i = 0; right && i < CASES; i++)
            right = store_put_case(store, id, i, &run.records[0], &error);
        if (!right)
            fprintf(stderr, "writer %d: %s\n", w, error.message);
        _exit(!right);
    }
    for (int w = 0; w < WRITERS; w++) {
        int status;
        wait(&status);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    struct error error = {0};
    struct store *store = store_open(path, STORE_READ, &error);
    char(*ids)[TEXT_WORD];
    size_t count;
    ck_assert(store_list_runs(store, NULL, 0, &ids, &count, &error) && count == WRITERS);
    struct run run;
    ck_assert(store_get_run(store, ids[0], &run, &error) && run.record_count == CASES);
    run_free(&run);
    free(ids);
    store_close(store);
}
END_TEST

/* Every limit on the file's size, like a disk that fills up at that point, is told as an error; what was committed
 * before stays readable. */
START_TEST(full_disk_keeps_what_was_committed)
{
    make_store();
    pid_t child = fork();
    if (!child) {
        struct rlimit limit = {64 << 10, 64 << 10};
        setrlimit(RLIMIT_FSIZE, &limit);
        struct error error = {0};
        struct store *store = store_open(path, STORE_WRITE, &error);
        struct run run;
        fill_run(&run, "65b0000011112222", "2026-01-02T10:00:00Z");
        bool right = store && store_put_run(store, &run, &error);
        for (size_t i = 0; right && i < 2000; i++)
            right = store_put_case(store, run.id, i, &run.records[0], &error);
        _exit(right ? 9 : error.kind == ERROR_SYSTEM && strstr(error.message, path) ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
    struct error error = {0};
    struct store *store = store_open(path, STORE_READ, &error);
    ck_assert_msg(store, "%s", error.message);
    struct run run;
    ck_assert_msg(store_get_run(store, "65a0000011112222", &run, &error), "%s", error.message);
    ck_assert_uint_eq(run.record_count, 2);
    run_free(&run);
    store_close(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tests = tcase_create("store");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_is_put_comes_back);
    tcase_add_test(tests, an_older_store_is_read_and_climbs);
    tcase_add_test(tests, an_older_store_is_backed_up);
    tcase_add_test(tests, what_cannot_be_backed_up_stays_as_it_is);
    tcase_add_test(tests, documents_survive_the_round);
    tcase_add_test(tests, speech_has_a_real_time_factor);
    tcase_add_test(tests, bad_documents_are_told);
    tcase_add_test(tests, references);
    tcase_add_test(tests, calibration_is_kept_by_machine_and_software);
    tcase_add_test(tests, missing_store_is_no_run_yet);
    tcase_add_test(tests, unsound_stores_are_refused_untouched);
    tcase_add_test(tests, folders_and_devices_are_refused);
    tcase_add_test(tests, processes_share_a_store);
    tcase_add_test(tests, full_disk_keeps_what_was_committed);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
