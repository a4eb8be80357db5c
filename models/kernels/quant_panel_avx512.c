/* Panels of 32 rows on AVX-512 with VNNI. */
#include <immintrin.h>

#include "models/kernels/quant_panel.h"
#include "probes/isa.h"

#define INLINE static inline __attribute__((always_inline))
enum { SIGNED_BYTES = 0, LANES = 16, VECTORS = 2, ROWS = 6 };
typedef __m512i ints;
typedef __m512i partial;
typedef __m512 floats;

#define load_ints(from) _mm512_loadu_si512(from)
#define load_floats(from) _mm512_loadu_ps(from)
#define store_floats(to, v) _mm512_storeu_ps(to, v)
#define zero_floats() _mm512_setzero_ps()
#define broadcast_float(from) _mm512_set1_ps(*(from))
#define to_floats(i) _mm512_cvtepi32_ps(i)
#define times(a, b) _mm512_mul_ps(a, b)
#define fused(a, b, c) _mm512_fmadd_ps(a, b, c)
#define multiply(type, sums, w, x) _mm512_dpbusd_epi32(sums, w, x)
#define begin_partial(type, whole) ((void)(type), (whole))
#define settle(type, whole, products) (products)
#define held(type) 4

INLINE __m512i broadcast_int(const void *from)
{
    int four;
    memcpy(&four, from, sizeof four);
    return _mm512_set1_epi32(four);
}

#include "models/kernels/quant_panel_kernel.h"
#include "models/kernels/quant_panel_x86.h"

const struct quant_panel_kernel quant_panel_avx512_vnni = {
    .name = "avx512-vnni-panel",
    .isa = ISA_X86_V4 | ISA_AVX512_VNNI,
    .signed_bytes = SIGNED_BYTES,
    .panel_rows = PANEL,
    .group_rows = ROWS,
    .least_rows = {[DTYPE_Q8_0] = 17, [DTYPE_Q4_0] = 17, [DTYPE_Q4_K] = 17, [DTYPE_Q6_K] = 17},
    .ready = ready,
    .unpack = unpack,
    .multiply = multiply_panel,
};
