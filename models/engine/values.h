/* Elements of any type as f32, and back: for whoever looks into a tensor or writes one; not for a timed step. */
#ifndef ENGINE_VALUES_H
#define ENGINE_VALUES_H

#include <stddef.h>

#include "models/graph/dtype.h"

/* Elements [first, first + count); for a block type whole blocks. */
void values_read(enum dtype dtype, const void *data, size_t first, size_t count, float *out);
void values_write(enum dtype dtype, const float *in, size_t first, size_t count, void *data);

#endif
