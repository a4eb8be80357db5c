#include "models/kernels/quant_unpack.h"

#include "probes/isa.h"

/* A block at a time, of which as much is taken as is asked for. */
void quant_unpack_row_plain(enum dtype dtype, const uint8_t *row, size_t k, size_t count, uint16_t *to,
                            size_t run_stride)
{
    size_t block = dtype_info(dtype)->block, end = k + count;
    while (k < end) {
        float values[QUANT_SUPER];
        size_t first = k / block * block;
        dequantise_row(dtype, row + dtype_bytes(dtype, first), values, block);
        for (; k < end && k < first + block; k += QUANT_RUN, to += run_stride)
            for (size_t i = 0; i < QUANT_RUN; i++)
                to[i] = f32_to_bf16(values[k - first + i]);
    }
}

#if defined(__x86_64__)
quant_unpack_row quant_unpack_row_avx512_bf16;

quant_unpack_row *quant_unpack_row_fast(void)
{
    const unsigned needs = ISA_X86_V4 | ISA_AVX512_BF16;
    return (isa_flags() & needs) == needs ? quant_unpack_row_avx512_bf16 : NULL;
}
#else
quant_unpack_row *quant_unpack_row_fast(void)
{
    return NULL;
}
#endif

void quant_unpack_bf16(enum dtype dtype, const uint8_t *row, size_t k, size_t count, uint16_t *to, size_t run_stride)
{
    quant_unpack_row *fast = quant_unpack_row_fast();
    (fast ? fast : quant_unpack_row_plain)(dtype, row, k, count, to, run_stride);
}
