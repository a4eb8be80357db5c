#include "models/catalogue/storage.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define PLAIN(name, bytes, kind, dtype)                                                                                \
    {                                                                                                                  \
        name, 1, bytes, STORAGE_##kind, dtype                                                                          \
    }
#define BLOCKS(name, elements, bytes, dtype)                                                                           \
    {                                                                                                                  \
        name, elements, bytes, STORAGE_QUANTISED, dtype                                                                \
    }
#define DROPPED(name)                                                                                                  \
    {                                                                                                                  \
        name, 1, 0, STORAGE_QUANTISED, NULL                                                                            \
    }

/* The index is the number in the file. */
static const struct storage of_ggml[] = {
    [0] = PLAIN("F32", 4, FLOAT, "f32"),
    [1] = PLAIN("F16", 2, FLOAT, "f16"),
    [2] = BLOCKS("Q4_0", 32, 18, "q4_0"),
    [3] = BLOCKS("Q4_1", 32, 20, NULL),
    [4] = DROPPED("Q4_2"),
    [5] = DROPPED("Q4_3"),
    [6] = BLOCKS("Q5_0", 32, 22, NULL),
    [7] = BLOCKS("Q5_1", 32, 24, NULL),
    [8] = BLOCKS("Q8_0", 32, 34, "q8_0"),
    [9] = BLOCKS("Q8_1", 32, 36, NULL),
    [10] = BLOCKS("Q2_K", 256, 84, NULL),
    [11] = BLOCKS("Q3_K", 256, 110, NULL),
    [12] = BLOCKS("Q4_K", 256, 144, "q4_K"),
    [13] = BLOCKS("Q5_K", 256, 176, NULL),
    [14] = BLOCKS("Q6_K", 256, 210, "q6_K"),
    [15] = BLOCKS("Q8_K", 256, 292, NULL),
    [16] = BLOCKS("IQ2_XXS", 256, 66, NULL),
    [17] = BLOCKS("IQ2_XS", 256, 74, NULL),
    [18] = BLOCKS("IQ3_XXS", 256, 98, NULL),
    [19] = BLOCKS("IQ1_S", 256, 50, NULL),
    [20] = BLOCKS("IQ4_NL", 32, 18, NULL),
    [21] = BLOCKS("IQ3_S", 256, 110, NULL),
    [22] = BLOCKS("IQ2_S", 256, 82, NULL),
    [23] = BLOCKS("IQ4_XS", 256, 136, NULL),
    [24] = PLAIN("I8", 1, INTEGER, NULL),
    [25] = PLAIN("I16", 2, INTEGER, NULL),
    [26] = PLAIN("I32", 4, INTEGER, "i32"),
    [27] = PLAIN("I64", 8, INTEGER, NULL),
    [28] = PLAIN("F64", 8, FLOAT, NULL),
    [29] = BLOCKS("IQ1_M", 256, 56, NULL),
    [30] = PLAIN("BF16", 2, FLOAT, "bf16"),
    [31] = DROPPED("Q4_0_4_4"),
    [32] = DROPPED("Q4_0_4_8"),
    [33] = DROPPED("Q4_0_8_8"),
    [34] = BLOCKS("TQ1_0", 256, 54, NULL),
    [35] = BLOCKS("TQ2_0", 256, 66, NULL),
    [36] = DROPPED("IQ4_NL_4_4"),
    [37] = DROPPED("IQ4_NL_4_8"),
    [38] = DROPPED("IQ4_NL_8_8"),
    [39] = BLOCKS("MXFP4", 32, 17, NULL),
    [40] = BLOCKS("NVFP4", 64, 36, NULL),
    [41] = BLOCKS("Q1_0", 128, 18, NULL),
    [42] = BLOCKS("Q2_0", 64, 18, NULL),
};
enum { GGML_COUNT = sizeof of_ggml / sizeof *of_ggml };

static const struct storage of_safetensors[] = {
    PLAIN("F64", 8, FLOAT, NULL),           PLAIN("F32", 4, FLOAT, "f32"),
    PLAIN("F16", 2, FLOAT, "f16"),          PLAIN("BF16", 2, FLOAT, "bf16"),
    PLAIN("F8_E4M3", 1, FLOAT, NULL),       PLAIN("F8_E5M2", 1, FLOAT, NULL),
    PLAIN("F8_E8M0", 1, FLOAT, NULL),       PLAIN("F8_E4M3FNUZ", 1, FLOAT, NULL),
    PLAIN("F8_E5M2FNUZ", 1, FLOAT, NULL),   PLAIN("I64", 8, INTEGER, NULL),
    PLAIN("U64", 8, INTEGER, NULL),         PLAIN("I32", 4, INTEGER, "i32"),
    PLAIN("U32", 4, INTEGER, NULL),         PLAIN("I16", 2, INTEGER, NULL),
    PLAIN("U16", 2, INTEGER, NULL),         PLAIN("I8", 1, INTEGER, NULL),
    PLAIN("U8", 1, INTEGER, NULL),          PLAIN("BOOL", 1, INTEGER, NULL),
    PLAIN("C64", 8, FLOAT, NULL),           {"F4", 2, 1, STORAGE_FLOAT, NULL},
    {"F6_E2M3", 4, 3, STORAGE_FLOAT, NULL}, {"F6_E3M2", 4, 3, STORAGE_FLOAT, NULL},
};

const struct storage *storage_of_ggml(uint32_t number)
{
    return number < GGML_COUNT && of_ggml[number].name ? &of_ggml[number] : NULL;
}

const struct storage *storage_of_safetensors(const char *name, uint64_t length)
{
    for (size_t i = 0; i < sizeof of_safetensors / sizeof *of_safetensors; i++)
        if (strlen(of_safetensors[i].name) == length && memcmp(of_safetensors[i].name, name, length) == 0)
            return &of_safetensors[i];
    return NULL;
}

const struct storage *storage_find(const char *name)
{
    for (size_t i = 0; i < GGML_COUNT; i++)
        if (of_ggml[i].bytes && strcasecmp(of_ggml[i].name, name) == 0)
            return &of_ggml[i];
    return NULL;
}

const char *storage_dropped_advice(void)
{
    return "ggml has dropped it; quantise the model again as Q4_0 or IQ4_NL";
}

bool storage_bytes(const struct storage *storage, uint64_t rows, uint64_t columns, uint64_t *bytes)
{
    uint64_t row;
    if (columns % storage->block)
        return false;
    return !__builtin_mul_overflow(columns / storage->block, storage->bytes, &row) &&
           !__builtin_mul_overflow(row, rows, bytes);
}
