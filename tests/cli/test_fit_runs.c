/* What `fit` says of memory is what `run` meets: a case that fits runs within that memory, and one that doesn't is
 * refused by it. */
#include <stdio.h>
#include <string.h>

#include "measured.h"

/* The row of a model in one mode under that much memory, the caller's; *document holds it. */
static const json_t *fit_row(const char *options, uint64_t memory_bytes, json_t **document)
{
    struct answer answer =
        call("fit --no-calibrate --json %s --memory %llu", options, (unsigned long long)memory_bytes);
    ck_assert_msg(answer.code <= 1, "%s", answer.err);
    *document = document_of(&answer);
    answer_free(&answer);
    return json_array_get(json_object_get(*document, "rows"), 0);
}

static const struct {
    const char *options, *id;
} asked[] = {
    {"mlp-10m --mode train --dtype f32 --batch 128", "mlp/mlp-10m/train/f32/b128"},
    {"llama-15m --mode decode --dtype q8_0 --batch 8 --context 256", "llama/llama-15m/decode/q8_0/b8/s256"},
    {"gpt2-tiny --mode train --dtype bf16 --batch 16 --context 64 --checkpointing",
     "gpt2/gpt2-tiny/train/bf16/b16/s64/checkpointing"},
    {"resnet-18 --mode forward --dtype f32 --batch 8", "cnn/resnet-18/forward/f32/b8"},
};

/* At the least memory of which fit says yes, and at the most of which it says no. */
START_TEST(yes_runs_and_no_does_not)
{
    json_t *document;
    const json_t *row = fit_row(asked[_i].options, 1ull << 40, &document);
    uint64_t total = json_get_count(json_object_get(row, "memory"), "total_bytes", 0), margin = total / 50;
    margin = margin > 16 << 20 ? margin : 16 << 20;
    json_decref(document);
    ck_assert_uint_gt(total, 16 << 20);

    uint64_t enough = total + margin + (1 << 20), short_of = total - margin - (1 << 20);
    ck_assert_str_eq(json_get_string(fit_row(asked[_i].options, enough, &document), "fits"), "yes");
    json_decref(document);
    ck_assert_str_eq(json_get_string(fit_row(asked[_i].options, total, &document), "fits"), "tight");
    json_decref(document);
    ck_assert_str_eq(json_get_string(fit_row(asked[_i].options, short_of, &document), "fits"), "no");
    json_decref(document);

    struct answer answer = call("run --json --max-runs 3 --warmup 1 --suite %s --memory-limit %llu", asked[_i].id,
                                (unsigned long long)enough);
    document = document_of(&answer);
    const json_t *one = case_of(document, asked[_i].id);
    ck_assert_msg(is_measured(one), "%s: %s", asked[_i].id, json_get_string(one, "reason"));
    ck_assert_uint_le(json_get_count(json_object_get(one, "memory"), "peak_bytes", UINT64_MAX), enough);
    json_decref(document);
    answer_free(&answer);

    answer = call("run --json --max-runs 3 --warmup 1 --suite %s --memory-limit %llu", asked[_i].id,
                  (unsigned long long)short_of);
    document = document_of(&answer);
    one = case_of(document, asked[_i].id);
    ck_assert_str_eq(json_get_string(one, "status"), "skipped");
    ck_assert_ptr_nonnull(strstr(json_get_string(one, "reason"), "--memory-limit"));
    json_decref(document);
    answer_free(&answer);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, yes_runs_and_no_does_not, 0, sizeof asked / sizeof *asked);
}

int main(void)
{
    return measured_main("fit_runs", add);
}
