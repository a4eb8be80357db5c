/* SIGKILL at random points of run, import and export: the store opens, what was in it is there, it holds only whole
 * cases, a file that was to be written is whole or isn't there, and --resume goes on with a run.
 *
 *     BENCHMARK_PROGRAM=… test_cli_killed [POINTS] [SEED]      points of each command (8), chosen by the seed */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "documents.h"
#include "harness/base/text.h"
#include "harness/store/document.h"
#include "harness/store/store.h"
#include "measured.h"

enum { CASES = 40, SAMPLES = 50 };

static int points = 8;
static unsigned seed = 1;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Starts the program and kills it after that time; the time that it took when it was quicker, else -1. */
static double kill_after(const char *line, double delay_s)
{
    static char *words[40];
    static char copy[512];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", line);
    words[count++] = getenv("BENCHMARK_PROGRAM");
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    words[count] = NULL;
    double start = now_s();
    pid_t child = fork();
    if (!child) {
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, 0);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        execv(words[0], words);
        _exit(99);
    }
    int status;
    while (now_s() - start < delay_s) {
        if (waitpid(child, &status, WNOHANG) == child) {
            ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3), "'%s': %x", line,
                          (unsigned)status);
            return now_s() - start;
        }
        usleep(200);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
}

/* Somewhere in the time that the command takes, more often early on than late, where less happens. */
static double random_delay_s(double whole_s)
{
    double share = rand_r(&seed) / ((double)RAND_MAX + 1);
    return whole_s * share * (rand_r(&seed) % 4 ? 1 : 0.25);
}

/* A measured case has its samples, and as many as its interval can rest on; what isn't has none. */
static void check_whole(const struct run *run)
{
    for (size_t i = 0; i < run->record_count; i++) {
        const struct record *record = &run->records[i];
        bool measured = status_is_measured(record->status);
        ck_assert_msg(*record->id && measured == (record->sample_count > 0), "run %s, case %s (%s): %zu samples",
                      run->id, record->id, status_name(record->status), record->sample_count);
    }
}

/* Every run in the store; how many they are. */
static size_t check_store(void)
{
    struct error error = {0};
    struct store *store = store_open(measured_store, STORE_READ, &error);
    ck_assert_msg(store, "%s", error.message);
    char(*ids)[TEXT_WORD];
    size_t count;
    ck_assert_msg(store_list_runs(store, NULL, 0, &ids, &count, &error), "%s", error.message);
    bool first = false;
    for (size_t i = 0; i < count; i++) {
        struct run run;
        ck_assert_msg(store_get_run(store, ids[i], &run, &error), "%s", error.message);
        first = first || (run.note && !strcmp(run.note, "name=first"));
        if (strncmp(ids[i], "b000", 4))
            check_whole(&run);
        else
            ck_assert_msg(document_is_whole(&run, CASES, SAMPLES), "%s was imported in part", ids[i]);
        run_free(&run);
    }
    ck_assert_msg(first, "the run that was there before is lost");
    free(ids);
    store_close(store);
    return count;
}

START_TEST(killed_imports)
{
    char line[200], file[96], id[32];
    double whole_s = 0.05;
    int killed = 0;
    size_t before = check_store();
    snprintf(file, sizeof file, "%s/import.json", measured_folder);
    for (int point = 0; point < points; point++) {
        document_id(id, 0, point);
        document_write(file, id, CASES, SAMPLES);
        snprintf(line, sizeof line, "import %s", file);
        double took_s = kill_after(line, random_delay_s(1.2 * whole_s));
        size_t after = check_store();
        ck_assert_msg(after == before || after == before + 1, "%zu runs became %zu", before, after);
        ck_assert_msg(took_s < 0 || after == before + 1, "what was imported isn't there");
        killed += took_s < 0;
        whole_s = took_s > 0 ? took_s : whole_s * 1.05;
        before = after;
    }
    unlink(file);
    printf("import: killed at %d of %d points\n", killed, points);
}
END_TEST

/* No part of a file under the name that was asked for, and none under another that the next one trips over. */
START_TEST(killed_exports)
{
    char line[200], out[96], file[96];
    double whole_s = 0.03;
    int killed = 0;
    struct error error = {0};
    snprintf(file, sizeof file, "%s/import.json", measured_folder);
    snprintf(out, sizeof out, "%s/export.json", measured_folder);
    document_write(file, "b00000000000", CASES, SAMPLES);
    snprintf(line, sizeof line, "import %s", file);
    ck_assert(kill_after(line, 60) > 0);
    snprintf(line, sizeof line, "export b0000000 -o %s", out);
    for (int point = 0; point < points; point++) {
        unlink(out);
        double took_s = kill_after(line, random_delay_s(1.2 * whole_s));
        struct run run;
        bool there = access(out, F_OK) == 0;
        ck_assert(there || took_s < 0);
        if (there) {
            ck_assert_msg(run_read_file(&run, out, &error) && document_is_whole(&run, CASES, SAMPLES), "%s",
                          error.message);
            run_free(&run);
        }
        killed += took_s < 0;
        whole_s = took_s > 0 ? took_s : whole_s * 1.05;
        check_store();
    }
    unlink(out);
    unlink(file);
    printf("export: killed at %d of %d points\n", killed, points);
}
END_TEST

/* A run that was begun goes on, and ends as the same run with all its cases. */
static void resume(size_t runs)
{
    struct answer answer = call("run --resume --max-runs 2 --warmup 0 --budget 600 --json");
    if (answer.code == 2) /* it had ended, or not begun */
        ck_assert_msg(strstr(answer.err, "left unfinished"), "%s", answer.err);
    else {
        ck_assert_msg(answer.code == 0 || answer.code == 3, "%d: %s", answer.code, answer.err);
        json_t *document = document_of(&answer);
        ck_assert(is_measured(case_of(document, SMALL)) && is_measured(case_of(document, OTHER)));
        ck_assert_ptr_nonnull(json_get_string(document, "finished"));
        json_decref(document);
    }
    answer_free(&answer);
    ck_assert_uint_eq(check_store(), runs);
}

START_TEST(killed_runs)
{
    double whole_s = 1;
    int killed = 0;
    size_t before = check_store();
    for (int point = 0; point < points; point++) {
        double took_s = kill_after("run --suite " SMALL "," OTHER " --max-runs 3 --warmup 0 --budget 600",
                                   random_delay_s(1.1 * whole_s));
        size_t after = check_store();
        ck_assert_msg(after == before || after == before + 1, "%zu runs became %zu", before, after);
        killed += took_s < 0;
        whole_s = took_s > 0 ? took_s : whole_s;
        before = after;
        if (point % 4 == 0 || points < 20)
            resume(after);
    }
    printf("run: killed at %d of %d points\n", killed, points);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, points > 100 ? 0 : 600);
    tcase_add_test(tests, killed_imports);
    tcase_add_test(tests, killed_exports);
    tcase_add_test(tests, killed_runs);
}

int main(int count, char **arguments)
{
    if (count > 1)
        points = atoi(arguments[1]);
    if (count > 2)
        seed = (unsigned)atoi(arguments[2]);
    return points < 1 ? 2 : measured_main("killed", add);
}
