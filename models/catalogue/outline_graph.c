#include "models/catalogue/outline_graph.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What the families call a matrix, after its layer's name. */
static const struct {
    const char *tail;
    enum tensor_role role;
} roles[] = {
    {"embedding", TENSOR_EMBEDDING},
    {"wte", TENSOR_EMBEDDING},
    {"tokens", TENSOR_EMBEDDING},
    {"embeddings.word", TENSOR_EMBEDDING},
    {"head", TENSOR_HEAD},
    {"wpe", TENSOR_FIXED},
    {"positions", TENSOR_FIXED},
    {"position", TENSOR_FIXED},
    {"token_type", TENSOR_FIXED},
    {"router", TENSOR_FIXED},
    {"shared_gate", TENSOR_VECTOR},
    {"q", TENSOR_Q},
    {"k", TENSOR_K},
    {"v", TENSOR_V},
    {"qkv", TENSOR_QKV},
    {"attn.output", TENSOR_ATTENTION_OUTPUT},
    {"attention.output", TENSOR_ATTENTION_OUTPUT},
    {"cross.output", TENSOR_ATTENTION_OUTPUT},
    {"attn.c_proj", TENSOR_ATTENTION_OUTPUT},
    {"gate", TENSOR_FFN_GATE},
    {"up", TENSOR_FFN_UP},
    {"c_fc", TENSOR_FFN_UP},
    {"fc1", TENSOR_FFN_UP},
    {"down", TENSOR_FFN_DOWN},
    {"mlp.c_proj", TENSOR_FFN_DOWN},
    {"fc2", TENSOR_FFN_DOWN},
};

static enum tensor_role role_of(const char *name)
{
    static const char weight[] = ".weight";
    size_t length = strlen(name), tail = sizeof weight - 1;
    if (length < tail || strcmp(name + length - tail, weight) != 0)
        return TENSOR_VECTOR;
    length -= tail;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        size_t wanted = strlen(roles[i].tail);
        if (length >= wanted && memcmp(name + length - wanted, roles[i].tail, wanted) == 0 &&
            (length == wanted || name[length - wanted - 1] == '.'))
            return roles[i].role;
    }
    return TENSOR_MATRIX;
}

/* The first number in a name; -1 outside of the layers. */
static int layer_of(const char *name)
{
    int layer;
    for (const char *at = strchr(name, '.'); at; at = strchr(at + 1, '.'))
        if (isdigit((unsigned char)at[1]) && sscanf(at + 1, "%d.", &layer) == 1)
            return layer;
    return -1;
}

bool outline_of_graph(const struct graph *graph, const struct config *config, struct outline *outline)
{
    *outline = (struct outline){.layers = (uint64_t)config->layers,
                                .heads = (uint64_t)config->heads,
                                .kv_heads = (uint64_t)config->kv_heads,
                                .experts = (uint64_t)config->experts};
    /* As llama.cpp tells them: Llama's and Qwen2's models of 70 billion. */
    outline->many_values = config->layers == 80 && config->heads == 64 && config->kv_heads == 8 &&
                           config->head_norm == 0 && !config->experts;
    for (int i = 0; i < graph->tensor_count; i++) {
        const struct tensor *tensor = &graph->tensors[i];
        if (tensor->role != ROLE_WEIGHT || (tensor->fill.kind != FILL_NONE && tensor->fill.like != NO_TENSOR))
            continue; /* a copy of another in a narrower type */
        enum tensor_role role = tensor->rank < 2 ? TENSOR_VECTOR : role_of(tensor->name);
        uint64_t columns = (uint64_t)tensor->dims[tensor->rank - 1], elements = 1;
        for (int d = 0; d < tensor->rank; d++)
            elements *= (uint64_t)tensor->dims[d];
        if (tensor->rank == 3)
            outline_add_experts(outline, role, layer_of(tensor->name), (uint64_t)tensor->dims[0],
                                (uint64_t)config->chosen, (uint64_t)tensor->dims[1], columns);
        else
            outline_add(outline, role, layer_of(tensor->name), columns ? elements / columns : 0, columns);
    }
    if (!outline->failed)
        return true;
    outline_free(outline);
    return false;
}
