/* What may stand beside attention's products, for each op that attends: a bias by distance, and sinks
 * (kernels/attention.h). They are two optional inputs, the last of the op's own. */
#ifndef OPS_ATTENTION_TERMS_H
#define OPS_ATTENTION_TERMS_H

#include "models/graph/op.h"
#include "models/kernels/attention.h"
#include "models/ops/ops.h"

/* Appends the terms that there are to `inputs`, of which there are `count`; returns how many there are then. */
int attention_add_terms(const struct attention_scores *scores, int *inputs, int count);

/* Are the terms, inputs `first` and first + 1, of this attention's shape? */
bool attention_check_terms(const struct graph *graph, const struct node *node, int first,
                           const struct attention *attention, struct error *error);
/* Puts them where the kernels look for them. Where call is NULL, only whether they are there is told, which is all that
 * a workspace depends on. */
void attention_set_terms(const struct graph *graph, const struct node *node, const struct call *call, int first,
                         struct attention *attention);

/* The same for a gradient's node, whose inputs end with the same two: it makes one more output for each that is a
 * weight or computed, after its others. */
void attention_make_term_gradients(struct graph *graph, struct node *node, int first);
/* Sets where they go; outputs begin at `output`. */
void attention_set_term_gradients(const struct graph *graph, const struct node *node, const struct call *call,
                                  int first, int output, struct attention_gradient *gradient);
/* What the forward node's terms get: output by output of the gradient's node `made`, from `output` on. */
void attention_give_term_gradients(const struct graph *graph, const struct node *forward, int made, int first,
                                   int output, const bool *wanted, int *dx);

#endif
