/* Public models of family dlrm: the reference implementation's layers over Criteo's clicks, of which each preparation
 * has its own number of distinct values in each of the 26 categories. See public_models.h. */
#include "models/catalogue/public_models.h"

/* Distinct values of Criteo's 26 categories over all days, as MLPerf caps them. */
static const int64_t mlperf_tables[] = {39884406, 39043,    17289,    7420,     20263,  3,     7120, 1543, 63,
                                        38532951, 2953546,  403346,   10,       2208,   11938, 155,  4,    976,
                                        14,       39979771, 25641295, 39664984, 585935, 12972, 108,  36,   0};

/* Of the terabyte's days, as TorchRec's example has them: 177944275. */
static const int64_t terabyte_tables[] = {45833188, 36746,    17245,    7413,     20243,  3,     7114, 1441, 62,
                                          29275261, 1572176,  345138,   10,       2209,   11267, 128,  4,    974,
                                          14,       48937457, 11316796, 40094537, 452104, 12606, 104,  35,   0};
/* Of the terabyte, where rows beyond ten million fall together: 49126297. */
static const int64_t capped_tables[] = {9980333, 36084,   17217,   7378,    20134,  3,     7112, 1442, 61,
                                        9758201, 1333352, 313829,  10,      2208,   11156, 122,  4,    970,
                                        14,      9994222, 7267859, 9946608, 415421, 12420, 101,  36,   0};
/* Of the Kaggle challenge's week: 33762577. */
static const int64_t kaggle_tables[] = {1460,  583,  10131227, 2202608, 305, 24,     12517,   633,    3,
                                        93145, 5683, 8351593,  3194,    27,  14992,  5461306, 10,     5652,
                                        2173,  4,    7046547,  18,      15,  286181, 105,     142572, 0};

/* As MLPerf's since 2023 has them, and how many rows of each a sample takes. */
static const int64_t crossed_tables[] = {40000000, 39060,    17295,    7424,     20265,  3,     7122, 1543, 63,
                                         40000000, 3067956,  405282,   10,       2209,   11938, 155,  4,    976,
                                         14,       40000000, 40000000, 40000000, 590152, 12973, 108,  36,   0};
static const int64_t crossed_lookups[] = {3, 2, 1, 2, 6, 1, 1,  1,   1,  7,  3, 8, 1,
                                          6, 9, 5, 1, 1, 1, 12, 100, 27, 10, 3, 1, 1};

#define CLICKS(name_, others, rows, top_, ...)                                                                         \
    {                                                                                                                  \
        .name = name_, .aliases = others, .batches = {2048, 1}, .config = {                                            \
            .tables = rows,                                                                                            \
            .lookups = 1,                                                                                              \
            .top = top_,                                                                                               \
            .widths = {__VA_ARGS__},                                                                                   \
        }                                                                                                              \
    }
#define TOP(...)                                                                                                       \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

/* name, others, tables, widths after the interaction, widths before it; no count of parameters is published */
/* clang-format off */
static const struct family_size models[] = {
    CLICKS("dlrm-medium", ALSO("dlrm-mlperf"), mlperf_tables, TOP(1024, 1024, 512, 256, 1), 13, 512, 256, 128),
    CLICKS("dlrm-criteo-1tb-mlperf", NO_OTHER_NAME, terabyte_tables, TOP(1024, 1024, 512, 256, 1), 13, 512, 256, 128),
    CLICKS("dlrm-criteo-terabyte-10m", NO_OTHER_NAME, capped_tables, TOP(512, 512, 256, 1), 13, 512, 256, 64),
    CLICKS("dlrm-criteo-kaggle", NO_OTHER_NAME, kaggle_tables, TOP(512, 256, 1), 13, 512, 256, 64, 16),
    {.name = "dlrm-dcnv2-mlperf", .batches = {2048, 1}, .config = {.widths = {13, 512, 256, 128}, .top = {1024, 1024, 512, 256, 1}, .tables = crossed_tables, .lookups_of = crossed_lookups, .cross_layers = 3, .cross_rank = 512}},
};
/* clang-format on */

const struct public_models public_dlrm = PUBLIC_MODELS(models);
