#include "models/engine/generate.h"

#include "harness/base/random.h"
#include "models/engine/generate_tabular.h"

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
    if (fill.kind == FILL_LABELS) {
        generate_labels(graph, index, data, threads);
        return;
    }
    if (fill.kind == FILL_FOREST) {
        generate_forest(graph, index, data, threads);
        return;
    }
    const char *name = fill.like == NO_TENSOR ? tensor->name : graph->tensors[fill.like].name;
    uint64_t key = random_key(graph->seed, name);
    int64_t count = tensor_elements(tensor);
    enum dtype dtype = tensor->dtype;
#pragma omp parallel for schedule(static) num_threads(threads) if (count > 4096)
    for (int64_t i = 0; i < count; i++) {
        if (dtype == DTYPE_I32)
            ((int32_t *)data)[i] = (int32_t)random_below(key, (uint64_t)i, fill.limit);
        else if (dtype == DTYPE_BF16)
            ((uint16_t *)data)[i] = f32_to_bf16(value_at(&fill, key, (uint64_t)i));
        else
            ((float *)data)[i] = value_at(&fill, key, (uint64_t)i);
    }
}
