/* Picks the variant of the recommendation models' kernels; see recommender.h. */
#include "models/kernels/recommender_variants.h"
#include "models/kernels/variant_table.h"

VARIANT_TABLE(TILED, recommender_kernels, recommender, recommender_)
