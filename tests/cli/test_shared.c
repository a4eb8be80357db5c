/* Eight processes on one store, which none of them finds ready made: a thousand commands, none of which fails, and
 * nothing is lost. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "documents.h"
#include "harness/base/text.h"
#include "harness/store/store.h"
#include "program.h"
#include "tests/suite.h"

enum { PROCESSES = 8, COMMANDS = 125, CASES = 4, SAMPLES = 20 };

static char folder[64], store_path[96];
static const char shared_id[] = "aaaa0000";

static void expect(int process, int command, const char *line, const char *part)
{
    struct answer answer = program_run(line);
    if (answer.code != 0 || !strstr(answer.out, part)) {
        fprintf(stderr, "process %d, command %d: '%s' exits with %d: %s%.300s\n", process, command, line, answer.code,
                answer.err, answer.out);
        _exit(1);
    }
    answer_free(&answer);
}

/* In turn: puts a run in, reads it back, writes it out, puts in one that all of them put in, reads the latest. */
static void work(int process)
{
    char line[400], id[32], file[128];
    for (int i = 0; i < COMMANDS; i++) {
        document_id(id, process, i / 5);
        snprintf(file, sizeof file, "%s/%s.json", folder, id);
        switch (i % 5) {
        case 0:
            document_write(file, id, CASES, SAMPLES);
            snprintf(line, sizeof line, "import %s --json", file);
            expect(process, i, line, "\"added\": true");
            break;
        case 1:
            snprintf(line, sizeof line, "report %s --json", id);
            expect(process, i, line, id);
            break;
        case 2:
            snprintf(line, sizeof line, "export %s -o %s.out", id, file);
            expect(process, i, line, "");
            break;
        case 3:
            snprintf(line, sizeof line, "import %s/all.json --json", folder);
            expect(process, i, line, "\"added\"");
            break;
        default:
            expect(process, i, "report latest --json", "benchmark.run/1");
        }
    }
    _exit(0);
}

static void check_run(struct store *store, const char *id)
{
    struct error error = {0};
    struct run run;
    ck_assert_msg(store_get_run(store, id, &run, &error), "%s", error.message);
    ck_assert_msg(document_is_whole(&run, CASES, SAMPLES), "%s isn't whole", id);
    run_free(&run);
    if (!strcmp(id, shared_id))
        return;
    char file[160];
    snprintf(file, sizeof file, "%s/%s.json.out", folder, id);
    char *written = text_read_file(file, 1 << 20);
    ck_assert_msg(written && strstr(written, id), "%s was not exported", id);
    free(written);
}

START_TEST(a_thousand_commands)
{
    char file[160];
    strcpy(folder, "/tmp/benchmark-shared-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(store_path, sizeof store_path, "%s/history.db", folder);
    setenv("BENCHMARK_DB", store_path, 1);
    snprintf(file, sizeof file, "%s/all.json", folder);
    document_write(file, shared_id, CASES, SAMPLES);
    for (int process = 0; process < PROCESSES; process++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (!child)
            work(process);
    }
    int failed = 0, status;
    for (int process = 0; process < PROCESSES; process++) {
        while (wait(&status) < 0 && errno == EINTR)
            ;
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    ck_assert_msg(failed == 0, "%d of %d processes had a command that failed", failed, PROCESSES);

    struct error error = {0};
    struct store *store = store_open(store_path, STORE_READ, &error);
    ck_assert_msg(store, "%s", error.message);
    char(*ids)[TEXT_WORD];
    size_t count;
    ck_assert(store_list_runs(store, NULL, 0, &ids, &count, &error));
    ck_assert_uint_eq(count, PROCESSES * COMMANDS / 5 + 1);
    for (size_t i = 0; i < count; i++)
        check_run(store, ids[i]);
    free(ids);
    store_close(store);
    document_folder_remove(folder);
}
END_TEST

int main(void)
{
    return suite_run("shared", 600, SUITE(ONCE(a_thousand_commands)));
}
