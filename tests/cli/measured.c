#include "measured.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/text.h"

char measured_folder[] = "/tmp/benchmark-run-XXXXXX";
char measured_store[64];
static char sound[64]; /* the store that each test begins with, so that ceilings are measured once */

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

void remove_store(void)
{
    char name[96];
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", measured_store, ends[i]);
        unlink(name);
    }
}

struct answer call(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return program_run(line);
}

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(measured_folder));
    snprintf(measured_store, sizeof measured_store, "%s/history.db", measured_folder);
    setenv("BENCHMARK_DB", measured_store, 1);
}

static void make_sound_store(void)
{
    make_folder();
    snprintf(sound, sizeof sound, "%s/sound", measured_folder);
    setenv("OMP_WAIT_POLICY", "passive", 1);
    struct answer answer = call("run --suite " SMALL " --max-runs 3 --warmup 1 --note name=first");
    ck_assert_msg(answer.code == 0 || answer.code == 3, "%d: %s", answer.code, answer.err);
    answer_free(&answer);
    /* As on a quiet machine: none of them is in doubt, so none is measured again. */
    sqlite3 *database;
    ck_assert(sqlite3_open(measured_store, &database) == SQLITE_OK);
    ck_assert(sqlite3_exec(database, "UPDATE calibration SET low = value, high = value", NULL, NULL, NULL) ==
              SQLITE_OK);
    sqlite3_close(database);
    copy_file(measured_store, sound);
    remove_store();
}

static void remove_folder(void)
{
    unlink(sound);
    rmdir(measured_folder);
}

static void begin(void)
{
    copy_file(sound, measured_store);
}

void refuses(const char *line, int code, const char *part)
{
    struct answer answer = program_run(line);
    ck_assert_msg(answer.code == code, "'%s' exits with %d: %s", line, answer.code, answer.err);
    ck_assert_msg(strstr(answer.err, part), "'%s' says: %s", line, answer.err);
    ck_assert_msg(answer_is_one_line_error(&answer), "'%s': out: %s err: %s", line, answer.out, answer.err);
    answer_free(&answer);
}

json_t *document_of(const struct answer *answer)
{
    struct error error = {0};
    json_t *document = json_parse(answer->out, answer->out_length, "stdout", &error);
    ck_assert_msg(document, "%s; stderr: %s", error.message, answer->err);
    return document;
}

json_t *case_of(const json_t *document, const char *id)
{
    json_t *cases = json_object_get(document, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++)
        if (!strcmp(json_get_string(json_array_get(cases, i), "id"), id))
            return json_array_get(cases, i);
    ck_abort_msg("no case %s", id);
    return NULL;
}

bool is_measured(const json_t *one)
{
    const char *status = json_get_string(one, "status");
    return !strcmp(status, "ok") || !strcmp(status, "noisy");
}

static int run_tests(const char *name, void (*make)(void), void (*start)(void), void (*add)(TCase *tests))
{
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 300);
    tcase_add_unchecked_fixture(tests, make, remove_folder);
    tcase_add_checked_fixture(tests, start, remove_store);
    add(tests);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

int measured_main(const char *name, void (*add)(TCase *tests))
{
    return run_tests(name, make_sound_store, begin, add);
}

int plain_main(const char *name, void (*add)(TCase *tests))
{
    return run_tests(name, make_folder, remove_store, add);
}
