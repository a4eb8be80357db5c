/* The outline of a model that a family builds: what its GGUF file would hold, tensor by tensor. */
#ifndef CATALOGUE_OUTLINE_GRAPH_H
#define CATALOGUE_OUTLINE_GRAPH_H

#include "models/catalogue/outline.h"
#include "models/families/family.h"

/* Of a language model of that configuration. False, with an empty outline, when memory runs out. To be freed. */
bool outline_of_graph(const struct graph *graph, const struct config *config, struct outline *outline);

#endif
