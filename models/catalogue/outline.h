/* A model's tensors by what they do, without their contents: what a configuration implies. Parameters, and the bytes
 * that any way of storing them takes, are read off it. */
#ifndef CATALOGUE_OUTLINE_H
#define CATALOGUE_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"

enum tensor_role {
    TENSOR_VECTOR,    /* norms, biases and other small ones that stay as they are */
    TENSOR_MATRIX,    /* any other */
    TENSOR_FIXED,     /* a matrix that is never quantised: positions, token types, routers, convolutions */
    TENSOR_EMBEDDING, /* of tokens; its rows are the vocabulary */
    TENSOR_HEAD,
    TENSOR_Q,
    TENSOR_K,
    TENSOR_V,
    TENSOR_QKV, /* side by side in one */
    TENSOR_ATTENTION_OUTPUT,
    TENSOR_FFN_GATE,
    TENSOR_FFN_UP, /* with the gate in it where a model fuses them */
    TENSOR_FFN_DOWN,
};

struct outline_tensor {
    enum tensor_role role;
    int32_t layer;          /* from 0; -1 outside of the layers */
    uint64_t rows, columns; /* of all experts, which are stacked */
    bool experts;
};

struct outline {
    struct outline_tensor *tensors; /* owned */
    size_t count, capacity;
    uint64_t parameters;                       /* of all */
    uint64_t active;                           /* of those that one token goes through; embeddings count whole */
    uint64_t layers, heads, kv_heads, experts; /* what recipes ask for */
    bool falcon;                               /* a family whose tensors have rules of their own */
    bool many_values; /* llama's models of 70 billion have few key heads for many query heads */
    bool copied_head; /* its GGUF files have a head of its own, though the model's is tied */
    bool failed;      /* out of memory, or more than can be counted */
};

enum { OUTLINE_MOST_TENSORS = 1 << 17, OUTLINE_MOST_LAYERS = 1 << 12 };

/* Appends a tensor; one of 0 elements isn't there. */
void outline_add(struct outline *outline, enum tensor_role role, int layer, uint64_t rows, uint64_t columns);
/* So many experts of rows×columns each in one, of which a token goes through `used`. */
void outline_add_experts(struct outline *outline, enum tensor_role role, int layer, uint64_t experts, uint64_t used,
                         uint64_t rows, uint64_t columns);
/* A vector of `size` when `present`. */
void outline_add_vector(struct outline *outline, bool present, int layer, uint64_t size);
/* A matrix rows×columns and, when `bias`, a vector of `rows`. */
void outline_add_linear(struct outline *outline, enum tensor_role role, int layer, uint64_t rows, uint64_t columns,
                        bool bias);
/* An attention's query, key, value and output projections, each width×width, the last with a bias. */
void outline_add_attention(struct outline *outline, int layer, uint64_t width, bool bias, bool key_bias);
void outline_free(struct outline *outline);

#endif
