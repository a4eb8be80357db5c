#include "models/engine/generate_tabular.h"

#include <math.h>
#include <stdio.h>

#include "harness/base/random.h"
#include "models/kernels/forest.h"

/* ---- labels ---- */

/* In double and from left to right, so that another language finds the very same labels. */
static double score(const struct tensor *features, uint64_t key, uint64_t rule, uint32_t pairs, int64_t row)
{
    int64_t columns = tensor_columns(features);
    uint64_t first = (uint64_t)(row * columns);
    double linear = 0, products = 0;
    for (int64_t c = 0; c < columns; c++)
        linear += (double)random_normal(rule, (uint64_t)c) *
                  (double)(random_normal(key, first + (uint64_t)c) * features->fill.scale);
    for (uint32_t p = 0; p < pairs; p++)
        products += (double)(random_normal(key, first + 2 * p) * features->fill.scale) *
                    (double)(random_normal(key, first + 2 * p + 1) * features->fill.scale);
    return linear / sqrt((double)columns) + (pairs ? products / sqrt((double)pairs) : 0);
}

void generate_labels(const struct graph *graph, int index, int32_t *labels, int threads)
{
    const struct tensor *tensor = &graph->tensors[index], *features = &graph->tensors[tensor->fill.like];
    char name[256];
    snprintf(name, sizeof name, "%s rule", tensor->name);
    const uint64_t key = random_key(graph->seed, features->name), noise = random_key(graph->seed, tensor->name);
    const uint64_t rule = random_key(graph->seed, name);
    const int64_t rows = tensor_elements(tensor);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t r = 0; r < rows; r++) {
        double s = score(features, key, rule, tensor->fill.limit, r);
        labels[r] = s + (double)tensor->fill.scale * (double)random_normal(noise, (uint64_t)r) > 0;
    }
}

/* ---- a forest ---- */

enum { QUANTILES = 32 };
/* Φ⁻¹((q + ½) / 32) for the upper half. */
static const float quantiles[QUANTILES / 2] = {0.0391761f, 0.1177699f, 0.1970991f, 0.2776904f, 0.3601299f, 0.4450965f,
                                               0.5334097f, 0.6260990f, 0.7245144f, 0.8305109f, 0.9467818f, 1.0775156f,
                                               1.2298588f, 1.4177971f, 1.6759397f, 2.1538747f};
/* Nodes of so few rows are leaves: what the labels' noise leaves of a trained tree. */
enum { LEAF_ROWS = 7 };

/* A node's rows until it is looked at, kept where its value will be. */
static uint32_t rows_of(const struct forest_node *node)
{
    return (uint32_t)node->value;
}

static void generate_tree(struct forest_node *nodes, size_t capacity, uint32_t columns, uint64_t key)
{
    size_t count = 1;
    nodes[0].value = (float)(capacity / 2); /* about 63 % of what it was trained on */
    for (size_t node = 0; node < count; node++) {
        uint32_t rows = rows_of(&nodes[node]), quantile = random_below(key, 2 * node, QUANTILES);
        uint32_t left = (uint32_t)((uint64_t)rows * (2 * quantile + 1) / (2 * QUANTILES));
        if (rows <= LEAF_ROWS || !left || left == rows || count + 2 > capacity) {
            nodes[node] = (struct forest_node){.value = (float)(random_bits(key, 2 * node + 1) >> 63)};
            continue;
        }
        bool upper = quantile >= QUANTILES / 2;
        float at = quantiles[upper ? quantile - QUANTILES / 2 : QUANTILES / 2 - 1 - quantile];
        nodes[node].value = upper ? at : -at;
        nodes[node].link = (uint32_t)count << 8 | random_below(key, 2 * node + 1, columns);
        nodes[count].value = (float)left;
        nodes[count + 1].value = (float)(rows - left);
        count += 2;
    }
}

void generate_forest(const struct graph *graph, int index, void *nodes, int threads)
{
    const struct tensor *tensor = &graph->tensors[index];
    const uint64_t key = random_key(graph->seed, tensor->name);
    const size_t capacity = (size_t)tensor->dims[1];
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t t = 0; t < tensor->dims[0]; t++)
        generate_tree((struct forest_node *)nodes + (size_t)t * capacity, capacity, tensor->fill.limit,
                      forest_tree_key(key, (size_t)t));
}
