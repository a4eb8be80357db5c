/* `run`, `report`, `export`, `import` and the store, through the real program, with what can go wrong on a real
 * machine. How fast or how quiet the machine is decides nothing here: a case may be ok or noisy, and a run exit with 0
 * or 3. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
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
#include "program.h"

#define SMALL "rnn/seed-rnn/forward/f32/b1/s5"
#define OTHER "mlp/mlp-1m/forward/f32/b1"

static char folder[] = "/tmp/benchmark-run-XXXXXX";
static char store[64], sound[64]; /* sound: a store that has the machine's ceilings, so that they are measured once */

static void copy_file(const char *from, const char *to)
{
    struct text bytes = {0};
    char block[65536];
    int file = open(from, O_RDONLY);
    for (ssize_t count; (count = read(file, block, sizeof block)) > 0;)
        text_append_n(&bytes, block, (size_t)count);
    close(file);
    file = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ck_assert(write(file, bytes.data, bytes.length) == (ssize_t)bytes.length);
    close(file);
    text_free(&bytes);
}

static void remove_store(void)
{
    char name[96];
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", store, ends[i]);
        unlink(name);
    }
}

static struct answer call(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return program_run(line);
}

static void make_sound_store(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(store, sizeof store, "%s/history.db", folder);
    snprintf(sound, sizeof sound, "%s/sound", folder);
    setenv("BENCHMARK_DB", store, 1);
    setenv("OMP_WAIT_POLICY", "passive", 1);
    struct answer answer = call("run --suite " SMALL " --max-runs 3 --warmup 1 --note name=first");
    ck_assert_msg(answer.code == 0 || answer.code == 3, "%d: %s", answer.code, answer.err);
    answer_free(&answer);
    /* As on a quiet machine: none of them is in doubt, so none is measured again. */
    sqlite3 *database;
    ck_assert(sqlite3_open(store, &database) == SQLITE_OK);
    ck_assert(sqlite3_exec(database, "UPDATE calibration SET low = value, high = value", NULL, NULL, NULL) ==
              SQLITE_OK);
    sqlite3_close(database);
    copy_file(store, sound);
    remove_store();
}

static void remove_folder(void)
{
    unlink(sound);
    rmdir(folder);
}

static void begin(void)
{
    copy_file(sound, store);
}

static json_t *document_of(const struct answer *answer)
{
    struct error error = {0};
    json_t *document = json_parse(answer->out, answer->out_length, "stdout", &error);
    ck_assert_msg(document, "%s; stderr: %s", error.message, answer->err);
    return document;
}

static json_t *case_of(const json_t *document, const char *id)
{
    json_t *cases = json_object_get(document, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++)
        if (!strcmp(json_get_string(json_array_get(cases, i), "id"), id))
            return json_array_get(cases, i);
    ck_abort_msg("no case %s", id);
    return NULL;
}

static bool is_measured(const json_t *one)
{
    const char *status = json_get_string(one, "status");
    return !strcmp(status, "ok") || !strcmp(status, "noisy");
}

START_TEST(a_run_says_what_it_found)
{
    struct answer answer =
        call("run --suite " SMALL "," OTHER " --max-runs 4 --min-runs 4 --warmup 1 --budget 600 --json");
    ck_assert_msg(answer.code == 0 || answer.code == 3, "%d: %s", answer.code, answer.err);
    json_t *document = document_of(&answer), *one = case_of(document, SMALL);
    ck_assert_str_eq(json_get_string(document, "schema"), "benchmark.run/1");
    ck_assert_ptr_nonnull(json_get_string(document, "finished"));
    ck_assert(is_measured(one) && is_measured(case_of(document, OTHER)));
    ck_assert_str_eq(json_get_string(one, "family"), "rnn");
    ck_assert_str_eq(json_get_string(one, "mode"), "forward");
    ck_assert_int_eq((int)json_get_count(one, "context", 0), 5);
    size_t samples = json_array_size(json_object_get(one, "samples_s"));
    ck_assert_msg(samples >= 4 && samples % 4 == 0, "%zu samples", samples);
    json_t *time = json_object_get(one, "time_s"), *memory = json_object_get(one, "memory");
    double median = json_get_real(time, "median");
    ck_assert(json_get_real(time, "low") <= median && median <= json_get_real(time, "high"));
    json_t *throughput = json_object_get(one, "throughput");
    ck_assert_double_eq_tol(json_get_real(throughput, "value") * median, 1, 1e-6);
    ck_assert_double_eq_tol(json_get_real(one, "gflops") * median * 1e9 / json_get_real(one, "flops"), 1, 1e-6);
    ck_assert(json_get_real(one, "mfu") > 0);
    ck_assert(json_is_true(json_object_get(json_object_get(one, "check"), "passed")));
    uint64_t parts = 0;
    static const char *const names[] = {"weights_bytes",   "activations_bytes", "gradients_bytes",
                                        "optimizer_bytes", "kv_cache_bytes",    "workspace_bytes"};
    for (size_t i = 0; i < 6; i++)
        parts += json_get_count(memory, names[i], 0);
    ck_assert_uint_eq(parts, json_get_count(memory, "planned_bytes", 0));
    json_t *machine = json_object_get(document, "machine");
    ck_assert(json_get_real(json_object_get(machine, "ceilings"), "read_gbs") > 0);
    json_decref(document);
    answer_free(&answer);
}
END_TEST

