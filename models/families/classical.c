/* classical: what a team compares a network with on a table of numbers, a linear support vector machine and a random
 * forest (as scikit-learn's LinearSVC and RandomForestClassifier have them by default), two classes
 *
 *   config: inputs (features), examples (rows that a model for prediction was trained on), trees (0: the support vector
 *   machine)
 *
 * A batch is the rows of the table: train fits the model to all of them, forward predicts each one's class. Features
 * are generated, normal; labels follow a planted rule with noise (engine/generate_tabular.h): a linear one for the
 * support vector machine, one with products for the forest. Training starts from nothing at every step. */
#include "models/catalogue/public_models.h"
#include "models/families/family.h"
#include "models/families/layers.h"
#include "models/kernels/forest.h"

static const float NOISE = 0.5f, COST = 1;
enum { PRODUCTS = 4 };

static int labels_of(struct graph *graph, const struct model_case *one, int features, uint32_t products)
{
    const struct fill fill = {.kind = FILL_LABELS, .scale = NOISE, .limit = products, .like = features};
    return graph_persistent(graph, "labels", ROLE_INPUT, DTYPE_I32, 1, &one->batch, fill);
}

static void build_svm(struct graph *graph, const struct config *config, const struct model_case *one, int features)
{
    const struct fill fill = {.kind = FILL_NORMAL, .scale = 1}, zero = {.kind = FILL_ZERO};
    int weight = graph_weight(graph, "svm.weight", DTYPE_F32, 2, (int64_t[]){1, config->inputs}, fill, true);
    int bias = graph_weight(graph, "svm.bias", DTYPE_F32, 1, (int64_t[]){1}, zero, true);
    if (graph->training)
        graph->loss =
            build_linear_svm_train(graph, "svm", features, labels_of(graph, one, features, 0), weight, bias, COST);
    else
        graph->output = build_linear(graph, "svm", features, weight, bias, ACTIVATION_NONE, DTYPE_F32);
}

static void build_forest(struct graph *graph, const struct config *config, const struct model_case *one, int features)
{
    int64_t examples = graph->training ? one->batch : config->examples;
    int64_t shape[] = {config->trees, (int64_t)forest_capacity((size_t)examples), 2};
    const struct fill fill = {
        .kind = graph->training ? FILL_ZERO : FILL_FOREST, .limit = (uint32_t)config->inputs, .like = NO_TENSOR};
    int forest = graph_persistent(graph, "forest", ROLE_BUFFER, DTYPE_I32, 3, shape, fill);
    if (graph->training)
        graph->output =
            build_random_forest_train(graph, "forest", features, labels_of(graph, one, features, PRODUCTS), forest);
    else
        graph->output = build_random_forest_predict(graph, "forest", features, forest);
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int features = layer_input(graph, "features", DTYPE_F32, 2, (int64_t[]){one->batch, config->inputs});
    if (config->trees)
        build_forest(graph, config, one, features);
    else
        build_svm(graph, config, one, features);
    return graph_error(graph, error);
}

static double units(const struct model_case *one)
{
    return (double)one->batch;
}

static const struct family_size sizes[] = {
    {.name = "linear-svm",
     .aliases = (const char *const[]){"svm", "linearsvc", NULL},
     .config = {.inputs = 100, .examples = 100000},
     .runnable = true,
     .batches = {100000, 1}},
    {.name = "random-forest",
     .aliases = (const char *const[]){"forest", "randomforestclassifier", NULL},
     .config = {.inputs = 50, .examples = 20000, .trees = 100},
     .runnable = true,
     .batches = {20000, 1}},
};

const struct family family_classical = {.name = "classical",
                                        .task = "tabular",
                                        .help = "a linear support vector machine and a random forest",
                                        .sizes = sizes,
                                        .size_count = sizeof sizes / sizeof *sizes,
                                        .published = &public_classical,
                                        .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                        .unit = "samples/s",
                                        .optimizer = OPTIMIZER_SGD,
                                        .solves = true,
                                        .dtypes = 1 << DTYPE_F32,
                                        .build = build,
                                        .units = units};
