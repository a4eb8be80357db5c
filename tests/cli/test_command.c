/* What every command has in common: options, formats, files, streams, and the one line of an error. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "program.h"
#include "tests/suite.h"

static char folder[] = "/tmp/benchmark-test-XXXXXX";

static void answers(const char *line, int code, const char *out, const char *err)
{
    struct answer answer = program_run(line);
    ck_assert_msg(answer.code == code, "'%s' exits with %d: %s", line, answer.code, answer.err);
    ck_assert_msg(!out || strstr(answer.out, out), "'%s' writes:\n%s", line, answer.out);
    ck_assert_msg(!err || strstr(answer.err, err), "'%s' says: %s", line, answer.err);
    if (code)
        ck_assert_msg(answer_is_one_line_error(&answer), "'%s': out: %s err: %s", line, answer.out, answer.err);
    else
        ck_assert_msg(!*answer.err, "'%s' says: %s", line, answer.err);
    answer_free(&answer);
}

START_TEST(help_and_version)
{
    answers("--version", 0, "benchmark " BENCHMARK_VERSION "\n", NULL);
    answers("list --version", 0, "benchmark " BENCHMARK_VERSION "\n", NULL);
    answers("--help", 0, "\n  list ", NULL);
    answers("-h", 0, "--format text|json|csv", NULL);
    answers("list --help", 0, "Usage: benchmark list", NULL);
    answers("list too many -h", 0, "Usage: benchmark list", NULL);
    struct answer answer = program_run("--help");
    ck_assert_ptr_null(strstr(answer.out, "completion")); /* hidden commands stay hidden */
    answer_free(&answer);
}
END_TEST

START_TEST(wrong_usage)
{
    answers("", 2, NULL, "no command given");
    answers("lsit", 2, NULL, "unknown command 'lsit'; did you mean");
    answers("list --jsn", 2, NULL, "list: unknown option '--jsn'; did you mean --json?");
    answers("--frmat json list", 2, NULL, "unknown option '--frmat'; did you mean --format?");
    answers("list -x", 2, NULL, "unknown option '-x'");
    answers("list -qx", 2, NULL, "unknown option");
    answers("list --format", 2, NULL, "--format needs a value: text|json|csv");
    answers("list -o", 2, NULL, "-o needs a value: FILE");
    answers("list --json=yes", 2, NULL, "takes no value");
    answers("list --format yaml", 2, NULL, "there is no format 'yaml'; did you mean");
    answers("list --color blue", 2, NULL, "--color: 'blue'");
    answers("list formats extra", 2, NULL, "unexpected argument 'extra'");
    answers("list fromats", 2, NULL, "there is no list of 'fromats'; did you mean formats");
    answers("completion tcsh", 2, NULL, "'tcsh'");
    answers("completion", 2, NULL, "needs 1 argument: benchmark completion bash|zsh|fish");
    answers("list --db=", 2, NULL, "--db: ''");
    /* What is quoted back can't reach the terminal as an escape, nor break the line. */
    answers("\033[31mlist\nx", 2, NULL, "'?[31mlist?x'");
}
END_TEST

START_TEST(options_anywhere)
{
    answers("--json list formats", 0, "\"benchmark.list/1\"", NULL);
    answers("list --json formats", 0, "\"what\": \"formats\"", NULL);
    answers("list formats --format=json", 0, "\"benchmark.list/1\"", NULL);
    answers("list --json --format text formats", 0, "Formats\n", NULL); /* the last one counts */
    answers("list --format text --json formats", 0, "{\n", NULL);
    answers("list -q -v --no-progress --color never -- formats", 0, "Formats\n", NULL);
    answers("list formats -o -", 0, "Formats\n", NULL);
}
END_TEST

START_TEST(lists)
{
    static const char *const columns[] = {"formats", "commands"};
    for (size_t i = 0; i < 2; i++) {
        char line[80];
        snprintf(line, sizeof line, "list %s --json", columns[i]);
        struct answer answer = program_run(line);
        struct error error;
        json_t *document = json_parse(answer.out, answer.out_length, line, &error);
        ck_assert_msg(document != NULL, "%s", error.message);
        ck_assert_str_eq(json_get_string(document, "schema"), "benchmark.list/1");
        ck_assert_str_eq(json_get_string(document, "what"), columns[i]);
        json_t *items = json_object_get(document, "items");
        ck_assert_uint_gt(json_array_size(items), 0);
        ck_assert_ptr_nonnull(json_get_string(json_array_get(items, 0), "name"));
        json_decref(document);
        answer_free(&answer);
    }
}
END_TEST

