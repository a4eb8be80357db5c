/* Elementwise ops run piece by piece: a piece of each input and of the output stays in a first-level cache while it is
 * widened, computed and narrowed; pieces are split among the threads. */
#ifndef OPS_PIECES_H
#define OPS_PIECES_H

#include "models/ops/storage.h"

/* What a piece of an elementwise op is computed with; a and b are its inputs. */
typedef void piece_function(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                            const float *b, float *y, size_t first, size_t count);

/* A second input of fewer elements starts anew whenever it ends. */
void pieces_run(const struct call *call, piece_function *compute);
size_t pieces_workspace(const struct graph *graph, const struct node *node, int threads);
/* The output is shaped and typed as the first input. */
bool pieces_infer(struct graph *graph, struct node *node, struct error *error);
/* One FLOP an element: the convention for sums and products; activations are counted likewise. */
struct cost pieces_cost(const struct graph *graph, const struct node *node);

#endif
