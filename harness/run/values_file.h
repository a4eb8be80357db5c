/* What a model is given to read, and what it computed, for whoever compares it with another program's. */
#ifndef RUN_VALUES_FILE_H
#define RUN_VALUES_FILE_H

#include "models/engine/engine.h"

/* Writes the words "101,7592,102" into the graph's tokens, from the first on, all of the first type. False, saying
 * why, when there are none, more than it reads, or one that isn't in its vocabulary. */
bool values_put_tokens(const char *words, const struct graph *graph, struct engine *engine, struct error *error);
/* Writes the output of the last step as f32 in NumPy's format 1.0 (.npy). */
bool values_save_output(const char *path, const struct graph *graph, struct engine *engine, struct error *error);

#endif
