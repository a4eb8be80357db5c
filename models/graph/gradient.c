/* Training as a graph transformation: reverse-mode differentiation by appending nodes (Griewank, Walther 2008), with
 * gradient checkpointing by segments (Chen et al. 2016) and each weight's update right after its gradient.
 *
 * The forward nodes are walked in reverse. gradient_of[t] is the tensor that holds what has arrived so far for the
 * forward tensor t. When a segment is checkpointed its forward nodes are first appended again ("recomputed"), and the
 * gradients are then built from these copies; the originals' tensors die right after their forward use. */
#include <stdlib.h>
#include <string.h>

#include "models/graph/graph.h"
#include "models/graph/op.h"
#include "models/graph/optimizer.h"
#include "models/ops/ops.h"

struct walk {
    struct graph *graph;
    const struct training *training;
    int forward_nodes, forward_tensors;
    int *gradient_of; /* [forward_tensors] */
    int *consumers;   /* [forward_tensors] forward nodes still to come in the reverse walk that read it */
    bool *wanted;     /* [forward_tensors] a weight stands upstream, so somebody needs its gradient */
    int *copy_of;     /* [forward_tensors] the recomputed tensor that stands for it, or itself */
    int *copied_node; /* [forward_nodes] the recomputed node that stands for it, or itself */
};

/* A tensor's gradient is wanted when a trainable weight lies at or above it. */
static void mark_wanted(struct walk *walk)
{
    struct graph *graph = walk->graph;
    for (int i = 0; i < walk->forward_tensors; i++)
        walk->wanted[i] = graph->tensors[i].trainable;
    for (int n = 0; n < walk->forward_nodes; n++) {
        const struct node *node = &graph->nodes[n];
        bool any = false;
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != NO_TENSOR) {
                walk->consumers[node->inputs[i]]++;
                any |= walk->wanted[node->inputs[i]];
            }
        for (int i = 0; i < node->output_count; i++)
            walk->wanted[node->outputs[i]] |= any && node->op->gradient;
    }
}

/* Appends the forward nodes of `segment` again, reading the originals' inputs from outside the segment. */
static void recompute_segment(struct walk *walk, int segment)
{
    struct graph *graph = walk->graph;
    for (int n = 0; n < walk->forward_nodes && !graph->error.kind; n++) {
        if (graph->nodes[n].segment != segment)
            continue;
        struct node original = graph->nodes[n];
        int inputs[MAX_INPUTS];
        for (int i = 0; i < original.input_count; i++)
            inputs[i] = original.inputs[i] == NO_TENSOR ? NO_TENSOR : walk->copy_of[original.inputs[i]];
        int copy = graph_append(graph, original.op, original.name, inputs, original.input_count, &original.attributes);
        if (copy == NO_NODE)
            return;
        graph->nodes[copy].recomputed = true;
        walk->copied_node[n] = copy;
        for (int i = 0; i < original.output_count; i++)
            walk->copy_of[original.outputs[i]] = graph->nodes[copy].outputs[i];
    }
}

/* Adds what a node's gradient function gave for input tensor `tensor` to what was there. */
static void take_contribution(struct walk *walk, const struct node *node, int input, int tensor, int given)
{
    int before = walk->gradient_of[tensor];
    if (given == NO_TENSOR)
        return;
    bool added = before == NO_TENSOR || node->op->accumulates >> input & 1;
    walk->gradient_of[tensor] = added ? given : build_add(walk->graph, node->name, before, given);
}

/* A weight whose last contribution has arrived is updated at once, or its gradient is kept to be looked at. */
static void finish_weight(struct walk *walk, int weight)
{
    struct graph *graph = walk->graph;
    int gradient = walk->gradient_of[weight];
    if (gradient == NO_TENSOR || graph->error.kind)
        return;
    if (walk->training->optimizer) {
        graph->phase = PHASE_OPTIMIZER;
        optimizer_append_step(graph, weight, gradient);
        graph->phase = PHASE_BACKWARD;
    } else {
        graph->tensors[tensor_storage(graph, gradient)].kept = true;
    }
}

static void differentiate_node(struct walk *walk, int index)
{
    struct graph *graph = walk->graph;
    /* Copies, since appending nodes moves the arrays. */
    struct node forward = graph->nodes[index], standing = graph->nodes[walk->copied_node[index]];
    int dy[MAX_OUTPUTS], dx[MAX_INPUTS];
    bool wanted[MAX_INPUTS] = {false}, any_dy = false, any_wanted = false;
    for (int i = 0; i < forward.output_count; i++) {
        dy[i] = walk->gradient_of[forward.outputs[i]];
        any_dy |= dy[i] != NO_TENSOR;
    }
    for (int i = 0; i < forward.input_count; i++) {
        int tensor = forward.inputs[i];
        wanted[i] = tensor != NO_TENSOR && walk->wanted[tensor];
        any_wanted |= wanted[i];
        bool adds = forward.op->accumulates >> i & 1;
        dx[i] = wanted[i] && adds ? walk->gradient_of[tensor] : NO_TENSOR;
    }
    bool is_loss = forward.output_count && forward.outputs[0] == graph->loss;
    if (forward.op->gradient && any_wanted && (any_dy || is_loss)) {
        graph->segment = forward.segment;
        forward.op->gradient(graph, &standing, dy, wanted, dx);
        for (int i = 0; i < forward.input_count; i++)
            if (wanted[i])
                take_contribution(walk, &standing, i, forward.inputs[i], dx[i]);
    }
    for (int i = 0; i < forward.input_count; i++) {
        int tensor = forward.inputs[i];
        if (tensor != NO_TENSOR && --walk->consumers[tensor] == 0 && graph->tensors[tensor].trainable)
            finish_weight(walk, tensor);
    }
}

