/* Working on tensors whatever their dtype: row-wise and elementwise kernels compute in f32, so other dtypes are widened
 * piece by piece into a small buffer that stays in cache, and narrowed on the way out. For f32 nothing is copied. */
#ifndef OPS_STORAGE_H
#define OPS_STORAGE_H

#include <stddef.h>

#include "models/graph/op.h"
#include "models/kernels/elementwise.h"
#include "models/kernels/rows.h"

const struct elementwise_kernels *call_elementwise(const struct call *call); /* the plain ones in a reference run */
const struct row_kernels *call_rows(const struct call *call);

/* The dtype of a node's input or output in this call. */
enum dtype call_input_dtype(const struct call *call, int index);
enum dtype call_output_dtype(const struct call *call, int index);

/* Elements [first, first + count) as f32: a pointer into the data itself, or `buffer` filled from it. */
const float *storage_read(const struct elementwise_kernels *kernels, const void *data, enum dtype dtype, size_t first,
                          size_t count, float *buffer);
/* Where to compute elements [first, …) of an output: the data itself, or `buffer`, which storage_commit then narrows.
 */
float *storage_target(void *data, enum dtype dtype, size_t first, float *buffer);
void storage_commit(const struct elementwise_kernels *kernels, void *data, enum dtype dtype, size_t first, size_t count,
                    const float *buffer);
/* Bytes of `threads` buffers of `count` floats each, when any of the node's first tensors isn't f32; else 0. */
size_t storage_buffers(const struct graph *graph, const struct node *node, int threads, size_t count);

/* Elements of one piece of an elementwise op: three such pieces of f32 stay in a first-level cache. */
enum { STORAGE_PIECE = 2048 };

/* Below this many elements a second thread costs more than it brings. */
enum { PARALLEL_FROM = 16384 };

#endif
