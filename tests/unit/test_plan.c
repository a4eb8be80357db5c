/* The memory plan: nothing that lives at the same time overlaps, nothing is clobbered before its last reader, the parts
 * sum up, and sharing memory changes no bit of what is computed. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/case.h"
#include "models/families/family.h"
#include "models/graph/op.h"
#include "models/graph/plan.h"
#include "models/ops/ops.h"
#include "tests/suite.h"

static const char *const cases[] = {
    "mlp/mlp-1m/train/f32/b8",
    "mlp/mlp-1m/forward/f32/b8",
    "mlp/mlp-1m/train/bf16/b8/dropout",
    "cnn/seed-cnn/train/f32/b2",
    "cnn/seed-cnn/forward/bf16/b2",
    "rnn/seed-rnn/train/f32/b3/s7",
    "gpt2/gpt2-tiny/train/f32/b2/s16",
    "gpt2/gpt2-tiny/train/bf16/b2/s16",
    "gpt2/gpt2-tiny/train/f32/b2/s16/checkpointing",
    "gpt2/gpt2-tiny/train/f32/b2/s16/dropout/checkpointing",
    "gpt2/gpt2-tiny/train/f32/b2/s16/sgd/mse",
    "gpt2/gpt2-tiny/forward/f32/b2/s16",
};
enum { CASES = sizeof cases / sizeof *cases };

static struct graph *build(const char *id)
{
    struct model_case one;
    struct error error = {0};
    struct graph *graph = case_parse(id, &one, &error) ? case_build(&one, &error) : NULL;
    ck_assert_msg(graph != NULL, "%s", error.message);
    return graph;
}

static struct plan plan_of(const struct graph *graph)
{
    struct plan plan;
    struct error error = {0};
    ck_assert_msg(plan_make(graph, 2, &plan, &error), "%s", error.message);
    return plan;
}

/* ---- an independent walk: which value does each byte of the arena hold? ---- */

/* The checker steps through the nodes with the arena as intervals: each output claims its bytes, which takes them from
 * whoever held them; each input must still hold all of its own. It knows nothing of lifetimes or sharing. */
struct claim {
    size_t begin, end;
    int tensor;
};

struct arena {
    const struct graph *graph;
    const struct plan *plan;
    const char *id;
    struct claim *claims;
    int count;
};

static void claim(struct arena *arena, int tensor)
{
    size_t begin = arena->plan->offsets[tensor], end = begin + tensor_bytes(&arena->graph->tensors[tensor]);
    ck_assert_msg(begin % 64 == 0, "%s: '%s' starts at %zu, off a cache line", arena->id,
                  arena->graph->tensors[tensor].name, begin);
    ck_assert_msg(end <= arena->plan->workspace_offset, "%s: '%s' reaches into the workspace", arena->id,
                  arena->graph->tensors[tensor].name);
    for (int i = 0; i < arena->count; i++)
        if (arena->claims[i].begin < end && begin < arena->claims[i].end)
            arena->claims[i--] = arena->claims[--arena->count];
    arena->claims[arena->count++] = (struct claim){begin, end, tensor};
}

static bool holds(const struct arena *arena, int tensor)
{
    int storage = tensor_storage(arena->graph, tensor);
    for (int i = 0; i < arena->count; i++)
        if (tensor_storage(arena->graph, arena->claims[i].tensor) == storage)
            return true;
    return false;
}

static void require(const struct arena *arena, int tensor, const char *why)
{
    ck_assert_msg(holds(arena, tensor), "%s: %s needs '%s' (tensor %d), which was overwritten", arena->id, why,
                  arena->graph->tensors[tensor].name, tensor);
}

/* May output 0 lie on this input? Only where the op says that it may, or where it is a view. */
static void check_overlap(const struct arena *arena, const struct node *node, int output, int input)
{
    const struct graph *graph = arena->graph;
    int in = node->inputs[input], out = node->outputs[output];
    if (in == NO_TENSOR || tensor_storage(graph, in) == tensor_storage(graph, out))
        return;
    size_t in_begin = arena->plan->offsets[in], in_end = in_begin + tensor_bytes(&graph->tensors[in]);
    size_t out_begin = arena->plan->offsets[out], out_end = out_begin + tensor_bytes(&graph->tensors[out]);
    bool apart = in_end <= out_begin || out_end <= in_begin;
    bool allowed = output == 0 && (node->op->in_place >> input & 1) && in_begin == out_begin;
    ck_assert_msg(apart || allowed, "%s: %s (%s) writes output %d over its input %d", arena->id, node->name,
                  node->op->name, output, input);
}

