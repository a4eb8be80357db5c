/* A model as a graph: tensors, and the nodes that compute them, in the order in which they run.
 *
 * The graph is the only description of a model. Cost, memory, execution and estimates are all read off it:
 *   family(config) -> graph -> graph_gradient -> graph_optimize -> plan (plan.h), cost (cost.h), engine
 * (engine/engine.h)
 *
 * Building never fails half-way: a builder call on wrong shapes records the first error in the graph and returns
 * NO_TENSOR, later calls with NO_TENSOR do nothing, and graph_error tells at the end. Shapes are row-major, outermost
 * first; images are channels-last [N,H,W,C]. One multiply-add is 2 FLOPs. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"
#include "models/graph/dtype.h"

enum { MAX_RANK = 4, MAX_INPUTS = 32, MAX_OUTPUTS = 32, NO_TENSOR = -1, NO_NODE = -1 };

/* Whose memory a tensor is: the parts of CONTRACT.md's `memory`. */
enum role {
    ROLE_ACTIVATION,
    ROLE_INPUT,     /* generated before the step: images, tokens, targets; counted with activations */
    ROLE_WEIGHT,    /* parameters, and the copies of them in another dtype */
    ROLE_BUFFER,    /* kept between steps but not trained: batch norm's running statistics; counted with weights */
    ROLE_GRADIENT,  /* of a weight */
    ROLE_OPTIMIZER, /* moments */
    ROLE_KV_CACHE,
    ROLE_COUNT
};

/* How a persistent tensor is filled before the first step (random.h; key = seed and the tensor's name). */
enum fill_kind {
    FILL_NONE,
    FILL_ZERO,
    FILL_CONSTANT,     /* scale */
    FILL_NORMAL,       /* random_normal · scale */
    FILL_UNIFORM,      /* random_uniform · scale, from 0 */
    FILL_INDEX,        /* whole numbers in [0, limit) */
    FILL_ZIPF,         /* whole numbers in [0, limit), the k-th most frequent with a probability of about k^-scale */
    FILL_HEAVY_TAILED, /* random_heavy_tailed · scale: variance 1 as normal, but with the outliers of trained weights */
    FILL_SINUSOIDS,    /* fixed positions: rows of `columns` */
    FILL_ALIBI,        /* [heads, columns]: biases of attention by distance; scale: heads; limit: the column of none */
    FILL_LABELS,       /* 0 or 1 by a planted rule on the rows of `like`: engine/generate_tabular.h */
    FILL_FOREST,       /* trees of the shape that training gives them: the same */
};

struct fill {
    enum fill_kind kind;
    float scale;
    uint32_t limit, columns;
    int like; /* for a copy in another dtype: the tensor whose name keys it; for labels: the features; else NO_TENSOR */
};

struct tensor {
    const char *name; /* owned by the graph; unique among persistent tensors */
    enum dtype dtype;
    enum role role;
    int rank;
    int64_t dims[MAX_RANK];
    int producer;    /* node index, NO_NODE for persistent tensors */
    int alias_of;    /* the tensor whose memory this one shares (a reshape, an in-place result), or NO_TENSOR */
    bool persistent; /* lives before the first node and after the last */
    bool kept;       /* lives until the step's end although a node makes it: outputs, gradients that are looked at */
    bool trainable;
    bool fixed;   /* a parameter like the trainable ones, but training leaves it as it is */
    bool blocked; /* f32 filters, stored as kernels/conv_blocked.h reads them */
    bool decays;  /* weight decay applies (matrices; not biases and norms) */
    struct fill fill;
    int master; /* of a bf16 weight in training: the f32 tensor that the optimizer updates; else NO_TENSOR */
};

enum phase { PHASE_FORWARD, PHASE_BACKWARD, PHASE_OPTIMIZER };

struct rope;

/* Numbers that an op needs besides its tensors. Each op's file says which it reads. */
struct attributes {
    int activation; /* enum activation */
    float epsilon, rate, scale;
    int64_t heads, kv_heads, head_dim, window;
    int64_t position; /* of the first of the tensors' positions in its sequence; of the one that is picked */
    int64_t chosen;   /* experts that a row is routed to */
    float skew;       /* of the routing; kernels/routing.h */
    bool causal, count_padding, bias, relu, renormalise;
    bool less_one;           /* rms_norm: gamma is stored less 1 */
    float softcap;           /* of attention's scores, or of an op's inputs; 0: none */
    const struct rope *rope; /* ops/rope.h: how rotary positions are stretched; NULL: not at all */
    int64_t kernel[2], stride[2], pad[2], dilation[2], groups;
    uint64_t key;   /* of dropout's mask, or of a skewed routing */
    float momentum; /* of batch norm's running statistics */
    int dtype;      /* enum dtype of an output that the inputs don't tell */
    int rank;
    int64_t dims[MAX_RANK];
};

struct op;
struct recipe;

/* Types of weights as a model's file has them, which may be of any mixture. */
struct stored_types {
    /* Of the weight of that name, whose rows have `columns` elements; false where the file doesn't say. */
    bool (*type_of)(const void *file, const char *name, int64_t columns, enum dtype *dtype);
    const void *file;
    const struct recipe *recipe; /* in whose place they are taken */
};

