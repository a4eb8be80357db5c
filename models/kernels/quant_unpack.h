/* Dequantising to bf16, for multiplications whose units take that (gemm.h's OPERAND_QUANTISED). */
#ifndef KERNELS_QUANT_UNPACK_H
#define KERNELS_QUANT_UNPACK_H

#include <stddef.h>

#include "models/kernels/quant.h"

/* Elements [k, k + count) of `rows` rows that begin row_bytes apart, to rows of bf16 to_stride elements apart. Both k
 * and count are whole numbers of runs of 32. Rounded to nearest even. */
void quant_unpack_bf16(enum dtype dtype, const void *data, size_t row_bytes, size_t rows, size_t k, size_t count,
                       uint16_t *to, size_t to_stride);

/* One row; what instruction sets provide. */
typedef void quant_unpack_row(enum dtype dtype, const uint8_t *row, size_t k, size_t count, uint16_t *to);
quant_unpack_row quant_unpack_row_plain;
/* NULL when this machine has none but the plain one. */
quant_unpack_row *quant_unpack_row_fast(void);

#endif
