/* Costs on ARM are rounded from published results of llama.cpp there (ikawrakow/ik_llama.cpp, discussion 164, build
 * 4384 of December 2024), those on x86 from results of 0c1e57098 on one Xeon with AVX-512 for the three types that
 * were run (tests/unit/data/llama_bench/measured.jsonl), else as on ARM; those on a card from published results of
 * Metal and CUDA. How far the two processors are apart says how far another may be from either. They are starting
 * points that a machine's own results move. */
#include "harness/estimate/engine_priors.h"

#include <string.h>
#include <strings.h>

const struct type_cost type_costs[TYPE_COUNT] = {
    {"q4_K", KIND_SUPER, {{1, 1}, {1, 1}, {1, 1}, {1, 1}}},
    {"f32", KIND_PLAIN, {{0.6, 2.5}, {0.6, 2.5}, {0.6, 2.5}, {0.8, 1.3}}},
    {"f16", KIND_PLAIN, {{0.5, 1.5}, {0.5, 1.5}, {0.5, 1.5}, {0.7, 0.8}}},
    {"bf16", KIND_PLAIN, {{0.5, 1.5}, {0.5, 1.5}, {0.5, 1.5}, {0.7, 0.9}}},
    {"q8_0", KIND_BLOCK, {{1, 1}, {0.6, 0.65}, {1.6, 1.6}, {0.8, 1}}},
    {"q4_0", KIND_BLOCK, {{1, 1}, {0.6, 0.42}, {1.3, 1.1}, {0.9, 0.95}}},
    {"q4_1", KIND_BLOCK, {{1, 1}, {0.8, 1.2}, {0.8, 1.2}, {0.9, 1}}},
    {"q5_0", KIND_BLOCK, {{1, 1}, {1.4, 1.7}, {1.4, 1.7}, {1.1, 1.1}}},
    {"q5_1", KIND_BLOCK, {{1, 1}, {1.4, 1.7}, {1.4, 1.7}, {1.1, 1.1}}},
    {"mxfp4", KIND_BLOCK, {{1, 1}, {0.8, 0.8}, {0.8, 0.8}, {0.9, 1}}},
    {"q2_K", KIND_SUPER, {{1.2, 1.3}, {1.2, 1.3}, {1.2, 1.3}, {1, 1.1}}},
    {"q3_K", KIND_SUPER, {{1.5, 1.7}, {1.5, 1.7}, {1.5, 1.7}, {1.3, 1.2}}},
    {"q5_K", KIND_SUPER, {{1.4, 1.5}, {1.4, 1.5}, {1.4, 1.5}, {1.2, 1.1}}},
    {"q6_K", KIND_SUPER, {{1.4, 1.6}, {1.4, 1.6}, {1.4, 1.6}, {1.1, 1.1}}},
    {"iq4_NL", KIND_BLOCK, {{1, 1}, {0.7, 0.5}, {1.3, 1.1}, {1, 1}}},
    {"iq4_XS", KIND_SUPER, {{1.1, 1.1}, {1.1, 1.1}, {1.1, 1.1}, {1, 1}}},
    {"iq1_S", KIND_CODEBOOK, {{2, 2.2}, {2, 2.2}, {2, 2.2}, {1.2, 1.2}}},
    {"iq1_M", KIND_CODEBOOK, {{2.3, 2.6}, {2.3, 2.6}, {2.3, 2.6}, {1.2, 1.2}}},
    {"iq2_XXS", KIND_CODEBOOK, {{2, 2.3}, {2, 2.3}, {2, 2.3}, {1.2, 1.2}}},
    {"iq2_XS", KIND_CODEBOOK, {{1.9, 2.1}, {1.9, 2.1}, {1.9, 2.1}, {1.2, 1.2}}},
    {"iq2_S", KIND_CODEBOOK, {{2.5, 2.8}, {2.5, 2.8}, {2.5, 2.8}, {1.2, 1.2}}},
    {"iq2_M", KIND_CODEBOOK, {{2.5, 2.8}, {2.5, 2.8}, {2.5, 2.8}, {1.2, 1.2}}},
    {"iq3_XXS", KIND_CODEBOOK, {{2.8, 3.1}, {2.8, 3.1}, {2.8, 3.1}, {1.2, 1.2}}},
    {"iq3_S", KIND_CODEBOOK, {{3.2, 3.6}, {3.2, 3.6}, {3.2, 3.6}, {1.2, 1.2}}},
    {"iq3_M", KIND_CODEBOOK, {{3, 3.3}, {3, 3.3}, {3, 3.3}, {1.2, 1.2}}},
    {"iq3_XS", KIND_CODEBOOK, {{3, 3.3}, {3, 3.3}, {3, 3.3}, {1.2, 1.2}}},
};

const struct kind_belief kind_beliefs[ENGINE_KINDS] = {
    [ENGINE_ANY] = {0.35, 0.4, 0.25, 0.3, 2, 0.5, 2000, 0.8},
    [ENGINE_ARM] = {0.2, 0.25, 0.15, 0.2, 1.5, 0.5, 2000, 0.8},
    [ENGINE_X86] = {0.2, 0.25, 0.15, 0.2, 3, 0.4, 3000, 0.6},
    [ENGINE_CARD] = {0.2, 0.25, 0.15, 0.2, 0.1, 0.5, 1000, 1},
};

enum engine_kind engine_kind_of_name(const char *processor)
{
    static const struct {
        const char *part;
        enum engine_kind kind;
    } makers[] = {{"apple", ENGINE_ARM},     {"arm", ENGINE_ARM},      {"cortex", ENGINE_ARM},
                  {"neoverse", ENGINE_ARM},  {"ampere", ENGINE_ARM},   {"snapdragon", ENGINE_ARM},
                  {"raspberry", ENGINE_ARM}, {"graviton", ENGINE_ARM}, {"kunpeng", ENGINE_ARM},
                  {"intel", ENGINE_X86},     {"xeon", ENGINE_X86},     {"amd", ENGINE_X86},
                  {"ryzen", ENGINE_X86},     {"epyc", ENGINE_X86},     {"x86", ENGINE_X86}};
    for (size_t i = 0; processor && i < sizeof makers / sizeof *makers; i++)
        if (strcasestr(processor, makers[i].part))
            return makers[i].kind;
    return ENGINE_ANY;
}

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
