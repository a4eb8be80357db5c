/* The graph's building blocks: tensors, nodes, names. */
#include "models/graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/graph/op.h"

/* Names live in blocks that never move, so a pointer to one stays good as long as the graph. */
struct name_block {
    struct name_block *next;
    size_t used;
    char text[4096 - 2 * sizeof(void *)];
};

struct graph *graph_create(uint64_t seed)
{
    struct graph *graph = calloc(1, sizeof *graph);
    if (!graph)
        return NULL;
    graph->seed = seed;
    graph->output = graph->loss = graph->teacher = NO_TENSOR;
    return graph;
}

void graph_free(struct graph *graph)
{
    if (!graph)
        return;
    while (graph->names) {
        struct name_block *next = graph->names->next;
        free(graph->names);
        graph->names = next;
    }
    free(graph->tensors);
    free(graph->nodes);
    free(graph);
}

bool graph_error(const struct graph *graph, struct error *error)
{
    if (!graph)
        return error_set(error, ERROR_SYSTEM, "out of memory for the graph");
    if (graph->error.kind == ERROR_NONE)
        return true;
    if (error)
        *error = graph->error;
    return false;
}

static void fail(struct graph *graph, const char *what)
{
    if (graph->error.kind == ERROR_NONE)
        error_set(&graph->error, ERROR_SYSTEM, "%s", what);
}

/* A copy of `length` letters and what ends them. */
static const char *keep_name(struct graph *graph, const char *text, size_t length)
{
    if (!graph->names || graph->names->used + length + 1 > sizeof graph->names->text) {
        struct name_block *block = malloc(sizeof *block);
        if (!block) {
            fail(graph, "out of memory for the graph's names");
            return "";
        }
        block->next = graph->names;
        block->used = 0;
        graph->names = block;
    }
    char *copy = graph->names->text + graph->names->used;
    memcpy(copy, text, length);
    copy[length] = '\0';
    graph->names->used += length + 1;
    return copy;
}

const char *graph_name(struct graph *graph, const char *format, ...)
{
    char text[256];
    if (graph->nameless)
        return "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return keep_name(graph, text, strlen(text));
}

/* The name as it is, or as the teacher's. */
static const char *name_of(struct graph *graph, const char *name, bool of_teacher)
{
    enum { MOST = 255 };
    if (of_teacher)
        return graph_name(graph, "teacher.%s", name);
    return graph->nameless ? "" : keep_name(graph, name, strnlen(name, MOST));
}

/* Room for an element of `size` bytes at `count` in a growing array. */
static bool grow(struct graph *graph, void **array, int count, int *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    int larger = *capacity ? 2 * *capacity : 256;
    void *moved = realloc(*array, (size_t)larger * size);
    if (!moved) {
        fail(graph, "out of memory for the graph");
        return false;
    }
    *array = moved;
    *capacity = larger;
    return true;
}

/* Room for so many more tensors: until they are there, pointers to tensors stay valid. */
static bool reserve_tensors(struct graph *graph, int more)
{
    return grow(graph, (void **)&graph->tensors, graph->tensor_count + more - 1, &graph->tensor_capacity,
                sizeof *graph->tensors);
}

/* Room for the next node is there before it is appended: what it is made from may be another's, which mustn't move. */
static bool reserve_node(struct graph *graph)
{
    return grow(graph, (void **)&graph->nodes, graph->node_count, &graph->node_capacity, sizeof *graph->nodes);
}

static int append_tensor(struct graph *graph, const char *name, enum dtype dtype, int rank, const int64_t *given)
{
    int64_t dims[MAX_RANK]; /* those given may be a tensor's of this graph, which is about to move */
    memcpy(dims, given, (size_t)rank * sizeof *dims);
    if (!reserve_tensors(graph, 1))
        return NO_TENSOR;
    struct tensor *tensor = &graph->tensors[graph->tensor_count];
    *tensor = (struct tensor){.name = name,
                              .dtype = dtype,
                              .rank = rank,
                              .producer = NO_NODE,
                              .alias_of = NO_TENSOR,
                              .master = NO_TENSOR,
                              .fill.like = NO_TENSOR};
    memcpy(tensor->dims, dims, (size_t)rank * sizeof *dims);
    return graph->tensor_count++;
}

/* A row of a block type is whole blocks, so that each row can be read on its own. */
static bool holds_whole_blocks(struct graph *graph, const char *name, enum dtype dtype, int rank, const int64_t *dims)
{
    const struct dtype_info *info = dtype_info(dtype);
    int64_t columns = rank ? dims[rank - 1] : 1;
    if (columns % info->block == 0)
        return true;
    return error_set(&graph->error, ERROR_INPUT, "%s has rows of %lld elements; %s needs a multiple of %u", name,
                     (long long)columns, info->name, info->block);
}

int graph_persistent(struct graph *graph, const char *name, enum role role, enum dtype dtype, int rank,
                     const int64_t *dims, struct fill fill)
{
    if (graph->error.kind || !holds_whole_blocks(graph, name, dtype, rank, dims))
        return NO_TENSOR;
    bool own = graph->teaching && role != ROLE_INPUT; /* both read the same inputs */
    int index = append_tensor(graph, name_of(graph, name, own), dtype, rank, dims);
    if (index == NO_TENSOR)
        return NO_TENSOR;
    struct tensor *tensor = &graph->tensors[index];
    tensor->role = role;
    tensor->persistent = !(graph->resting && role == ROLE_INPUT);
    tensor->fill = fill;
    return index;
}

