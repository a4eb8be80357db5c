/* The decoder that Llama and its relatives are configurations of; the sizes are in llama_sizes.c. */
#ifndef FAMILIES_LLAMA_H
#define FAMILIES_LLAMA_H

#include "models/families/family.h"

/* Where a block normalises: what its halves read, what they give, or both. */
enum norm_place { NORM_BEFORE, NORM_AFTER, NORM_BOTH };

bool llama_build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error);

#endif
