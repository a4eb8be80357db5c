/* What ops that are matrix multiplications share: describing operands, choosing the kernel, and a bias's gradient. */
#ifndef OPS_MATRIX_H
#define OPS_MATRIX_H

#include "models/graph/op.h"
#include "models/kernels/gemm.h"

/* A stored matrix whose rows follow one another every `row_stride` elements; `transposed`: used as its transpose. */
struct operand matrix_operand(const void *data, enum dtype dtype, size_t row_stride, bool transposed);
/* The fast kernel, or the specification in a reference run. */
void matrix_multiply(const struct call *call, const struct gemm *gemm);
/* Copies what C accumulates onto when the plan did not put it in C's own memory. */
void matrix_take_previous(const struct call *call, const void *previous, void *c, size_t bytes);
/* sums[columns] = Σ over rows of x[rows, columns], of any floating dtype. */
void matrix_column_sums(const struct call *call, const void *x, enum dtype dtype, size_t rows, size_t columns,
                        float *sums);
/* {2·m·n·k FLOPs} with the bytes left to the default: each tensor moves once. */
struct cost matrix_cost(double m, double n, double k);

#endif
