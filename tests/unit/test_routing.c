/* Routed experts: who is chosen, how often, what a step is said to read and what it reads, which parameters work on a
 * token. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/random.h"
#include "models/engine/case.h"
#include "models/engine/engine.h"
#include "models/families/family.h"
#include "models/graph/op.h"
#include "models/kernels/routing.h"
#include "tests/suite.h"

START_TEST(the_largest_are_chosen)
{
    const float p[] = {0.1f, 0.3f, 0.05f, 0.3f, 0.2f, 0.05f};
    float weights[3], dp[6];
    int32_t chosen[3];
    struct routing routing = {.experts = 6, .chosen = 3};
    routing_choose(&routing, NULL, p, 0, weights, chosen);
    ck_assert(chosen[0] == 1 && chosen[1] == 3 && chosen[2] == 4); /* of equals the first */
    ck_assert(weights[0] == p[1] && weights[1] == p[3] && weights[2] == p[4]);
    routing.renormalise = true;
    routing_choose(&routing, NULL, p, 0, weights, chosen);
    ck_assert_double_eq_tol((double)(weights[0] + weights[1] + weights[2]), 1, 1e-6);
    ck_assert_double_eq_tol((double)weights[2], 0.25, 1e-6);
    /* A common factor of the chosen ones' probabilities changes nothing. */
    const float dweights[] = {1, 2, -3};
    routing_choose_gradient(&routing, p, chosen, dweights, dp);
    ck_assert(dp[0] == 0 && dp[2] == 0 && dp[5] == 0);
    ck_assert_double_eq_tol((double)(dp[1] * p[1] + dp[3] * p[3] + dp[4] * p[4]), 0, 1e-6);
    ck_assert_double_eq_tol((double)dp[1], (1 - (0.3 + 0.6 - 0.6) / 0.8) / 0.8, 1e-5);
}
END_TEST

/* Whatever is in a row, as many different experts are chosen as were asked for. */
START_TEST(nonsense_is_routed_somewhere)
{
    const float rows[][4] = {{NAN, NAN, NAN, NAN}, {NAN, 1, NAN, 0}, {INFINITY, INFINITY, -INFINITY, NAN}, {0}};
    const struct routing routing = {.experts = 4, .chosen = 3};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        float weights[3];
        int32_t chosen[3];
        unsigned seen = 0;
        routing_choose(&routing, NULL, rows[r], 0, weights, chosen);
        for (int i = 0; i < 3; i++) {
            ck_assert(chosen[i] >= 0 && chosen[i] < 4);
            seen |= 1u << chosen[i];
        }
        ck_assert_int_eq(__builtin_popcount(seen), 3);
    }
}
END_TEST

START_TEST(sorting_keeps_the_order)
{
    const int32_t chosen[] = {2, 0, 2, 4, 0, 2};
    int32_t slots[6], offsets[6];
    routing_sort(chosen, 6, 5, slots, offsets);
    const int32_t want_slots[] = {2, 0, 3, 5, 1, 4}, want_offsets[] = {0, 2, 2, 5, 5, 6};
    ck_assert_mem_eq(slots, want_slots, sizeof slots);
    ck_assert_mem_eq(offsets, want_offsets, sizeof offsets);
}
END_TEST

static int by_count(const void *a, const void *b)
{
    return *(const int *)b - *(const int *)a;
}

/* Of 20000 rows that choose one of 16 experts, the r-th most popular gets (1 + r)^-skew of the sum. */
START_TEST(skew_is_zipfs_exponent)
{
    enum { EXPERTS = 16, ROWS = 20000 };
    const float skew = 0.5f * (float)(_i + 1), p[EXPERTS] = {0};
    const struct routing routing = {.experts = EXPERTS, .chosen = 1, .skew = skew, .key = random_key(1, "a layer")};
    double factors[EXPERTS], sum = 0;
    int counts[EXPERTS] = {0};
    routing_factors(&routing, factors);
    for (uint64_t row = 0; row < ROWS; row++) {
        float weight;
        int32_t chosen;
        routing_choose(&routing, factors, p, row, &weight, &chosen);
        counts[chosen]++;
    }
    qsort(counts, EXPERTS, sizeof *counts, by_count);
    for (int r = 0; r < EXPERTS; r++)
        sum += pow(1 + r, -(double)skew);
    for (int r = 0; r < EXPERTS; r++) {
        double want = ROWS * pow(1 + r, -(double)skew) / sum;
        ck_assert_msg(fabs(counts[r] - want) < 5 * sqrt(want) + 0.02 * want, "skew %g: rank %d got %d rows, not %g",
                      (double)skew, r, counts[r], want);
    }
}
END_TEST

