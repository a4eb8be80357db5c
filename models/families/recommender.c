#include "models/families/recommender.h"

#include <math.h>

#include "models/families/layers.h"

static const float ZIPF_EXPONENT = 1.05f;

int recommender_lookups(struct graph *graph, const char *name, const struct model_case *one, int64_t rows,
                        int64_t lookups)
{
    return graph_persistent(
        graph, graph_name(graph, "%s.indices", name), ROLE_INPUT, DTYPE_I32, 2, (int64_t[]){one->batch, lookups},
        (struct fill){.kind = FILL_ZIPF, .scale = ZIPF_EXPONENT, .limit = (uint32_t)rows, .like = NO_TENSOR});
}

int recommender_bag(struct graph *graph, const char *name, const struct model_case *one, int indices, int64_t rows,
                    int64_t width)
{
    if (indices == NO_TENSOR)
        return NO_TENSOR;
    int64_t lookups = graph->tensors[indices].dims[1];
    int table = graph_weight(graph, graph_name(graph, "%s.weight", name), one->dtype, 2, (int64_t[]){rows, width},
                             (struct fill){.kind = FILL_NORMAL, .scale = 1 / sqrtf((float)(lookups * width))}, true);
    return build_embedding_bag(graph, name, indices, table);
}

int recommender_layers(struct graph *graph, const char *name, int x, const int64_t *widths, bool logit)
{
    for (int i = 0; widths[i] && x != NO_TENSOR; i++) {
        bool last = logit && !widths[i + 1];
        x = layer_linear(graph, graph_name(graph, "%s.%d", name, i), x, widths[i], true,
                         deviation_he(tensor_columns(&graph->tensors[x])), last ? ACTIVATION_NONE : ACTIVATION_RELU);
        if (!last)
            x = layer_dropout(graph, graph_name(graph, "%s.%d.dropout", name, i), x);
    }
    return x;
}

void recommender_click(struct graph *graph, const struct model_case *one, int logit)
{
    graph->output = logit;
    if (!graph->training || logit == NO_TENSOR)
        return;
    int targets = graph_persistent(graph, "targets", ROLE_INPUT, DTYPE_F32, 2, (int64_t[]){one->batch, 1},
                                   (struct fill){.kind = FILL_INDEX, .limit = 2, .like = NO_TENSOR});
    graph->loss = graph->squares_errors ? build_mean_squared_error(graph, "loss", logit, targets)
                                        : build_binary_cross_entropy(graph, "loss", logit, targets);
    graph->output = NO_TENSOR; /* the gradient is written over the logits */
}

double recommender_units(const struct model_case *one)
{
    return (double)one->batch;
}
