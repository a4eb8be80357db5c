#include "models/catalogue/file_recipe.h"

#include <string.h>
#include <strings.h>

/* What all tensors have for which nothing else is said, and what stands out. */
struct file_recipe {
    const char *name;
    const char *like; /* of whose rules it is */
    const char *base;
    const char *head;      /* NULL: as the base */
    const char *embedding; /* of tokens, where the head is another matrix; NULL: as the base */
    bool matrix;           /* made with an importance matrix, as published */
};

static const struct file_recipe recipes[] = {
    {"F32", "F32", "F32", NULL, NULL, false},
    {"F16", "F16", "F16", NULL, NULL, false},
    {"BF16", "BF16", "BF16", NULL, NULL, false},
    {"Q8_0", "Q8_0", "Q8_0", NULL, NULL, false},
    {"Q4_0", "Q4_0", "Q4_0", "Q6_K", NULL, false},
    {"Q4_1", "Q4_1", "Q4_1", "Q6_K", NULL, false},
    {"Q5_0", "Q5_0", "Q5_0", "Q6_K", NULL, false},
    {"Q5_1", "Q5_1", "Q5_1", "Q6_K", NULL, false},
    {"Q2_K", "Q2_K", "Q2_K", "Q6_K", NULL, false},
    {"Q2_K_S", "Q2_K_S", "Q2_K", "Q6_K", NULL, true},
    {"Q3_K_S", "Q3_K_S", "Q3_K", "Q6_K", NULL, false},
    {"Q3_K_M", "Q3_K_M", "Q3_K", "Q6_K", NULL, false},
    {"Q3_K_L", "Q3_K_L", "Q3_K", "Q6_K", NULL, false},
    {"Q4_K_S", "Q4_K_S", "Q4_K", "Q6_K", NULL, false},
    {"Q4_K_M", "Q4_K_M", "Q4_K", "Q6_K", NULL, false},
    {"Q5_K_S", "Q5_K_S", "Q5_K", "Q6_K", NULL, false},
    {"Q5_K_M", "Q5_K_M", "Q5_K", "Q6_K", NULL, false},
    {"Q6_K", "Q6_K", "Q6_K", "Q6_K", NULL, false},
    {"IQ1_S", "IQ1_S", "IQ1_S", "Q5_K", "Q2_K", true},
    {"IQ1_M", "IQ1_M", "IQ1_M", "Q5_K", "Q2_K", true},
    {"IQ2_XXS", "IQ2_XXS", "IQ2_XXS", "Q5_K", "Q2_K", true},
    {"IQ2_XS", "IQ2_XS", "IQ2_XS", "Q5_K", "Q2_K", true},
    {"IQ2_S", "IQ2_S", "IQ2_XS", "Q5_K", "IQ3_S", true},
    {"IQ2_M", "IQ2_M", "IQ2_S", "Q5_K", "IQ3_S", true},
    {"IQ3_XXS", "IQ3_XXS", "IQ3_XXS", "Q5_K", "IQ3_S", true},
    {"IQ3_XS", "IQ3_XS", "IQ3_S", "Q6_K", NULL, true},
    {"IQ3_S", "IQ3_S", "IQ3_S", "Q6_K", NULL, false},
    {"IQ3_M", "IQ3_M", "IQ3_S", "Q6_K", NULL, false},
    {"IQ4_XS", "IQ4_XS", "IQ4_XS", "Q6_K", NULL, true},
    {"IQ4_NL", "IQ4_NL", "IQ4_NL", "Q6_K", NULL, true},
    {"TQ1_0", "TQ1_0", "TQ1_0", "Q6_K", "Q4_K", false},
    {"TQ2_0", "TQ2_0", "TQ2_0", "Q6_K", "Q4_K", false},
    {"Q2_K_L", "Q2_K", "Q2_K", "Q8_0", "Q8_0", true},
    {"Q3_K_XL", "Q3_K_L", "Q3_K", "Q8_0", "Q8_0", true},
    {"Q4_K_L", "Q4_K_M", "Q4_K", "Q8_0", "Q8_0", true},
    {"Q5_K_L", "Q5_K_M", "Q5_K", "Q8_0", "Q8_0", true},
    {"Q6_K_L", "Q6_K", "Q6_K", "Q8_0", "Q8_0", true},
    {"MXFP4_MOE", "MXFP4_MOE", "Q8_0", NULL, NULL, false},
    {"MXFP4_MOE_F16", "MXFP4_MOE", "F16", NULL, NULL, false}, /* experts as they were trained, nothing else quantised */
};

