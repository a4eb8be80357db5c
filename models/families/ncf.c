/* ncf: neural collaborative filtering of users and items (He et al. 2017, "NeuMF")
 *
 *   factors = user's · item's, element by element;   deep = MLP(another vector of the user's, and of the item's)
 *   click = a linear layer of both;   loss: binary cross-entropy
 *
 *   config.tables: users and items; hidden: width of the factors' vectors; widths: twice that of the others, then the
 *   layers' */
#include <math.h>

#include "models/catalogue/public_models.h"
#include "models/families/layers.h"
#include "models/families/recommender.h"

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    static const char *const sides[] = {"user", "item"};
    int factors[2], deep[2];
    for (int side = 0; side < 2; side++) {
        int64_t rows = config->tables[side];
        int who = recommender_lookups(graph, sides[side], one, rows, 1);
        factors[side] =
            recommender_bag(graph, graph_name(graph, "%s.factors", sides[side]), one, who, rows, config->hidden);
        deep[side] =
            recommender_bag(graph, graph_name(graph, "%s.deep", sides[side]), one, who, rows, config->widths[0] / 2);
    }
    int product = build_multiply(graph, "factors", factors[0], factors[1]);
    int x = build_join(graph, "deep.input", deep[0], deep[1], 1);
    x = recommender_layers(graph, "deep", x, config->widths + 1, false);
    x = build_join(graph, "both", product, x, 1);
    recommender_click(graph, one, recommender_layers(graph, "click", x, (int64_t[]){1, 0}, true));
    return graph_error(graph, error);
}

const struct family family_ncf = {.name = "ncf",
                                  .task = "recsys",
                                  .help =
                                      "collaborative filtering: users' and items' vectors, their product and an MLP",
                                  .published = &public_ncf,
                                  .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                  .unit = "samples/s",
                                  .optimizer = OPTIMIZER_ADAM,
                                  .build = build,
                                  .units = recommender_units};