/* Every list that the program names can be had, in every format that it names. */
START_TEST(every_list_in_every_format)
{
    struct error error;
    struct answer lists = program_run("list --json"), formats = program_run("list formats --json");
    json_t *names = json_parse(lists.out, lists.out_length, "lists", &error);
    json_t *kinds = json_parse(formats.out, formats.out_length, "formats", &error);
    size_t i, j;
    json_t *list, *format;
    json_array_foreach(json_object_get(names, "items"), i, list)
    {
        json_array_foreach(json_object_get(kinds, "items"), j, format)
        {
            char line[120];
            snprintf(line, sizeof line, "list %s --format %s", json_get_string(list, "name"),
                     json_get_string(format, "name"));
            struct answer answer = program_run(line);
            /* A format may have nothing to say of a list (openmetrics of names), but then says so. */
            ck_assert_msg(answer.code == 0 || (answer.code == 2 && answer_is_one_line_error(&answer)), "%s: %s", line,
                          answer.err);
            ck_assert_msg(answer.code != 0 || answer.out_length > 0, "%s", line);
            answer_free(&answer);
        }
    }
    json_decref(names);
    json_decref(kinds);
    answer_free(&lists);
    answer_free(&formats);
}
END_TEST

START_TEST(output_files)
{
    char path[200], line[300];
    snprintf(path, sizeof path, "%s/out.json", folder);
    snprintf(line, sizeof line, "list formats --json -o %s", path);
    struct stat status;
    mode_t mask = umask(022);
    answers(line, 0, NULL, NULL);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0644);
    struct answer direct = program_run("list formats --json");
    char *text = text_read_file(path, 1 << 20);
    ck_assert_uint_eq(strlen(text) + 1, direct.out_length); /* the read drops the last line's end */
    ck_assert_int_eq(strncmp(text, direct.out, strlen(text)), 0);
    free(text);
    answer_free(&direct);

    /* What is replaced keeps its mode, and a link stays one. */
    char link[200];
    snprintf(link, sizeof link, "%s/link.json", folder);
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(symlink("out.json", link), 0);
    snprintf(line, sizeof line, "list commands --json -o %s", link);
    answers(line, 0, NULL, NULL);
    ck_assert(lstat(link, &status) == 0 && S_ISLNK(status.st_mode));
    ck_assert(stat(path, &status) == 0 && (status.st_mode & 07777) == 0600);
    text = text_read_file(path, 1 << 20);
    ck_assert_ptr_nonnull(strstr(text, "\"what\": \"commands\""));
    free(text);
    umask(mask);

    /* A command that fails leaves what was there. */
    snprintf(line, sizeof line, "list nothing -o %s", path);
    answers(line, 2, NULL, "there is no list");
    text = text_read_file(path, 1 << 20);
    ck_assert_ptr_nonnull(strstr(text, "\"what\": \"commands\""));
    free(text);
    unlink(path);
    unlink(link);
    ck_assert_int_eq(rmdir(folder), 0); /* so no temporary file was left in it */
    ck_assert_int_eq(mkdir(folder, 0700), 0);
}
END_TEST

START_TEST(output_that_cannot_be)
{
    char line[300];
    snprintf(line, sizeof line, "list -o %s", folder);
    answers(line, 2, NULL, "that is a folder");
    snprintf(line, sizeof line, "list -o %s/none/x.json", folder);
    answers(line, 2, NULL, "there is no folder");
    snprintf(line, sizeof line, "list -o %s/", folder);
    answers(line, 2, NULL, "that is a folder");
    answers("list -o=", 2, NULL, "is not the name of a file");
    answers("list -o /dev/full", 4, NULL, "No space left on device");
    ck_assert_int_eq(access("/dev/full", F_OK), 0);
}
END_TEST

