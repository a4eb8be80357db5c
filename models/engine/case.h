/* A case: one thing to measure, `family/model/mode/dtype/bN[/sN][/OPTION…][@device]`, e.g.
 * gpt2/gpt2-124m/train/f32/b4/s64. Options after the shape change the training: an optimizer's name (sgd, momentum,
 * rmsprop, adam, adamw; the family's own when absent), `checkpointing`, `dropout` (a tenth of the activations), `l1`
 * and `l2` (regularisers of 1e-5 and 1e-4 on the matrices), `mse` (mean squared error instead of cross-entropy)
 * and `dp-sgd` (each sample's gradient clipped to the norm 1, and noise of 1.1 times that on their sum).
 * `skew-S` routes tokens to experts by Zipf's law with the exponent S in place of the router's choice, up to 4.
 * `layers-N` takes that many of the model's layers: what its ops cost can be told from a few.
 * `kv-TYPE` is the type of the cache in the modes prefill and decode. A dtype is f32, bf16, or a recipe (recipe.h) for
 * the weights of what isn't trained. In decode sN is the cache's length, of which a step computes the last position.
 *
 * Its life is one straight walk: case_parse -> case_build (graph) -> plan_make -> engine -> record -> store. */
#ifndef ENGINE_CASE_H
#define ENGINE_CASE_H

#include <stdbool.h>
#include <stddef.h>

#include "models/engine/engine.h"
#include "models/graph/graph.h"

struct family;
struct family_size;
struct recipe;

enum mode { MODE_FORWARD, MODE_TRAIN, MODE_PREFILL, MODE_DECODE, MODE_DISTILL, MODE_COUNT };
const char *mode_name(enum mode mode);
bool mode_trains(enum mode mode); /* train and distill: weights change */

enum { CASE_ID_SIZE = 160 };

struct model_case {
    char id[CASE_ID_SIZE]; /* canonical */
    const struct family *family;
    const struct family_size *size;
    enum mode mode;
    enum dtype dtype;            /* of activations, and of weights without a recipe */
    const struct recipe *recipe; /* NULL: none */
    int kv_dtype;                /* enum dtype, or -1: the usual */
    int64_t batch;
    int64_t context; /* 0 where the family has none */
    int optimizer;   /* enum optimizer_kind, or -1: the family's own */
    bool checkpointing, dropout, l1, l2, mse, dp_sgd;
    int64_t layers;  /* 0: all that the model has */
    float skew;      /* of experts' routing: kernels/routing.h; 0: as the router says */
    char device[32]; /* "cpu" */
};

/* Untrusted text; the error names the part that is wrong and what would be right. */
bool case_parse(const char *id, struct model_case *one, struct error *error);
/* The same where a size that no family lists (of a model's file) may be the case's; or NULL. */
bool case_parse_of(const char *id, const struct family_size *size, struct model_case *one, struct error *error);
/* A case in f32, of one sequence or sample, at the context that the size is usually run at; everything else as usual.
 */
struct model_case case_of_size(const struct family *family, const struct family_size *size, enum mode mode);
/* Takes the name of a dtype or a recipe; false when it is neither f32, bf16 nor a recipe. */
bool case_set_dtype(struct model_case *one, const char *name);
/* All of those names, with commas. */
const char *case_dtype_names(void);
/* What the case's name calls its dtype: a recipe's name or a type's. */
const char *case_dtype_name(const struct model_case *one);
/* Of the cache: f16 beside a recipe's weights, else as the activations, unless the case says otherwise. */
enum dtype case_kv_dtype(const struct model_case *one);
/* Writes one->id from the other fields. */
void case_name(struct model_case *one);
struct config;
/* The size's configuration, with as many layers as the case has. */
struct config case_config(const struct model_case *one);
/* The whole graph of the case: forward, and for training loss, backward and optimizer. The caller frees it. */
struct graph *case_build(const struct model_case *one, struct error *error);
/* The same without names, in half the time: to be planned and costed, not run. */
struct graph *case_build_shapes(const struct model_case *one, struct error *error);
/* The same with another configuration than the size's own: what-ifs, and the check's reduced models. */
struct graph *case_build_config(const struct model_case *one, const struct config *config, struct error *error);
struct graph *case_build_config_shapes(const struct model_case *one, const struct config *config, struct error *error);
/* Its forward part and loss alone, for what follows to append the gradients. */
struct graph *case_build_untrained(const struct model_case *one, const struct config *config, struct error *error);

/* What a step produces, for throughput: tokens/s, images/s or samples/s times seconds. */
double case_units(const struct model_case *one);
const char *case_unit(const struct model_case *one); /* "tokens/s" */

/* Runs the case at a reduced size (few sequences, short context, few layers, full width) and compares every node with
 * the plain-C specification, computed from the same inputs: for training in several steps. */
struct check {
    bool passed;
    double error; /* largest relative difference found (see check_nodes.h) */
    double allowed;
    char node[96];    /* where: "linear_gradient_weight h.0.mlp.fc"; empty when there is no difference at all */
    char against[96]; /* "reference kernels at b1/s16, 2 layers" */
};
bool case_check(const struct model_case *one, int threads, struct check *check, struct error *error);

#endif
