/* The bytes of a model's tensors in a GGUF file made by a recipe, without that file: llama.cpp's rules for each tensor
 * (src/llama-quant.cpp), which tests/unit/test_file_recipe.c compares with published files.
 *
 * Recipes of IQ types, but IQ3_S and IQ3_M, are taken to be made with an importance matrix, as the published files are,
 * the others without; "+imatrix" after a name asks for one. Those of the *_L names have embedding and head in Q8_0.
 * Attention whose queries, keys and values are one matrix is typed as until 2025, as the published files of such models
 * are. */
#ifndef CATALOGUE_FILE_RECIPE_H
#define CATALOGUE_FILE_RECIPE_H

#include "models/catalogue/outline.h"
#include "models/catalogue/storage.h"

#define FILE_RECIPE_NAMES                                                                                              \
    "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q2_K_S, Q3_K_S, Q3_K_M, Q3_K_L, Q4_K_S, Q4_K_M, "             \
    "Q5_K_S, Q5_K_M, Q6_K, IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ2_M, IQ3_XXS, IQ3_XS, IQ3_S, IQ3_M, IQ4_XS, "       \
    "IQ4_NL, TQ1_0, TQ2_0, MXFP4_MOE, MXFP4_MOE_F16, Q2_K_L, Q3_K_XL, Q4_K_L, Q5_K_L, Q6_K_L"

/* False when no recipe of these has the name (case ignored) or the bytes overflow. Metadata isn't counted: 0.7 to 8 MB,
 * by the vocabulary. */
bool file_recipe_bytes(const struct outline *outline, const char *recipe, uint64_t *bytes);
/* The recipe's name as it is usually written, whatever its case; NULL when there is none. */
const char *file_recipe_name(const char *recipe);

#endif
