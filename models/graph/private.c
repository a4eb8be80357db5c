/* Differentially private training as a graph transformation (Abadi et al. 2016): the gradient of every sample by
 * itself, shortened to a norm, summed, and hidden in noise.
 *
 * A graph of one sample's forward and backward pass is appended once for each sample of the batch. Of all samples'
 * gradients only the sum is kept and one sample's own set, until its norm is known: twice the memory of a gradient,
 * however large the batch, for the price of matrices as thin as one sample makes them. (Computing only the norms first,
 * from each layer's inputs and output gradients, would save that price where layers allow it.) */
#include "models/graph/private.h"

#include <stdlib.h>
#include <string.h>

#include "models/graph/op.h"
#include "models/graph/optimizer.h"
#include "models/ops/ops.h"

struct samples {
    struct graph *graph;
    const struct privacy *privacy;
    struct node *nodes; /* of one sample */
    int node_count, tensor_count;
    const int *gradients; /* [tensor_count] of one sample's */
    int *copy_of;         /* [tensor_count] the current sample's tensor */
    int *sums;            /* [tensor_count] of the gradients so far */
    int loss;             /* of one sample, as the template has it */
};

static bool is_input(const struct tensor *tensor)
{
    return tensor->persistent && tensor->role == ROLE_INPUT;
}

/* The current sample's forward and backward nodes. */
static void append_sample(struct samples *samples, int64_t sample)
{
    struct graph *graph = samples->graph;
    graph->phase = PHASE_FORWARD;
    for (int t = 0; t < samples->tensor_count; t++)
        samples->copy_of[t] =
            is_input(&graph->tensors[t]) ? build_select_sample(graph, graph->tensors[t].name, t, sample) : t;
    for (int n = 0; n < samples->node_count && !graph->error.kind; n++) {
        struct node *node = &samples->nodes[n];
        struct attributes attributes = node->attributes;
        int inputs[MAX_INPUTS];
        for (int i = 0; i < node->input_count; i++)
            inputs[i] = node->inputs[i] == NO_TENSOR ? NO_TENSOR : samples->copy_of[node->inputs[i]];
        attributes.key += (uint64_t)sample << 32; /* another mask of dropout for each */
        graph->phase = node->phase;
        graph->segment = node->segment;
        int made = graph_append(graph, node->op, node->name, inputs, node->input_count, &attributes);
        for (int i = 0; made != NO_NODE && i < node->output_count; i++)
            samples->copy_of[node->outputs[i]] = graph->nodes[made].outputs[i];
    }
    graph->phase = PHASE_BACKWARD;
    graph->segment = 0;
}

static bool has_gradient(const struct samples *samples, int tensor)
{
    return samples->graph->tensors[tensor].trainable && samples->gradients[tensor] != NO_TENSOR;
}

/* Its gradients' norm, and what is left of them in the sums. */
static void add_sample(struct samples *samples)
{
    struct graph *graph = samples->graph;
    int norm = NO_TENSOR;
    for (int t = 0; t < samples->tensor_count; t++)
        if (has_gradient(samples, t))
            norm = build_square_sum(graph, graph->tensors[t].name, samples->copy_of[samples->gradients[t]], norm);
    for (int t = 0; t < samples->tensor_count; t++)
        if (has_gradient(samples, t))
            samples->sums[t] = build_clipped_sum(graph, graph->tensors[t].name, samples->copy_of[samples->gradients[t]],
                                                 samples->sums[t], norm, samples->privacy->norm);
    graph->loss = build_clipped_sum(graph, "loss", samples->copy_of[samples->loss], graph->loss, NO_TENSOR,
                                    1 / (float)samples->privacy->batch);
}

static void update_weights(struct samples *samples)
{
    struct graph *graph = samples->graph;
    const struct privacy *privacy = samples->privacy;
    for (int t = 0; t < samples->tensor_count && !graph->error.kind; t++)
        if (has_gradient(samples, t)) {
            graph->phase = PHASE_BACKWARD;
            int noisy = build_gaussian_noise(graph, graph->tensors[t].name, samples->sums[t],
                                             privacy->noise * privacy->norm, 1 / (float)privacy->batch);
            graph->phase = PHASE_OPTIMIZER;
            optimizer_append_step(graph, t, noisy);
        }
    graph->phase = PHASE_FORWARD;
}

/* The nodes of one sample become a template: out of the graph, and their tensors without a life. */
static void take_template(struct samples *samples)
{
    struct graph *graph = samples->graph;
    memcpy(samples->nodes, graph->nodes, (size_t)graph->node_count * sizeof *graph->nodes);
    samples->node_count = graph->node_count;
    samples->loss = graph->loss;
    graph->node_count = 0;
    graph->loss = graph->output = NO_TENSOR;
    for (int t = 0; t < samples->tensor_count; t++) {
        samples->sums[t] = NO_TENSOR;
        graph->tensors[t].kept = false;
        if (is_input(&graph->tensors[t]))
            graph->tensors[t].dims[0] *= samples->privacy->batch;
    }
}

static bool is_separable(const struct graph *graph, struct error *error)
{
    for (int n = 0; n < graph->node_count; n++)
        if (strcmp(graph->nodes[n].op->name, "batch_norm") == 0)
            return error_set(error, ERROR_INPUT,
                             "a model with batch norm has no gradient of one sample, so dp-sgd can't train it");
    return true;
}

bool graph_train_privately(struct graph *graph, const struct training *training, const struct privacy *privacy,
                           struct error *error)
{
    const struct training gradients_only = {.optimizer = NULL, .checkpointing = training->checkpointing};
    if (!graph_error(graph, error) || !is_separable(graph, error))
        return false;
    int forward_tensors = graph->tensor_count;
    int *gradients = malloc((size_t)forward_tensors * sizeof *gradients);
    if (!gradients)
        return error_set(error, ERROR_SYSTEM, "out of memory for the graph");
    if (!graph_train(graph, &gradients_only, gradients, error)) {
        free(gradients);
        return false;
    }
    size_t nodes = (size_t)graph->node_count, tensors = (size_t)graph->tensor_count;
    struct samples samples = {.graph = graph,
                              .privacy = privacy,
                              .tensor_count = graph->tensor_count,
                              .nodes = malloc(nodes * sizeof *samples.nodes),
                              .copy_of = malloc(tensors * sizeof(int)),
                              .sums = malloc(tensors * sizeof(int))};
    int *all = realloc(gradients, tensors * sizeof *gradients);
    if (all)
        gradients = all;
    if (samples.nodes && samples.copy_of && samples.sums && all) {
        for (size_t t = (size_t)forward_tensors; t < tensors; t++)
            gradients[t] = NO_TENSOR;
        samples.gradients = gradients;
        graph->optimizer = *training->optimizer;
        take_template(&samples);
        for (int64_t sample = 0; sample < privacy->batch && !graph->error.kind; sample++) {
            append_sample(&samples, sample);
            add_sample(&samples);
        }
        update_weights(&samples);
    } else {
        error_set(&graph->error, ERROR_SYSTEM, "out of memory for the graph");
    }
    free(samples.nodes);
    free(samples.copy_of);
    free(samples.sums);
    free(gradients);
    return graph_error(graph, error);
}
