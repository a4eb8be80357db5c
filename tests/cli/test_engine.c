/* `run --engine` with a program that stands in for llama-bench, and what is kept and told of its results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measured.h"

#define MODEL UNIT_DATA "/models/llama.gguf"
#define RUN "run --engine llama-bench=" FALSE_LLAMA_BENCH " --model " MODEL
#define DECODE "llama/llama/decode/q4_0/b1/s64"
#define PREFILL "llama/llama/prefill/q4_0/b1/s64"

static void behave(void)
{
    unsetenv("FALSE_LLAMA_BENCH");
}

static json_t *run(const char *options, int code)
{
    struct answer answer = call(RUN " --json %s", options);
    ck_assert_msg(answer.code == code, "%d: %s", answer.code, answer.err);
    json_t *document = document_of(&answer);
    answer_free(&answer);
    return document;
}

/* The model has 512 positions: what takes more isn't asked for. The samples of both rounds are kept. */
START_TEST(its_results_are_cases)
{
    json_t *document = run("--threads 1 --note name=theirs", 0), *one = case_of(document, DECODE);
    ck_assert_str_eq(json_get_string(document, "engine"), "llama.cpp");
    const json_t *machine = json_object_get(document, "machine");
    ck_assert_str_eq(json_get_string(json_object_get(machine, "software"), "llama_cpp"), "0c1e570 (7000)");
    ck_assert(is_measured(one));
    ck_assert_uint_eq(json_array_size(json_object_get(one, "samples_s")), 6);
    ck_assert_double_eq_tol(json_get_real(json_object_get(one, "time_s"), "median"), 0.01, 1e-4);
    ck_assert_double_eq_tol(json_get_real(json_object_get(one, "throughput"), "value"), 100, 1);
    ck_assert_uint_eq(json_get_count(one, "threads", 0), 1);
    ck_assert_double_eq_tol(json_get_real(json_object_get(case_of(document, PREFILL), "time_s"), "median"), 0.064,
                            1e-4);
    const json_t *longer = case_of(document, "llama/llama/decode/q4_0/b1/s2048");
    ck_assert_str_eq(json_get_string(longer, "status"), "skipped");
    ck_assert_ptr_nonnull(strstr(json_get_string(longer, "reason"), "512 positions"));
    json_decref(document);
    struct answer answer = call("report");
    ck_assert_msg(answer.code == 0 && strstr(answer.out, DECODE) && strstr(answer.out, "llama.cpp"), "%s", answer.out);
    answer_free(&answer);
    answer = call("fit llama-3-8b --engine llama.cpp --threads 1 --mode decode --dtype q4_0 --json");
    json_t *fit = document_of(&answer), *row = json_array_get(json_object_get(fit, "rows"), 0);
    ck_assert_str_eq(json_get_string(row, "engine"), "llama.cpp");
    ck_assert_ptr_nonnull(strstr(json_get_string(row, "memory_of"), "llama.cpp"));
    json_decref(fit);
    answer_free(&answer);
    answer = call("report --json latest"); /* nothing was measured for that */
    document = document_of(&answer);
    ck_assert_str_eq(json_get_string(document, "suite"), "llama-bench");
    json_decref(document);
    answer_free(&answer);
}
END_TEST

static void fails(const char *how, const char *options, const char *status, const char *reason)
{
    setenv("FALSE_LLAMA_BENCH", how, 1);
    struct answer answer = call(RUN " --json %s", options);
    ck_assert_msg(answer.code == 3, "%s: %d: %s", how, answer.code, answer.err);
    ck_assert_msg(strstr(answer.err, reason), "%s: %s", how, answer.err);
    json_t *document = document_of(&answer), *one = case_of(document, DECODE);
    ck_assert_str_eq(json_get_string(one, "status"), status);
    ck_assert_msg(strstr(json_get_string(one, "reason"), reason), "%s: %s", how, json_get_string(one, "reason"));
    ck_assert(!json_object_get(one, "time_s") && !json_object_get(one, "throughput"));
    json_decref(document);
    answer_free(&answer);
}