START_TEST(streams_that_fail)
{
    static const char *const lines[] = {"list", "list --json", "--help", "list --help", "--version", "man"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        struct answer answer = program_run_to(lines[i], full);
        ck_assert_msg(answer.code == 4 && strstr(answer.err, "No space left"), "%s: %d %s", lines[i], answer.code,
                      answer.err);
        ck_assert(answer_is_one_line_error(&answer));
        answer_free(&answer);
        close(full);

        int ends[2];
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        close(ends[0]);
        answer = program_run_to(lines[i], ends[1]);
        ck_assert_msg(answer.code == 4 && strstr(answer.err, "Broken pipe"), "%s: %d %s", lines[i], answer.code,
                      answer.err);
        ck_assert(answer_is_one_line_error(&answer));
        answer_free(&answer);
        close(ends[1]);

        answer = program_run_to(lines[i], -1);
        ck_assert_msg(answer.code == 4 && answer_is_one_line_error(&answer), "%s: %d %s", lines[i], answer.code,
                      answer.err);
        answer_free(&answer);
    }
}
END_TEST

static bool colored(const char *line)
{
    struct answer answer = program_run_on_terminal(line, 100);
    ck_assert_int_eq(answer.code, 0);
    bool result = strchr(answer.out, '\033') != NULL;
    answer_free(&answer);
    return result;
}

START_TEST(colours)
{
    setenv("TERM", "xterm-256color", 1);
    unsetenv("NO_COLOR");
    ck_assert(colored("list formats"));
    ck_assert(!colored("list formats --color never"));
    ck_assert(!colored("list formats --json"));
    setenv("NO_COLOR", "1", 1);
    ck_assert(!colored("list formats"));
    ck_assert(colored("list formats --color=always"));
    setenv("NO_COLOR", "", 1); /* an empty one is none, says no-color.org */
    ck_assert(colored("list formats"));
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    ck_assert(!colored("list formats"));
    struct answer answer = program_run("list formats");
    ck_assert_ptr_null(strchr(answer.out, '\033'));
    answer_free(&answer);
}
END_TEST

START_TEST(terminal_width)
{
    struct answer answer = program_run_on_terminal("list formats", 60);
    for (char *line = strtok(answer.out, "\r\n"); line; line = strtok(NULL, "\r\n"))
        ck_assert_msg(text_columns(line) <= 60, "%s", line);
    answer_free(&answer);
}
END_TEST

/* Every option that a command's help shows stands in the manual page and in each shell's completions. */
START_TEST(one_source_of_options)
{
    struct answer man = program_run("man"), bash = program_run("completion bash"), zsh = program_run("completion zsh"),
                  fish = program_run("completion fish"), help = program_run("list --help");
    ck_assert_int_eq(man.code | bash.code | zsh.code | fish.code | help.code, 0);
    size_t count = 0;
    for (const char *c = help.out; (c = strstr(c, "--")); c += 2) {
        char name[40], in_man[80], in_fish[80];
        size_t length = strspn(c + 2, "abcdefghijklmnopqrstuvwxyz-");
        snprintf(name, sizeof name, "%.*s", (int)length, c + 2);
        size_t used = 0;
        for (const char *n = name; *n; n++)
            used += (size_t)snprintf(in_man + used, sizeof in_man - used, "%s%c", *n == '-' ? "\\" : "", *n);
        snprintf(in_fish, sizeof in_fish, " -l %s", name);
        ck_assert_msg(strstr(man.out, in_man) != NULL, "man: %s", in_man);
        ck_assert_msg(strstr(bash.out, name) != NULL, "bash: %s", name);
        ck_assert_msg(strstr(zsh.out, name) != NULL, "zsh: %s", name);
        ck_assert_msg(strstr(fish.out, in_fish) != NULL, "fish: %s", name);
        count++;
    }
    ck_assert_uint_ge(count, 8);
    answer_free(&man);
    answer_free(&bash);
    answer_free(&zsh);
    answer_free(&fish);
    answer_free(&help);
}
END_TEST

int main(void)
{
    if (!mkdtemp(folder))
        return 99;
    int failed =
        suite_run("command", 60,
                  SUITE(ONCE(help_and_version), ONCE(wrong_usage), ONCE(options_anywhere), ONCE(lists),
                        ONCE(every_list_in_every_format), ONCE(output_files), ONCE(output_that_cannot_be),
                        ONCE(streams_that_fail), ONCE(colours), ONCE(terminal_width), ONCE(one_source_of_options)));
    rmdir(folder);
    return failed;
}