START_TEST(report_export_and_import_agree)
{
    char file[96];
    snprintf(file, sizeof file, "%s/run.json", folder);
    struct answer answer = call("export -o %s", file);
    ck_assert_msg(answer.code == 0, "%s", answer.err);
    answer_free(&answer);
    struct answer before = call("report --json"), from_file = call("report --json %s", file);
    ck_assert_str_eq(before.out, from_file.out);
    answer_free(&from_file);
    remove_store();
    answer = call("import %s --json", file);
    ck_assert_msg(answer.code == 0 && strstr(answer.out, "\"added\": true"), "%s%s", answer.out, answer.err);
    answer_free(&answer);
    answer = call("import %s --json", file);
    ck_assert_msg(answer.code == 0 && strstr(answer.out, "\"added\": false"), "%s%s", answer.out, answer.err);
    answer_free(&answer);
    struct answer after = call("report --json latest");
    ck_assert_str_eq(before.out, after.out);
    answer_free(&before);
    answer_free(&after);
    answer = call("report");
    ck_assert_msg(strstr(answer.out, SMALL) && strstr(answer.out, "name=first"), "%s", answer.out);
    answer_free(&answer);
    answer = call("report --format csv");
    ck_assert_msg(!strncmp(answer.out, "case,throughput,unit,time_s,time_s_low,", 39), "%s", answer.out);
    answer_free(&answer);
    struct answer shown = call("report --format text"), exported = call("export --format text"); /* as it is told */
    ck_assert_str_eq(shown.out, exported.out);
    answer_free(&shown);
    answer_free(&exported);
    unlink(file);
}
END_TEST

static void refuses(const char *line, int code, const char *part)
{
    struct answer answer = program_run(line);
    ck_assert_msg(answer.code == code, "'%s' exits with %d: %s", line, answer.code, answer.err);
    ck_assert_msg(strstr(answer.err, part), "'%s' says: %s", line, answer.err);
    ck_assert_msg(answer_is_one_line_error(&answer), "'%s': out: %s err: %s", line, answer.out, answer.err);
    answer_free(&answer);
}

START_TEST(wrong_usage_is_refused_before_anything_is_measured)
{
    remove_store();
    refuses("run --suite quik", 2, "'quik' is no suite, family or case; near it are quick");
    refuses("run --suite quick,", 2, "empty name");
    refuses("run --suite rnn/no-such/forward/f32/b1/s5", 2, "has no model 'no-such'");
    refuses("run --model gtp2-124m", 2, "there is no model 'gtp2-124m'; near it are gpt2-124m");
    refuses("run --filter nothing*", 2, "leave none of");
    refuses("run --budget soon", 2, "--budget: 'soon'");
    refuses("run --threads 0", 2, "--threads: '0'");
    refuses("run --threads 4096 --suite quick", 2, "--threads: 4096 is more than");
    refuses("run --min-runs 5 --max-runs 4", 2, "--min-runs: 5 is more than --max-runs 4");
    refuses("run --memory-limit lots", 2, "--memory-limit: 'lots'");
    refuses("run --resume --suite quick", 2, "--resume: goes on with the cases of that run");
    refuses("run --resume", 2, "no run yet");
    refuses("report", 2, "no run yet");
    refuses("export latest~3", 2, "no run yet");
    refuses("report no/such.json", 2, "no/such.json: No such file");
    refuses("import no/such.json", 2, "no/such.json: No such file");
    refuses("import --from bench /dev/null", 2, "--from: 'bench'");
    refuses("import /dev/null", 2, "/dev/null: line 1");
    remove_store();
}
END_TEST