START_TEST(its_failures_cost_themselves)
{
    fails("hang", "--timeout 200ms", "timeout", "no end within 200 ms");
    fails("die", "", "failed", "killed by signal 11");
    fails("die", "", "failed", "last words");
    fails("garbage", "", "failed", "llama-bench's output: line 1: no output of llama-bench");
    fails("endless", "", "failed", "wrote more than 4.00 MiB");
    fails("other", "", "failed", "a test of 1+128 tokens after 0 where 0+128 after 0");
    fails("many", "", "failed", "2 results where one was asked for");
    fails("open", "", "failed", "exit code 1; it said: main: error: failed to decode");
}
END_TEST

/* A child that it leaves is ended with it, and what it printed counts. */
START_TEST(its_children_are_ended)
{
    setenv("FALSE_LLAMA_BENCH", "child", 1);
    json_decref(run("--threads 1", 0));
}
END_TEST

/* What an early version doesn't know fails alone. */
START_TEST(early_versions_tell_what_they_can)
{
    setenv("FALSE_LLAMA_BENCH", "old", 1);
    struct answer answer = call("run --engine llama-bench=" FALSE_LLAMA_BENCH " --model " UNIT_DATA
                                "/models/types.gguf --json --threads 1");
    ck_assert_msg(answer.code == 3 && strstr(answer.err, "2 of 5 cases failed"), "%d: %s", answer.code, answer.err);
    json_t *document = document_of(&answer), *cases = json_object_get(document, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        json_t *one = json_array_get(cases, i);
        const char *reason = json_get_string(one, "reason");
        ck_assert(is_measured(one) ==
                  (json_get_count(one, "context", 0) < 512 || !strcmp(json_get_string(one, "mode"), "prefill")));
        ck_assert(is_measured(one) || strstr(reason, "invalid parameter for argument: -d"));
    }
    json_decref(document);
    answer_free(&answer);
}
END_TEST

START_TEST(what_cannot_be_run_is_refused)
{
    static const char bench[] = "run --engine llama-bench=" FALSE_LLAMA_BENCH;
    char line[600];
    refuses("run --engine vllm --model x.gguf", 2, "--engine: 'vllm' can't be run");
    refuses("run --engine llama-bench=/no/such --model x.gguf", 2, "/no/such is no program");
    refuses("run --engine llama-bench=" UNIT_DATA " --model x.gguf", 2, "is no program");
    setenv("FALSE_PATH", getenv("PATH"), 1);
    setenv("PATH", "/no/such:/nor/this", 1);
    refuses("run --engine llama-bench --model x.gguf", 2, "no llama-bench on PATH");
    setenv("PATH", getenv("FALSE_PATH"), 1);
    refuses(bench, 2, "--model FILE.gguf");
    static const struct {
        const char *options, *part;
    } wrong[] = {
        {"--model no/such.gguf", "no/such.gguf: No such file"},
        {"--model gpt2-124m", "'gpt2-124m' is no file"},
        {"--model a,b.gguf", "comma"},
        {"--model " UNIT_DATA "/models/llama.gguf.txt", "llama.gguf.txt"},
        {"--model " MODEL " --suite all", "own tests"},
        {"--model " MODEL " --resume", "own tests"},
        {"--model " MODEL " --threads 4000", "--threads: 4000"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(line, sizeof line, "%s %s", bench, wrong[i].options);
        refuses(line, 2, wrong[i].part);
    }
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, behave, NULL);
    tcase_add_test(tests, its_results_are_cases);
    tcase_add_test(tests, its_failures_cost_themselves);
    tcase_add_test(tests, its_children_are_ended);
    tcase_add_test(tests, early_versions_tell_what_they_can);
    tcase_add_test(tests, what_cannot_be_run_is_refused);
}

int main(void)
{
    return plain_main("engine", add);
}
