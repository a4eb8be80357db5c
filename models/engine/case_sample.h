/* The part of a case that tells what each of its ops costs: a model's layers repeat, and a few of them have every op
 * that the whole has, at its own shapes. */
#ifndef ENGINE_CASE_SAMPLE_H
#define ENGINE_CASE_SAMPLE_H

#include "models/engine/case.h"

/* *sample is the case with the fewest layers, of at least two, whose nodes have all kinds of the whole's; the case
 * itself where none are fewer, or where the family has no layers. `whole` is the case's graph. */
bool case_sample(const struct model_case *one, const struct graph *whole, struct model_case *sample,
                 struct error *error);

#endif
