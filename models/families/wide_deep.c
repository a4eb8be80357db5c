/* wide-deep: a linear model beside a deep one (Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems")
 *
 *   deep = MLP(the mean of each table's rows that a sample looks up, its other features)
 *   click = deep + Σ of a number for every row looked up + a linear layer of the other features;
 *   loss: binary cross-entropy
 *
 *   config.tables, table_widths, lookups_of: rows of each table, their width, and how many a sample takes; inputs:
 * other features, numbers and indicators; top: the deep layers, the last of which is the logit */
#include "models/catalogue/public_models.h"
#include "models/families/layers.h"
#include "models/families/recommender.h"

/* What the two halves have so far. */
struct halves {
    int deep, wide;
};

/* Puts one table's rows into both. */
static void look_up(struct graph *graph, const struct config *config, const struct model_case *one, int index,
                    struct halves *halves)
{
    const char *name = graph_name(graph, "tables.%d", index);
    int64_t rows = config->tables[index], lookups = config->lookups_of[index];
    int indices = recommender_lookups(graph, name, one, rows, lookups);
    int deep = recommender_bag(graph, name, one, indices, rows, config->table_widths[index]);
    if (lookups > 1)
        deep = build_scale(graph, graph_name(graph, "%s.mean", name), deep, 1 / (float)lookups);
    halves->deep = build_join(graph, graph_name(graph, "%s.joined", name), halves->deep, deep, 1);
    int wide = recommender_bag(graph, graph_name(graph, "%s.wide", name), one, indices, rows, 1);
    halves->wide = build_add(graph, graph_name(graph, "%s.sum", name), halves->wide, wide);
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int features = layer_input(graph, "features", one->dtype, 2, (int64_t[]){one->batch, config->inputs});
    struct halves halves = {features, recommender_layers(graph, "wide", features, (int64_t[]){1, 0}, true)};
    for (int i = 0; config->tables[i]; i++)
        look_up(graph, config, one, i, &halves);
    int deep = recommender_layers(graph, "deep", halves.deep, config->top, true);
    recommender_click(graph, one, build_add(graph, "click", deep, halves.wide));
    return graph_error(graph, error);
}

const struct family family_wide_deep = {.name = "wide-deep",
                                        .task = "recsys",
                                        .help = "recommenders: a linear model beside embeddings and an MLP",
                                        .published = &public_wide_deep,
                                        .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                        .unit = "samples/s",
                                        .optimizer = OPTIMIZER_ADAM,
                                        .build = build,
                                        .units = recommender_units};
