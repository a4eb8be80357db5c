/* What layer_norm and rms_norm share: rows of x [..., C] go to a kernel in blocks, widened and narrowed where they
 * aren't f32, and their gradient sums a row of C for each parameter (gamma, beta).
 *
 *   forward    inputs x, gamma, …            outputs y, and in training statistics [...] in f32
 *   gradient   inputs x, gamma, …, dy, the gradient that reached x along the residual (or none)
 *              outputs dx, and dgamma, … [C] in f32 */
#ifndef OPS_NORM_ROWS_H
#define OPS_NORM_ROWS_H

#include "models/ops/storage.h"

/* Computes `rows` rows, the first of which is row `first` of x. */
typedef void norm_function(const struct call *call, const float *x, float *y, size_t first, size_t rows);
bool norm_infer(struct graph *graph, struct node *node, int statistics, struct error *error);
size_t norm_workspace(const struct graph *graph, const struct node *node, int threads);
void norm_run(const struct call *call, norm_function *compute);

/* A block's arrays of the gradient, [rows, columns]; residual is NULL where there is none. */
struct norm_block {
    size_t first, rows, columns;
    const float *x, *dy, *residual;
    float *dx, *sums; /* sums: [parameters, columns], added to */
};
typedef void norm_gradient_function(const struct call *call, const struct norm_block *block);
bool norm_gradient_infer(struct graph *graph, struct node *node, int parameters);
size_t norm_gradient_workspace(const struct graph *graph, const struct node *node, int threads);
void norm_gradient_run(const struct call *call, norm_gradient_function *compute);

#endif
