/* harness/store/llama_bench*: the same results in every form, of old and new versions, and everything that is refused.
 * The files of results in tests/unit/data/llama_bench were written by hand after llama-bench's printers. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"
#include "harness/store/llama_bench_run.h"

struct imported {
    struct run *runs;
    size_t count;
};

static struct imported import_text(const char *text, const char *name, const char *machine)
{
    struct imported imported = {0};
    struct bench_rows rows;
    struct error error = {0};
    ck_assert_msg(bench_read(text, name, &rows, &error), "%s", error.message);
    ck_assert_msg(bench_runs(&rows, name, machine, &imported.runs, &imported.count, &error), "%s", error.message);
    bench_rows_free(&rows);
    return imported;
}

static struct imported import_file(const char *file, const char *machine)
{
    char path[400];
    snprintf(path, sizeof path, "%s/llama_bench/%s", UNIT_DATA, file);
    char *text = text_read_file(path, 1 << 20);
    ck_assert_msg(text != NULL, "%s can't be read", path);
    struct imported imported = import_text(text, path, machine);
    free(text);
    return imported;
}

static void imported_free(struct imported *imported)
{
    for (size_t i = 0; i < imported->count; i++)
        run_free(&imported->runs[i]);
    free(imported->runs);
}

/* An array that was never closed, as a run that broke off leaves it. */
START_TEST(test_current)
{
    struct imported got = import_file("current.json", NULL);
    ck_assert_uint_eq(got.count, 1);
    const struct run *run = got.runs;
    ck_assert_uint_eq(run->record_count, 2);
    ck_assert_str_eq(run->engine, "llama.cpp");
    ck_assert_str_eq(run->started, "2026-08-01T10:00:00Z");
    ck_assert_str_eq(run->finished, "2026-08-01T10:01:00Z");
    ck_assert_str_eq(run_machine_name(run), "Made-up Processor 9000");
    const struct record *prefill = &run->records[0], *decode = &run->records[1];
    ck_assert_str_eq(prefill->id, "llama/tinyllama-1.1b/prefill/q4_0/b1/s512");
    ck_assert_double_eq_tol(prefill->time.median, 2.0, 1e-12);
    ck_assert_uint_eq(prefill->sample_count, 3);
    ck_assert_int_eq(prefill->threads, 8);
    ck_assert_uint_eq(prefill->parameters, 1100048384);
    ck_assert_uint_eq(prefill->memory[MEMORY_WEIGHTS], 636728320);
    ck_assert_str_eq(decode->id, "llama/tinyllama-1.1b/decode/q4_0/b1/s32832/kv-q8_0");
    ck_assert_double_eq_tol(decode->time.median, 1 / 32.0, 1e-12);
    imported_free(&got);
}
END_TEST

START_TEST(test_forms_give_one_run)
{
    struct imported json = import_file("current.json", NULL), csv = import_file("current.csv", NULL),
                    sql = import_file("current.sql", NULL);
    ck_assert_str_eq(json.runs->id, csv.runs->id);
    ck_assert_str_eq(json.runs->id, sql.runs->id);
    ck_assert_double_eq_tol(csv.runs->records[1].throughput, 32, 1e-9);
    imported_free(&json);
    imported_free(&csv);
    imported_free(&sql);
}
END_TEST

START_TEST(test_markdown)
{
    struct imported got = import_file("current.md", "My Box");
    const struct record *records = got.runs->records;
    ck_assert_uint_eq(got.runs->record_count, 3);
    ck_assert_str_eq(run_machine_name(got.runs), "My Box");
    ck_assert_double_eq_tol(records[0].time.median, 2.0, 1e-12);
    ck_assert_int_eq(records[1].context, 32832);
    ck_assert_str_eq(records[2].mode, "prefill+decode");
    ck_assert_uint_eq(records[2].parameters, 20910000000);
    ck_assert_double_eq_tol((double)records[2].memory[MEMORY_WEIGHTS], 12.83 * 0x1p30, 1);
    imported_free(&got);
}
END_TEST

/* Sizes beyond 32 bits, truth values, a model that no family has, on a card. */
START_TEST(test_earlier)
{
    struct imported got = import_file("earlier.jsonl", NULL);
    const struct record *decode = &got.runs->records[0];
    ck_assert_str_eq(run_machine_name(got.runs), "Made-up Card");
    ck_assert_str_eq(decode->id, "llama/foo-bar-9x9b-instruct/decode/q4_K_M/b1/s64@cuda");
    ck_assert_uint_eq(decode->memory[MEMORY_WEIGHTS], 52637081600);
    ck_assert_uint_eq(decode->parameters, 93405001728);
    ck_assert_double_eq_tol(decode->time.median, 0.02, 1e-12);
    imported_free(&got);
}
END_TEST

static const char *const one_row = "{\"model_type\":\"%s\",\"model_filename\":\"%s\",\"n_prompt\":0,\"n_gen\":8,"
                                   "\"avg_ts\":1.5,\"n_threads\":%d,\"cpu_info\":\"%s\"}\n";

