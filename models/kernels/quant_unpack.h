/* Dequantising to bf16, for multiplications whose units take that (gemm.h's OPERAND_QUANTISED). */
#ifndef KERNELS_QUANT_UNPACK_H
#define KERNELS_QUANT_UNPACK_H

#include <stddef.h>

#include "models/kernels/quant.h"

/* Elements [k, k + count) of a row, rounded to nearest even; k and count are whole numbers of runs of 32. Runs go to
 * places run_stride elements apart. */
typedef void quant_unpack_row(enum dtype dtype, const uint8_t *row, size_t k, size_t count, uint16_t *to,
                              size_t run_stride);

/* The fastest that this machine has. */
quant_unpack_row quant_unpack_bf16;
quant_unpack_row quant_unpack_row_plain;
/* NULL when this machine has none but the plain one. */
quant_unpack_row *quant_unpack_row_fast(void);

#endif
