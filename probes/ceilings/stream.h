/* Loops that move memory, after STREAM (McCalpin 1995), at one vector width each. Counts are in vectors of 64 bytes. */
#ifndef PROBES_CEILINGS_STREAM_H
#define PROBES_CEILINGS_STREAM_H

#include <stddef.h>

enum stream_kind { STREAM_READ, STREAM_WRITE, STREAM_COPY, STREAM_TRIAD, STREAM_KINDS };

struct stream_loops {
    unsigned isa;
    /* sum of a: 64 bytes each */
    float (*read)(const float *a, size_t count);
    /* a = value: 64; the cache line that is fetched first isn't counted */
    void (*write)(float *a, float value, size_t count);
    /* a = b: 128 */
    void (*copy)(float *a, const float *b, size_t count);
    /* a = b + scale c: 192 */
    void (*triad)(float *a, const float *b, const float *c, float scale, size_t count);
};

/* The widest that this CPU has. */
const struct stream_loops *stream_loops(void);

#endif