static void step_node(struct arena *arena, const struct node *node)
{
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != NO_TENSOR)
            require(arena, node->inputs[i], node->name);
    for (int o = 0; o < node->output_count; o++)
        for (int i = 0; i < node->input_count; i++)
            check_overlap(arena, node, o, i);
    for (int o = 0; o < node->output_count; o++)
        if (arena->graph->tensors[node->outputs[o]].alias_of == NO_TENSOR)
            claim(arena, node->outputs[o]);
    for (int o = 0; o < node->output_count; o++)
        require(arena, node->outputs[o], "a later output of the same node");
}

static void walk(const struct graph *graph, const struct plan *plan, const char *id)
{
    struct arena arena = {.graph = graph, .plan = plan, .id = id};
    arena.claims = malloc(((size_t)graph->tensor_count + 1) * sizeof *arena.claims);
    for (int t = 0; t < graph->tensor_count; t++)
        if (graph->tensors[t].persistent && graph->tensors[t].alias_of == NO_TENSOR) {
            int before = arena.count;
            claim(&arena, t);
            ck_assert_msg(arena.count == before + 1, "%s: '%s' overlaps another persistent tensor", id,
                          graph->tensors[t].name);
        }
    for (int n = 0; n < graph->node_count; n++)
        step_node(&arena, &graph->nodes[n]);
    for (int t = 0; t < graph->tensor_count; t++)
        if (graph->tensors[t].persistent || graph->tensors[t].kept || t == graph->output || t == graph->loss)
            require(&arena, t, "the end of the step");
    free(arena.claims);
}

START_TEST(nothing_that_lives_is_overwritten)
{
    struct graph *graph = build(cases[_i]);
    struct plan plan = plan_of(graph);
    walk(graph, &plan, cases[_i]);
    plan_free(&plan);
    graph_free(graph);
}
END_TEST

START_TEST(parts_sum_up)
{
    struct graph *graph = build(cases[_i]);
    struct plan plan = plan_of(graph);
    ck_assert_uint_eq(plan.weights_bytes + plan.kv_cache_bytes + plan.optimizer_bytes + plan.activations_bytes +
                          plan.gradients_bytes + plan.workspace_bytes,
                      plan.arena_bytes);
    ck_assert_uint_eq(plan.workspace_offset + plan.workspace_bytes, plan.arena_bytes);
    size_t weights = 0;
    for (int t = 0; t < graph->tensor_count; t++)
        if (graph->tensors[t].role == ROLE_WEIGHT || graph->tensors[t].role == ROLE_BUFFER)
            weights += graph->tensors[t].persistent ? tensor_bytes(&graph->tensors[t]) : 0;
    ck_assert_uint_ge(plan.weights_bytes, weights);
    ck_assert_uint_le(plan.weights_bytes, weights + 64 * (size_t)graph->tensor_count);
    plan_free(&plan);
    graph_free(graph);
}
END_TEST

/* ---- the same graph with memory of its own for every tensor computes the same bits ---- */

/* Views keep sharing, since nothing moves there; everything else lies apart, with gaps between. */
static struct plan spread(const struct graph *graph, const struct plan *tight)
{
    struct plan plan = *tight;
    plan.offsets = calloc((size_t)graph->tensor_count + 1, sizeof *plan.offsets);
    size_t at = 0;
    for (int t = 0; t < graph->tensor_count; t++)
        if (tensor_storage(graph, t) == t) {
            plan.offsets[t] = at;
            at += (tensor_bytes(&graph->tensors[t]) + 63) / 64 * 64 + 256;
        }
    for (int t = 0; t < graph->tensor_count; t++)
        plan.offsets[t] = plan.offsets[tensor_storage(graph, t)];
    plan.workspace_offset = at;
    plan.arena_bytes = at + plan.workspace_bytes;
    return plan;
}

static struct engine *run(const struct graph *graph, const struct plan *plan, int steps)
{
    struct error error = {0};
    const struct engine_options options = {.threads = 2};
    struct engine *engine = engine_open(graph, plan, &options, &error);
    ck_assert_msg(engine != NULL, "%s", error.message);
    for (int step = 0; step < steps; step++)
        engine_step(engine);
    return engine;
}