/* The expectation against what 400 layers do. */
START_TEST(distinct_experts_are_as_expected)
{
    static const struct {
        size_t experts, chosen;
        int rows;
        float skew;
    } shapes[] = {{8, 2, 1, 1},   {8, 2, 3, 0.5f},  {8, 2, 3, 1}, {64, 8, 1, 2},   {64, 8, 4, 1},
                  {64, 8, 30, 2}, {60, 4, 9, 1.5f}, {8, 8, 3, 1}, {128, 8, 16, 1}, {16, 1, 20, 3}};
    enum { LAYERS = 400 };
    double total = 0, factors[128];
    const float p[128] = {0};
    struct routing routing = {.experts = shapes[_i].experts, .chosen = shapes[_i].chosen, .skew = shapes[_i].skew};
    for (int layer = 0; layer < LAYERS; layer++) {
        bool used[128] = {false};
        routing.key = random_key((uint64_t)layer, "route");
        routing_factors(&routing, factors);
        for (int row = 0; row < shapes[_i].rows; row++) {
            float weights[8];
            int32_t chosen[8];
            routing_choose(&routing, factors, p, (uint64_t)row, weights, chosen);
            for (size_t i = 0; i < routing.chosen; i++)
                used[chosen[i]] = true;
        }
        for (size_t e = 0; e < routing.experts; e++)
            total += used[e];
    }
    double want = routing_distinct(routing.experts, routing.chosen, shapes[_i].rows, (double)routing.skew);
    ck_assert_msg(fabs(total / LAYERS - want) < 0.04 * want, "%zu of %zu experts, %d rows, skew %g: %g, not %g",
                  routing.chosen, routing.experts, shapes[_i].rows, (double)routing.skew, total / LAYERS, want);
    double even = routing_distinct(routing.experts, routing.chosen, shapes[_i].rows, 0);
    ck_assert(even >= want - 1e-9 && even <= (double)routing.experts);
    ck_assert_double_eq_tol(routing_distinct(routing.experts, routing.chosen, 1, 0), (double)routing.chosen, 1e-9);
}
END_TEST

/* ---- whole steps ---- */

static const char *const ids[] = {"moe/moe-small/decode/f32/b1/s8",         "moe/moe-small/decode/f32/b3/s8",
                                  "moe/moe-small/forward/f32/b2/s2",        "moe/moe-small/decode/f32/b4/s8/skew-1.5",
                                  "moe/moe-small/forward/f32/b1/s3/skew-2", "moe/moe-small/decode/q8_0/b1/s8"};

static struct graph *build(const char *id, struct model_case *one)
{
    struct error error = {0};
    ck_assert_msg(case_parse(id, one, &error), "%s", error.message);
    struct config config = one->size->config;
    config.hidden = 256;
    config.feed_forward = 128;
    config.heads = config.kv_heads = 4;
    config.vocabulary = 1000;
    struct graph *graph = case_build_config(one, &config, &error);
    ck_assert_msg(graph != NULL, "%s", error.message);
    return graph;
}

static bool is(const struct node *node, const char *op)
{
    return strcmp(node->op->name, op) == 0;
}

/* The bytes of expert matrices that a step read, by what its routers chose. */
static double bytes_read(struct engine *engine, const struct graph *graph)
{
    double bytes = 0;
    const int32_t *offsets = NULL;
    for (int n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (is(node, "dispatch"))
            offsets = engine_tensor(engine, node->outputs[2]);
        if (!is(node, "expert_linear"))
            continue;
        const struct tensor *weight = &graph->tensors[node->inputs[1]];
        for (int64_t e = 0; e < weight->dims[0]; e++)
            bytes += offsets[e + 1] > offsets[e] ? (double)tensor_bytes(weight) / (double)weight->dims[0] : 0;
    }
    return bytes;
}

/* The same by the graph's cost, without the rows that were multiplied and the offsets. */
static double bytes_told(const struct graph *graph)
{
    double bytes = 0;
    for (int n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (is(node, "expert_linear"))
            bytes += node_cost(graph, node).bytes_read - (double)tensor_bytes(&graph->tensors[node->inputs[0]]) -
                     (double)tensor_bytes(&graph->tensors[node->inputs[2]]);
    }
    return bytes;
}

START_TEST(cost_is_what_is_read)
{
    enum { STEPS = 40 };
    struct model_case one;
    struct error error = {0};
    struct graph *graph = build(ids[_i], &one);
    for (int n = 0; n < graph->node_count; n++)
        if (is(&graph->nodes[n], "dispatch"))
            graph->tensors[graph->nodes[n].outputs[2]].kept = true;
    struct plan plan;
    ck_assert(plan_make(graph, 2, &plan, &error));
    struct engine *engine = engine_open(graph, &plan, &(struct engine_options){.threads = 2}, &error);
    ck_assert_msg(engine != NULL, "%s", error.message);
    int32_t *tokens = engine_tensor(engine, 0);
    ck_assert_str_eq(graph->tensors[0].name, "tokens");
    double read = 0, told = bytes_told(graph);
    for (int step = 0; step < STEPS; step++) {
        for (int64_t i = 0; i < tensor_elements(&graph->tensors[0]); i++)
            tokens[i] = (int32_t)random_below(5, (uint64_t)step * 100 + (uint64_t)i, 1000);
        engine_step(engine);
        read += bytes_read(engine, graph) / STEPS;
    }
    /* One row goes to exactly as many experts as it chooses. A skewed routing is that of the places, whatever the
     * tokens are: 8 layers' draws, whose sum is expected to be within a tenth of its mean. */
    double allowed = strstr(ids[_i], "/b1/s8") ? 1e-9 : one.skew > 0 ? 0.15 : 0.05;
    ck_assert_msg(fabs(read - told) <= allowed * told, "%s: %g bytes are read, %g told", ids[_i], read, told);
    engine_close(engine);
    plan_free(&plan);
    graph_free(graph);
}
END_TEST

