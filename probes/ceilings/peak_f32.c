/* The f32 peak at one vector width, by a*b+c on vectors of GCC's and Clang's own: built once per instruction set with
 * -DVARIANT=name -DVECTOR_BYTES=n, and with -DVARIANT_ISA, the flags of probes/isa.h that it needs. */
#include <stddef.h>

#include "probes/ceilings/peak.h"
#include "probes/isa.h"

#define JOIN3(a, b, c) a##b##c
#define PEAK_NAME(variant) JOIN3(peak_, variant, _f32)
#define STRING2(x) #x
#define STRING(x) STRING2(x)

typedef float vector __attribute__((vector_size(VECTOR_BYTES)));
enum { LANES = VECTOR_BYTES / sizeof(float), ACCUMULATORS = 12, STEPS = 4 };

/* Values that a compiler can't see, so that it can't work out the sums beforehand. */
static volatile float multiplier = 0.999f, addend = 0.001f;

static vector spread(float value)
{
    vector v;
    for (int i = 0; i < LANES; i++)
        v[i] = value;
    return v;
}

#define STEP                                                                                                           \
    a0 = a0 * m + c, a1 = a1 * m + c, a2 = a2 * m + c, a3 = a3 * m + c, a4 = a4 * m + c, a5 = a5 * m + c;              \
    a6 = a6 * m + c, a7 = a7 * m + c, a8 = a8 * m + c, a9 = a9 * m + c, a10 = a10 * m + c, a11 = a11 * m + c;

static float run(long rounds)
{
    vector m = spread(multiplier), c = spread(addend);
    vector a0 = c, a1 = c + c, a2 = a1 + c, a3 = a2 + c, a4 = a3 + c, a5 = a4 + c;
    vector a6 = a5 + c, a7 = a6 + c, a8 = a7 + c, a9 = a8 + c, a10 = a9 + c, a11 = a10 + c;
    for (long i = 0; i < rounds; i++) {
        STEP STEP STEP STEP
    }
    vector sum = (((a0 + a1) + (a2 + a3)) + ((a4 + a5) + (a6 + a7))) + ((a8 + a9) + (a10 + a11));
    float total = 0;
    for (int i = 0; i < LANES; i++)
        total += sum[i];
    return total;
}

const struct peak_loop PEAK_NAME(VARIANT) = {
    .name = STRING(VARIANT),
    .kind = PEAK_F32,
    .isa = VARIANT_ISA,
    .operations = 2.0 * LANES * ACCUMULATORS * STEPS,
    .run = run,
};
