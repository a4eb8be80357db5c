/* `benchmark run`, through the real program: what a run says, and what it refuses. */
#include <stdio.h>
#include <string.h>

#include "measured.h"

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

START_TEST(wrong_usage_is_refused_before_anything_is_measured)
{
    remove_store();
    refuses("run --suite quik", 2, "'quik' is no suite, family or case; near it are quick");
    refuses("run --suite quick,", 2, "empty name");
    refuses("run --suite rnn/no-such/forward/f32/b1/s5", 2, "has no model 'no-such'");
    refuses("run --model gtp2-124m", 2, "there is no model 'gtp2-124m'; near it are gpt2-124m");
    refuses("run --model nowhere.gguf", 2, "nowhere.gguf: No such file");
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

static void add(TCase *tests)
{
    tcase_add_test(tests, a_run_says_what_it_found);
    tcase_add_test(tests, wrong_usage_is_refused_before_anything_is_measured);
    tcase_add_test(tests, resume_needs_something_to_go_on_with);
    tcase_add_test(tests, what_does_not_fit_is_skipped);
    tcase_add_test(tests, a_hang_is_given_up);
}

int main(void)
{
    return measured_main("run", add);
}
