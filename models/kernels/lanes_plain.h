/* lanes.h where there is no vector.h: what the compiler makes of 16-byte vectors. */
#ifndef KERNELS_LANES_PLAIN_H
#define KERNELS_LANES_PLAIN_H

typedef uint32_t lanes_bits __attribute__((vector_size(LANES * 4)));
typedef uint16_t lanes_half __attribute__((vector_size(LANES * 2)));

LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return a * b + c;
}

/* b where either is NaN. */
LANES_INLINE lanes lanes_max(lanes a, lanes b)
{
    return lanes_select(a > b, a, b);
}

/* eˣ; 0 below −87.33, where it would become a denormal number. x = n·ln 2 + r as in vector_math.h, whose polynomial
 * this is; 2ⁿ goes to the exponent in two halves, since n may be 128. */
LANES_INLINE lanes lanes_exp(lanes x)
{
    const float round = 0x1.8p23f; /* adding it leaves the nearest integer in the low bits */
    lanes_int tiny = x < -87.33f;
    x = lanes_max(lanes_set(-87.33f), lanes_select(x > 89.0f, lanes_set(89), x));
    lanes shifted = x * 1.44269504f + round, n = shifted - round;
    lanes r = n * -0.693359375f + x;
    r = n * 2.12194440e-4f + r;
    lanes y = 0.00138145978f * r + 0.00836871696f;
    y = y * r + 0.0416683881f;
    y = y * r + 0.166665206f;
    y = y * r + 0.499999934f;
    y = (y * r) * r + r + 1.0f;
    lanes_int power = (lanes_int)shifted - 0x4b400000, half = power >> 1;
    y *= (lanes)((half + 127) << 23);
    y *= (lanes)((power - half + 127) << 23);
    return (lanes)((lanes_int)y & ~tiny);
}

/* tanh x = sign(x) · (1 − e^(−2|x|)) / (1 + e^(−2|x|)); absolute error below 2^-22. */
LANES_INLINE lanes lanes_tanh(lanes x)
{
    lanes_bits sign = (lanes_bits)x & 0x80000000u;
    lanes e = lanes_exp((lanes)((lanes_bits)x | 0x80000000u) * 2.0f);
    lanes y = (1.0f - e) / (1.0f + e);
    return (lanes)((lanes_bits)y | sign);
}

/* σ(x) = 1 / (1 + e^(−x)) */
LANES_INLINE lanes lanes_sigmoid(lanes x)
{
    return 1.0f / (1.0f + lanes_exp(-x));
}

/* The first `count` (0 to LANES) elements, then zeros. */
LANES_INLINE lanes lanes_load_part(const float *p, size_t count)
{
    float x[LANES] = {0};
    for (size_t i = 0; i < LANES; i++)
        if (i < count)
            x[i] = p[i];
    return lanes_load(x);
}

LANES_INLINE void lanes_store_part(float *p, lanes x, size_t count)
{
    for (size_t i = 0; i < LANES; i++)
        if (i < count)
            p[i] = x[i];
}

LANES_INLINE lanes lanes_load_bf16(const uint16_t *p)
{
    lanes_half x;
    memcpy(&x, p, sizeof x);
    return (lanes)(__builtin_convertvector(x, lanes_bits) << 16);
}

LANES_INLINE lanes lanes_load_f16(const uint16_t *p)
{
    float x[LANES];
    for (size_t i = 0; i < LANES; i++)
        x[i] = f16_to_f32(p[i]);
    return lanes_load(x);
}

/* To the nearest bfloat16, ties to even; NaN stays NaN. */
LANES_INLINE void lanes_store_bf16(uint16_t *p, lanes x)
{
    lanes_bits bits = (lanes_bits)x, rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    lanes_bits number = (lanes_bits)(x == x);
    lanes_half narrow = __builtin_convertvector((number & rounded) | (~number & (bits >> 16 | 0x40)), lanes_half);
    memcpy(p, &narrow, sizeof narrow);
}

/* The groups of 4 at p, p + stride, …: one for each 4 lanes. */
LANES_INLINE lanes lanes_load_fours(const float *p, size_t stride)
{
    (void)stride;
    return lanes_load(p);
}

/* Transposes each 4×4 square that x[0..3] hold in four lanes. */
LANES_INLINE void lanes_transpose_fours(lanes x[4])
{
    lanes a = x[0], b = x[1], c = x[2], d = x[3];
    x[0] = (lanes){a[0], b[0], c[0], d[0]};
    x[1] = (lanes){a[1], b[1], c[1], d[1]};
    x[2] = (lanes){a[2], b[2], c[2], d[2]};
    x[3] = (lanes){a[3], b[3], c[3], d[3]};
}

#endif
