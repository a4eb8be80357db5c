#include "models/engine/check_nodes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/random.h"
#include "models/engine/values.h"
#include "models/graph/op.h"

enum { MOST_TENSORS = MAX_INPUTS + MAX_OUTPUTS };
enum { BEFORE, FAST, PLAIN, NUDGED, COPIES };

/* By so much of itself an input is moved to learn how far that moves the result: some units in f32's last place. */
static const double NUDGE = 1e-6, NUDGE_16_BITS = 1.0 / 128;

/* All that a node reads or writes, each tensor once, with a copy of what it held at each point. */
struct memory {
    const struct tensor *tensors[MOST_TENSORS];
    char *at[MOST_TENSORS];
    bool output[MOST_TENSORS];
    size_t offsets[MOST_TENSORS]; /* in a copy */
    int count;
    size_t bytes;
    char *copies[COPIES];
};

static void add(struct memory *memory, const struct tensor *tensor, void *at, bool output)
{
    if (!tensor || !at)
        return;
    for (int i = 0; i < memory->count; i++)
        if (memory->at[i] == at && tensor_bytes(memory->tensors[i]) == tensor_bytes(tensor)) {
            if (output) /* written over its input: what counts is what it becomes */
                memory->tensors[i] = tensor;
            memory->output[i] |= output;
            return;
        }
    memory->tensors[memory->count] = tensor;
    memory->at[memory->count] = at;
    memory->output[memory->count] = output;
    memory->offsets[memory->count] = memory->bytes;
    memory->bytes += (tensor_bytes(tensor) + 63) / 64 * 64;
    memory->count++;
}

static bool find_memory(const struct graph *graph, const struct call *call, struct memory *memory, struct error *error)
{
    *memory = (struct memory){0};
    for (int i = 0; i < call->node->input_count; i++)
        add(memory, node_input(graph, call->node, i), call->inputs[i], false);
    for (int i = 0; i < call->node->output_count; i++)
        add(memory, node_output(graph, call->node, i), call->outputs[i], true);
    for (int copy = 0; copy < COPIES; copy++) {
        memory->copies[copy] = malloc(memory->bytes + 1);
        if (!memory->copies[copy])
            return error_set(error, ERROR_SYSTEM, "out of memory for the check");
    }
    return true;
}

static void free_memory(struct memory *memory)
{
    for (int copy = 0; copy < COPIES; copy++)
        free(memory->copies[copy]);
}

static void save(const struct memory *memory, int copy)
{
    for (int i = 0; i < memory->count; i++)
        memcpy(memory->copies[copy] + memory->offsets[i], memory->at[i], tensor_bytes(memory->tensors[i]));
}

/* Outputs may share memory with inputs: they are written where they count, last or first. */
static void restore(const struct memory *memory, int copy, bool outputs_last)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < memory->count; i++)
            if (memory->output[i] == (outputs_last == (pass == 1)))
                memcpy(memory->at[i], memory->copies[copy] + memory->offsets[i], tensor_bytes(memory->tensors[i]));
}

enum { PIECE = 4096 }; /* elements looked at at a time; whole blocks of every type */

/* Moves every input of floats by NUDGE of itself, up or down by chance. Packed weights stay. */
static void nudge(const struct memory *memory, uint64_t key)
{
    float values[PIECE];
    for (int i = 0; i < memory->count; i++) {
        size_t count = (size_t)tensor_elements(memory->tensors[i]);
        enum dtype dtype = memory->tensors[i]->dtype;
        if (!dtype_info(dtype)->floating)
            continue;
        float part = (float)(dtype == DTYPE_F32 ? NUDGE : NUDGE_16_BITS);
        for (size_t first = 0; first < count; first += PIECE) {
            size_t some = count - first < PIECE ? count - first : PIECE;
            values_read(dtype, memory->at[i], first, some, values);
            for (size_t e = 0; e < some; e++)
                values[e] += (random_bits(key + (uint64_t)i, first + e) >> 63 ? part : -part) * values[e];
            values_write(dtype, values, first, some, memory->at[i]);
        }
    }
}

static double square(double x, double y)
{
    return x == y || (isnan(x) && isnan(y)) ? 0 : (x - y) * (x - y);
}

