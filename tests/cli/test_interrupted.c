/* A run that is ended from outside, or finds less of the machine than it asked for: nothing that was finished is lost,
 * and nobody is left behind. */
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

#include "harness/base/text.h"
#include "measured.h"

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
    ck_assert(stat(measured_store, &status) == 0);
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

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, a_killed_worker_costs_its_case_alone, 0, 6);
    tcase_add_test(tests, a_killed_run_loses_nothing_and_leaves_nobody);
    tcase_add_loop_test(tests, signals_end_a_run_and_keep_it, 0, 2);
    tcase_add_test(tests, a_second_run_waits_for_the_first);
    tcase_add_test(tests, a_limit_on_the_address_space_is_a_reason);
    tcase_add_test(tests, one_cpu_is_enough);
    tcase_add_test(tests, a_full_disk_ends_the_run_and_spares_the_store);
}

int main(void)
{
    return measured_main("interrupted", add);
}
