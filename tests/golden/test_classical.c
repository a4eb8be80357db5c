/* The classical models against scikit-learn's: the same table, the same settings.
 *
 *   support vector machine   the objective within 1e-3 of its (in fact 1e-6), every weight within 1e-3
 *   random forest            other random numbers, so other trees: as many held-out rows right to within 1 % (or two
 *                            standard errors, where they are few), trees of its size to within a tenth, and
 *                            so are those that are generated for prediction */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/case.h"
#include "models/families/family.h"
#include "models/kernels/forest.h"
#include "tests/golden/golden.h"

static struct golden_file file;

struct running {
    struct graph *graph;
    struct plan plan;
    struct engine *engine;
};

static void open_case(struct running *running, struct model_case one, int64_t batch, enum mode mode, int64_t examples)
{
    struct error error = {0};
    struct config config = one.size->config;
    const struct engine_options options = {.threads = 2};
    one.batch = batch;
    one.mode = mode;
    config.examples = examples;
    running->graph = case_build_config(&one, &config, &error);
    ck_assert_msg(running->graph && plan_make(running->graph, options.threads, &running->plan, &error), "%s",
                  error.message);
    running->engine = engine_open(running->graph, &running->plan, &options, &error);
    ck_assert_msg(running->engine != NULL, "%s", error.message);
}

static void close_case(struct running *running)
{
    engine_close(running->engine);
    plan_free(&running->plan);
    graph_free(running->graph);
}

static void *tensor_named(struct running *running, const char *name)
{
    for (int t = 0; t < running->graph->tensor_count; t++)
        if (running->graph->tensors[t].persistent && strcmp(running->graph->tensors[t].name, name) == 0)
            return engine_tensor(running->engine, t);
    ck_abort_msg("the graph has no %s", name);
    return NULL;
}

static void compare(const struct golden_case *one, const char *name, const float *ours, int64_t count, double tolerance)
{
    char message[256] = "the golden file lacks it";
    const struct golden_tensor *golden = golden_tensor(one, name);
    ck_assert_msg(golden && golden_compare(one, golden, ours, count, tolerance, message, sizeof message) <= 1, "%s: %s",
                  name, message);
}

static void check_svm(const struct golden_case *golden, const struct model_case *one)
{
    struct running running;
    open_case(&running, *one, one->batch, MODE_TRAIN, one->batch);
    size_t columns = (size_t)one->size->config.inputs;
    float *weights = malloc((columns + 1) * sizeof *weights);
    engine_step(running.engine);
    float objective = (float)engine_loss(running.engine);
    memcpy(weights, tensor_named(&running, "svm.weight"), columns * sizeof *weights);
    weights[columns] = *(float *)tensor_named(&running, "svm.bias");
    compare(golden, "objective", &objective, 1, 1e-5);
    compare(golden, "weights", weights, (int64_t)columns + 1, 1e-3);
    free(weights);
    close_case(&running);
}

static float mean_nodes(const struct forest_node *nodes, size_t trees, size_t capacity)
{
    double count = 0;
    for (size_t t = 0; t < trees; t++) {
        count += 1;
        for (size_t i = 0; i < capacity; i++)
            count += nodes[t * capacity + i].link ? 2 : 0;
    }
    return (float)(count / (double)trees);
}

/* Nodes that a row passes, its leaf among them. */
static float mean_depth(const struct forest_node *nodes, size_t trees, size_t capacity, const float *x, size_t rows,
                        size_t columns)
{
    double count = 0;
    for (size_t t = 0; t < trees; t++)
        for (size_t r = 0; r < rows; r++) {
            const struct forest_node *tree = nodes + t * capacity, *at = tree;
            for (count++; at->link; count++)
                at = tree + (at->link >> 8) + (x[r * columns + (at->link & 0xff)] > at->value);
        }
    return (float)(count / (double)(trees * rows));
}

static void check_shape(const struct golden_case *golden, const struct forest_node *nodes, size_t trees,
                        size_t capacity, const float *x, size_t columns)
{
    float count = mean_nodes(nodes, trees, capacity), depth = mean_depth(nodes, trees, capacity, x, 500, columns);
    printf("%s: %.0f nodes, %.2f deep\n", golden->name, (double)count, (double)depth);
    compare(golden, "nodes", &count, 1, 0.1);
    compare(golden, "depth", &depth, 1, 0.1);
}

static void check_forest(const struct golden_case *golden, const struct model_case *one)
{
    struct running training, predicting, table;
    const struct config *config = &one->size->config;
    const size_t rows = (size_t)one->batch, columns = (size_t)config->inputs, trees = (size_t)config->trees;
    const size_t capacity = forest_capacity(rows);
    open_case(&training, *one, one->batch, MODE_TRAIN, one->batch);
    open_case(&predicting, *one, 2 * one->batch, MODE_FORWARD, one->batch);
    open_case(&table, *one, 2 * one->batch, MODE_TRAIN, one->batch); /* for the held-out rows' labels */
    engine_step(training.engine);
    struct forest_node *trained = tensor_named(&training, "forest"), *forest = tensor_named(&predicting, "forest");
    const float *x = tensor_named(&predicting, "features");
    check_shape(golden, forest, trees, capacity, x + rows * columns, columns);
    memcpy(forest, trained, trees * capacity * sizeof *forest);
    check_shape(golden, forest, trees, capacity, x + rows * columns, columns);
    engine_step(predicting.engine);
    const float *shares = engine_tensor(predicting.engine, predicting.graph->output);
    const int32_t *labels = tensor_named(&table, "labels");
    size_t right = 0;
    for (size_t r = rows; r < 2 * rows; r++)
        right += (shares[r] > 0.5f) == labels[r];
    float accuracy = (float)right / (float)rows;
    printf("%s: %.4f of held-out rows right\n", golden->name, (double)accuracy);
    double theirs = golden_tensor(golden, "accuracy")->values[0];
    double uncertain = sqrt(theirs * (1 - theirs) / (double)rows);
    ck_assert_msg(fabs((double)accuracy - theirs) <= fmax(0.01, 2 * uncertain),
                  "%s: %.4f of the held-out rows are right, not %.4f", golden->name, (double)accuracy, theirs);
    close_case(&training);
    close_case(&predicting);
    close_case(&table);
}

START_TEST(model)
{
    const struct golden_case *golden = &file.cases[_i];
    struct model_case one;
    struct error error = {0};
    ck_assert_msg(case_parse(golden_word(golden, "id"), &one, &error), "%s", error.message);
    if (one.size->config.trees)
        check_forest(golden, &one);
    else
        check_svm(golden, &one);
}
END_TEST

int main(int count, char **arguments)
{
    return golden_main(count, arguments, &file, "golden classical models", 900, (const TTest *[]){model, NULL});
}
