#include "models/families/recipe.h"

#include <strings.h>

#define ENTRY(name, base, head, more) {#name, DTYPE_##base, DTYPE_##head, DTYPE_##more},
const struct recipe recipes[] = {RECIPES(ENTRY)};
const int recipe_count = sizeof recipes / sizeof *recipes;

const struct recipe *recipe_find(const char *name)
{
    for (int i = 0; i < recipe_count; i++)
        if (strcasecmp(recipes[i].name, name) == 0)
            return &recipes[i];
    return NULL;
}

/* The first and the last eighth of the layers, and every third between them. */
static bool gets_more(int layer, int layers)
{
    int eighth = layers / 8;
    return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

enum dtype recipe_dtype(const struct recipe *recipe, enum matrix_kind kind, int64_t columns, int layer, int layers)
{
    bool sensitive = kind == MATRIX_VALUE || kind == MATRIX_DOWN;
    enum dtype dtype = kind == MATRIX_HEAD                     ? recipe->head
                       : sensitive && gets_more(layer, layers) ? recipe->more
                                                               : recipe->base;
    bool beside_eight = kind == MATRIX_BESIDE_EIGHT && dtype_quantised(dtype);
    if (beside_eight || columns % dtype_info(dtype)->block)
        dtype = DTYPE_Q8_0;
    return columns % dtype_info(dtype)->block ? DTYPE_F16 : dtype;
}
