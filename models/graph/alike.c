#include "models/graph/alike.h"

#include <stdlib.h>
#include <string.h>

#include "models/graph/op.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t mix_tensor(uint64_t hash, const struct tensor *tensor)
{
    hash = mix(hash, (uint64_t)tensor->dtype << 32 | (uint64_t)tensor->rank);
    for (int i = 0; i < tensor->rank; i++)
        hash = mix(hash, (uint64_t)tensor->dims[i]);
    return hash;
}

static uint64_t hash_node(const struct graph *graph, const struct node *node)
{
    uint64_t hash = mix((uint64_t)(uintptr_t)node->op, (uint64_t)node->phase);
    for (int i = 0; i < node->input_count; i++)
        hash = node->inputs[i] == NO_TENSOR ? mix(hash, 1) : mix_tensor(hash, &graph->tensors[node->inputs[i]]);
    for (int i = 0; i < node->output_count; i++)
        hash = mix_tensor(hash, &graph->tensors[node->outputs[i]]);
    return hash;
}

static bool same_tensor(const struct graph *graph, int a, int b)
{
    if (a == NO_TENSOR || b == NO_TENSOR)
        return a == b;
    const struct tensor *left = &graph->tensors[a], *right = &graph->tensors[b];
    return left->dtype == right->dtype && left->rank == right->rank && left->role == right->role &&
           left->persistent == right->persistent && left->trainable == right->trainable &&
           left->decays == right->decays && left->blocked == right->blocked &&
           (left->master == NO_TENSOR) == (right->master == NO_TENSOR) &&
           memcmp(left->dims, right->dims, (size_t)left->rank * sizeof *left->dims) == 0;
}

/* Bytes that padding leaves different make two nodes unlike, which costs time and nothing else. */
static bool same_node(const struct graph *graph, const struct node *a, const struct node *b)
{
    if (a->op != b->op || a->phase != b->phase || a->input_count != b->input_count ||
        a->output_count != b->output_count || memcmp(&a->attributes, &b->attributes, sizeof a->attributes) != 0)
        return false;
    for (int i = 0; i < a->input_count; i++)
        if (!same_tensor(graph, a->inputs[i], b->inputs[i]))
            return false;
    for (int i = 0; i < a->output_count; i++)
        if (!same_tensor(graph, a->outputs[i], b->outputs[i]))
            return false;
    return true;
}

/* Where nodes repeat, the next is like the one after the one that this is like: that is tried before the table. */
bool graph_find_alike(const struct graph *graph, int *alike)
{
    size_t size = 64;
    while (size < 2 * (size_t)graph->node_count)
        size *= 2;
    int *table = malloc((size + (size_t)graph->node_count) * sizeof *table);
    if (!table)
        return false;
    int *latest = table + size, step = 0; /* latest[n]: the last that is like n */
    for (size_t i = 0; i < size; i++)
        table[i] = NO_NODE;
    for (int n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (step && same_node(graph, &graph->nodes[n - step], node)) {
            alike[n] = alike[n - step];
            latest[alike[n]] = n;
            continue;
        }
        size_t at = hash_node(graph, node) & (size - 1);
        while (table[at] != NO_NODE && !same_node(graph, &graph->nodes[table[at]], node))
            at = (at + 1) & (size - 1);
        step = table[at] == NO_NODE ? 0 : n - latest[table[at]];
        if (table[at] == NO_NODE)
            table[at] = n;
        alike[n] = table[at];
        latest[alike[n]] = n;
    }
    free(table);
    return true;
}
