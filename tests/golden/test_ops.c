/* Every op against PyTorch, forward and backward, with the fast kernels and with the specification.
 *
 * What may differ, relative to an element's magnitude or the tensor's root mean square, whichever is larger:
 *   f32   1e-5: sums of up to some thousand products in another order (64 roundings of 2^-24 are 4e-6)
 *   packed weights  as f32 with the specification; the kernels round x to int8 in runs of 32, which moves a sum by half
 *         a hundredth of its root mean square, and one in thousands by four times that
 *   bf16  2e-2: five roundings of 2^-8 of a part on the way to a gradient that cancels with others */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/engine.h"
#include "tests/golden/golden.h"
#include "tests/golden/op_graphs.h"

static const double TOLERANCE_F32 = 1e-5, TOLERANCE_BF16 = 2e-2, TOLERANCE_PACKED = 3e-2;

static struct golden_file file;

struct variant {
    const char *name;
    int threads;
    bool reference;
};

static const struct variant variants[] = {
    {"specification", 1, true}, {"one thread", 1, false}, {"two threads", 2, false}, {"five threads", 5, false}};

struct failures {
    const struct golden_case *one;
    const struct variant *variant;
    int count;
};

static double tolerance_of(const struct failures *failures)
{
    const char *dtype = golden_word(failures->one, "dtype"), *op = golden_word(failures->one, "op");
    if (strncmp(op, "packed", 6) == 0)
        return failures->variant->reference ? TOLERANCE_F32 : TOLERANCE_PACKED;
    /* A cast goes through bf16, whatever it starts from. */
    return strcmp(dtype, "f32") == 0 && strcmp(op, "cast") != 0 ? TOLERANCE_F32 : TOLERANCE_BF16;
}

static void compare(struct failures *failures, const char *name, struct engine *engine, const struct graph *graph,
                    int tensor)
{
    const struct golden_tensor *golden = golden_tensor(failures->one, name);
    if (!golden)
        return;
    ck_assert_msg(tensor != NO_TENSOR, "%s: no %s was made", failures->one->name, name);
    int64_t count = tensor_elements(&graph->tensors[tensor]);
    float *ours = malloc((size_t)count * sizeof *ours);
    engine_read(engine, tensor, ours);
    char message[256];
    if (golden_compare(failures->one, golden, ours, count, tolerance_of(failures), message, sizeof message) > 1) {
        fprintf(stderr, "%s (%s, %s)\n", message, failures->variant->name, graph->training ? "training" : "forward");
        failures->count++;
    }
    free(ours);
}

static void compare_all(struct failures *failures, struct engine *engine, const struct graph *graph,
                        const int *gradients, int forward_tensors)
{
    compare(failures, "y", engine, graph, graph->output);
    if (graph->loss != NO_TENSOR)
        compare(failures, "loss", engine, graph, graph->loss);
    for (int t = 0; t < forward_tensors; t++) {
        char name[GOLDEN_NAME_SIZE];
        snprintf(name, sizeof name, "d.%s", graph->tensors[t].name);
        if (graph->tensors[t].trainable)
            compare(failures, name, engine, graph, gradients[t]);
        else if (graph->tensors[t].role == ROLE_BUFFER)
            compare(failures, graph->tensors[t].name, engine, graph, t);
    }
}

static void run(struct failures *failures, bool training)
{
    struct error error = {0};
    struct graph *graph = op_graph_build(failures->one, training);
    ck_assert_msg(graph != NULL, "%s: no such op", failures->one->name);
    int forward_tensors = graph->tensor_count, *gradients = malloc((size_t)forward_tensors * sizeof *gradients);
    const struct training no_update = {.optimizer = NULL};
    struct plan plan;
    bool built = training ? graph_train(graph, &no_update, gradients, &error) : graph_error(graph, &error);
    ck_assert_msg(built && plan_make(graph, failures->variant->threads, &plan, &error), "%s: %s", failures->one->name,
                  error.message);
    const struct engine_options options = {.threads = failures->variant->threads,
                                           .reference = failures->variant->reference};
    struct engine *engine = engine_open(graph, &plan, &options, &error);
    ck_assert_msg(engine != NULL, "%s: %s", failures->one->name, error.message);
    op_graph_ignore_targets(failures->one, engine, graph);
    engine_step(engine);
    compare_all(failures, engine, graph, gradients, training ? forward_tensors : 0);
    engine_close(engine);
    plan_free(&plan);
    graph_free(graph);
    free(gradients);
}

START_TEST(op)
{
    int failed = 0;
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        struct failures failures = {&file.cases[_i], &variants[v], 0};
        const char *op_name = golden_word(failures.one, "op");
        /* Dropout and batch statistics exist in training only; running statistics otherwise. */
        bool trained = !golden_has(failures.one, "training") || golden_number(failures.one, "training") != 0;
        bool same = strcmp(op_name, "dropout") != 0 && strcmp(op_name, "batch_norm") != 0 &&
                    strcmp(op_name, "residual_block") != 0;
        if (trained)
            run(&failures, true);
        if (!trained || same)
            run(&failures, false);
        failed += failures.count;
    }
    ck_assert_msg(failed == 0, "%s: %d tensors differ from PyTorch's", file.cases[_i].name, failed);
}
END_TEST

int main(int count, char **arguments)
{
    return golden_main(count, arguments, &file, "golden ops", 120, (const TTest *[]){op, NULL});
}
