#include "models/ops/attention_terms.h"

enum { BIAS, SINKS, TERMS }; /* in the order of the inputs */

int attention_add_terms(const struct attention_scores *scores, int *inputs, int count)
{
    if (!scores->distance_bias && !scores->sinks)
        return count;
    inputs[count++] = scores->distance_bias ? *scores->distance_bias : NO_TENSOR;
    if (scores->sinks)
        inputs[count++] = *scores->sinks;
    return count;
}

bool attention_check_terms(const struct graph *graph, const struct node *node, int first, const struct attention *a,
                           struct error *error)
{
    const struct tensor *bias = node_input(graph, node, first + BIAS), *sinks = node_input(graph, node, first + SINKS);
    int64_t heads = (int64_t)a->heads, row = (int64_t)attention_bias_row(a);
    if (bias && (bias->dtype != DTYPE_F32 || bias->rank != 2 || bias->dims[0] != heads || bias->dims[1] != row))
        return error_set(error, ERROR_INPUT, "a bias by distance is [%lld,%lld] in f32, for each head and distance",
                         (long long)heads, (long long)row);
    if (bias && a->softcap > 0)
        return error_set(error, ERROR_INPUT, "scores may be bent by a softcap or have a bias, not both");
    if (sinks && (sinks->dtype != DTYPE_F32 || sinks->rank != 1 || sinks->dims[0] != heads))
        return error_set(error, ERROR_INPUT, "sinks are [%lld] in f32, one a head", (long long)heads);
    return true;
}

/* Where a term is; without a call, that it is there. */
static float *place_of(void *const *places, int index)
{
    static float somewhere;
    return places ? places[index] : &somewhere;
}

void attention_set_terms(const struct graph *graph, const struct node *node, const struct call *call, int first,
                         struct attention *attention)
{
    void *const *inputs = call ? call->inputs : NULL;
    if (node_input(graph, node, first + BIAS))
        attention->distance_bias = place_of(inputs, first + BIAS);
    if (node_input(graph, node, first + SINKS))
        attention->sinks = place_of(inputs, first + SINKS);
}

/* ---- gradients ---- */

/* Buffers are as they are made, ALiBi's for one. */
static bool is_differentiated(const struct graph *graph, const struct node *node, int input)
{
    const struct tensor *term = node_input(graph, node, input);
    return term && term->role != ROLE_BUFFER;
}

void attention_make_term_gradients(struct graph *graph, struct node *node, int first)
{
    for (int i = BIAS; i < TERMS; i++)
        if (is_differentiated(graph, node, first + i)) {
            const struct tensor term = *node_input(graph, node, first + i);
            graph_output(graph, node, DTYPE_F32, term.rank, term.dims);
        }
}

void attention_set_term_gradients(const struct graph *graph, const struct node *node, const struct call *call,
                                  int first, int output, struct attention_gradient *gradient)
{
    void *const *outputs = call ? call->outputs : NULL;
    if (is_differentiated(graph, node, first + BIAS))
        gradient->ddistance_bias = place_of(outputs, output++);
    if (is_differentiated(graph, node, first + SINKS))
        gradient->dsinks = place_of(outputs, output);
}

void attention_give_term_gradients(const struct graph *graph, const struct node *forward, int made, int first,
                                   int output, const bool *wanted, int *dx)
{
    for (int i = BIAS; made != NO_NODE && i < TERMS; i++) {
        if (!is_differentiated(graph, forward, first + i))
            continue;
        if (wanted[first + i])
            dx[first + i] = graph->nodes[made].outputs[output];
        output++;
    }
}