struct node {
    const struct op *op;
    const char *name; /* "h.0.mlp.fc": of the layer it belongs to; owned by the graph */
    int inputs[MAX_INPUTS], outputs[MAX_OUTPUTS];
    int input_count, output_count;
    struct attributes attributes;
    enum phase phase;
    int segment;     /* gradient checkpointing's unit (a transformer block); 0 = none */
    bool recomputed; /* a copy of a forward node that checkpointing appended */
};

enum optimizer_kind {
    OPTIMIZER_SGD,
    OPTIMIZER_MOMENTUM,
    OPTIMIZER_RMSPROP,
    OPTIMIZER_ADAM,
    OPTIMIZER_ADAMW,
    OPTIMIZER_COUNT
};

struct optimizer {
    enum optimizer_kind kind;
    float learning_rate, momentum, beta1, beta2, epsilon, decay, alpha;
    float l1, l2; /* regularisers on the weights that decay: their gradients are added in the optimizer's pass */
};

struct graph {
    struct tensor *tensors;
    int tensor_count, tensor_capacity;
    struct node *nodes;
    int node_count, node_capacity;
    int output;    /* what the model computes: logits, probabilities */
    int loss;      /* scalar, or NO_TENSOR */
    bool training; /* ops keep what their gradients will need; dropout and batch statistics are on */
    uint64_t seed;
    float dropout_rate;                /* families put dropout of this rate where theirs has it; 0: none */
    bool squares_errors;               /* the loss is the mean squared error instead of cross-entropy */
    const struct recipe *recipe;       /* how layers store their matrices; NULL: in the activations' dtype */
    int layers;                        /* of the model, which recipes ask for */
    const struct stored_types *stored; /* what comes before the recipe; or NULL */
    struct optimizer optimizer;        /* as graph_optimize was given it */
    struct error error;                /* the first that building met */
    struct name_block *names;
    int segment; /* given to nodes as they are appended */
    enum phase phase;
    bool teaching; /* the part that is being built is a teacher: its weights aren't trained, nor called a student's */
    int teacher;   /* the teacher's output, from which a student learns; NO_TENSOR */
    bool nameless; /* nothing that it is made of is named: it is planned and costed, not run */
    bool resting;  /* the part that is being built has its turn in another step: its weights are held, nothing is run */
};

struct graph *graph_create(uint64_t seed);
void graph_free(struct graph *graph);
/* True when building met no error; otherwise *error holds it. */
bool graph_error(const struct graph *graph, struct error *error);

/* Persistent tensors. The name is copied and may be printf-formatted by graph_name. */
int graph_weight(struct graph *graph, const char *name, enum dtype dtype, int rank, const int64_t *dims,
                 struct fill fill, bool decays);
int graph_persistent(struct graph *graph, const char *name, enum role role, enum dtype dtype, int rank,
                     const int64_t *dims, struct fill fill);
/* A copy of the string that lives as long as the graph. */
const char *graph_name(struct graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends a node; the op's infer makes its outputs. Returns the node's index or NO_NODE. */
int graph_append(struct graph *graph, const struct op *op, const char *name, const int *inputs, int input_count,
                 const struct attributes *attributes);
/* For infer functions: a new activation made by `node`. */
int graph_output(struct graph *graph, struct node *node, enum dtype dtype, int rank, const int64_t *dims);
/* Marks output tensor `output` as living in `input`'s memory. */
void graph_alias(struct graph *graph, int output, int input);

int64_t tensor_elements(const struct tensor *tensor);
size_t tensor_bytes(const struct tensor *tensor);
/* Product of all dims but the last: the rows of the matrix that row-wise ops see. */
int64_t tensor_rows(const struct tensor *tensor);
int64_t tensor_columns(const struct tensor *tensor);
/* The tensor that owns the memory: follows alias_of to its end. */
int tensor_storage(const struct graph *graph, int tensor);

/* Elements that are trained or fixed, tied matrices once, buffers and copies not counted. */
uint64_t graph_parameters(const struct graph *graph);
/* Those of them that work on one row (a token): all, but of stacked experts the chosen ones'. */
uint64_t graph_active_parameters(const struct graph *graph);

/* What training appends to a graph whose forward part and loss are built (gradient.c). */
struct training {
    const struct optimizer
        *optimizer;     /* NULL: gradients of all weights are computed and kept, and nothing is updated */
    bool checkpointing; /* keep only the segments' inputs and compute the rest of a segment again before its backward */
};

/* Appends the backward nodes in reverse order, and each weight's update right after its gradient is complete, so that
 * a gradient's memory is free again before the next is made. gradients, when not NULL, receives for each tensor of the
 * forward graph the tensor of its gradient or NO_TENSOR ([tensor_count at the call]; the caller's). */
bool graph_train(struct graph *graph, const struct training *training, int *gradients, struct error *error);

/* The usual values of each optimizer (PyTorch's defaults; learning rate 0.001). */
struct optimizer optimizer_defaults(enum optimizer_kind kind);
const char *optimizer_name(enum optimizer_kind kind);

#endif
