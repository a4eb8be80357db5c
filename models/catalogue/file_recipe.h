/* The bytes of a model's tensors in a GGUF file made by a recipe, without that file: llama.cpp's rules for each tensor
 * (src/llama-quant.cpp; no importance matrix), which tests/unit/test_file_recipe.c compares with published files. */
#ifndef CATALOGUE_FILE_RECIPE_H
#define CATALOGUE_FILE_RECIPE_H

#include "models/catalogue/outline.h"
#include "models/catalogue/storage.h"

#define FILE_RECIPE_NAMES                                                                                              \
    "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K_S, Q3_K_M, Q3_K_L, Q4_K_S, Q4_K_M, "                     \
    "Q5_K_S, Q5_K_M, Q6_K, IQ4_NL, IQ4_XS, MXFP4_MOE"

/* False when no recipe of these has the name (case ignored) or the bytes overflow. Metadata isn't counted: 0.7 to 8 MB,
 * by the vocabulary. */
bool file_recipe_bytes(const struct outline *outline, const char *recipe, uint64_t *bytes);

#endif