/* ‖a − b‖ of tensor i in two copies; b NULL: ‖a‖. Infinite when a has no number where b has one. */
static double norm(const struct memory *memory, int i, const char *a, const char *b)
{
    size_t count = (size_t)tensor_elements(memory->tensors[i]);
    enum dtype dtype = memory->tensors[i]->dtype;
    a += memory->offsets[i];
    b = b ? b + memory->offsets[i] : NULL;
    double sum = 0;
    if (dtype == DTYPE_I32)
        for (size_t e = 0; e < count; e++)
            sum += square(((const int32_t *)(const void *)a)[e], b ? ((const int32_t *)(const void *)b)[e] : 0);
    float x[PIECE], y[PIECE] = {0};
    for (size_t first = 0; first < count && dtype != DTYPE_I32; first += PIECE) {
        size_t some = count - first < PIECE ? count - first : PIECE;
        values_read(dtype, a, first, some, x);
        if (b)
            values_read(dtype, b, first, some, y);
        for (size_t e = 0; e < some; e++)
            sum += square((double)x[e], (double)y[e]);
    }
    return isfinite(sum) ? sqrt(sum) : INFINITY;
}

static double relative(double difference, double scale)
{
    return difference == 0 ? 0 : scale > 0 ? difference / scale : INFINITY;
}

/* A single number is a loss. Of one that was learned away rounding is all that is left: it is measured by this. */
static const double LEARNED_AWAY = 1e-2;

/* The largest error of what the node wrote. `scale` [count] receives what each was measured by. */
static double compare(const struct memory *memory, double *scale)
{
    double worst = 0;
    for (int i = 0; i < memory->count; i++) {
        const char *before = memory->copies[BEFORE], *fast = memory->copies[FAST], *plain = memory->copies[PLAIN];
        bool changes = !memory->output[i] && memory->tensors[i]->dtype == DTYPE_F32;
        scale[i] = norm(memory, i, plain, changes ? before : NULL);
        if (memory->output[i] && tensor_elements(memory->tensors[i]) == 1)
            scale[i] = fmax(scale[i], LEARNED_AWAY);
        double found = relative(norm(memory, i, fast, plain), scale[i]);
        worst = found > worst ? found : worst;
    }
    return worst;
}

static double compare_conditioned(const struct memory *memory, const double *scale, double part)
{
    double worst = 0;
    for (int i = 0; i < memory->count; i++) {
        double moved = norm(memory, i, memory->copies[NUDGED], memory->copies[PLAIN]) / part;
        double found = relative(norm(memory, i, memory->copies[FAST], memory->copies[PLAIN]), fmax(scale[i], moved));
        worst = found > worst ? found : worst;
    }
    return worst;
}

static bool reads_16_bits(const struct memory *memory)
{
    for (int i = 0; i < memory->count; i++)
        if (dtype_info(memory->tensors[i]->dtype)->floating && memory->tensors[i]->dtype != DTYPE_F32)
            return true;
    return false;
}

/* Leaves the memory as the fast kernel left it. */
static double check_node(struct engine *engine, int node, const struct memory *memory, double allowed)
{
    double scale[MOST_TENSORS];
    save(memory, BEFORE);
    engine_run_node(engine, node, false);
    save(memory, FAST);
    restore(memory, BEFORE, false);
    engine_run_node(engine, node, true);
    save(memory, PLAIN);
    double error = compare(memory, scale);
    if (error > allowed) {
        restore(memory, BEFORE, false);
        nudge(memory, (uint64_t)node);
        engine_run_node(engine, node, true);
        save(memory, NUDGED);
        error = compare_conditioned(memory, scale, reads_16_bits(memory) ? NUDGE_16_BITS : NUDGE);
    }
    restore(memory, FAST, true);
    return error;
}

bool check_nodes(struct engine *engine, const struct graph *graph, double allowed, struct node_check *worst,
                 struct error *error)
{
    engine_begin_step(engine);
    for (int n = 0; n < graph->node_count; n++) {
        struct memory memory;
        bool right = find_memory(graph, engine_call(engine, n), &memory, error);
        double found = right && graph->nodes[n].op->run ? check_node(engine, n, &memory, allowed) : 0;
        free_memory(&memory);
        if (!right)
            return false;
        if (found > worst->error)
            *worst = (struct node_check){.error = found, .node = n};
    }
    return true;
}