START_TEST(resume_needs_something_to_go_on_with)
{
    refuses("run --resume", 2, "no run of this machine was left unfinished");
    refuses("run --resume zzzz", 2, "zzzz: no such run");
}
END_TEST

START_TEST(unsound_stores_cost_one_line)
{
    ck_assert(truncate(store, 5000) == 0);
    refuses("report", 4, "damaged");
    refuses("run --suite " SMALL, 4, "damaged");
    struct stat status;
    ck_assert(stat(store, &status) == 0 && status.st_size == 5000);
    refuses("report --db /dev/full", 4, "/dev/full: not a store");
    refuses("run --suite " SMALL " --db /dev/full", 4, "/dev/full: not a store");
    refuses("run --suite " SMALL " --db /proc/no/history.db", 4, "/proc/no");
    refuses("report --db /tmp", 4, "it is a folder");
}
END_TEST

START_TEST(what_does_not_fit_is_skipped)
{
    struct answer answer = call("run --suite " SMALL ",mlp/mlp-1b/train/f32/b128 --memory-limit 512MiB --max-runs 2 "
                                "--warmup 0 --budget 600 --json");
    ck_assert_msg(answer.code == 0 || answer.code == 3, "%d: %s", answer.code, answer.err);
    json_t *document = document_of(&answer), *large = case_of(document, "mlp/mlp-1b/train/f32/b128");
    ck_assert_str_eq(json_get_string(large, "status"), "skipped");
    ck_assert_msg(strstr(json_get_string(large, "reason"), "512 MiB (--memory-limit)"), "%s",
                  json_get_string(large, "reason"));
    ck_assert(is_measured(case_of(document, SMALL)));
    json_decref(document);
    answer_free(&answer);
}
END_TEST

/* ---- the program in the background ---- */

struct background {
    pid_t process;
    int out;
};

static struct background start(const char *line, void (*limit)(void))
{
    static char *words[40];
    static char copy[512];
    struct background one;
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", line);
    words[count++] = getenv("BENCHMARK_PROGRAM");
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    words[count] = NULL;
    char name[] = "/tmp/benchmark-out-XXXXXX";
    one.out = mkstemp(name);
    unlink(name);
    one.process = fork();
    if (!one.process) {
        dup2(one.out, 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        if (limit)
            limit();
        execv(words[0], words);
        _exit(99);
    }
    return one;
}

static int finish(struct background *one, struct answer *answer)
{
    int status;
    while (waitpid(one->process, &status, 0) < 0 && errno == EINTR)
        ;
    off_t length = lseek(one->out, 0, SEEK_END);
    *answer = (struct answer){.out = calloc((size_t)length + 1, 1), .err = strdup(""), .out_length = (size_t)length};
    ck_assert(pread(one->out, answer->out, (size_t)length, 0) == length);
    close(one->out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The program's child, once it measures; 0 when it doesn't come within half a minute. */
static pid_t worker_of(pid_t process)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)process, (int)process);
    for (int i = 0; i < 3000; i++) {
        char *text = text_read_file(path, 256);
        pid_t worker = text ? atoi(text) : 0;
        free(text);
        if (worker > 0)
            return worker;
        usleep(10000);
    }
    return 0;
}

static bool lives(pid_t process)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    char *text = text_read_file(path, 4096);
    const char *after = text ? strrchr(text, ')') : NULL;
    bool alive = after && after[2] != 'Z' && after[2] != 'X';
    free(text);
    return alive;
}

#define ENDLESS "run --suite " SMALL "," OTHER " --min-runs 1000000 --budget 600 --json"

