/* Picks the variant of prediction, and the specification of the others: see forest.h. */
#include "models/kernels/forest_variants.h"
#include "probes/isa.h"

static void predict(const struct forest_node *nodes, size_t trees, size_t capacity, const float *x, size_t rows,
                    size_t columns, float *y)
{
    for (size_t r = 0; r < rows; r++) {
        float sum = 0;
        for (size_t t = 0; t < trees; t++) {
            const struct forest_node *tree = nodes + t * capacity, *at = tree;
            while (at->link)
                at = tree + (at->link >> 8) + (x[r * columns + (at->link & 0xff)] > at->value);
            sum += at->value;
        }
        y[r] = sum / (float)trees;
    }
}

const struct forest_kernels forest_kernels_plain = {.name = "reference", .predict = predict};

/* Fastest first, with the flags that each needs. */
static const struct forest_kernels *const all[] = {
#if defined(__x86_64__)
    &forest_kernels_walk_avx512, &forest_kernels_walk_avx2,
#endif
    &forest_kernels_walk_plain,  &forest_kernels_plain,     NULL,
};
static const unsigned needs[] = {
#if defined(__x86_64__)
    ISA_X86_V4,
    ISA_X86_V3,
#endif
    0,
    0,
};

const struct forest_kernels *const *forest_variants(void)
{
    return all + isa_first(needs);
}

const struct forest_kernels *forest_kernels(void)
{
    return *forest_variants();
}
