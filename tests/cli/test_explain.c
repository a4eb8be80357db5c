/* `benchmark explain`: its document adds up, with and without measured times, and what it refuses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measured.h"

/* Over the ops: flops and bytes of all, and the sum of their shares. */
struct totals {
    double flops, bytes, share, count;
};

static struct totals total_of(const json_t *document, const char *list)
{
    struct totals totals = {0};
    const json_t *ops = json_object_get(document, list);
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const json_t *op = json_array_get(ops, i);
        bool each = strcmp(list, "ops") == 0; /* a layer's figures are of all of it */
        double count = each ? json_get_real(op, "count") : 1;
        totals.count += count;
        totals.flops += count * json_get_real(op, "flops");
        totals.bytes += count * json_get_real(op, "bytes");
        totals.share += json_get_real(op, "share");
    }
    return totals;
}

START_TEST(a_measured_case_is_told_by_its_ops)
{
    struct answer answer = call("explain %s --no-calibrate --json", SMALL);
    ck_assert_msg(answer.code == 0, "%s", answer.err);
    json_t *document = document_of(&answer);
    ck_assert_str_eq(json_get_string(document, "schema"), "benchmark.explain/1");
    ck_assert_str_eq(json_get_string(document, "basis"), "measured");
    struct totals ops = total_of(document, "ops"), layers = total_of(document, "layers");
    ck_assert_double_eq_tol(ops.share, 1, 1e-9);
    ck_assert_double_eq_tol(layers.share, 1, 1e-9);
    ck_assert_double_eq_tol(layers.flops / ops.flops, 1, 1e-9);
    ck_assert_double_eq_tol(layers.bytes / ops.bytes, 1, 1e-9);
    const json_t *list = json_object_get(document, "ops");
    for (size_t i = 0; i < json_array_size(list); i++)
        ck_assert(json_get_real(json_array_get(list, i), "measured_s") > 0);
    ck_assert(json_get_real(json_object_get(document, "roofline"), "read_gbs") > 0);
    json_decref(document);
    answer_free(&answer);
}
END_TEST

/* The same flops as `run` tells of the whole step. */
START_TEST(its_flops_are_the_steps)
{
    struct answer run = call("report --json"), answer = call("explain %s --no-calibrate --json", SMALL);
    json_t *whole = document_of(&run), *document = document_of(&answer);
    ck_assert_double_eq_tol(total_of(document, "ops").flops / json_get_real(case_of(whole, SMALL), "flops"), 1, 1e-9);
    json_decref(whole);
    json_decref(document);
    answer_free(&run);
    answer_free(&answer);
}
END_TEST

START_TEST(equal_layers_are_one_row)
{
    struct answer answer = call("explain gpt2/gpt2-124m/forward/f32/b1/s8 --no-calibrate --json");
    ck_assert_msg(answer.code == 0, "%s", answer.err);
    json_t *document = document_of(&answer);
    const json_t *list = json_object_get(document, "ops");
    size_t found = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *op = json_array_get(list, i);
        if (strcmp(json_get_string(op, "name"), "h.*.mlp.c_fc") == 0 &&
            strcmp(json_get_string(op, "op"), "linear") == 0) {
            ck_assert_double_eq(json_get_real(op, "count"), 12);
            found++;
        }
        ck_assert_ptr_null(json_object_get(op, "measured_s")); /* unknown is absent */
    }
    ck_assert_uint_eq(found, 1);
    json_decref(document);
    answer_free(&answer);
}
END_TEST

START_TEST(it_measures_what_it_may)
{
    struct answer answer = call("explain %s --budget 3s --json", OTHER);
    ck_assert_msg(answer.code == 0, "%s", answer.err);
    json_t *document = document_of(&answer);
    ck_assert_str_eq(json_get_string(document, "basis"), "measured");
    json_decref(document);
    answer_free(&answer);
    answer = call("report latest --json"); /* kept, like any other run */
    document = document_of(&answer);
    ck_assert_ptr_nonnull(case_of(document, OTHER));
    json_decref(document);
    answer_free(&answer);
}
END_TEST

START_TEST(a_pattern_names_one_case)
{
    struct answer answer = call("explain rnn/seed-rnn/*/b1/s5 --no-calibrate --json");
    ck_assert_msg(answer.code == 0, "%s", answer.err);
    json_t *document = document_of(&answer);
    ck_assert_str_eq(json_get_string(document, "id"), SMALL);
    json_decref(document);
    answer_free(&answer);
    refuses("explain gpt2/* --no-calibrate", 2, "cases match");
    refuses("explain nothing/* --no-calibrate", 2, "no case matches");
    refuses("explain gpt2-124m --no-calibrate", 2, "is a model; a case says how it is run");
    refuses("explain gpt2/gpt3/train/f32/b1/s8 --no-calibrate", 2, "gpt2");
    refuses("explain", 2, "needs");
    refuses("explain " SMALL " --format junit --no-calibrate", 2, "judges nothing");
}
END_TEST

START_TEST(it_is_drawn_on_a_narrow_terminal)
{
    char line[128];
    snprintf(line, sizeof line, "explain %s --no-calibrate --color never", SMALL);
    struct answer answer = program_run_on_terminal(line, 50);
    ck_assert_int_eq(answer.code, 0);
    ck_assert_ptr_nonnull(strstr(answer.out, "Roofline"));
    ck_assert_ptr_nonnull(strstr(answer.out, "FLOP/byte"));
    ck_assert_ptr_nonnull(strstr(answer.out, "A step takes"));
    answer_free(&answer);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, a_measured_case_is_told_by_its_ops);
    tcase_add_test(tests, its_flops_are_the_steps);
    tcase_add_test(tests, equal_layers_are_one_row);
    tcase_add_test(tests, it_measures_what_it_may);
    tcase_add_test(tests, a_pattern_names_one_case);
    tcase_add_test(tests, it_is_drawn_on_a_narrow_terminal);
}

int main(void)
{
    return measured_main("explain", add);
}
