/* Devices that can be bought or rented, by their data sheets: nothing here was measured. */
#ifndef CATALOGUE_DEVICES_H
#define CATALOGUE_DEVICES_H

#include <stddef.h>

struct device {
    const char *name, *kind; /* "gpu", "cpu", … */
    /* NaN where the data sheet doesn't say */
    double f32_tflops, half_tflops, int8_tops; /* peaks without sparsity; half: bf16 or f16; of CPUs at base clock */
    double memory_gib, bandwidth_gbs, watts, price_usd, cores, base_clock_ghz;
};

extern const struct device devices[];
extern const size_t device_count;
/* By name, case ignored; NULL when there is none. */
const struct device *device_find(const char *name);
/* The three names that are most like `name`, as words of a sentence. */
void device_nearest(const char *name, char *out, size_t capacity);

#endif
