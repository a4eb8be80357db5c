#include "reports/fitness/fit_recipe.h"

#include "models/catalogue/file_recipe.h"
#include "models/catalogue/outline_graph.h"

uint64_t fit_recipe_bytes(const struct family *family, const struct family_size *size, const char *recipe)
{
    struct model_case one = case_of_size(family, size, family->modes >> MODE_PREFILL & 1 ? MODE_PREFILL : MODE_FORWARD);
    struct outline outline;
    uint64_t bytes = 0;
    if (!family->quantises || !file_recipe_name(recipe))
        return 0;
    one.context = family->has_context ? 1 : one.context;
    struct graph *graph = case_build(&one, NULL);
    if (graph && outline_of_graph(graph, &size->config, &outline)) {
        if (!file_recipe_bytes(&outline, recipe, &bytes))
            bytes = 0;
        outline_free(&outline);
    }
    graph_free(graph);
    return bytes;
}

const char *fit_recipe_stand_in(const struct family *family, const struct family_size *size, uint64_t bytes)
{
    double plain = (double)fit_recipe_bytes(family, size, "F16"), bits = plain > 0 ? 16 * (double)bytes / plain : 0;
    if (!family->quantises)
        return "bf16";
    return bits < 5.5 ? "q4_K_M" : bits < 7.5 ? "q6_K" : bits < 12 ? "q8_0" : bits < 24 ? "f16" : "f32";
}

uint64_t fit_recipe_weights(const struct model_case *one, uint64_t planned_bytes, struct fit_recipe_last *last)
{
    if (!one->recipe || mode_trains(one->mode))
        return 0;
    if (last->size != one->size || last->recipe != one->recipe)
        *last = (struct fit_recipe_last){one->size, one->recipe,
                                         fit_recipe_bytes(one->family, one->size, case_dtype_name(one))};
    double ratio = last->bytes ? (double)planned_bytes / (double)last->bytes : 1;
    return ratio > 1.001 || ratio < 0.999 ? last->bytes : 0;
}
