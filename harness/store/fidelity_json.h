/* A record's comparison with f32 as the JSON object `against_f32`: in documents, in the store and from workers. */
#ifndef STORE_FIDELITY_JSON_H
#define STORE_FIDELITY_JSON_H

#include <jansson.h>

#include "models/engine/fidelity.h"

/* NULL when there is none (no output error), and without memory. */
json_t *fidelity_to_json(const struct fidelity *fidelity);
/* Figures that are absent are NaN; false when one is there that can't be. */
bool fidelity_from_json(const json_t *object, struct fidelity *fidelity);
/* Nothing known. */
struct fidelity fidelity_unknown(void);

#endif
