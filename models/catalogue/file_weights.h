/* A file's weights in a graph: copying them there, and knowing beforehand that it can be done. */
#ifndef CATALOGUE_FILE_WEIGHTS_H
#define CATALOGUE_FILE_WEIGHTS_H

#include "models/catalogue/model_file.h"
#include "models/engine/engine.h"

/* Does the file have every weight of the graph? False, naming the tensor, where one isn't in it, has another shape, or
 * a type that isn't decoded here; or where the model differs from the graph in what it computes. */
bool file_weights_check(const struct model_file *file, const struct graph *graph, struct error *error);
/* Fills every weight of an opened graph from the file, converted where the types differ; false as above. */
bool file_weights_load(const struct model_file *file, const struct graph *graph, struct engine *engine,
                       struct error *error);

#endif
