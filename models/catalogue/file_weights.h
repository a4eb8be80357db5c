/* A file's weights in a graph: which of its tensors each of the graph's is, and copying them there. */
#ifndef CATALOGUE_FILE_WEIGHTS_H
#define CATALOGUE_FILE_WEIGHTS_H

#include "models/catalogue/model_file.h"
#include "models/engine/engine.h"

/* Fills every weight of an opened graph from the file, converted where the types differ. False, naming the tensor,
 * where one isn't in the file, has another shape, or a type that isn't decoded here. */
bool file_weights_load(const struct model_file *file, const struct graph *graph, struct engine *engine,
                       struct error *error);

#endif
