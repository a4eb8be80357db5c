/* Nights that are made, with known noise, to measure what finds changes in them: laws of noise, and a panel of cases by
 * nights of one of them. */
#ifndef PEERS_NIGHTS_MADE_H
#define PEERS_NIGHTS_MADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MADE_CASES = 200, MADE_BEFORE = 50, MADE_AFTER = 13, MADE_NIGHTS = MADE_BEFORE + MADE_AFTER };

struct made_law {
    const char *name;
    double scale_low, scale_high; /* of a night's noise, log-uniform over the cases */
    double odd;                   /* share of odd nights in the middle case; they differ by case */
    double two_level;             /* share of cases with two levels */
    double lasting;               /* share of those in which a level lasts for some nights */
    double persistence;           /* mean correlation of a deviation with the next night's */
    double drift;                 /* scale of a night's step of the shared drift */
    double missing;               /* share of nights that a case is missing from */
    bool heavy;                   /* tails like Student's t with 5 degrees of freedom */
};
extern const struct made_law made_laws[];
extern const size_t made_law_count;

struct made {
    double values[MADE_CASES * MADE_NIGHTS]; /* [case][night], NaN where missing */
    double clean[MADE_CASES * MADE_NIGHTS];  /* without drift, odd nights, second levels and missing nights */
    double level[MADE_CASES], scale[MADE_CASES], persistence[MADE_CASES];
    bool two_level[MADE_CASES];
};
void made_fill(struct made *made, const struct made_law *law, uint64_t seed);
/* From night MADE_BEFORE on: a level `size` higher, or `size` more each night. */
void made_change(struct made *made, size_t target, double size, bool creep);

#endif
