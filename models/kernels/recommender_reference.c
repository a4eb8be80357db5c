/* The specification of recommender.h's functions: its formulas, sums in double precision. */
#include "models/kernels/recommender.h"

static size_t row_of(const struct bags *bags, size_t lookup)
{
    int32_t index = bags->indices[lookup];
    return index >= 0 && (size_t)index < bags->rows ? (size_t)index : 0;
}

static double element(const void *data, enum dtype dtype, size_t index)
{
    return dtype == DTYPE_BF16 ? (double)bf16_to_f32(((const uint16_t *)data)[index])
                               : (double)((const float *)data)[index];
}

static void store(void *data, enum dtype dtype, size_t index, double value)
{
    if (dtype == DTYPE_BF16)
        ((uint16_t *)data)[index] = f32_to_bf16((float)value);
    else
        ((float *)data)[index] = (float)value;
}

static void bag_sum(const struct bags *bags, const void *table, enum dtype dtype, float *y)
{
    for (size_t b = bags->first; b < bags->last; b++)
        for (size_t c = 0; c < bags->columns; c++) {
            double sum = 0;
            for (size_t l = b * bags->lookups; l < (b + 1) * bags->lookups; l++)
                sum += element(table, dtype, row_of(bags, l) * bags->columns + c);
            y[b * bags->columns + c] = (float)sum;
        }
}

static void bag_add(const struct bags *bags, const float *y, float factor, size_t part, size_t parts, float *table,
                    uint16_t *rounded)
{
    for (size_t l = bags->first * bags->lookups; l < bags->last * bags->lookups; l++) {
        size_t row = row_of(bags, l), bag = l / bags->lookups;
        for (size_t c = 0; row % parts == part && c < bags->columns; c++) {
            size_t at = row * bags->columns + c;
            table[at] = (float)(table[at] + (double)factor * y[bag * bags->columns + c]);
            if (rounded)
                rounded[at] = f32_to_bf16(table[at]);
        }
    }
}

static size_t interaction_workspace(size_t count, size_t columns)
{
    (void)count, (void)columns;
    return 0;
}

static void interact(const struct interaction *v, void *y, float *workspace)
{
    (void)workspace;
    for (size_t s = v->first; s < v->last; s++) {
        size_t to = s * interaction_width(v->count, v->columns), from = s * v->columns;
        for (size_t c = 0; c < v->columns; c++)
            store(y, v->dtype, to++, element(v->vectors[0], v->dtype, from + c));
        for (size_t i = 1; i < v->count; i++)
            for (size_t j = 0; j < i; j++) {
                double sum = 0;
                for (size_t c = 0; c < v->columns; c++)
                    sum += element(v->vectors[i], v->dtype, from + c) * element(v->vectors[j], v->dtype, from + c);
                store(y, v->dtype, to++, sum);
            }
    }
}

static void interact_gradient(const struct interaction *v, const void *dy, void *const *dvectors, float *workspace)
{
    (void)workspace;
    for (size_t s = v->first; s < v->last; s++) {
        size_t start = s * interaction_width(v->count, v->columns), from = s * v->columns;
        for (size_t i = 0; i < v->count; i++)
            for (size_t c = 0; c < v->columns; c++) {
                double sum = i == 0 ? element(dy, v->dtype, start + c) : 0;
                for (size_t j = 0; j < v->count; j++) {
                    size_t low = i < j ? i : j, high = i < j ? j : i;
                    if (low != high)
                        sum += element(dy, v->dtype, start + v->columns + high * (high - 1) / 2 + low) *
                               element(v->vectors[j], v->dtype, from + c);
                }
                store(dvectors[i], v->dtype, from + c, sum);
            }
    }
}

const struct recommender_kernels recommender_reference = {.name = "reference",
                                                          .bag_sum = bag_sum,
                                                          .bag_add = bag_add,
                                                          .interaction_workspace = interaction_workspace,
                                                          .interact = interact,
                                                          .interact_gradient = interact_gradient};
