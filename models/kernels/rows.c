/* Picks the variant of the row kernels; see rows.h. */
#include "models/kernels/rows_variants.h"
#include "models/kernels/variant_table.h"

VARIANT_TABLE(VECTOR, row_kernels, row, row_kernels_)
