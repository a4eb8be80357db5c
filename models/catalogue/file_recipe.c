#include "models/catalogue/file_recipe.h"

#include <string.h>
#include <strings.h>

struct file_recipe {
    const char *name, *base;
    const char *head;               /* NULL: as the base */
    const char *value, *more_value; /* of attention's values; in the layers that get more bits */
    const char *down, *more_down;
    const char *output, *qkv;
};

static const struct file_recipe recipes[] = {
    {"F32", "F32", NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"F16", "F16", NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"BF16", "BF16", NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"Q8_0", "Q8_0", NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"Q4_0", "Q4_0", "Q6_K", NULL, NULL, NULL, NULL, NULL, NULL},
    {"Q4_1", "Q4_1", "Q6_K", NULL, NULL, NULL, NULL, NULL, NULL},
    {"Q5_0", "Q5_0", "Q6_K", NULL, NULL, NULL, NULL, NULL, NULL},
    {"Q5_1", "Q5_1", "Q6_K", NULL, NULL, NULL, NULL, NULL, NULL},
    {"Q6_K", "Q6_K", NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"Q2_K", "Q2_K", "Q6_K", "Q3_K", NULL, "Q3_K", NULL, "Q3_K", NULL},
    {"Q3_K_S", "Q3_K", "Q6_K", NULL, NULL, NULL, NULL, NULL, NULL},
    {"Q3_K_M", "Q3_K", "Q6_K", "Q4_K", "Q5_K", "Q4_K", "Q5_K", "Q4_K", "Q4_K"},
    {"Q3_K_L", "Q3_K", "Q6_K", "Q5_K", NULL, "Q5_K", NULL, "Q5_K", "Q4_K"},
    {"Q4_K_S", "Q4_K", "Q6_K", NULL, "Q5_K", NULL, "Q5_K", NULL, NULL},
    {"Q4_K_M", "Q4_K", "Q6_K", NULL, "Q6_K", NULL, "Q6_K", NULL, "Q5_K"},
    {"Q5_K_S", "Q5_K", "Q6_K", NULL, NULL, NULL, NULL, NULL, NULL},
    {"Q5_K_M", "Q5_K", "Q6_K", NULL, "Q6_K", NULL, "Q6_K", NULL, "Q6_K"},
    {"IQ4_NL", "IQ4_NL", "Q6_K", NULL, NULL, NULL, "Q5_K", NULL, NULL},
    {"IQ4_XS", "IQ4_XS", "Q6_K", NULL, NULL, NULL, "Q5_K", NULL, NULL},
    {"MXFP4_MOE", "Q8_0", NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};

static const struct file_recipe *find(const char *name)
{
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
        if (strcasecmp(recipes[i].name, name) == 0)
            return &recipes[i];
    return NULL;
}

/* The first and the last eighth of the layers, and every third between them. */
static bool gets_more(uint64_t layer, uint64_t layers)
{
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

static bool is(const struct file_recipe *recipe, const char *name)
{
    return strcmp(recipe->name, name) == 0;
}

/* Which layers have the better of the two types. */
static bool is_sensitive(const struct file_recipe *recipe, bool value, uint64_t layer, uint64_t layers)
{
    if (is(recipe, "Q3_K_M"))
        return value ? layer < 2 : layer < layers / 16;
    if (is(recipe, "Q4_K_S"))
        return value ? layer < 4 : layer < layers / 8;
    if (strncmp(recipe->name, "IQ4", 3) == 0)
        return layer < layers / 8;
    return gets_more(layer, layers);
}

static const char *value_type(const struct file_recipe *recipe, const struct outline *outline, uint64_t layer)
{
    bool grouped = outline->kv_heads && outline->heads / outline->kv_heads >= 4;
    bool quantised = recipe->head != NULL || is(recipe, "Q6_K");
    const char *type = recipe->value ? recipe->value : recipe->base;
    if (outline->experts == 8 && quantised)
        return "Q8_0";
    if (is(recipe, "Q2_K") && grouped)
        type = "Q4_K";
    if (strncmp(recipe->name, "IQ4", 3) == 0 && grouped)
        type = "Q5_K";
    if (recipe->more_value && is_sensitive(recipe, true, layer, outline->layers))
        type = recipe->more_value;
    /* Models of 70 billion have few key heads for many query heads. */
    if (outline->layers == 80 && outline->heads == 64 && (strcmp(type, "Q3_K") == 0 || strcmp(type, "Q4_K") == 0))
        type = "Q5_K";
    return type;
}

static const char *output_type(const struct file_recipe *recipe, const struct outline *outline)
{
    static const char *const raised[] = {"Q2_K", "Q3_K_S", "Q3_K_M", "Q4_K_S", "Q4_K_M", "IQ4_NL", "IQ4_XS"};
    for (size_t i = 0; outline->experts == 8 && i < sizeof raised / sizeof *raised; i++)
        if (is(recipe, raised[i]))
            return "Q5_K";
    return recipe->output ? recipe->output : recipe->base;
}

static const char *type_of(const struct file_recipe *recipe, const struct outline *outline,
                           const struct outline_tensor *tensor, bool tied)
{
    uint64_t layer = tensor->layer < 0 ? 0 : (uint64_t)tensor->layer;
    if (tensor->experts && is(recipe, "MXFP4_MOE"))
        return "MXFP4";
    switch (tensor->role) {
    case TENSOR_VECTOR:
    case TENSOR_FIXED:
        return "F32";
    case TENSOR_EMBEDDING:
        return tied && recipe->head ? recipe->head : recipe->base;
    case TENSOR_HEAD:
        return recipe->head ? recipe->head : recipe->base;
    case TENSOR_K:
        return outline->experts == 8 ? value_type(recipe, outline, layer) : recipe->base;
    case TENSOR_V:
        return value_type(recipe, outline, layer);
    case TENSOR_QKV:
        return recipe->qkv ? recipe->qkv : recipe->base;
    case TENSOR_ATTENTION_OUTPUT:
        return output_type(recipe, outline);
    case TENSOR_FFN_DOWN:
        if (recipe->more_down && is_sensitive(recipe, false, layer, outline->layers))
            return recipe->more_down;
        return recipe->down ? recipe->down : recipe->base;
    default:
        return recipe->base;
    }
}

/* Rows that don't fill blocks of the type take one with smaller blocks; the head then is Q8_0. */
static const struct storage *that_fits(const char *type, const struct outline_tensor *tensor, bool is_head)
{
    static const char *const others[][2] = {{"Q4_K", "Q5_0"}, {"Q5_K", "Q5_1"}, {"Q6_K", "Q8_0"},
                                            {"Q2_K", "Q4_0"}, {"Q3_K", "Q4_0"}, {"IQ4_XS", "IQ4_NL"}};
    const struct storage *storage = storage_find(type);
    if (tensor->columns % storage->block == 0)
        return storage;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i][0], type) == 0)
            storage = storage_find(is_head ? "Q8_0" : others[i][1]);
    return tensor->columns % storage->block ? storage_find("F16") : storage;
}

bool file_recipe_bytes(const struct outline *outline, const char *name, uint64_t *bytes)
{
    const struct file_recipe *recipe = find(name);
    bool tied = true;
    *bytes = 0;
    for (size_t i = 0; i < outline->count; i++)
        tied &= outline->tensors[i].role != TENSOR_HEAD;
    for (size_t i = 0; recipe && i < outline->count; i++) {
        const struct outline_tensor *tensor = &outline->tensors[i];
        uint64_t size;
        bool is_head = tensor->role == TENSOR_HEAD || (tied && tensor->role == TENSOR_EMBEDDING);
        const struct storage *storage = that_fits(type_of(recipe, outline, tensor, tied), tensor, is_head);
        if (!storage_bytes(storage, tensor->rows, tensor->columns, &size) ||
            __builtin_add_overflow(*bytes, size, bytes))
            return false;
    }
    return recipe != NULL;
}
