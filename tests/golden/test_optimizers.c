/* Every optimizer's weights after several steps against torch.optim's, with and without regularisers, in f32 and as a
 * bf16 weight that follows an f32 master.
 *
 * What may differ, relative to an element's magnitude or the tensor's root mean square:
 *   f32   2e-5: 20 steps of f32 roundings; Adam divides by √v, so a gradient's relative rounding becomes the step's
 *   bf16  1e-2: the stored weight is rounded to 2^-9, and so is the gradient that it came from */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/engine.h"
#include "models/ops/ops.h"
#include "tests/golden/golden.h"

static const double TOLERANCE_F32 = 2e-5, TOLERANCE_BF16 = 1e-2;
enum { SEED = 1 };

static struct golden_file file;

struct layer {
    struct graph *graph;
    int weight, bias;
};

/* y = x Wᵀ + b under mean((y − target)²); the weight decays, the bias doesn't. */
static struct layer build(const struct golden_case *one)
{
    int64_t batch = (int64_t)golden_number(one, "batch"), inputs = (int64_t)golden_number(one, "inputs");
    int64_t outputs = (int64_t)golden_number(one, "outputs");
    enum dtype dtype;
    dtype_parse(golden_word(one, "dtype"), &dtype);
    const struct fill normal = {.kind = FILL_NORMAL, .scale = 1, .like = NO_TENSOR};
    const struct fill smaller = {.kind = FILL_NORMAL, .scale = 0.3f, .like = NO_TENSOR};
    struct graph *graph = graph_create(SEED);
    graph->training = true;
    int x = graph_persistent(graph, "x", ROLE_INPUT, dtype, 2, (int64_t[]){batch, inputs}, normal);
    int target = graph_persistent(graph, "target", ROLE_INPUT, DTYPE_F32, 2, (int64_t[]){batch, outputs}, normal);
    int weight = graph_weight(graph, "weight", dtype, 2, (int64_t[]){outputs, inputs}, smaller, true);
    int bias = graph_weight(graph, "bias", DTYPE_F32, 1, &outputs, smaller, false);
    int y = build_linear(graph, "linear", x, weight, bias, ACTIVATION_NONE, DTYPE_F32);
    graph->loss = build_mean_squared_error(graph, "loss", y, target);
    return (struct layer){graph, weight, bias};
}

static struct optimizer optimizer_of(const struct golden_case *one)
{
    struct optimizer optimizer = {0};
    for (int kind = 0; kind < OPTIMIZER_COUNT; kind++)
        if (strcmp(optimizer_name((enum optimizer_kind)kind), golden_word(one, "optimizer")) == 0)
            optimizer = optimizer_defaults((enum optimizer_kind)kind);
    optimizer.learning_rate = (float)golden_number(one, "rate");
    optimizer.l1 = (float)golden_number(one, "l1");
    optimizer.l2 = (float)golden_number(one, "l2");
    return optimizer;
}

static int compare(const struct golden_case *one, const char *name, int step, struct engine *engine,
                   const struct graph *graph, int tensor)
{
    char of[GOLDEN_NAME_SIZE], message[256];
    snprintf(of, sizeof of, "%s.%d", name, step);
    const struct golden_tensor *golden = golden_tensor(one, of);
    if (!golden)
        return 0;
    float ours[1024];
    int64_t count = tensor_elements(&graph->tensors[tensor]);
    ck_assert_int_le(count, 1024);
    engine_read(engine, tensor, ours);
    bool f32 = strcmp(golden_word(one, "dtype"), "f32") == 0;
    if (golden_compare(one, golden, ours, count, f32 ? TOLERANCE_F32 : TOLERANCE_BF16, message, sizeof message) <= 1)
        return 0;
    fprintf(stderr, "%s\n", message);
    return 1;
}

static int run(const struct golden_case *one, bool reference)
{
    struct error error = {0};
    struct layer layer = build(one);
    const struct optimizer optimizer = optimizer_of(one);
    const struct training training = {.optimizer = &optimizer};
    struct plan plan;
    ck_assert_msg(graph_train(layer.graph, &training, NULL, &error) && plan_make(layer.graph, 2, &plan, &error), "%s",
                  error.message);
    const struct engine_options options = {.threads = 2, .reference = reference};
    struct engine *engine = engine_open(layer.graph, &plan, &options, &error);
    ck_assert_msg(engine != NULL, "%s", error.message);
    int failed = 0;
    for (int step = 1; step <= (int)golden_number(one, "steps"); step++) {
        engine_step(engine);
        failed += compare(one, "weight", step, engine, layer.graph, layer.weight);
        failed += compare(one, "bias", step, engine, layer.graph, layer.bias);
    }
    engine_close(engine);
    plan_free(&plan);
    graph_free(layer.graph);
    return failed;
}

START_TEST(optimizer)
{
    const struct golden_case *one = &file.cases[_i];
    int failed = run(one, true) + run(one, false);
    ck_assert_msg(failed == 0, "%s: %d tensors differ from torch.optim's", one->name, failed);
}
END_TEST

int main(int count, char **arguments)
{
    return golden_main(count, arguments, &file, "golden optimizers", 60, (const TTest *[]){optimizer, NULL});
}