/* At several moments of its life: while it starts, checks, opens, measures. */
START_TEST(a_killed_worker_costs_its_case_alone)
{
    static const int delays_ms[] = {0, 5, 20, 60, 150, 600};
    struct background one = start("run --suite " SMALL "," OTHER " --max-runs 200 --budget 600 --json", NULL);
    pid_t worker = worker_of(one.process);
    ck_assert_msg(worker, "no worker is seen");
    usleep((useconds_t)delays_ms[_i] * 1000);
    bool killed = kill(worker, SIGKILL) == 0;
    struct answer answer;
    int code = finish(&one, &answer);
    json_t *document = document_of(&answer);
    size_t failed = 0, measured = 0;
    json_t *cases = json_object_get(document, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *record = json_array_get(cases, i);
        measured += is_measured(record);
        if (is_measured(record))
            continue;
        failed++;
        ck_assert_str_eq(json_get_string(record, "status"), "failed");
        ck_assert_msg(strstr(json_get_string(record, "reason"), "killed by signal 9"), "%s",
                      json_get_string(record, "reason"));
    }
    /* It may have been quicker than the signal. */
    ck_assert_msg(failed <= 1 && measured >= 1 && (killed || !failed), "%zu failed, %zu measured", failed, measured);
    ck_assert_int_eq(code, failed ? 3 : code == 3 ? 3 : 0);
    json_decref(document);
    answer_free(&answer);
}
END_TEST

START_TEST(a_killed_run_loses_nothing_and_leaves_nobody)
{
    struct background one = start(ENDLESS, NULL);
    pid_t worker = worker_of(one.process);
    ck_assert(worker > 0);
    usleep(300000);
    worker = worker_of(one.process);
    kill(one.process, SIGKILL);
    struct answer answer;
    ck_assert_int_eq(finish(&one, &answer), 128 + SIGKILL);
    answer_free(&answer);
    for (int i = 0; i < 1000 && lives(worker); i++)
        usleep(10000);
    ck_assert_msg(!lives(worker), "the worker outlived the program");

    answer = call("report --json");
    ck_assert_msg(answer.code == 0, "%s", answer.err);
    json_t *document = document_of(&answer);
    ck_assert_ptr_null(json_get_string(document, "finished"));
    ck_assert_uint_eq(json_array_size(json_object_get(document, "cases")), 2);
    char id[64];
    snprintf(id, sizeof id, "%s", json_get_string(document, "id"));
    json_decref(document);
    answer_free(&answer);

    answer = call("run --resume --max-runs 3 --budget 600 --json");
    ck_assert_msg(answer.code == 0 || answer.code == 3, "%d: %s", answer.code, answer.err);
    document = document_of(&answer);
    ck_assert_str_eq(json_get_string(document, "id"), id);
    ck_assert(is_measured(case_of(document, SMALL)) && is_measured(case_of(document, OTHER)));
    ck_assert_ptr_nonnull(json_get_string(document, "finished"));
    json_decref(document);
    answer_free(&answer);
}
END_TEST

START_TEST(signals_end_a_run_and_keep_it)
{
    static const int signals[] = {SIGINT, SIGTERM};
    struct background one = start(ENDLESS, NULL);
    pid_t worker = worker_of(one.process);
    ck_assert(worker > 0);
    usleep(200000);
    kill(one.process, signals[_i]);
    struct answer answer;
    ck_assert_int_eq(finish(&one, &answer), 128 + signals[_i]);
    ck_assert(!lives(worker));
    json_t *document = document_of(&answer);
    ck_assert_ptr_null(json_get_string(document, "finished"));
    ck_assert_uint_eq(json_array_size(json_object_get(document, "cases")), 2);
    json_decref(document);
    answer_free(&answer);
}
END_TEST

START_TEST(a_hang_is_given_up)
{
    /* The case can't end before it has a million samples, so this timeout is sure to come. */
    struct answer answer = call("run --suite " SMALL " --min-runs 1000000 --timeout 1s --budget 600 --json");
    ck_assert_int_eq(answer.code, 3);
    json_t *document = document_of(&answer), *one = case_of(document, SMALL);
    ck_assert_str_eq(json_get_string(one, "status"), "timeout");
    ck_assert_ptr_nonnull(strstr(json_get_string(one, "reason"), "no end within 1.00 s"));
    json_decref(document);
    answer_free(&answer);
}
END_TEST

START_TEST(a_second_run_waits_for_the_first)
{
    struct background one = start(ENDLESS, NULL);
    ck_assert(worker_of(one.process) > 0);
    struct background two = start("run --suite " SMALL " --max-runs 2 --warmup 0 --budget 600 --json", NULL);
    usleep(700000);
    ck_assert_msg(lives(two.process), "the second did not wait");
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)two.process, (int)two.process);
    char *children = text_read_file(path, 64);
    ck_assert_msg(!children || !*children, "both measure at once");
    free(children);
    kill(one.process, SIGTERM);
    struct answer answer;
    ck_assert_int_eq(finish(&one, &answer), 143);
    answer_free(&answer);
    int code = finish(&two, &answer);
    ck_assert_msg(code == 0 || code == 3, "%d", code);
    answer_free(&answer);
}
END_TEST