/* Recomputed nodes that no gradient reads in the end are dropped (a block's last linear layer, say). */
static void drop_unread_copies(struct graph *graph)
{
    int *readers = calloc((size_t)graph->tensor_count + 1, sizeof *readers);
    int *moved = calloc((size_t)graph->node_count + 1, sizeof *moved);
    if (!readers || !moved) {
        error_set(&graph->error, ERROR_SYSTEM, "out of memory for the graph");
        free(readers);
        free(moved);
        return;
    }
    for (int n = graph->node_count - 1; n >= 0; n--) {
        const struct node *node = &graph->nodes[n];
        bool read = !node->recomputed;
        for (int i = 0; i < node->output_count; i++)
            read |= readers[node->outputs[i]] > 0;
        moved[n] = read;
        for (int i = 0; read && i < node->input_count; i++)
            for (int t = node->inputs[i]; t != NO_TENSOR; t = graph->tensors[t].alias_of)
                readers[t]++;
    }
    int kept = 0;
    for (int n = 0; n < graph->node_count; n++)
        if (moved[n]) {
            for (int i = 0; i < graph->nodes[n].output_count; i++)
                graph->tensors[graph->nodes[n].outputs[i]].producer = kept;
            graph->nodes[kept++] = graph->nodes[n];
        }
    graph->node_count = kept;
    free(readers);
    free(moved);
}

static void walk_back(struct walk *walk)
{
    struct graph *graph = walk->graph;
    int open_segment = 0;
    for (int n = walk->forward_nodes - 1; n >= 0 && !graph->error.kind; n--) {
        int segment = graph->nodes[n].segment;
        if (walk->training->checkpointing && segment && segment != open_segment) {
            graph->segment = segment;
            recompute_segment(walk, segment);
        }
        open_segment = segment;
        if (!graph->error.kind)
            differentiate_node(walk, n);
    }
}

/* Optimizers update f32 weights, or bf16 ones beside their f32 masters. */
static bool weights_train(const struct graph *graph, struct error *error)
{
    for (int t = 0; t < graph->tensor_count; t++) {
        const struct tensor *tensor = &graph->tensors[t];
        if (tensor->trainable && tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_BF16)
            return error_set(error, ERROR_INPUT, "%s is stored as %s, which can't be trained; f32 and bf16 can",
                             tensor->name, dtype_info(tensor->dtype)->name);
    }
    return true;
}

bool graph_train(struct graph *graph, const struct training *training, int *gradients, struct error *error)
{
    if (!graph_error(graph, error))
        return false;
    if (graph->loss == NO_TENSOR)
        return error_set(error, ERROR_INPUT, "a graph without a loss can't be trained");
    if (!weights_train(graph, error))
        return false;
    size_t tensors = (size_t)graph->tensor_count, nodes = (size_t)graph->node_count;
    struct walk walk = {.graph = graph,
                        .training = training,
                        .forward_nodes = graph->node_count,
                        .forward_tensors = graph->tensor_count,
                        .gradient_of = malloc(tensors * sizeof(int)),
                        .consumers = calloc(tensors, sizeof(int)),
                        .wanted = calloc(tensors, sizeof(bool)),
                        .copy_of = malloc(tensors * sizeof(int)),
                        .copied_node = malloc(nodes * sizeof(int))};
    if (walk.gradient_of && walk.consumers && walk.wanted && walk.copy_of && walk.copied_node) {
        for (size_t i = 0; i < tensors; i++) {
            walk.gradient_of[i] = NO_TENSOR;
            walk.copy_of[i] = (int)i;
        }
        for (size_t i = 0; i < nodes; i++)
            walk.copied_node[i] = (int)i;
        if (training->optimizer)
            graph->optimizer = *training->optimizer;
        graph->phase = PHASE_BACKWARD;
        mark_wanted(&walk);
        walk_back(&walk);
        if (training->checkpointing && !graph->error.kind)
            drop_unread_copies(graph);
        if (gradients)
            memcpy(gradients, walk.gradient_of, tensors * sizeof(int));
        graph->phase = PHASE_FORWARD;
        graph->segment = 0;
    } else {
        error_set(&graph->error, ERROR_SYSTEM, "out of memory for the graph");
    }
    free(walk.gradient_of);
    free(walk.consumers);
    free(walk.wanted);
    free(walk.copy_of);
    free(walk.copied_node);
    return graph_error(graph, error);
}
