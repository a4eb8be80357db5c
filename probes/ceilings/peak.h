/* Loops that do nothing but multiply and add, as fast as the CPU's registers allow: one file per instruction set, built
 * with its flags, chosen by probes/isa.h. A loop holds enough independent accumulators to hide the latency (latency in
 * cycles x instructions per cycle: 8 to 16), each in a variable of its own, since compilers put arrays of vectors on
 * the stack. */
#ifndef PROBES_CEILINGS_PEAK_H
#define PROBES_CEILINGS_PEAK_H

#include <stddef.h>

enum peak_kind { PEAK_F32, PEAK_BF16, PEAK_INT8 };

struct peak_loop {
    const char *name; /* of the instruction set, as in peak_f32_NAME_gflops */
    enum peak_kind kind;
    unsigned isa;              /* all these flags must be there */
    double operations;         /* of one round; a multiply-add is 2 */
    float (*run)(long rounds); /* the result depends on all of it, so that nothing can be left out */
};

extern const struct peak_loop *const peak_loops[]; /* NULL-ended; best last within a kind */

#endif
