#include "harness/base/random.h"

uint64_t random_key(uint64_t seed, const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        hash = (hash ^ *c) * UINT64_C(0x100000001b3);
    return random_mix(hash ^ random_mix(seed + UINT64_C(0x9e3779b97f4a7c15)));
}
