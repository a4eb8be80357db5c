/* Weights by a recipe of GGUF files, of models whose file isn't there (models/catalogue/file_recipe.h). */
#ifndef FITNESS_FIT_RECIPE_H
#define FITNESS_FIT_RECIPE_H

#include "models/engine/case.h"
#include "models/families/family.h"

/* The bytes of a model's tensors by that recipe; 0 where it isn't known, or the model has no such files. */
uint64_t fit_recipe_bytes(const struct family *family, const struct family_size *size, const char *recipe);
/* The dtype of a case that comes nearest to weights of so many bytes: what to plan and to estimate the rest with. */
const char *fit_recipe_stand_in(const struct family *family, const struct family_size *size, uint64_t bytes);
/* The last answer: a model's rows in several modes ask for the same. */
struct fit_recipe_last {
    const struct family_size *size;
    const struct recipe *recipe;
    uint64_t bytes;
};
/* Weights as the file of a case's recipe has them where kernels here would hold others: rows that don't fill its
 * blocks. 0: as planned. */
uint64_t fit_recipe_weights(const struct model_case *one, uint64_t planned_bytes, struct fit_recipe_last *last);

#endif
