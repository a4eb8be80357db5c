/* `import` of llama-bench's results in every form, and of what is hostile or broken; and what `fit --engine` makes of
 * them on machines that aren't here. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measured.h"

#define DATA UNIT_DATA "/llama_bench/"

static char file[80];

static void name_file(void)
{
    snprintf(file, sizeof file, "%s/results", measured_folder);
}

static void remove_file(void)
{
    unlink(file);
}

static void write_file(const char *text, size_t length)
{
    int out = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ck_assert(out >= 0 && write(out, text, length) == (ssize_t)length);
    close(out);
}

static json_t *answers(const char *line, int code)
{
    struct answer answer = program_run(line);
    ck_assert_msg(answer.code == code, "'%s' exits with %d: %s", line, answer.code, answer.err);
    json_t *document = document_of(&answer);
    answer_free(&answer);
    return document;
}

static bool was_added(const char *path)
{
    char line[600];
    snprintf(line, sizeof line, "import --json %s", path);
    json_t *document = answers(line, 0), *run = json_array_get(json_object_get(document, "runs"), 0);
    bool added = json_is_true(json_object_get(run, "added"));
    json_decref(document);
    return added;
}

/* The first three are one run, of which md doesn't tell the time; each again changes nothing. */
START_TEST(every_form_is_imported_once)
{
    ck_assert(was_added(DATA "current.json"));
    ck_assert(!was_added(DATA "current.csv") && !was_added(DATA "current.sql"));
    ck_assert(was_added(DATA "current.md") && was_added(DATA "earlier.jsonl"));
    ck_assert(!was_added(DATA "earlier.jsonl"));
    struct answer answer = call("report --json latest");
    json_t *run = document_of(&answer);
    ck_assert_str_eq(json_get_string(run, "engine"), "llama.cpp");
    json_decref(run);
    answer_free(&answer);
}
END_TEST

START_TEST(what_is_hostile_is_refused_in_a_line)
{
    static const struct {
        const char *text, *part;
    } wrong[] = {
        {"", "results: line 1: no output of llama-bench"},
        {"{\"model_type\":\"a\",\"n_prompt\":0,\"n_gen\":8,\"avg_ts\":1.5",
         "line 1: the object that begins here has no end"},
        {"[{\"model_type\":\"a\",\"n_prompt\":0,\"n_gen\":8,\"avg_ts\":-1}]", "avg_ts"},
        {"[{\"model_type\":\"a\",\"n_prompt\":0,\"n_gen\":8,\"avg_ts\":1e999}]", "line 1"},
        {"[{\"model_type\":\"a\",\"n_prompt\":0,\"n_gen\":0,\"avg_ts\":1}]", "must have tokens"},
        {"[{\"model_type\":\"a\",\"n_prompt\":1e18,\"n_gen\":8,\"avg_ts\":1}]", "n_prompt"},
        {"[{\"model_type\":\"a\",\"n_prompt\":0,\"n_gen\":8}]", "avg_ts"},
        {"[{\"model_type\":[1],\"n_prompt\":0,\"n_gen\":8,\"avg_ts\":1}]", "model_type"},
        {"[{\"model_type\":\"a\",\"n_prompt\":0,\"n_gen\":8,\"avg_ts\":1,\"samples_ns\":[0]}]", "samples_ns"},
        {"[{\"model_type\":\"a\",\"model_type\":\"b\"}]", "duplicate"},
        {"[\n]\n", "holds no result"},
        {"build_commit,model_type,n_prompt,n_gen,avg_ts\n\"x\",\"a\",\"0\",\"8\"\n", "line 2"},
        {"build_commit,model_type,n_prompt,n_gen,avg_ts\n\"x\",\"a\",\"0\",\"8\",\"fast\"\n", "line 2"},
        {"| model | size | params | backend | threads | test | t/s |\n| --- | --- | --- | --- | --- | --- | --- |\n"
         "| a | 1 GiB | 1 B | CPU | 2 | zz9 | 1.00 |\n",
         "zz9"},
        {"INSERT INTO llama_bench (model_type, n_gen) VALUES ('a');\n", "line 1"},
    };
    char line[160];
    snprintf(line, sizeof line, "import --from llama-bench %s", file);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_file(wrong[i].text, strlen(wrong[i].text));
        struct answer answer = program_run(line);
        ck_assert_msg(answer.code == 2 && answer_is_one_line_error(&answer) && strstr(answer.err, "results: "),
                      "%zu: %d: %s%s", i, answer.code, answer.out, answer.err);
        ck_assert_msg(strstr(answer.err, wrong[i].part), "%zu: %s", i, answer.err);
        answer_free(&answer);
    }
    ck_assert(access(measured_store, F_OK) != 0); /* nothing was written */
    write_file("\x7f"
               "ELF\0\1\2\3",
               8);
    snprintf(line, sizeof line, "import %s", file);
    refuses(line, 2, "neither a run of this program nor output of llama-bench");
    refuses("import --from llama-cpp x", 2, "--from: 'llama-cpp'");
    refuses("import /no/such", 2, "/no/such: No such file");
}
END_TEST

