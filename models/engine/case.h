/* A case: one thing to measure, `family/model/mode/dtype/bN[/sN][/OPTION…][@device]`, e.g.
 * gpt2/gpt2-124m/train/f32/b4/s64. Options after the shape change the training: an optimizer's name (sgd, momentum,
 * rmsprop, adam, adamw; the family's own when absent), `checkpointing`, `dropout` (a tenth of the activations), `l1`
 * and `l2` (regularisers of 1e-5 and 1e-4 on the matrices), `mse` (mean squared error instead of cross-entropy)
 * and `dp-sgd` (each sample's gradient clipped to the norm 1, and noise of 1.1 times that on their sum).
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

enum mode { MODE_FORWARD, MODE_TRAIN, MODE_PREFILL, MODE_DECODE, MODE_DISTILL, MODE_COUNT };
const char *mode_name(enum mode mode);
bool mode_trains(enum mode mode); /* train and distill: weights change */

enum { CASE_ID_SIZE = 160 };

struct model_case {
    char id[CASE_ID_SIZE]; /* canonical */
    const struct family *family;
    const struct family_size *size;
    enum mode mode;
    enum dtype dtype;
    int64_t batch;
    int64_t context; /* 0 where the family has none */
    int optimizer;   /* enum optimizer_kind, or -1: the family's own */
    bool checkpointing, dropout, l1, l2, mse, dp_sgd;
    char device[32]; /* "cpu" */
};

/* Untrusted text; the error names the part that is wrong and what would be right. */
bool case_parse(const char *id, struct model_case *one, struct error *error);
/* Writes one->id from the other fields. */
void case_name(struct model_case *one);
/* The whole graph of the case: forward, and for training loss, backward and optimizer. The caller frees it. */
struct graph *case_build(const struct model_case *one, struct error *error);
/* The same with another configuration than the size's own: what-ifs, and the check's reduced models. */
struct config;
struct graph *case_build_config(const struct model_case *one, const struct config *config, struct error *error);
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
