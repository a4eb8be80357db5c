/* A case's memory at other batches (models/engine/case_batches.h) is what its graph, built for that batch, is planned
 * with; and what is planned without names, or asked of one node for all that are alike, is the same. */
#include <check.h>
#include <stdlib.h>

#include "models/engine/case_batches.h"
#include "models/families/family.h"
#include "models/graph/alike.h"
#include "models/graph/cost.h"
#include "models/graph/op.h"
#include "tests/suite.h"

static const char *const cases[] = {
    "mlp/mlp-1m/train/f32/b8",
    "cnn/resnet-18/forward/f32/b2",
    "cnn/seed-cnn/train/bf16/b2",
    "rnn/seed-rnn/train/f32/b3/s7",
    "lstm/lstm-1x128/train/f32/b2/s5",
    "gpt2/gpt2-124m/train/bf16/b2/s16/dropout/checkpointing",
    "gpt2/distilgpt2/distill/f32/b2/s8",
    "gpt2/gpt2-tiny/train/f32/b2/s8/dp-sgd",
    "llama/gemma-3-270m/prefill/q4_K_M/b1/s24",
    "llama/smollm-135m/decode/q8_0/b3/s33/kv-q8_0",
    "moe/moe-small/train/f32/b2/s16",
    "moe/qwen3-30b-a3b/decode/q4_0/b1/s8",
    "neox/falcon-7b/forward/bf16/b1/s8",
    "bert/roberta-base/train/f32/b2/s16",
    "vit/vit-tiny/forward/bf16/b1",
    "whisper/whisper-tiny/decode/q4_0/b1/s8",
    "dlrm/dlrm-small/train/f32/b16",
    "dlrm/dlrm-dcnv2-mlperf/train/f32/b16",
    "moe/deepseek-v2-lite/prefill/q4_K_M/b2/s24",
    "classical/linear-svm/train/f32/b100",
};
enum { CASES = sizeof cases / sizeof *cases, THREADS = 3 };

static struct graph *build_at(struct model_case one, int64_t batch, bool named)
{
    struct error error = {0};
    one.batch = batch;
    struct graph *graph = named ? case_build(&one, &error) : case_build_shapes(&one, &error);
    ck_assert_msg(graph != NULL, "%s", error.message);
    return graph;
}

static struct plan plan_of(const struct graph *graph)
{
    struct plan plan;
    struct error error = {0};
    ck_assert_msg(plan_make(graph, THREADS, &plan, &error), "%s", error.message);
    return plan;
}

static uint64_t bytes_of(struct model_case one, int64_t batch)
{
    struct graph *graph = build_at(one, batch, true);
    struct plan plan = plan_of(graph);
    uint64_t bytes = plan.arena_bytes;
    plan_free(&plan);
    graph_free(graph);
    return bytes;
}

static struct model_case parse(const char *id)
{
    struct model_case one;
    struct error error = {0};
    ck_assert_msg(case_parse(id, &one, &error), "%s", error.message);
    return one;
}

START_TEST(batches_take_what_their_own_graphs_do)
{
    static const int64_t tried[] = {1, 2, 3, 7, 16, 33};
    struct model_case one = parse(cases[_i]);
    struct graph *graph = build_at(one, one.batch, false);
    struct case_batches batches;
    ck_assert(case_batches_open(&one, graph, THREADS, &batches, NULL));
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++)
        ck_assert_msg(case_batches_bytes(&batches, tried[i]) == bytes_of(one, tried[i]), "%s at b%lld", one.id,
                      (long long)tried[i]);
    case_batches_close(&batches);
    graph_free(graph);
}
END_TEST

/* The answer fits, and one sequence more doesn't. */
START_TEST(the_largest_batch_is_the_last_that_fits)
{
    enum { MOST = 5000 };
    struct model_case one = parse(cases[_i]);
    if (one.dp_sgd) /* whose graph has each sample by itself */
        return;
    struct graph *graph = build_at(one, one.batch, false);
    struct plan plan = plan_of(graph);
    struct case_batches batches;
    ck_assert(case_batches_open(&one, graph, THREADS, &batches, NULL));
    uint64_t rooms[] = {bytes_of(one, 1) - 1, bytes_of(one, 1), bytes_of(one, 40) + 1000, 1ull << 62};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        int64_t largest = case_batches_largest(&batches, &plan, rooms[i], MOST);
        ck_assert_int_ge(largest, 0);
        ck_assert_int_le(largest, MOST);
        ck_assert(largest == 0 || case_batches_bytes(&batches, largest) <= rooms[i]);
        ck_assert(largest == MOST || case_batches_bytes(&batches, largest + 1) > rooms[i]);
    }
    ck_assert_int_eq(case_batches_largest(&batches, &plan, rooms[0], MOST), 0);
    ck_assert_int_eq(case_batches_largest(&batches, &plan, rooms[3], MOST), MOST);
    case_batches_close(&batches);
    plan_free(&plan);
    graph_free(graph);
}
END_TEST

START_TEST(names_change_no_plan)
{
    struct model_case one = parse(cases[_i]);
    struct graph *named = build_at(one, one.batch, true), *nameless = build_at(one, one.batch, false);
    struct plan first = plan_of(named), second = plan_of(nameless);
    ck_assert_uint_eq(first.arena_bytes, second.arena_bytes);
    ck_assert_uint_eq(first.workspace_bytes, second.workspace_bytes);
    ck_assert_uint_eq(graph_parameters(named), graph_parameters(nameless));
    ck_assert(graph_cost(named).flops == graph_cost(nameless).flops);
    plan_free(&first);
    plan_free(&second);
    graph_free(named);
    graph_free(nameless);
}
END_TEST

START_TEST(alike_nodes_cost_the_same)
{
    struct graph *graph = build_at(parse(cases[_i]), parse(cases[_i]).batch, false);
    int *alike = malloc(((size_t)graph->node_count + 1) * sizeof *alike), repeated = 0;
    ck_assert(graph_find_alike(graph, alike));
    for (int n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n], *first = &graph->nodes[alike[n]];
        ck_assert_int_le(alike[n], n);
        ck_assert_int_eq(alike[alike[n]], alike[n]);
        struct cost a = node_cost(graph, node), b = node_cost(graph, first);
        ck_assert(a.flops == b.flops && a.bytes_read == b.bytes_read && a.bytes_written == b.bytes_written);
        if (node->op->workspace)
            ck_assert_uint_eq(node->op->workspace(graph, node, THREADS), node->op->workspace(graph, first, THREADS));
        repeated += alike[n] != n;
    }
    if (parse(cases[_i]).size->config.layers > 4)
        ck_assert_int_gt(repeated, graph->node_count / 3);
    free(alike);
    graph_free(graph);
}
END_TEST

int main(void)
{
    return suite_run("batches", 60,
                     SUITE(LOOP(batches_take_what_their_own_graphs_do, CASES),
                           LOOP(the_largest_batch_is_the_last_that_fits, CASES), LOOP(names_change_no_plan, CASES),
                           LOOP(alike_nodes_cost_the_same, CASES)));
}
