/* harness/run/supervise: whatever a worker does, the parent learns its fate and is left without a child. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/run/clock.h"
#include "harness/run/job.h"
#include "harness/run/noise.h"
#include "harness/run/placement.h"
#include "harness/run/supervise.h"
#include "tests/suite.h"

static volatile sig_atomic_t stop;
static int lines;

static bool take(void *state, const json_t *line)
{
    (void)state;
    lines++;
    return json_get_string(line, "event") != NULL;
}

static enum fate run(const char *subject, double timeout_s, char *reason, size_t size)
{
    int cpu = 0;
    struct job job = {.cpus = &cpu, .threads = 1, .measure = measure_defaults()};
    strcpy(job.subject, subject);
    json_t *document = job_to_json(&job);
    struct supervision supervision = {.program = {FALSE_WORKER, "worker"},
                                      .timeout_s = timeout_s,
                                      .cpus = &cpu,
                                      .threads = 1,
                                      .stop = &stop,
                                      .take = take};
    enum fate fate = FATE_DONE;
    struct error error = {0};
    lines = 0;
    ck_assert_msg(supervise(&supervision, document, &fate, reason, size, &error), "%s", error.message);
    json_decref(document);
    ck_assert_msg(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "a child is left after '%s'", subject);
    return fate;
}

START_TEST(fates)
{
    static const struct {
        const char *subject;
        double timeout_s;
        enum fate fate;
        const char *reason; /* a part of it */
    } rows[] = {
        {"ok 1", 60, FATE_DONE, ""},
        {"die 9", 60, FATE_FAILED, "killed by signal 9 (Killed); it said: last words"},
        {"die 11", 60, FATE_FAILED, "killed by signal 11"},
        {"hang", 0.3, FATE_TIMEOUT, "no end within 300 ms: killed"},
        {"nonsense", 60, FATE_FAILED, "something that is no record: ?[31mSegment?ation"},
        {"endless", 60, FATE_FAILED, "line without end"},
        {"exit 3", 60, FATE_FAILED, "exit code 3"},
        {"quiet", 60, FATE_FAILED, "ended before its case was done"},
        {"memory", 60, FATE_OUT_OF_MEMORY, "no room for 3 GiB"},
        {"wrong", 60, FATE_FAILED, "the output is wrong"},
        {"twice", 60, FATE_FAILED, "no record: {\"event\":\"done\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char reason[400];
        enum fate fate = run(rows[i].subject, rows[i].timeout_s, reason, sizeof reason);
        ck_assert_msg(fate == rows[i].fate, "'%s': %d: %s", rows[i].subject, (int)fate, reason);
        ck_assert_msg(strstr(reason, rows[i].reason), "'%s': %s", rows[i].subject, reason);
    }
}
END_TEST

START_TEST(lines_arrive)
{
    char reason[400];
    ck_assert_int_eq(run("ok 1", 60, reason, sizeof reason), FATE_DONE);
    ck_assert_int_eq(lines, 3);
}
END_TEST

static void set_stop(int number)
{
    (void)number;
    stop = 1;
}

START_TEST(a_stop_ends_it_soon)
{
    signal(SIGALRM, set_stop);
    double start = clock_now_s();
    alarm(1);
    char reason[400];
    ck_assert_int_eq(run("hang", INFINITY, reason, sizeof reason), FATE_STOPPED);
    ck_assert(clock_now_s() - start < 10);
    stop = 0;
}
END_TEST

START_TEST(no_program_is_told)
{
    struct supervision supervision = {.program = {"/no/such/program", "worker"}, .timeout_s = 10, .take = take};
    json_t *job = json_object();
    enum fate fate;
    char reason[400];
    struct error error = {0};
    ck_assert(supervise(&supervision, job, &fate, reason, sizeof reason, &error));
    ck_assert_int_eq(fate, FATE_FAILED);
    ck_assert_msg(strstr(reason, "exit code 127"), "%s", reason);
    json_decref(job);
}
END_TEST

/* Whether a process exists and isn't a zombie. */
static bool lives(pid_t id)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)id);
    char *text = text_read_file(path, 4096);
    const char *after = text ? strrchr(text, ')') : NULL;
    bool alive = after && after[2] != 'Z' && after[2] != 'X';
    free(text);
    return alive;
}

/* kill -9 of the parent leaves no worker behind. */
START_TEST(a_worker_dies_with_its_parent)
{
    int told[2];
    ck_assert(pipe(told) == 0);
    pid_t parent = fork();
    if (!parent) {
        struct supervision supervision = {.program = {"/bin/sleep", "1000"}, .timeout_s = INFINITY, .take = take};
        json_t *job = json_object();
        pid_t self = getpid();
        ck_assert(write(told[1], &self, sizeof self) == sizeof self);
        enum fate fate;
        char reason[400];
        struct error error;
        supervise(&supervision, job, &fate, reason, sizeof reason, &error);
        _exit(0);
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    pid_t worker = 0;
    for (int i = 0; i < 500 && !worker; i++) {
        usleep(10000);
        char *text = text_read_file(path, 256);
        worker = text ? atoi(text) : 0;
        free(text);
    }
    ck_assert_msg(worker > 0, "no child is seen in %s", path);
    usleep(100000);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    for (int i = 0; i < 500 && lives(worker); i++)
        usleep(10000);
    ck_assert_msg(!lives(worker), "worker %d outlived its parent", (int)worker);
}
END_TEST

START_TEST(steal_and_delay_are_read)
{
    const char *stat = "cpu  10 0 10 100 0 0 0 30 0 0\ncpu0 5 0 5 50 0 0 0 10 0 0\ncpu1 5 0 5 50 0 0 0 20 0 0\n"
                       "cpu12 5 0 5 50 0 0 0 7 0 0\nintr 1 2 3\n";
    const int first[] = {0}, both[] = {1, 12};
    ck_assert_double_eq(noise_parse_steal(stat, first, 1), 10);
    ck_assert_double_eq(noise_parse_steal(stat, both, 2), 27);
    ck_assert_double_eq(noise_parse_steal(stat, NULL, 0), 37);
    ck_assert(isnan(noise_parse_steal("no such thing", first, 1)));
    ck_assert_double_eq_tol(noise_parse_delay_s("1000 2000000000 5"), 2, 1e-12);
    ck_assert(isnan(noise_parse_delay_s("")));
    struct noise_mark from = {10, 1, NAN}, to = {20, 2, NAN};
    ck_assert_double_eq(noise_steal(&from, &to, 2), 0.05);
    ck_assert(isnan(noise_delay(&from, &to, 2)));
}
END_TEST

START_TEST(whole_cores_come_first)
{
    int *cpus;
    size_t count;
    struct error error = {0};
    ck_assert_msg(placement_find("package:1 core:2 pu:2", &cpus, &count, &error), "%s", error.message);
    ck_assert_uint_eq(count, 4);
    ck_assert(cpus[0] == 0 && cpus[1] == 2 && cpus[2] == 1 && cpus[3] == 3);
    free(cpus);
    ck_assert(placement_find(NULL, &cpus, &count, &error) && count >= 1);
    free(cpus);
}
END_TEST

int main(void)
{
    return suite_run("supervise", 120,
                     SUITE(ONCE(fates), ONCE(lines_arrive), ONCE(a_stop_ends_it_soon), ONCE(no_program_is_told),
                           ONCE(a_worker_dies_with_its_parent), ONCE(steal_and_delay_are_read),
                           ONCE(whole_cores_come_first)));
}
