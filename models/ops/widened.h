/* Whole tensors as f32, for kernels that compute in f32 only: a tensor of another dtype is widened into the workspace
 * before, and the result narrowed after. For f32 nothing is copied. */
#ifndef OPS_WIDENED_H
#define OPS_WIDENED_H

#include "models/graph/op.h"

/* Room that the tensor takes in the workspace: 0 for f32, else its elements as floats, a multiple of 64. */
size_t widened_bytes(const struct tensor *tensor);
/* Each takes its room from *room, which moves on. NULL data stays NULL. */
const float *widened_read(const struct call *call, const struct tensor *tensor, const void *data, char **room);
float *widened_target(const struct tensor *tensor, void *data, char **room);
void widened_commit(const struct call *call, const struct tensor *tensor, const float *computed, void *data);

#endif
