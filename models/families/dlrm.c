/* dlrm: a recommendation model (Naumov et al. 2019, "Deep Learning Recommendation Model for Personalization and
 * Recommendation Systems"), the dlrm_dcnv1 kind that MLPerf trained on Criteo's clicks until 2022
 *
 *   bottom = MLP(dense features);   bag_t = Σ rows of table t by the sample's look-ups
 *   click = MLP(bottom, products of all pairs of bottom and the bags);   loss: binary cross-entropy of its logit
 *
 *   config.widths: dense features, then the bottom's layers, the last as wide as a table; top: the layers after the
 *   interaction, the last of which is the logit; cross_layers, cross_rank: MLPerf's since 2023 crosses instead
 * (cross()); tables: how many rows each has; lookups: of a table by a sample
 *
 * dlrm-small has the reference implementation's layers for the Kaggle data and tables that a small machine holds, with
 * bags of several look-ups as recommenders in use have them; dlrm-medium has MLPerf's layers and tables (Criteo's
 * terabyte, at most 40 million rows a table), one look-up each.
 *
 * Look-ups are drawn from Zipf's law with exponent 1.05: some rows are popular, most are rarely seen. */
#include <math.h>

#include "models/catalogue/public_models.h"
#include "models/families/family.h"
#include "models/families/layers.h"

static const float ZIPF_EXPONENT = 1.05f;
enum { MOST_VECTORS = MAX_INPUTS - 1 }; /* of an interaction: its gradient has one input more */

/* Layers of these widths (0-ended), with ReLU but for the last of the top, which is the logit. */
static int layers(struct graph *graph, const char *name, int x, int64_t inputs, const int64_t *widths, bool logit)
{
    for (int i = 0; widths[i]; inputs = widths[i], i++) {
        bool last = logit && !widths[i + 1];
        x = layer_linear(graph, graph_name(graph, "%s.%d", name, i), x, widths[i], true, deviation_he(inputs),
                         last ? ACTIVATION_NONE : ACTIVATION_RELU);
        if (!last)
            x = layer_dropout(graph, graph_name(graph, "%s.%d.dropout", name, i), x);
    }
    return x;
}

static int64_t width_of(const struct config *config)
{
    int64_t width = 0;
    for (int i = 0; config->widths[i]; i++)
        width = config->widths[i];
    return width;
}

static int bag(struct graph *graph, const struct config *config, const struct model_case *one, int index)
{
    const char *name = graph_name(graph, "tables.%d", index);
    int64_t rows = config->tables[index], width = width_of(config);
    int64_t lookups = config->lookups_of ? config->lookups_of[index] : config->lookups;
    int indices = graph_persistent(
        graph, graph_name(graph, "%s.indices", name), ROLE_INPUT, DTYPE_I32, 2, (int64_t[]){one->batch, lookups},
        (struct fill){.kind = FILL_ZIPF, .scale = ZIPF_EXPONENT, .limit = (uint32_t)rows, .like = NO_TENSOR});
    int table = graph_weight(graph, graph_name(graph, "%s.weight", name), one->dtype, 2, (int64_t[]){rows, width},
                             (struct fill){.kind = FILL_NORMAL, .scale = 1 / sqrtf((float)(lookups * width))}, true);
    return build_embedding_bag(graph, name, indices, table);
}

/* x0 all vectors side by side; then for each layer x = x0 · (W · V · x + b) + x, element by element, where V makes
 * cross_rank of x and W as many again (Wang et al. 2021, "DCN V2"). */
static int cross(struct graph *graph, const struct config *config, const int *vectors, int count)
{
    int first = vectors[0];
    for (int i = 1; i < count; i++)
        first = build_join(graph, graph_name(graph, "cross.joined.%d", i), first, vectors[i], 1);
    int64_t width = count * width_of(config);
    int x = first;
    for (int64_t i = 0; i < config->cross_layers; i++) {
        const char *name = graph_name(graph, "cross.%d", (int)i);
        float narrow = 1 / sqrtf((float)width), wide = 1 / sqrtf((float)config->cross_rank);
        int y =
            layer_linear(graph, graph_name(graph, "%s.v", name), x, config->cross_rank, false, narrow, ACTIVATION_NONE);
        y = layer_linear(graph, graph_name(graph, "%s.w", name), y, width, true, wide, ACTIVATION_NONE);
        y = build_multiply(graph, graph_name(graph, "%s.crossed", name), first, y);
        x = build_add(graph, graph_name(graph, "%s.sum", name), x, y);
    }
    return x;
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int vectors[MOST_VECTORS], count = 1;
    int x = layer_input(graph, "features", one->dtype, 2, (int64_t[]){one->batch, config->widths[0]});
    vectors[0] = layers(graph, "bottom", x, config->widths[0], config->widths + 1, false);
    for (; count < MOST_VECTORS && config->tables[count - 1]; count++)
        vectors[count] = bag(graph, config, one, count - 1);
    x = config->cross_layers ? cross(graph, config, vectors, count)
                             : build_interaction(graph, "interaction", vectors, count);
    if (x != NO_TENSOR)
        x = layers(graph, "top", x, tensor_columns(&graph->tensors[x]), config->top, true);
    graph->output = x;
    if (graph->training && x != NO_TENSOR) {
        int targets = graph_persistent(graph, "targets", ROLE_INPUT, DTYPE_F32, 2, (int64_t[]){one->batch, 1},
                                       (struct fill){.kind = FILL_INDEX, .limit = 2, .like = NO_TENSOR});
        graph->loss = graph->squares_errors ? build_mean_squared_error(graph, "loss", x, targets)
                                            : build_binary_cross_entropy(graph, "loss", x, targets);
        graph->output = NO_TENSOR; /* the gradient is written over the logits */
    }
    return graph_error(graph, error);
}

static double units(const struct model_case *one)
{
    return (double)one->batch;
}

static const int64_t small_tables[] = {100000, 100000, 100000, 100000, 100000, 100000, 100000, 100000, 100000,
                                       100000, 100000, 100000, 100000, 100000, 100000, 100000, 100000, 100000,
                                       100000, 100000, 100000, 100000, 100000, 100000, 100000, 100000, 0};
static const struct family_size sizes[] = {
    {.name = "dlrm-small",
     .config = {.widths = {13, 512, 256, 64, 16}, .top = {512, 256, 1}, .tables = small_tables, .lookups = 10},
     .runnable = true,
     .batches = {2048, 1}},
};

const struct family family_dlrm = {.name = "dlrm",
                                   .task = "recsys",
                                   .help = "recommenders: embedding bags, pairwise interaction, MLPs",
                                   .sizes = sizes,
                                   .size_count = sizeof sizes / sizeof *sizes,
                                   .published = &public_dlrm,
                                   .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                   .unit = "samples/s",
                                   .optimizer = OPTIMIZER_SGD,
                                   .build = build,
                                   .units = units};