static void limit_address_space(void)
{
    struct rlimit limit = {768ull << 20, 768ull << 20};
    setrlimit(RLIMIT_AS, &limit);
}

/* The case that doesn't fit fails by itself or is skipped; the program and the small case go on. */
START_TEST(a_limit_on_the_address_space_is_a_reason)
{
    struct background one = start("run --suite " SMALL ",mlp/mlp-100m/train/f32/b128 --max-runs 2 --warmup 0 "
                                  "--threads 1 --budget 600 --json",
                                  limit_address_space);
    struct answer answer;
    int code = finish(&one, &answer);
    ck_assert_msg(code == 0 || code == 3, "%d", code);
    json_t *document = document_of(&answer), *large = case_of(document, "mlp/mlp-100m/train/f32/b128");
    const char *status = json_get_string(large, "status");
    ck_assert_msg(!strcmp(status, "skipped") || !strcmp(status, "out_of_memory"), "%s: %s", status,
                  json_get_string(large, "reason"));
    ck_assert_msg(is_measured(case_of(document, SMALL)), "%s", json_get_string(case_of(document, SMALL), "reason"));
    json_decref(document);
    answer_free(&answer);
}
END_TEST

static void allow_one_cpu(void)
{
    cpu_set_t all, one;
    CPU_ZERO(&one);
    sched_getaffinity(0, sizeof all, &all);
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--)
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &one);
            break;
        }
    sched_setaffinity(0, sizeof one, &one);
}

START_TEST(one_cpu_is_enough)
{
    struct background one = start("run --suite " SMALL " --max-runs 2 --warmup 0 --budget 600 --json", allow_one_cpu);
    struct answer answer;
    int code = finish(&one, &answer);
    ck_assert_msg(code == 0 || code == 3, "%d", code);
    json_t *document = document_of(&answer), *record = case_of(document, SMALL);
    ck_assert(is_measured(record));
    ck_assert_uint_eq(json_get_count(record, "threads", 0), 1);
    json_decref(document);
    answer_free(&answer);
}
END_TEST

static void limit_file_size(void)
{
    struct stat status;
    ck_assert(stat(store, &status) == 0);
    struct rlimit limit = {(rlim_t)status.st_size / 2, (rlim_t)status.st_size / 2};
    setrlimit(RLIMIT_FSIZE, &limit);
}

START_TEST(a_full_disk_ends_the_run_and_spares_the_store)
{
    struct background one = start("run --suite " SMALL " --max-runs 20000 --budget 600 --json", limit_file_size);
    struct answer answer;
    ck_assert_int_eq(finish(&one, &answer), 4);
    ck_assert_str_eq(answer.out, "");
    answer_free(&answer);
    answer = call("report latest --json");
    ck_assert_msg(answer.code == 0, "%s", answer.err);
    answer_free(&answer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run");
    TCase *tests = tcase_create("run");
    tcase_set_timeout(tests, 300);
    tcase_add_unchecked_fixture(tests, make_sound_store, remove_folder);
    tcase_add_checked_fixture(tests, begin, remove_store);
    tcase_add_test(tests, a_run_says_what_it_found);
    tcase_add_test(tests, report_export_and_import_agree);
    tcase_add_test(tests, wrong_usage_is_refused_before_anything_is_measured);
    tcase_add_test(tests, resume_needs_something_to_go_on_with);
    tcase_add_test(tests, unsound_stores_cost_one_line);
    tcase_add_test(tests, what_does_not_fit_is_skipped);
    tcase_add_loop_test(tests, a_killed_worker_costs_its_case_alone, 0, 6);
    tcase_add_test(tests, a_killed_run_loses_nothing_and_leaves_nobody);
    tcase_add_loop_test(tests, signals_end_a_run_and_keep_it, 0, 2);
    tcase_add_test(tests, a_hang_is_given_up);
    tcase_add_test(tests, a_second_run_waits_for_the_first);
    tcase_add_test(tests, a_limit_on_the_address_space_is_a_reason);
    tcase_add_test(tests, one_cpu_is_enough);
    tcase_add_test(tests, a_full_disk_ends_the_run_and_spares_the_store);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