static const char suffix[] = "+imatrix";

/* One recipe applied to one model. */
struct use {
    const struct file_recipe *recipe;
    const struct outline *outline;
    bool matrix; /* with an importance matrix */
    bool tied;   /* the embedding is also the head */
    bool grouped, falcon;
};

static bool find(const char *name, struct use *use)
{
    size_t length = strlen(name), tail = sizeof suffix - 1;
    bool asked = length > tail && strcasecmp(name + length - tail, suffix) == 0;
    length -= asked ? tail : 0;
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
        if (strlen(recipes[i].name) == length && strncasecmp(recipes[i].name, name, length) == 0) {
            use->recipe = &recipes[i];
            use->matrix = asked || recipes[i].matrix;
            return true;
        }
    return false;
}

const char *file_recipe_name(const char *recipe)
{
    struct use use;
    return find(recipe, &use) && !strchr(recipe, suffix[0]) ? use.recipe->name : NULL;
}

/* Is the recipe's rule one of "A|B"? */
static bool is(const struct use *use, const char *names)
{
    size_t length = strlen(use->recipe->like);
    for (const char *at = names; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, use->recipe->like, length) == 0 && (at[length] == '|' || !at[length]))
            return true;
    return false;
}

/* The first and the last eighth of the layers, and every third between them. */
static bool gets_more(uint64_t layer, uint64_t layers)
{
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

/* Values of IQ1 and IQ2 recipes, whose rules are their own. */
static const char *small_value_type(const struct use *use)
{
    if (use->grouped || use->outline->experts >= 4)
        return "Q4_K";
    return is(use, "IQ2_S|IQ2_M") ? "IQ3_S" : "Q2_K";
}

static const char *value_type(const struct use *use, uint64_t layer)
{
    const char *type = use->recipe->base;
    if (is(use, "IQ1_S|IQ1_M|IQ2_XXS|IQ2_XS|IQ2_S|IQ2_M"))
        return small_value_type(use);
    if (is(use, "Q2_K"))
        type = use->grouped ? "Q4_K" : "Q3_K";
    else if (is(use, "Q2_K_S|IQ3_XS|IQ3_S") && use->grouped)
        type = "Q4_K";
    else if (is(use, "IQ3_XXS"))
        type = use->grouped ? "Q4_K" : "IQ3_XXS";
    else if (is(use, "IQ3_M"))
        type = "Q4_K";
    else if (is(use, "Q3_K_M"))
        type = layer < 2 ? "Q5_K" : "Q4_K";
    else if (is(use, "Q3_K_L") || (is(use, "IQ4_XS|IQ4_NL") && use->grouped) || (is(use, "Q4_K_S") && layer < 4))
        type = "Q5_K";
    else if (is(use, "Q4_K_M|Q5_K_M") && gets_more(layer, use->outline->layers))
        type = "Q6_K";
    if (use->outline->many_values && (strcmp(type, "Q3_K") == 0 || strcmp(type, "Q4_K") == 0))
        type = "Q5_K";
    return use->outline->experts == 8 ? "Q8_0" : type;
}

static const char *key_type(const struct use *use, bool query)
{
    bool eight = use->outline->experts == 8 && !query;
    if (eight)
        return is(use, "IQ1_S|IQ1_M|IQ2_XXS|IQ2_XS|IQ2_S|IQ2_M") ? "Q4_K" : "Q8_0";
    return is(use, "IQ3_XS") ? "IQ3_XXS" : is(use, "IQ3_XXS") ? "IQ2_S" : use->recipe->base;
}

/* Queries, keys and values in one. */
static const char *fused_type(const struct use *use)
{
    return is(use, "Q3_K_M|Q3_K_L|IQ3_M") ? "Q4_K"
           : is(use, "Q4_K_M")            ? "Q5_K"
           : is(use, "Q5_K_M")            ? "Q6_K"
                                          : use->recipe->base;
}

static const char *output_type(const struct use *use)
{
    if (use->falcon)
        return is(use, "Q3_K_L") ? "Q4_K" : use->recipe->base;
    if (use->outline->experts == 8)
        return is(use, "IQ1_S|IQ1_M|IQ2_XXS|IQ2_XS|IQ2_S|IQ2_M|Q2_K|IQ3_XXS|IQ3_XS|IQ3_S|IQ3_M|Q3_K_S|Q3_K_M|IQ4_NL|"
                       "IQ4_XS|Q4_K_S|Q4_K_M")
                   ? "Q5_K"
                   : use->recipe->base;
    return is(use, "IQ1_S|IQ1_M")           ? "IQ2_XXS"
           : is(use, "IQ2_S|IQ2_M|IQ3_XXS") ? "IQ3_S"
           : is(use, "Q2_K")                ? "Q3_K"
           : is(use, "Q3_K_M|IQ3_M")        ? "Q4_K"
           : is(use, "Q3_K_L")              ? "Q5_K"
                                            : use->recipe->base;
}

static const char *falcon_down_type(const struct use *use, uint64_t layer, uint64_t layers)
{
    bool more = gets_more(layer, layers), first = layer < layers / 16;
    if (is(use, "Q3_K_M"))
        return first ? "Q5_K" : more ? "Q4_K" : "Q3_K";
    if (is(use, "Q4_K_M"))
        return first ? "Q6_K" : more ? "Q5_K" : "Q4_K";
    return "Q4_K"; /* Q3_K_L */
}

static const char *down_type(const struct use *use, uint64_t layer)
{
    uint64_t layers = use->outline->layers;
    bool more = gets_more(layer, layers), eighth = layer < layers / 8;
    if (use->falcon && is(use, "Q3_K_M|Q3_K_L|Q4_K_M"))
        return falcon_down_type(use, layer, layers);
    if (is(use, "Q2_K"))
        return "Q3_K";
    if (is(use, "Q3_K_M"))
        return layer < layers / 16 ? "Q5_K" : "Q4_K";
    if (is(use, "Q3_K_L"))
        return "Q5_K";
    if (is(use, "Q4_K_M|Q5_K_M") && more)
        return "Q6_K";
    if (is(use, "IQ3_M") && (eighth || (use->outline->experts == 8 && more)))
        return "Q4_K";
    if (!eighth)
        return use->recipe->base;
    if (is(use, "Q2_K_S"))
        return "Q4_K";
    if (is(use, "IQ1_S|IQ1_M|IQ2_XXS|IQ2_XS"))
        return "Q2_K";
    if (is(use, "IQ2_S|IQ2_M"))
        return "IQ3_S";
    if ((is(use, "Q4_K_S") && !use->falcon) || (is(use, "IQ4_NL|IQ4_XS") && !use->matrix))
        return "Q5_K";
    if (is(use, "Q4_0|Q5_0") && use->matrix)
        return is(use, "Q4_0") ? "Q4_1" : "Q5_1";
    return use->recipe->base;
}

/* Gates and ups: the middle three quarters of IQ3_XS have fewer bits. */
static const char *up_type(const struct use *use, uint64_t layer)
{
    uint64_t layers = use->outline->layers;
    bool middle = layer >= layers / 8 && layer < 7 * layers / 8;
    return is(use, "IQ3_XS") && middle ? "IQ3_XXS" : use->recipe->base;
}

static const char *quantised_type(const struct use *use, const struct outline_tensor *tensor)
{
    const struct file_recipe *recipe = use->recipe;
    uint64_t layer = tensor->layer < 0 ? 0 : (uint64_t)tensor->layer;
    bool head = tensor->role == TENSOR_HEAD || (tensor->role == TENSOR_EMBEDDING && use->tied);
    if (head)
        return use->falcon ? "Q8_0" : recipe->head ? recipe->head : recipe->base;
    if (is(use, "MXFP4_MOE"))
        return tensor->experts ? "MXFP4" : recipe->base;
    switch (tensor->role) {
    case TENSOR_EMBEDDING:
        return recipe->embedding ? recipe->embedding : recipe->base;
    case TENSOR_Q:
    case TENSOR_K:
        return key_type(use, tensor->role == TENSOR_Q);
    case TENSOR_V:
        return value_type(use, layer);
    case TENSOR_QKV:
        return fused_type(use);
    case TENSOR_ATTENTION_OUTPUT:
        return output_type(use);
    case TENSOR_FFN_DOWN:
        return down_type(use, layer);
    case TENSOR_FFN_GATE:
    case TENSOR_FFN_UP:
        return up_type(use, layer);
    default:
        return recipe->base;
    }
}

static bool is_plain(const struct file_recipe *recipe)
{
    return storage_find(recipe->base)->kind == STORAGE_FLOAT && strcmp(recipe->like, recipe->name) == 0;
}

static const char *type_of(const struct use *use, const struct outline_tensor *tensor)
{
    if (tensor->role == TENSOR_VECTOR || tensor->role == TENSOR_FIXED)
        return "F32";
    return is_plain(use->recipe) ? use->recipe->base : quantised_type(use, tensor);
}

/* Rows that don't fill blocks of the type take one with smaller blocks; the head then is Q8_0. */
static const struct storage *that_fits(const struct use *use, const struct outline_tensor *tensor)
{
    static const char *const others[][2] = {
        {"Q4_K", "Q5_0"},     {"Q5_K", "Q5_1"},    {"Q6_K", "Q8_0"},      {"Q2_K", "Q4_0"},    {"Q3_K", "Q4_0"},
        {"TQ1_0", "Q4_0"},    {"TQ2_0", "Q4_0"},   {"IQ1_S", "IQ4_NL"},   {"IQ1_M", "IQ4_NL"}, {"IQ2_XXS", "IQ4_NL"},
        {"IQ2_XS", "IQ4_NL"}, {"IQ2_S", "IQ4_NL"}, {"IQ3_XXS", "IQ4_NL"}, {"IQ3_S", "IQ4_NL"}, {"IQ4_XS", "IQ4_NL"},
    };
    bool head = tensor->role == TENSOR_HEAD || (use->tied && tensor->role == TENSOR_EMBEDDING);
    const char *type = type_of(use, tensor);
    const struct storage *storage = storage_find(type), *base = storage_find(use->recipe->base);
    if (head && base->kind == STORAGE_QUANTISED &&
        tensor->columns % base->block) /* asked of the base, not of the head's */
        storage = storage_find("Q8_0");
    if (tensor->columns % storage->block == 0)
        return storage;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i][0], storage->name) == 0) {
            storage = storage_find(others[i][1]);
            break;
        }
    return tensor->columns % storage->block ? storage_find("F16") : storage;
}

/* Adds the bytes of one tensor. */
static bool add_bytes(const struct use *use, const struct outline_tensor *tensor, uint64_t *bytes)
{
    uint64_t size;
    return storage_bytes(that_fits(use, tensor), tensor->rows, tensor->columns, &size) &&
           !__builtin_add_overflow(*bytes, size, bytes);
}

bool file_recipe_bytes(const struct outline *outline, const char *name, uint64_t *bytes)
{
    struct use use = {.outline = outline, .tied = !outline->copied_head, .falcon = outline->falcon};
    bool right = find(name, &use), headed = false;
    *bytes = 0;
    use.grouped = outline->kv_heads && outline->heads / outline->kv_heads >= 4;
    for (size_t i = 0; i < outline->count; i++)
        headed |= outline->tensors[i].role == TENSOR_HEAD;
    use.tied &= !headed;
    for (size_t i = 0; right && i < outline->count; i++) {
        struct outline_tensor head = outline->tensors[i];
        right = add_bytes(&use, &outline->tensors[i], bytes);
        if (right && outline->copied_head && !headed && head.role == TENSOR_EMBEDDING) {
            head.role = TENSOR_HEAD;
            right = add_bytes(&use, &head, bytes);
        }
    }
    return right;
}
