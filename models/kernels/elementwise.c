/* Picks the variant of the elementwise kernels; see elementwise.h. */
#include "models/kernels/elementwise_variants.h"
#include "models/kernels/variant_table.h"

VARIANT_TABLE(VECTOR, elementwise_kernels, elementwise, elementwise_kernels_)
