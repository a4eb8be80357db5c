/* Costs on a processor are rounded from published results of llama.cpp on ARM (ikawrakow/ik_llama.cpp, discussion 164,
 * llama.cpp build 4384), those on a card from published results of Metal and CUDA; they are starting points that a
 * machine's own results move. */
#include "harness/estimate/engine_priors.h"

#include <string.h>
#include <strings.h>

const struct type_cost type_costs[TYPE_COUNT] = {
    {"q4_K", KIND_SUPER, 1, 1, 1, 1},
    {"f32", KIND_PLAIN, 0.6, 2.5, 0.8, 1.3},
    {"f16", KIND_PLAIN, 0.5, 1.5, 0.7, 0.8},
    {"bf16", KIND_PLAIN, 0.5, 1.5, 0.7, 0.9},
    {"q8_0", KIND_BLOCK, 0.6, 0.65, 0.8, 1},
    {"q4_0", KIND_BLOCK, 0.6, 0.42, 0.9, 0.95},
    {"q4_1", KIND_BLOCK, 0.8, 1.2, 0.9, 1},
    {"q5_0", KIND_BLOCK, 1.4, 1.7, 1.1, 1.1},
    {"q5_1", KIND_BLOCK, 1.4, 1.7, 1.1, 1.1},
    {"mxfp4", KIND_BLOCK, 0.8, 0.8, 0.9, 1},
    {"q2_K", KIND_SUPER, 1.2, 1.3, 1, 1.1},
    {"q3_K", KIND_SUPER, 1.5, 1.7, 1.3, 1.2},
    {"q5_K", KIND_SUPER, 1.4, 1.5, 1.2, 1.1},
    {"q6_K", KIND_SUPER, 1.4, 1.6, 1.1, 1.1},
    {"iq4_NL", KIND_BLOCK, 0.7, 0.5, 1, 1},
    {"iq4_XS", KIND_SUPER, 1.1, 1.1, 1, 1},
    {"iq1_S", KIND_CODEBOOK, 2, 2.2, 1.2, 1.2},
    {"iq1_M", KIND_CODEBOOK, 2.3, 2.6, 1.2, 1.2},
    {"iq2_XXS", KIND_CODEBOOK, 2, 2.3, 1.2, 1.2},
    {"iq2_XS", KIND_CODEBOOK, 1.9, 2.1, 1.2, 1.2},
    {"iq2_S", KIND_CODEBOOK, 2.5, 2.8, 1.2, 1.2},
    {"iq2_M", KIND_CODEBOOK, 2.5, 2.8, 1.2, 1.2},
    {"iq3_XXS", KIND_CODEBOOK, 2.8, 3.1, 1.2, 1.2},
    {"iq3_S", KIND_CODEBOOK, 3.2, 3.6, 1.2, 1.2},
    {"iq3_M", KIND_CODEBOOK, 3, 3.3, 1.2, 1.2},
    {"iq3_XS", KIND_CODEBOOK, 3, 3.3, 1.2, 1.2},
};

size_t type_find(const char *recipe)
{
    size_t found = 0, longest = 0;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        size_t length = strlen(type_costs[i].name);
        if (length > longest && strncasecmp(recipe, type_costs[i].name, length) == 0) {
            found = i;
            longest = length;
        }
    }
    return found;
}
