#include "models/engine/case_batches.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/families/family.h"
#include "models/graph/alike.h"
#include "models/graph/op.h"

/* ---- which dimensions grow ---- */

/* In how a node counts pixels the batch may turn what it does. */
static bool turns_with_batch(const struct model_case *one)
{
    return one->size->config.layers_of || one->family->solves || one->dp_sgd;
}

static bool find_growth(const struct tensor *first, const struct tensor *second, int64_t batch, int *grows,
                        int64_t *each)
{
    *grows = -1;
    if (first->rank != second->rank || first->dtype != second->dtype || first->persistent != second->persistent)
        return false;
    for (int i = 0; i < first->rank; i++) {
        if (first->dims[i] == second->dims[i])
            continue;
        if (*grows >= 0 || second->dims[i] != 2 * first->dims[i] || first->dims[i] % batch)
            return false;
        *grows = i;
        *each = first->dims[i] / batch;
    }
    return true;
}

/* An op that has the batch among its attributes as well may size its workspace by that. */
static bool has_batch_besides(const struct node *a, const struct node *b)
{
    return a->op->workspace && memcmp(&a->attributes, &b->attributes, sizeof a->attributes) != 0;
}

static bool same_nodes(const struct graph *a, const struct graph *b)
{
    if (a->node_count != b->node_count || a->tensor_count != b->tensor_count)
        return false;
    for (int n = 0; n < a->node_count; n++) {
        const struct node *left = &a->nodes[n], *right = &b->nodes[n];
        if (left->op != right->op || has_batch_besides(left, right) || left->input_count != right->input_count ||
            left->output_count != right->output_count ||
            memcmp(left->inputs, right->inputs, (size_t)left->input_count * sizeof *left->inputs) != 0 ||
            memcmp(left->outputs, right->outputs, (size_t)left->output_count * sizeof *left->outputs) != 0)
            return false;
    }
    return true;
}

static struct graph *build_at(const struct case_batches *batches, int64_t batch, struct error *error)
{
    struct model_case one = batches->one;
    one.batch = batch;
    return case_build_shapes(&one, error);
}

static bool grow_alike(const struct case_batches *batches, int a, int b)
{
    return a == b || (a != NO_TENSOR && b != NO_TENSOR && batches->grows[a] == batches->grows[b] &&
                      (batches->grows[a] < 0 || batches->each[a] == batches->each[b]));
}

/* Nodes that are alike at one batch are so at every other where their tensors grow alike. */
static bool find_alike(struct case_batches *batches, const struct graph *graph)
{
    batches->alike = malloc(((size_t)graph->node_count + 1) * sizeof *batches->alike);
    if (!batches->alike || !graph_find_alike(graph, batches->alike))
        return false;
    for (int n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n], *first = &graph->nodes[batches->alike[n]];
        bool same = true;
        for (int i = 0; same && i < node->input_count; i++)
            same = grow_alike(batches, node->inputs[i], first->inputs[i]);
        for (int i = 0; same && i < node->output_count; i++)
            same = grow_alike(batches, node->outputs[i], first->outputs[i]);
        if (!same)
            batches->alike[n] = n;
    }
    return true;
}

/* Keeps the case's graph when that of twice the batch differs from it by doubled dimensions alone. */
static bool compare_two(struct case_batches *batches, struct graph *first, struct error *error)
{
    struct graph *second = build_at(batches, 2 * batches->one.batch, error);
    bool right = second != NULL, same = right && same_nodes(first, second);
    size_t count = (size_t)first->tensor_count + 1;
    if (same) {
        batches->grows = malloc(count * sizeof *batches->grows);
        batches->each = malloc(count * sizeof *batches->each);
        right = (batches->grows && batches->each) || error_set(error, ERROR_SYSTEM, "out of memory for the batches");
    }
    for (int t = 0; right && same && t < first->tensor_count; t++)
        same = find_growth(&first->tensors[t], &second->tensors[t], batches->one.batch, &batches->grows[t],
                           &batches->each[t]);
    graph_free(second);
    if (right && same) {
        batches->graph = first;
        right = find_alike(batches, first) || error_set(error, ERROR_SYSTEM, "out of memory for the batches");
    }
    return right;
}

bool case_batches_open(const struct model_case *one, struct graph *graph, int threads, struct case_batches *batches,
                       struct error *error)
{
    *batches = (struct case_batches){.one = *one, .threads = threads};
    if (turns_with_batch(one) || compare_two(batches, graph, error))
        return true;
    case_batches_close(batches);
    return false;
}

void case_batches_close(struct case_batches *batches)
{
    free(batches->grows);
    free(batches->each);
    free(batches->alike);
    *batches = (struct case_batches){0};
}

/* ---- memory ---- */

static uint64_t plan_bytes(const struct graph *graph, const int *alike, int threads)
{
    struct plan plan;
    if (!graph ||
        !(alike ? plan_make_alike(graph, alike, threads, &plan, NULL) : plan_make(graph, threads, &plan, NULL)))
        return UINT64_MAX;
    uint64_t bytes = plan.arena_bytes;
    plan_free(&plan);
    return bytes;
}

uint64_t case_batches_bytes(struct case_batches *batches, int64_t batch)
{
    if (!batches->graph) {
        struct graph *graph = build_at(batches, batch, NULL);
        uint64_t bytes = plan_bytes(graph, NULL, batches->threads);
        graph_free(graph);
        return bytes;
    }
    for (int t = 0; t < batches->graph->tensor_count; t++)
        if (batches->grows[t] >= 0)
            batches->graph->tensors[t].dims[batches->grows[t]] = batches->each[t] * batch;
    return plan_bytes(batches->graph, batches->alike, batches->threads);
}

/* Memory grows nearly linearly with the batch: the line through the last two plans
 * leads next to the answer, and the neighbour settles it. A line that keeps missing gives way to bisection. */
int64_t case_batches_largest(struct case_batches *batches, const struct plan *plan, uint64_t room, int64_t most)
{
    enum { MOST_LINES = 12 };
    int64_t fits = 0, fails = most + 1, at = batches->one.batch, before = 0;
    uint64_t bytes = plan->arena_bytes;
    double bytes_before = (double)(plan->weights_bytes + plan->optimizer_bytes); /* of no sequence at all, about */
    for (int round = 0;; round++) {
        *(bytes <= room ? &fits : &fails) = at;
        if (fails - fits <= 1)
            return fits;
        int64_t next = fits + (fails - fits) / 2;
        double slope = ((double)bytes - bytes_before) / (double)(at - before);
        if (round < MOST_LINES && bytes != UINT64_MAX && slope > 0)
            next = (int64_t)fmin((double)at + floor(((double)room - (double)bytes) / slope), (double)fails);
        before = at;
        bytes_before = (double)bytes;
        at = next <= fits ? fits + 1 : next >= fails ? fails - 1 : next;
        bytes = case_batches_bytes(batches, at);
    }
}
