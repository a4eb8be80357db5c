/* Counter-based random numbers: the value at (seed, name, index) depends on nothing else, so any part of a tensor can
 * be made by any thread, again, or in another language. tests/golden/generator.py holds the same few lines in NumPy.
 *
 *   mix(z):  z = (z ^ z >> 30) · 0xbf58476d1ce4e5b9;  z = (z ^ z >> 27) · 0x94d049bb133111eb;  z ^ z >> 31
 *   key:     mix(FNV-1a 64 of the name  ^  mix(seed + 0x9e3779b97f4a7c15))
 *   bits(i): mix(key + (i + 1) · 0x9e3779b97f4a7c15)                       (SplitMix64: Steele, Lea, Flood 2014)
 *   normal:  the sum of the four 16-bit quarters of bits, centred and scaled to variance 1 (Irwin–Hall of order 4;
 *            exact in integers, so equal everywhere; |x| < 3.4641)
 *   heavy-tailed: like Student's t with 5 degrees of freedom, scaled to variance 1: a normal divided by √(χ²₅/5), and
 *            χ²₅/5 ≈ ((1 − 2/45) + z · √(2/45))³ for a second normal z (Wilson, Hilferty 1931, "The Distribution of
 *            Chi-Square"). Only products, one quotient and roots, each rounded by itself, so equal everywhere; about
 *            one in 300 is beyond 4, as in trained transformers' weights, and |x| < 26 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <math.h>
#include <stdint.h>

uint64_t random_key(uint64_t seed, const char *name);

static inline uint64_t random_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t random_bits(uint64_t key, uint64_t index)
{
    return random_mix(key + (index + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

/* Uniform in [0, 1), 24 bits. */
static inline float random_uniform(uint64_t key, uint64_t index)
{
    return (float)(random_bits(key, index) >> 40) * 0x1p-24f;
}

/* Mean 0, variance 1; see above. sqrt(4 · (65536² − 1) / 12) = 37837.22… */
static inline float random_normal(uint64_t key, uint64_t index)
{
    uint64_t b = random_bits(key, index);
    int32_t sum = (int32_t)((b & 0xffff) + (b >> 16 & 0xffff) + (b >> 32 & 0xffff) + (b >> 48)) - 131070;
    return (float)sum * (1.0f / 37837.2266f);
}

/* Mean 0, variance 1 (kurtosis 6); see above. The second normal has bits that no index of the first has. */
static inline float random_heavy_tailed(uint64_t key, uint64_t index)
{
    float z = random_normal(~key, index);
    float root = (z + 4.53259798f) * 0.210818511f; /* 0.9556 + 0.2108 z, without a sum of a product */
    return random_normal(key, index) / (root * sqrtf(root)) * 0.776022f;
}

/* Uniform in [0, count), count < 2^32; the bias is below count / 2^32. */
static inline uint32_t random_below(uint64_t key, uint64_t index, uint32_t count)
{
    return (uint32_t)((random_bits(key, index) >> 32) * count >> 32);
}

#endif
