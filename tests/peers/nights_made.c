#include "nights_made.h"

#include <math.h>

#include "harness/base/random.h"

const struct made_law made_laws[] = {
    {.name = "mild",
     .scale_low = 0.002,
     .scale_high = 0.01,
     .odd = 0.005,
     .two_level = 0.1,
     .persistence = 0.1,
     .drift = 0.003},
    {.name = "usual",
     .scale_low = 0.002,
     .scale_high = 0.012,
     .odd = 0.01,
     .two_level = 0.15,
     .lasting = 0.5,
     .persistence = 0.2,
     .drift = 0.003,
     .missing = 0.03},
    {.name = "noisy",
     .scale_low = 0.003,
     .scale_high = 0.02,
     .odd = 0.01,
     .two_level = 0.15,
     .lasting = 0.5,
     .persistence = 0.2,
     .drift = 0.003,
     .missing = 0.03},
    {.name = "heavy-tailed",
     .scale_low = 0.002,
     .scale_high = 0.012,
     .odd = 0.02,
     .two_level = 0.15,
     .lasting = 0.5,
     .persistence = 0.2,
     .drift = 0.003,
     .missing = 0.03,
     .heavy = true},
    {.name = "like real projects",
     .scale_low = 0.001,
     .scale_high = 0.04,
     .odd = 0.03,
     .two_level = 0.2,
     .lasting = 0.5,
     .persistence = 0.3,
     .drift = 0.004,
     .missing = 0.05,
     .heavy = true},
};
const size_t made_law_count = sizeof made_laws / sizeof *made_laws;

static double two_level_value(uint64_t key, uint64_t *at, bool *high, double stay, double gap)
{
    if (random_uniform(key, (*at)++) >= stay)
        *high = random_uniform(key, (*at)++) < 0.35;
    return *high ? gap : 0;
}

static void fill_case(struct made *made, const struct made_law *law, uint64_t key, size_t c, const double *drift)
{
    uint64_t at = 0;
    double scale = law->scale_low * pow(law->scale_high / law->scale_low, random_uniform(key, at++));
    double level = 5 * random_normal(key, at++), share = fmin(0.8, 2 * law->persistence * random_uniform(key, at++));
    double odd = 2 * law->odd * random_uniform(key, at++);
    bool two = random_uniform(key, at++) < law->two_level, high = false;
    double gap = 0.02 + 0.06 * random_uniform(key, at++), stay = random_uniform(key, at++) < law->lasting ? 0.6 : 0,
           last = 0;
    made->scale[c] = scale;
    made->level[c] = level;
    made->persistence[c] = share;
    made->two_level[c] = two;
    for (size_t n = 0; n < MADE_NIGHTS; n++) {
        double fresh = law->heavy ? random_heavy_tailed(key, at++) : random_normal(key, at++);
        last = share * last + (n ? sqrt(1 - share * share) : 1) * fresh;
        double clean = level + scale * last, value = clean + drift[n];
        if (two)
            value += two_level_value(key, &at, &high, stay, gap);
        if (random_uniform(key, at++) < odd)
            value -= (random_uniform(key, at) < 0.85 ? 0.1 : -0.05) * log(random_uniform(key, at + 1) + 1e-9);
        at += 2;
        made->clean[c * MADE_NIGHTS + n] = clean;
        made->values[c * MADE_NIGHTS + n] = random_uniform(key, at++) < law->missing ? NAN : value;
    }
}

void made_fill(struct made *made, const struct made_law *law, uint64_t seed)
{
    uint64_t key = random_key(seed, law->name);
    double drift[MADE_NIGHTS];
    for (size_t n = 0; n < MADE_NIGHTS; n++) {
        drift[n] = (n ? drift[n - 1] : 0) + law->drift * random_normal(key, 2 * n);
        if (random_uniform(key, 2 * n + 1) < 0.02)
            drift[n] += 0.02; /* another kernel, a firmware */
    }
    for (size_t c = 0; c < MADE_CASES; c++)
        fill_case(made, law, random_mix(key + c), c, drift);
}

void made_change(struct made *made, size_t target, double size, bool creep)
{
    for (size_t n = MADE_BEFORE; n < MADE_NIGHTS; n++) {
        double change = log1p(creep ? size * (double)(n - MADE_BEFORE + 1) : size);
        made->values[target * MADE_NIGHTS + n] += change;
        made->clean[target * MADE_NIGHTS + n] += change;
    }
}