START_TEST(parameters_are_as_published)
{
    static const struct {
        const char *model;
        uint64_t all, active;
    } rows[] = {{"moe-small", 100311552, 43688448},
                {"olmoe-1b-7b", 6919161856, 1282017280},
                {"qwen1.5-moe-a2.7b", 14315784192, 2689173504},
                {"qwen3-30b-a3b", 30532122624, 3353032704},
                {"mixtral-8x7b", 46702792704, 12879925248},
                {"smollm-135m", 134515008, 134515008}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct family *family;
        const struct family_size *size = family_find_size(rows[i].model, &family);
        struct model_case one = case_of_size(family, size, MODE_FORWARD);
        case_name(&one);
        struct graph *graph = case_build(&one, NULL);
        ck_assert_ptr_nonnull(graph);
        ck_assert_uint_eq(graph_parameters(graph), rows[i].all);
        ck_assert_uint_eq(graph_active_parameters(graph), rows[i].active);
        graph_free(graph);
    }
}
END_TEST

/* Bytes of weights by which a file is known to be as large as it is, but for its header: qwen3-30b-a3b's of q4_K_M has
 * 18556686208 bytes, of which the 151936 words take some millions. Of eight experts' layers the keys and values are
 * q8_0, and routers are f32. */
START_TEST(recipes_store_experts)
{
    struct model_case one;
    ck_assert(case_parse("moe/qwen3-30b-a3b/decode/q4_K_M/b1/s8", &one, NULL));
    struct graph *graph = case_build(&one, NULL);
    ck_assert_ptr_nonnull(graph);
    uint64_t bytes = 0;
    for (int t = 0; t < graph->tensor_count; t++)
        bytes += graph->tensors[t].role == ROLE_WEIGHT ? tensor_bytes(&graph->tensors[t]) : 0;
    ck_assert_msg(bytes < 18556686208 && bytes > 18556686208 - 8000000, "%llu bytes", (unsigned long long)bytes);
    graph_free(graph);
    ck_assert(case_parse("moe/moe-small/decode/q4_K/b1/s8", &one, NULL));
    graph = case_build(&one, NULL);
    int found = 0;
    for (int t = 0; t < graph->tensor_count; t++) {
        const struct tensor *tensor = &graph->tensors[t];
        bool fine =
            strcmp(tensor->name, "layers.3.attn.k.weight") == 0 || strcmp(tensor->name, "layers.3.attn.v.weight") == 0;
        bool router = strcmp(tensor->name, "layers.3.mlp.router.weight") == 0;
        bool expert = strcmp(tensor->name, "layers.3.mlp.experts.up.weight") == 0;
        if (fine || router || expert)
            ck_assert_int_eq(tensor->dtype, fine ? DTYPE_Q8_0 : router ? DTYPE_F32 : DTYPE_Q4_K);
        found += fine || router || expert;
    }
    ck_assert_int_eq(found, 4);
    graph_free(graph);
}
END_TEST

/* A training step's parameters are those of its forward part. */
START_TEST(training_counts_parameters_once)
{
    struct model_case one;
    struct graph *forward = build("moe/moe-small/forward/f32/b1/s4", &one);
    struct graph *train = build("moe/moe-small/train/f32/b1/s4/checkpointing", &one);
    ck_assert_uint_eq(graph_parameters(train), graph_parameters(forward));
    ck_assert_uint_eq(graph_active_parameters(train), graph_active_parameters(forward));
    ck_assert_uint_lt(graph_active_parameters(train), graph_parameters(train));
    graph_free(forward);
    graph_free(train);
}
END_TEST

int main(void)
{
    return suite_run("routing", 120,
                     SUITE(ONCE(the_largest_are_chosen), ONCE(nonsense_is_routed_somewhere),
                           ONCE(sorting_keeps_the_order), LOOP(skew_is_zipfs_exponent, 4),
                           LOOP(distinct_experts_are_as_expected, 10),
                           LOOP(cost_is_what_is_read, sizeof ids / sizeof *ids), ONCE(parameters_are_as_published),
                           ONCE(recipes_store_experts), ONCE(training_counts_parameters_once)));
}