int graph_weight(struct graph *graph, const char *name, enum dtype dtype, int rank, const int64_t *dims,
                 struct fill fill, bool decays)
{
    fill.like = NO_TENSOR;
    if (!reserve_tensors(graph, 2))
        return NO_TENSOR;
    int index = graph_persistent(graph, name, ROLE_WEIGHT, dtype, rank, dims, fill);
    if (index == NO_TENSOR)
        return NO_TENSOR;
    graph->tensors[index].trainable = !graph->teaching;
    graph->tensors[index].decays = decays;
    if (graph->training && dtype == DTYPE_BF16) {
        fill.like = index;
        int master = graph_persistent(graph, graph_name(graph, "%s (f32 master)", name), ROLE_WEIGHT, DTYPE_F32, rank,
                                      dims, fill);
        graph->tensors[index].master = master;
    }
    return index;
}

int graph_output(struct graph *graph, struct node *node, enum dtype dtype, int rank, const int64_t *dims)
{
    if (node->output_count == MAX_OUTPUTS || rank > MAX_RANK) {
        fail(graph, "an op has more outputs or dimensions than a node can hold");
        return NO_TENSOR;
    }
    if (dtype_quantised(dtype) && !(node->op->packs >> node->output_count & 1)) {
        error_set(&graph->error, ERROR_INPUT,
                  "%s (%s) can't make a tensor of %s: only weights are stored so, and what quantise makes", node->name,
                  node->op->name, dtype_info(dtype)->name);
        return NO_TENSOR;
    }
    int index = append_tensor(graph, node->name, dtype, rank, dims);
    node->outputs[node->output_count++] = index;
    if (index != NO_TENSOR)
        graph->tensors[index].producer = graph->node_count;
    return index;
}

void graph_alias(struct graph *graph, int output, int input)
{
    if (output != NO_TENSOR && input != NO_TENSOR)
        graph->tensors[output].alias_of = input;
}

static bool takes_inputs(struct graph *graph, const struct node *node)
{
    for (int i = 0; i < node->input_count; i++) {
        const struct tensor *input = node_input(graph, node, i);
        if (input && dtype_quantised(input->dtype) && !(node->op->packed >> i & 1))
            return error_set(&graph->error, ERROR_INPUT, "can't compute with %s, which is stored as %s", input->name,
                             dtype_info(input->dtype)->name);
    }
    return true;
}

int graph_append(struct graph *graph, const struct op *op, const char *name, const int *inputs, int input_count,
                 const struct attributes *attributes)
{
    if (graph->error.kind || !reserve_tensors(graph, MAX_OUTPUTS) || (!graph->nodes && !reserve_node(graph)))
        return NO_NODE;
    struct node *node = &graph->nodes[graph->node_count];
    node->op = op;
    node->name = name_of(graph, name, graph->teaching);
    node->input_count = input_count;
    node->output_count = 0;
    node->phase = graph->phase;
    node->segment = graph->teaching ? 0 : graph->segment;
    node->recomputed = false;
    memcpy(node->inputs, inputs, (size_t)input_count * sizeof *inputs);
    if (attributes)
        node->attributes = *attributes;
    else
        memset(&node->attributes, 0, sizeof node->attributes);
    if (!takes_inputs(graph, node) || !op->infer(graph, node, &graph->error)) {
        error_prefix(&graph->error, "%s (%s)", node->name, op->name);
        return NO_NODE;
    }
    if (graph->error.kind)
        return NO_NODE;
    if (!graph->resting) {
        int appended = graph->node_count++;
        return reserve_node(graph) ? appended : NO_NODE;
    }
    for (int i = 0; i < node->output_count; i++)
        graph->tensors[node->outputs[i]].producer = NO_NODE;
    return graph->node_count; /* until the next is appended in its place */
}

int64_t tensor_elements(const struct tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++)
        count *= tensor->dims[i];
    return count;
}

size_t tensor_bytes(const struct tensor *tensor)
{
    return dtype_bytes(tensor->dtype, (size_t)tensor_elements(tensor));
}

int64_t tensor_columns(const struct tensor *tensor)
{
    return tensor->rank ? tensor->dims[tensor->rank - 1] : 1;
}

int64_t tensor_rows(const struct tensor *tensor)
{
    int64_t rows = 1;
    for (int i = 0; i + 1 < tensor->rank; i++)
        rows *= tensor->dims[i];
    return rows;
}

int tensor_storage(const struct graph *graph, int tensor)
{
    while (graph->tensors[tensor].alias_of != NO_TENSOR)
        tensor = graph->tensors[tensor].alias_of;
    return tensor;
}

uint64_t graph_parameters(const struct graph *graph)
{
    uint64_t count = 0;
    for (int i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i].trainable || graph->tensors[i].fixed)
            count += (uint64_t)tensor_elements(&graph->tensors[i]);
    return count;
}

uint64_t graph_active_parameters(const struct graph *graph)
{
    double idle = 0;
    for (int n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        for (int i = 0; i < node->input_count && node->op->active && node->phase == PHASE_FORWARD; i++) {
            const struct tensor *weight = node_input(graph, node, i);
            if (weight && weight->trainable)
                idle += (1 - node->op->active(graph, node, i)) * (double)tensor_elements(weight);
        }
    }
    return graph_parameters(graph) - (uint64_t)(idle + 0.5);
}
