/* The seam of an op: one struct, filled in one file of models/ops, named in the table in models/ops/ops.c.
 * An op knows its shapes, its cost, its gradient and how to run on the CPU; its inner loops are in models/kernels. */
#ifndef GRAPH_OP_H
#define GRAPH_OP_H

#include "models/graph/cost.h"
#include "models/graph/graph.h"

/* One execution of a node: where its tensors are, and with what to compute. */
struct call {
    const struct graph *graph;
    const struct node *node;
    void *inputs[MAX_INPUTS]; /* NULL for an absent optional input */
    void *outputs[MAX_OUTPUTS];
    void *workspace; /* 64-byte aligned, as large as the op's `workspace` said */
    int threads;
    bool reference; /* compute with the plain-C specification kernels */
    uint64_t step;  /* 1 in the first step: the optimizer's time, part of dropout's key */
};

struct op {
    const char *name, *help;
    /* Checks the inputs and appends the outputs with graph_output; false with a message when shapes don't fit. */
    bool (*infer)(struct graph *graph, struct node *node, struct error *error);
    /* Only what moves and is computed; NULL: the sum of all inputs and outputs, and no FLOPs. */
    struct cost (*cost)(const struct graph *graph, const struct node *node);
    /* Appends the nodes that compute the gradients of the inputs from those of the outputs, dy[output] (NO_TENSOR: none
     * arrived). dx[input] holds on entry what other consumers have already contributed, NO_TENSOR when nothing or when
     * the op isn't asked (wanted[input] is false: an input nobody differentiates). The op replaces it by the gradient;
     * for inputs in the `accumulates` mask that includes the entry's value, for others the caller adds it. NULL: the op
     * has no gradient. */
    void (*gradient)(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx);
    /* The share of input `input`, a weight, that computes any one row; NULL: all of it. */
    double (*active)(const struct graph *graph, const struct node *node, int input);
    unsigned accumulates; /* bit i: gradient adds to dx[i] itself */
    unsigned packed;      /* bit i: input i may be of a block type; other inputs may not */
    unsigned packs;       /* bit i: output i may be of a block type; other outputs may not */
    unsigned in_place;    /* bit i: output 0 may take input i's memory when this node is that tensor's last use */
    size_t (*workspace)(const struct graph *graph, const struct node *node, int threads); /* NULL: none */
    /* Of an op that makes a weight's gradient with few rows that aren't zero: the op that moves just those by plain
     * gradient descent, given the same inputs, the weight and its master. NULL: gradients are made whole. */
    const struct op *step;
    void (*run)(const struct call *call); /* NULL: nothing to do (a view) */
};

/* The tensor of a node's input or output; NULL for an absent one. */
static inline const struct tensor *node_input(const struct graph *graph, const struct node *node, int index)
{
    int tensor = index < node->input_count ? node->inputs[index] : NO_TENSOR;
    return tensor == NO_TENSOR ? NULL : &graph->tensors[tensor];
}

static inline const struct tensor *node_output(const struct graph *graph, const struct node *node, int index)
{
    int tensor = index < node->output_count ? node->outputs[index] : NO_TENSOR;
    return tensor == NO_TENSOR ? NULL : &graph->tensors[tensor];
}

/* The first output of a node just appended; NO_TENSOR after an error. */
static inline int node_first_output(const struct graph *graph, int node)
{
    return node == NO_NODE ? NO_TENSOR : graph->nodes[node].outputs[0];
}

#endif
