#include "models/engine/case_sample.h"

#include <stdlib.h>
#include <string.h>

#include "models/families/family.h"
#include "models/graph/cost.h"
#include "models/graph/op.h"

enum { LEAST_LAYERS = 2, MOST_LAYERS = 16 };

/* The kinds of nodes that the graph has, each once. The caller frees them; NULL without memory. */
static struct features *list_kinds(const struct graph *graph, size_t *count)
{
    struct features *kinds = calloc((size_t)graph->node_count + 1, sizeof *kinds);
    *count = 0;
    for (int n = 0; kinds && n < graph->node_count; n++) {
        if (!graph->nodes[n].op->run)
            continue;
        struct features features = node_features(graph, &graph->nodes[n]);
        size_t at = 0;
        while (at < *count && !features_are_same(&kinds[at], &features))
            at++;
        if (at == *count)
            kinds[(*count)++] = features;
    }
    return kinds;
}

static bool has_all(const struct features *kinds, size_t count, const struct features *wanted, size_t wanted_count)
{
    for (size_t i = 0; i < wanted_count; i++) {
        size_t at = 0;
        while (at < count && !features_are_same(&kinds[at], &wanted[i]))
            at++;
        if (at == count)
            return false;
    }
    return true;
}

/* Whether the sample has all that is wanted; false with *error after one. */
static bool suffices(const struct model_case *sample, const struct features *wanted, size_t wanted_count, bool *right,
                     struct error *error)
{
    struct graph *graph = case_build_shapes(sample, error);
    size_t count = 0;
    struct features *kinds = graph ? list_kinds(graph, &count) : NULL;
    *right = kinds != NULL;
    bool all = kinds && has_all(kinds, count, wanted, wanted_count);
    free(kinds);
    graph_free(graph);
    return all;
}

bool case_sample(const struct model_case *one, const struct graph *whole, struct model_case *sample,
                 struct error *error)
{
    *sample = *one;
    int64_t layers = one->layers ? one->layers : one->size->config.layers;
    size_t count;
    struct features *wanted = list_kinds(whole, &count);
    bool right = wanted, found = false;
    for (int64_t fewer = LEAST_LAYERS; right && !found && fewer < layers && fewer <= MOST_LAYERS; fewer++) {
        sample->layers = fewer;
        found = suffices(sample, wanted, count, &right, error);
    }
    free(wanted);
    if (!found)
        sample->layers = one->layers;
    case_name(sample);
    return right || (error && error->message[0]) || error_set(error, ERROR_SYSTEM, "out of memory for a case's ops");
}
