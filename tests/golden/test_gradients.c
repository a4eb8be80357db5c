/* Every op's gradient against finite differences of its loss, on tiny shapes with the specification's kernels:
 *
 *     dL/dw ≈ (L(w + h) − L(w − h)) / 2h
 *
 * The loss is read as f32, so h is chosen large enough that the difference stands above its rounding, 2^-24 · L / h,
 * and small enough for the curvature's h². The ops and shapes are those of the golden cases: no other source of truth
 * is used here than the op's own forward pass. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/engine.h"
#include "tests/golden/golden.h"
#include "tests/golden/op_graphs.h"

static struct golden_file file;

static const double STEP = 1e-2;
/* Of the largest gradient in the tensor. Curvature: h² of third derivatives that are about as large as the first. */
static const double ALLOWED = 2e-2;
enum { PROBES = 6 };

struct running {
    struct graph *graph;
    struct plan plan;
    struct engine *engine;
    int *gradients, forward_tensors;
};

static void open_case(struct running *running, const struct golden_case *one)
{
    struct error error = {0};
    const struct training no_update = {.optimizer = NULL};
    const struct engine_options options = {.threads = 1, .reference = true};
    running->graph = op_graph_build(one, true);
    running->forward_tensors = running->graph->tensor_count;
    running->gradients = malloc((size_t)running->forward_tensors * sizeof(int));
    ck_assert_msg(graph_train(running->graph, &no_update, running->gradients, &error) &&
                      plan_make(running->graph, 1, &running->plan, &error),
                  "%s", error.message);
    running->engine = engine_open(running->graph, &running->plan, &options, &error);
    ck_assert_msg(running->engine != NULL, "%s", error.message);
}

static void close_case(struct running *running)
{
    engine_close(running->engine);
    plan_free(&running->plan);
    graph_free(running->graph);
    free(running->gradients);
}

static double loss_at(struct running *running, float *element, float value)
{
    *element = value;
    engine_step(running->engine);
    return engine_loss(running->engine);
}

/* A kink (ReLU, a pool's winner changing) between w − h and w + h shows as one-sided slopes that disagree. */
static bool is_smooth(double left, double right, double largest)
{
    return fabs(left - right) <= 0.06 * largest;
}

static int check_tensor(struct running *running, const char *name, int tensor)
{
    const struct graph *graph = running->graph;
    int64_t count = tensor_elements(&graph->tensors[tensor]);
    float *weights = engine_tensor(running->engine, tensor);
    float *gradient = malloc((size_t)count * sizeof *gradient);
    engine_step(running->engine);
    engine_read(running->engine, running->gradients[tensor], gradient);
    double base = engine_loss(running->engine), largest = 0;
    for (int64_t i = 0; i < count; i++)
        largest = fabs((double)gradient[i]) > largest ? fabs((double)gradient[i]) : largest;
    int checked = 0;
    for (int64_t i = 0; i < count && checked < PROBES; i += 1 + count / (2 * PROBES)) {
        float kept = weights[i];
        double up = loss_at(running, &weights[i], kept + (float)STEP);
        double down = loss_at(running, &weights[i], kept - (float)STEP);
        weights[i] = kept;
        double width = (double)(kept + (float)STEP) - (double)(kept - (float)STEP);
        double slope = (up - down) / width, rounding = 0x1p-23 * fabs(base) / STEP;
        if (!is_smooth((base - down) / STEP, (up - base) / STEP, largest + rounding))
            continue;
        ck_assert_msg(fabs(slope - (double)gradient[i]) <= ALLOWED * largest + rounding,
                      "%s: d.%s[%lld] is %.6g, finite differences say %.6g (largest %.6g)", name,
                      graph->tensors[tensor].name, (long long)i, (double)gradient[i], slope, largest);
        checked++;
    }
    free(gradient);
    return checked;
}

START_TEST(gradient)
{
    const struct golden_case *one = &file.cases[_i];
    bool f32 = strcmp(golden_word(one, "dtype"), "f32") == 0 && strcmp(golden_word(one, "op"), "cast") != 0;
    bool trained = !golden_has(one, "training") || golden_number(one, "training") != 0;
    /* Dropout draws another mask at every step, and bf16's steps are wider than any h. */
    if (!f32 || !trained || strcmp(golden_word(one, "op"), "dropout") == 0)
        return;
    struct running running;
    open_case(&running, one);
    op_graph_ignore_targets(one, running.engine, running.graph);
    int tensors = 0;
    for (int t = 0; t < running.forward_tensors; t++)
        if (running.graph->tensors[t].trainable) {
            ck_assert_msg(check_tensor(&running, one->name, t) > 0, "%s: no smooth element of %s was found", one->name,
                          running.graph->tensors[t].name);
            tensors++;
        }
    ck_assert_msg(tensors > 0, "%s has nothing to differentiate", one->name);
    close_case(&running);
}
END_TEST

int main(int count, char **arguments)
{
    return golden_main(count, arguments, &file, "gradients", 120, (const TTest *[]){gradient, NULL});
}