START_TEST(test_names)
{
    static const struct {
        const char *type, *file, *id;
    } rows[] = {
        {"llama 8B IQ2_XXS - 2.0625 bpw", "Meta-Llama-3.1-8B-Instruct-IQ2_XXS.gguf",
         "llama/llama-3.1-8b/decode/iq2_XXS/b1/s4"},
        {"llama 70B F16", "c:\\m\\Meta-Llama-3-70B-Instruct-F16-00001-of-00002.gguf",
         "llama/llama-3-70b/decode/f16/b1/s4"},
        {"llama 1B all F32 (guessed)", "some thing@home.gguf", "llama/some-thing-home/decode/f32/b1/s4"},
        {"gpt-oss ?B BF16", "x.gguf", "gpt-oss/x/decode/bf16/b1/s4"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text text = {0}, file = {0};
        for (const char *at = rows[i].file; *at; at++)
            text_append_n(&file, *at == '\\' ? "\\\\" : at, *at == '\\' ? 2 : 1);
        text_printf(&text, one_row, rows[i].type, text_string(&file), 4, "cpu");
        struct imported got = import_text(text_string(&text), "names", NULL);
        ck_assert_str_eq(got.runs->records[0].id, rows[i].id);
        imported_free(&got);
        text_free(&text);
        text_free(&file);
    }
}
END_TEST

/* A run a machine; the same test again, and with other threads, under a name of its own. */
START_TEST(test_machines_and_repetitions)
{
    struct text text = {0};
    const int threads[] = {4, 4, 8, 4, 4};
    for (int i = 0; i < 5; i++)
        text_printf(&text, one_row, "a 1B Q8_0", "a.gguf", threads[i], i == 3 ? "other" : "cpu");
    struct imported got = import_text(text_string(&text), "machines", NULL);
    ck_assert_uint_eq(got.count, 2);
    ck_assert_uint_eq(got.runs[0].record_count, 4);
    ck_assert_str_eq(got.runs[0].records[0].id, "a/a/decode/q8_0/b1/s4");
    ck_assert_str_eq(got.runs[0].records[1].id, "a/a/decode/q8_0/b1/s4/r2");
    ck_assert_str_eq(got.runs[0].records[2].id, "a/a/decode/q8_0/b1/s4/t8");
    ck_assert_str_eq(got.runs[0].records[3].id, "a/a/decode/q8_0/b1/s4/r4");
    imported_free(&got);
    text_free(&text);
}
END_TEST

static const struct {
    const char *text, *says;
} refused[] = {
    {"", "line 1"},
    {"hello\n", "line 1"},
    {"[\n]\n", "holds no result"},
    {"[\n{\"model_type\":\"a\",", "line 2: the object that begins here has no end"},
    {"{\"model_type\":\"a\"\n,}", "line 2: no JSON"},
    {"[{\"model_type\":\"a\",\"n_prompt\":1,\"n_gen\":0}]", "must have its speed"},
    {"[{\"n_prompt\":1,\"n_gen\":0,\"avg_ts\":1}]", "must name its model"},
    {"[{\"model_type\":\"a\",\"avg_ts\":1}]", "must say its test"},
    {"[{\"model_type\":\"a\",\"n_prompt\":0,\"n_gen\":0,\"avg_ts\":1}]", "must have tokens"},
    {"[{\"model_type\":\"a\",\"n_prompt\":-1,\"n_gen\":0,\"avg_ts\":1}]", "'n_prompt'"},
    {"[{\"model_type\":\"a\",\"n_prompt\":1.5,\"n_gen\":0,\"avg_ts\":1}]", "no whole number"},
    {"[{\"model_type\":\"a\",\"n_prompt\":1,\"n_gen\":0,\"avg_ts\":0}]", "'avg_ts'"},
    {"[{\"model_type\":\"a\",\"n_prompt\":1,\"n_gen\":0,\"avg_ts\":1,\"samples_ns\":[0]}]", "'samples_ns'"},
    {"[{\"model_type\":{},\"n_prompt\":1,\"n_gen\":0,\"avg_ts\":1}]", "'model_type' must be text"},
    {"[{\"a\":1}] x", "line 1"},
    {"model_type,n_prompt,n_gen,avg_ts\n\"a\",\"1\",\"0\"\n", "line 2: 3 values where the first line names 4 columns"},
    {"model_type,n_prompt,n_gen,avg_ts\n\"a,\"1\",\"0\",\"1\"\n", "line 2: column 1"},
    {"model_type,n_prompt,n_gen,avg_ts\n\"a\",\"x\",\"0\",\"1\"\n", "line 2: 'n_prompt'"},
    {"| model | test | t/s |\n|---|---|---|\n| a | pp | 1 |\n", "line 3: 'test': 'pp' must be like pp512"},
    {"| model | test | t/s |\n|---|---|---|\n| a | pp1 |\n", "line 3: 2 cells where the table's head has 3"},
    {"| model | size | test | t/s |\n|---|---|---|---|\n| a | 3 XB | pp1 | 1 |\n", "line 3: 'size'"},
    {"| model | test | t/s |\n|---|---|---|\n| a | pp1 | x ± 2 |\n", "line 3: 't/s'"},
    {"INSERT INTO llama_bench (model_type, avg_ts) VALUES ('a');\n", "line 1"},
    {"INSERT INTO llama_bench VALUES ('a');\n", "line 1: must be INSERT INTO"},
};

START_TEST(test_refused)
{
    struct bench_rows rows;
    struct error error = {0};
    ck_assert(!bench_read(refused[_i].text, "broken", &rows, &error));
    ck_assert_int_eq(error.kind, ERROR_INPUT);
    ck_assert_msg(strncmp(error.message, "broken: ", 8) == 0 && strstr(error.message, refused[_i].says) != NULL,
                  "\"%s\" must say \"%s\"", error.message, refused[_i].says);
    ck_assert_ptr_null(rows.rows);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("llama_bench");
    TCase *tests = tcase_create("llama_bench");
    tcase_add_test(tests, test_current);
    tcase_add_test(tests, test_forms_give_one_run);
    tcase_add_test(tests, test_markdown);
    tcase_add_test(tests, test_earlier);
    tcase_add_test(tests, test_names);
    tcase_add_test(tests, test_machines_and_repetitions);
    tcase_add_loop_test(tests, test_refused, 0, sizeof refused / sizeof *refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
