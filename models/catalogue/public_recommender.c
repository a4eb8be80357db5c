/* Public models of families ncf and wide-deep, as NVIDIA's DeepLearningExamples configure them. See public_models.h. */
#include "models/catalogue/public_models.h"

/* MovieLens' 20 million ratings: users, items. */
static const int64_t movies[] = {138493, 26744, 0};

static const struct family_size ncf[] = {
    {.name = "ncf-ml20m",
     .published = 31832577,
     .runnable = RUNS(31832577),
     .batches = {2048, 1},
     .config = {.tables = movies, .hidden = 64, .widths = {256, 256, 128, 64}}},
};

const struct public_models public_ncf = PUBLIC_MODELS(ncf);

/* Outbrain's clicks: the events' and the advertisements' documents, the advertisement, entities, sources, places,
 * advertisers, states, publishers, topics, countries and categories; of entities a sample has six, of topics and
 * categories three. Besides there are 32 numbers, and indicators of five features with 16 values. */
static const int64_t outbrain[] = {300000, 100000, 250000, 10000, 10000, 4000, 4000, 2500, 2500,
                                   2000,   1000,   1000,   350,   350,   300,  100,  100,  0};
static const int64_t outbrain_widths[] = {128, 128, 128, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64};
static const int64_t outbrain_lookups[] = {1, 1, 1, 6, 6, 1, 1, 1, 1, 1, 1, 1, 3, 3, 1, 3, 3};

static const struct family_size wide_deep[] = {
    {.name = "wide-and-deep-outbrain",
     .published = 91893370,
     .runnable = RUNS(91893370),
     .batches = {2048, 1},
     .config = {.tables = outbrain,
                .table_widths = outbrain_widths,
                .lookups_of = outbrain_lookups,
                .inputs = 48,
                .top = {1024, 1024, 1024, 1024, 1024, 1}}},
};

const struct public_models public_wide_deep = PUBLIC_MODELS(wide_deep);
