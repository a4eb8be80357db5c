/* Panels of 8 rows on AVX2; built a second time for processors with AVX-VNNI. */
#include <immintrin.h>

#include "models/kernels/quant_panel.h"
#include "probes/isa.h"

#define INLINE static inline __attribute__((always_inline))
#if defined(__AVXVNNI__)
enum { SIGNED_BYTES = 0, LANES = 8, VECTORS = 1, ROWS = 6 };
#else
enum { SIGNED_BYTES = 1, LANES = 8, VECTORS = 1, ROWS = 4 };
#endif
typedef __m256i ints;
typedef __m256i partial;
typedef __m256 floats;

#define load_ints(from) _mm256_loadu_si256((const __m256i *)(const void *)(from))
#define load_floats(from) _mm256_loadu_ps(from)
#define store_floats(to, v) _mm256_storeu_ps(to, v)
#define zero_floats() _mm256_setzero_ps()
#define broadcast_float(from) _mm256_set1_ps(*(from))
#define to_floats(i) _mm256_cvtepi32_ps(i)
#define times(a, b) _mm256_mul_ps(a, b)
#define fused(a, b, c) _mm256_fmadd_ps(a, b, c)

INLINE __m256i broadcast_int(const void *from)
{
    int four;
    memcpy(&four, from, sizeof four);
    return _mm256_set1_epi32(four);
}

#if defined(__AVXVNNI__)
#define KERNEL quant_panel_avx_vnni
#define KERNEL_NAME "avx-vnni-panel"
#define KERNEL_ISA (ISA_X86_V3 | ISA_AVX_VNNI)
#define multiply(type, sums, w, x) _mm256_dpbusd_avx_epi32(sums, w, x)
#define begin_partial(type, whole) ((void)(type), (whole))
#define settle(type, whole, products) (products)
#define held(type) 4
#else
#define KERNEL quant_panel_avx2
#define KERNEL_NAME "avx2-panel"
#define KERNEL_ISA ISA_X86_V3
/* Products of unsigned w and signed x are summed in 16 bits, in pairs and then over steps: 2 · 15 · 127 eight times,
 * and 2 · 63 · 127 twice, are below 2^15. q8_0's are signed: x takes w's sign and w its magnitude, 2 · 128 · 127. */
#define held(type) ((type) == DTYPE_Q8_0 ? 1 : (type) == DTYPE_Q6_K ? 2 : 8)
#define begin_partial(type, whole) _mm256_setzero_si256()

INLINE __m256i multiply(enum dtype type, __m256i sums, __m256i w, __m256i x)
{
    if (type == DTYPE_Q8_0)
        return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return _mm256_add_epi16(sums, _mm256_maddubs_epi16(w, x));
}

INLINE __m256i settle(enum dtype type, __m256i whole, __m256i products)
{
    (void)type;
    return _mm256_add_epi32(whole, _mm256_madd_epi16(products, _mm256_set1_epi16(1)));
}
#endif

#include "models/kernels/quant_panel_kernel.h"
#include "models/kernels/quant_panel_x86.h"

const struct quant_panel_kernel KERNEL = {
    .name = KERNEL_NAME,
    .isa = KERNEL_ISA,
    .signed_bytes = SIGNED_BYTES,
    .panel_rows = PANEL,
    .group_rows = ROWS,
    .least_rows = {[DTYPE_Q8_0] = 17, [DTYPE_Q4_0] = 17, [DTYPE_Q4_K] = 17, [DTYPE_Q6_K] = 17},
    .ready = ready,
    .unpack = unpack,
    .multiply = multiply_panel,
};
