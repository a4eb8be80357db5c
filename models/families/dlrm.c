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
 */
#include <math.h>

#include "models/catalogue/public_models.h"
#include "models/families/family.h"
#include "models/families/layers.h"
#include "models/families/recommender.h"

enum { MOST_VECTORS = MAX_INPUTS - 1 }; /* of an interaction: its gradient has one input more */

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
    int indices = recommender_lookups(graph, name, one, rows, lookups);
    return recommender_bag(graph, name, one, indices, rows, width);
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
    vectors[0] = recommender_layers(graph, "bottom", x, config->widths + 1, false);
    for (; count < MOST_VECTORS && config->tables[count - 1]; count++)
        vectors[count] = bag(graph, config, one, count - 1);
    x = config->cross_layers ? cross(graph, config, vectors, count)
                             : build_interaction(graph, "interaction", vectors, count);
    recommender_click(graph, one, recommender_layers(graph, "top", x, config->top, true));
    return graph_error(graph, error);
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
                                   .units = recommender_units};
