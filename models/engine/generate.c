#include "models/engine/generate.h"

#include <math.h>

#include "harness/base/random.h"

/* Popular numbers lie anywhere, as in real tables: the k-th most frequent is k times this prime, modulo the limit. */
static const uint64_t SCATTER = 2654435761;

/* A whole number x >= 1 with a density of x^-s up to limit + 1, by its inverse distribution: about Zipf's law. */
static int32_t zipf_at(const struct fill *fill, uint64_t key, uint64_t index)
{
    double u = (double)(random_bits(key, index) >> 11) * 0x1p-53, end = (double)fill->limit + 1;
    double power = 1 - (double)fill->scale;
    double x = power == 0 ? pow(end, u) : pow(1 + u * (pow(end, power) - 1), 1 / power);
    uint64_t rank = x < 1 ? 0 : (uint64_t)x - 1;
    if (rank >= fill->limit)
        rank = fill->limit - 1;
    return (int32_t)(rank * SCATTER % fill->limit);
}

static float value_at(const struct fill *fill, uint64_t key, uint64_t index)
{
    switch (fill->kind) {
    case FILL_CONSTANT:
        return fill->scale;
    case FILL_NORMAL:
        return random_normal(key, index) * fill->scale;
    case FILL_UNIFORM:
        return random_uniform(key, index) * fill->scale;
    case FILL_INDEX:
        return (float)random_below(key, index, fill->limit);
    default:
        return 0;
    }
}

void generate_tensor(const struct graph *graph, int index, void *data, int threads)
{
    const struct tensor *tensor = &graph->tensors[index];
    const struct fill fill = tensor->fill;
    if (fill.kind == FILL_NONE || fill.kind == FILL_ZERO)
        return; /* the arena is zero */
    const char *name = fill.like == NO_TENSOR ? tensor->name : graph->tensors[fill.like].name;
    uint64_t key = random_key(graph->seed, name);
    int64_t count = tensor_elements(tensor);
    enum dtype dtype = tensor->dtype;
#pragma omp parallel for schedule(static) num_threads(threads) if (count > 4096)
    for (int64_t i = 0; i < count; i++) {
        if (dtype == DTYPE_I32)
            ((int32_t *)data)[i] = fill.kind == FILL_ZIPF ? zipf_at(&fill, key, (uint64_t)i)
                                                          : (int32_t)random_below(key, (uint64_t)i, fill.limit);
        else if (dtype == DTYPE_BF16)
            ((uint16_t *)data)[i] = f32_to_bf16(value_at(&fill, key, (uint64_t)i));
        else
            ((float *)data)[i] = value_at(&fill, key, (uint64_t)i);
    }
}