/* Names hold no escape sequences, and no parts of a case's name. */
START_TEST(names_are_made_harmless)
{
    static const char text[] = "{\"model_type\":\"a/b@c Q4_0\",\"model_filename\":\"x\\u001b[31m/../y@z.gguf\","
                               "\"cpu_info\":\"<b>\\u0007\\n\",\"n_prompt\":0,\"n_gen\":8,\"avg_ts\":1.5}\n";
    write_file(text, sizeof text - 1);
    ck_assert(was_added(file));
    struct answer answer = call("report latest");
    ck_assert_msg(answer.code == 0 && !strchr(answer.out, '\033') && !strchr(answer.out, '\a'), "%s", answer.out);
    answer_free(&answer);
}
END_TEST

static json_t *fit(const char *options)
{
    char line[400];
    snprintf(line, sizeof line, "fit llama-3-8b --engine llama.cpp --json %s", options);
    return answers(line, 0);
}

/* By name, with memory that llama-bench doesn't tell; nothing is measured, here or there. */
START_TEST(other_machines_are_told_by_their_results)
{
    ck_assert(was_added(DATA "published.csv"));
    refuses("fit llama-3-8b --engine llama.cpp --machine nothing", 2,
            "no machine with results of llama.cpp; these have");
    static const char box[] =
        "{\"model_type\":\"llama 7B Q4_0\",\"cpu_info\":\"Box-9000\",\"n_prompt\":0,\"n_gen\":128,\"avg_ts\":10,"
        "\"model_size\":3825065984,\"model_n_params\":6738415616,\"n_threads\":4}\n"
        "{\"model_type\":\"llama 7B Q4_0\",\"cpu_info\":\"Box-9000\",\"n_prompt\":512,\"n_gen\":0,\"avg_ts\":60,"
        "\"model_size\":3825065984,\"model_n_params\":6738415616,\"n_threads\":4}\n";
    write_file(box, sizeof box - 1);
    ck_assert(was_added(file));
    refuses("fit llama-3-8b --engine llama.cpp --machine box-9000", 2, "--memory 16GiB says");
    json_t *document = fit("--machine box-9000 --memory 16GiB --dtype q4_0"), *rows = json_object_get(document, "rows");
    ck_assert_uint_eq(json_array_size(rows), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *row = json_array_get(rows, i), *speed = json_object_get(row, "throughput");
        bool decodes = !strcmp(json_get_string(row, "mode"), "decode");
        double median = json_get_real(speed, "median"), expected = decodes ? 10 * 6.74 / 8.03 : 60 * 6.74 / 8.03;
        ck_assert_str_eq(json_get_string(row, "engine"), "llama.cpp");
        ck_assert_str_eq(json_get_string(row, "machine"), "box-9000");
        ck_assert_msg(median > 0.8 * expected && median < 1.25 * expected, "%f beside %f", median, expected);
        ck_assert(json_get_real(speed, "low") < median && median < json_get_real(speed, "high"));
    }
    json_decref(document);
    /* what was measured is told as such */
    document = answers("fit llama-2-7b --engine llama.cpp --machine box-9000 --memory 16GiB --dtype q4_0 --context 64 "
                       "--mode decode --json",
                       0);
    const json_t *known = json_array_get(json_object_get(document, "rows"), 0);
    ck_assert_str_eq(json_get_string(known, "basis"), "measured");
    ck_assert_double_eq_tol(json_get_real(json_object_get(known, "throughput"), "median"), 10, 1e-9);
    json_decref(document);
    /* a file of which no family knows the architecture */
    document =
        answers("fit " UNIT_DATA "/models/types.gguf --engine llama.cpp --machine box-9000 --memory 16GiB --json", 0);
    const json_t *row = json_array_get(json_object_get(document, "rows"), 0);
    ck_assert_str_eq(json_get_string(row, "engine"), "llama.cpp");
    ck_assert(json_get_real(json_object_get(row, "throughput"), "median") > 0);
    json_decref(document);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, name_file, remove_file);
    tcase_add_test(tests, every_form_is_imported_once);
    tcase_add_test(tests, what_is_hostile_is_refused_in_a_line);
    tcase_add_test(tests, names_are_made_harmless);
    tcase_add_test(tests, other_machines_are_told_by_their_results);
}

int main(void)
{
    return plain_main("import", add);
}
