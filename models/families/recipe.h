/* A recipe gives each weight matrix its stored type: what a case's dtype names when it is neither f32 nor bf16.
 * Activations are f32 then, norms and biases too. The rules are those by which GGUF files of these names are made, so
 * that a case reads the bytes that the file of the same name has. */
#ifndef FAMILIES_RECIPE_H
#define FAMILIES_RECIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "models/graph/dtype.h"

/* What a matrix does in its model, as far as a recipe asks. */
enum matrix_kind {
    MATRIX_PLAIN,
    MATRIX_HEAD, /* the output's, or the embedding that is also the head */
    MATRIX_EMBEDDING,
    MATRIX_VALUE,        /* attention's value projection */
    MATRIX_DOWN,         /* the feed-forward's second */
    MATRIX_BESIDE_EIGHT, /* attention's keys and values where a layer has eight experts: next to nothing beside these */
};

struct recipe {
    const char *name;
    enum dtype base, head;
    enum dtype more; /* of values and downs in the layers that get more bits; `base` where none do */
};

/* All: name, base, head, more. */
#define RECIPES(RECIPE)                                                                                                \
    RECIPE(f16, F16, F16, F16)                                                                                         \
    RECIPE(q8_0, Q8_0, Q8_0, Q8_0)                                                                                     \
    RECIPE(q4_0, Q4_0, Q6_K, Q4_0)                                                                                     \
    RECIPE(q4_K, Q4_K, Q6_K, Q4_K)                                                                                     \
    RECIPE(q6_K, Q6_K, Q6_K, Q6_K)                                                                                     \
    RECIPE(q4_K_M, Q4_K, Q6_K, Q6_K)

/* NULL when there is none of that name. Case is ignored. */
const struct recipe *recipe_find(const char *name);
extern const struct recipe recipes[];
extern const int recipe_count;
/* ", f16, q8_0, …": after other dtypes in a sentence */
#define RECIPE_AFTER(name, base, head, more) ", " #name
#define RECIPE_NAMES RECIPES(RECIPE_AFTER)

/* The type of a matrix whose rows have `columns` elements, in layer `layer` of `layers` (from 0). Rows that don't fill
 * whole blocks of the type are stored in the next that they fill. */
enum dtype recipe_dtype(const struct recipe *recipe, enum matrix_kind kind, int64_t columns, int layer, int layers);

#endif
