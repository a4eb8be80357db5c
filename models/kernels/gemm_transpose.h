/* Transposition of a square of LANES × LANES 32-bit elements held in LANES vectors, by log2(LANES) rounds of exchanges
 * (Eklundh 1972): round d swaps, between rows i and i + d, the lanes whose index has bit d. Included by kernel files,
 * which define LANES; the compiler turns each exchange into the instruction set's own shuffle. */
#ifndef LANES
#error "define LANES first"
#endif

typedef float vector __attribute__((vector_size(LANES * 4)));
typedef float vector_anywhere __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

#define EXCHANGE_LOW(lane, d) ((lane) & (d) ? LANES + (lane) - (d) : (lane))
#define EXCHANGE_HIGH(lane, d) ((lane) & (d) ? LANES + (lane) : (lane) + (d))
#define LANES_4(m, f, d) m(f, d), m(f + 1, d), m(f + 2, d), m(f + 3, d)
#if LANES == 16
#define LANES_ALL(m, d) LANES_4(m, 0, d), LANES_4(m, 4, d), LANES_4(m, 8, d), LANES_4(m, 12, d)
#elif LANES == 8
#define LANES_ALL(m, d) LANES_4(m, 0, d), LANES_4(m, 4, d)
#elif LANES == 4
#define LANES_ALL(m, d) LANES_4(m, 0, d)
#endif

#define EXCHANGE_ROUND(rows, d)                                                                                        \
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) if (!(i & (d)))                                           \
    {                                                                                                                  \
        vector low = __builtin_shufflevector(rows[i], rows[i + (d)], LANES_ALL(EXCHANGE_LOW, d));                      \
        vector high = __builtin_shufflevector(rows[i], rows[i + (d)], LANES_ALL(EXCHANGE_HIGH, d));                    \
        rows[i] = low;                                                                                                 \
        rows[i + (d)] = high;                                                                                          \
    }

static inline __attribute__((always_inline)) void transpose_square(vector rows[LANES])
{
    EXCHANGE_ROUND(rows, 1)
    EXCHANGE_ROUND(rows, 2)
#if LANES >= 8
    EXCHANGE_ROUND(rows, 4)
#endif
#if LANES >= 16
    EXCHANGE_ROUND(rows, 8)
#endif
}