START_TEST(sharing_memory_changes_no_bit)
{
    struct graph *graph = build(cases[_i]);
    struct plan tight = plan_of(graph), apart = spread(graph, &tight);
    ck_assert_uint_gt(apart.arena_bytes, tight.arena_bytes);
    struct engine *shared = run(graph, &tight, 3), *own = run(graph, &apart, 3);
    for (int t = 0; t < graph->tensor_count; t++) {
        const struct tensor *tensor = &graph->tensors[t];
        if (tensor->persistent || t == graph->output || t == graph->loss)
            ck_assert_msg(memcmp(engine_tensor(shared, t), engine_tensor(own, t), tensor_bytes(tensor)) == 0,
                          "%s: '%s' differs when tensors don't share memory", cases[_i], tensor->name);
    }
    engine_close(shared);
    engine_close(own);
    plan_free(&tight);
    plan_free(&apart);
    graph_free(graph);
}
END_TEST

/* A residual around a linear layer: its gradient is added to and multiplied by the same node, which may not write over
 * what it still multiplies. */
START_TEST(in_place_spares_what_the_same_op_reads)
{
    struct graph *graph = graph_create(1);
    const struct fill normal = {.kind = FILL_NORMAL, .scale = 1, .like = NO_TENSOR};
    graph->training = true;
    int x = graph_weight(graph, "x", DTYPE_F32, 2, (int64_t[]){16, 16}, normal, false);
    int w = graph_weight(graph, "w", DTYPE_F32, 2, (int64_t[]){16, 16}, normal, false);
    int y = build_add(graph, "first", x, x);
    y = build_add(graph, "residual", y, build_linear(graph, "linear", y, w, NO_TENSOR, ACTIVATION_NONE, DTYPE_F32));
    int target = graph_persistent(graph, "target", ROLE_INPUT, DTYPE_F32, 2, (int64_t[]){16, 16}, normal);
    graph->loss = build_mean_squared_error(graph, "loss", y, target);
    struct error error = {0};
    const struct training training = {.optimizer = NULL};
    ck_assert_msg(graph_train(graph, &training, NULL, &error), "%s", error.message);
    struct plan plan = plan_of(graph);
    walk(graph, &plan, "residual");
    for (int n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (strcmp(node->op->name, "linear_gradient_input") == 0)
            ck_assert_uint_ne(plan.offsets[node->outputs[0]], plan.offsets[node->inputs[0]]);
    }
    plan_free(&plan);
    graph_free(graph);
}
END_TEST

START_TEST(checkpointing_keeps_less)
{
    struct graph *kept = build("gpt2/gpt2-124m/train/f32/b4/s256");
    struct graph *again = build("gpt2/gpt2-124m/train/f32/b4/s256/checkpointing");
    struct plan large = plan_of(kept), small = plan_of(again);
    ck_assert_uint_lt(small.activations_bytes, large.activations_bytes / 2);
    ck_assert_uint_eq(small.weights_bytes, large.weights_bytes);
    ck_assert_uint_eq(small.optimizer_bytes, large.optimizer_bytes);
    ck_assert_double_gt(graph_cost(again).flops, 1.1 * graph_cost(kept).flops);
    plan_free(&large);
    plan_free(&small);
    graph_free(kept);
    graph_free(again);
}
END_TEST

/* Too large to run here, and described all the same. */
START_TEST(large_models_are_planned)
{
    struct graph *graph = build("gpt2/gpt2-1.5b/train/f32/b8/s1024");
    struct plan plan = plan_of(graph);
    walk(graph, &plan, "gpt2-1.5b");
    ck_assert_uint_gt(plan.arena_bytes, (size_t)1557611200 * 12);
    plan_free(&plan);
    graph_free(graph);
}
END_TEST

int main(void)
{
    return suite_run("plan", 300,
                     SUITE(LOOP(nothing_that_lives_is_overwritten, CASES), LOOP(parts_sum_up, CASES),
                           LOOP(sharing_memory_changes_no_bit, CASES), ONCE(in_place_spares_what_the_same_op_reads),
                           ONCE(checkpointing_keeps_less), ONCE(large_models_are_planned)));
}
