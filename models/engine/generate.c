#include "models/engine/generate.h"

#include <math.h>
#include <string.h>

#include "harness/base/random.h"
#include "models/engine/generate_tabular.h"
#include "models/kernels/conv_blocked.h"
#include "models/kernels/quant.h"

/* Elements made at a time where the tensor isn't f32; a multiple of every block. */
enum { PIECE = 4 * QUANT_SUPER };

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

/* sin and then cos of position · 10000^(−j / (half − 1)) for the j-th column of either half (Vaswani et al. 2017, laid
 * out as Radford et al. 2022 do). */
static float sinusoid_at(const struct fill *fill, uint64_t index)
{
    uint64_t half = fill->columns / 2, column = index % fill->columns, position = index / fill->columns;
    double step = half > 1 ? log(10000.0) / (double)(half - 1) : 0;
    double angle = (double)position * exp(-step * (double)(column % half));
    return (float)(column < half ? sin(angle) : cos(angle));
}

/* Minus the distance times a slope for each head (Press et al. 2022): from 2^(−8/n) on by that ratio for the first n,
 * the largest power of two, and between these for the rest. */
static float alibi_at(const struct fill *fill, uint64_t index)
{
    uint64_t heads = (uint64_t)fill->scale, head = index / fill->columns, whole = 1;
    while (2 * whole <= heads)
        whole *= 2;
    double power = head < whole ? (double)(head + 1) : (double)(2 * (head - whole) + 1) / 2;
    double distance = (double)(index % fill->columns) - (double)fill->limit;
    return (float)(-distance * exp2(-8 * power / (double)whole));
}

static float value_at(const struct fill *fill, uint64_t key, uint64_t index)
{
    switch (fill->kind) {
    case FILL_CONSTANT:
        return fill->scale;
    case FILL_NORMAL:
        return random_normal(key, index) * fill->scale;
    case FILL_HEAVY_TAILED:
        return random_heavy_tailed(key, index) * fill->scale;
    case FILL_UNIFORM:
        return random_uniform(key, index) * fill->scale;
    case FILL_INDEX:
        return (float)random_below(key, index, fill->limit);
    case FILL_SINUSOIDS:
        return sinusoid_at(fill, index);
    case FILL_ALIBI:
        return alibi_at(fill, index);
    default:
        return 0;
    }
}

static void store(enum dtype dtype, const float *values, char *to, size_t count)
{
    if (dtype_quantised(dtype))
        quantise_row(dtype, values, to, count);
    for (size_t i = 0; i < count && !dtype_quantised(dtype); i++) {
        uint16_t half = dtype == DTYPE_BF16 ? f32_to_bf16(values[i]) : f32_to_f16(values[i]);
        memcpy(to + i * sizeof half, &half, sizeof half);
    }
}

static void generate_piece(enum dtype dtype, const struct fill *fill, uint64_t key, uint64_t first, size_t count,
                           char *data)
{
    float buffer[PIECE], *values = dtype == DTYPE_F32 ? (float *)(void *)data + first : buffer;
    for (size_t i = 0; i < count; i++)
        values[i] = value_at(fill, key, first + i);
    if (dtype != DTYPE_F32)
        store(dtype, values, data + dtype_bytes(dtype, first), count);
}

/* Filters in blocks: each place gets the element that belongs there. */
static void generate_blocked(const struct tensor *tensor, uint64_t key, float *data, int threads)
{
    size_t count = (size_t)tensor_elements(tensor), channels = (size_t)tensor->dims[0];
#pragma omp parallel for schedule(static) num_threads(threads) if (count > 4 * PIECE)
    for (size_t place = 0; place < count; place++)
        data[place] = value_at(&tensor->fill, key, conv_blocked_element(channels, count / channels, place));
}

/* All after the first REPEATED pieces is copies of them. */
enum { REPEATED = 256 };

static void repeat_pieces(enum dtype dtype, size_t count, char *data, int threads)
{
    size_t period = (size_t)REPEATED * PIECE, copies = count / period;
    size_t bytes = dtype_bytes(dtype, period), all = dtype_bytes(dtype, count);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t i = 1; i <= copies; i++)
        memcpy(data + i * bytes, data, all - i * bytes < bytes ? all - i * bytes : bytes);
}

void generate_tensor(const struct graph *graph, int index, void *data, int threads, bool repeats)
{
    const struct tensor *tensor = &graph->tensors[index];
    const struct fill fill = tensor->fill;
    if (fill.kind == FILL_NONE || fill.kind == FILL_ZERO)
        return; /* the arena is zero, and so is what zeros are quantised to */
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
    if (tensor->blocked) {
        generate_blocked(tensor, key, data, threads);
        return;
    }
    size_t count = (size_t)tensor_elements(tensor), pieces = (count + PIECE - 1) / PIECE;
    enum dtype dtype = tensor->dtype;
    bool repeated = repeats && dtype != DTYPE_I32 && pieces > REPEATED;
    if (repeated)
        pieces = REPEATED;
#pragma omp parallel for schedule(static) num_threads(threads) if (pieces > 4)
    for (size_t p = 0; p < pieces; p++) {
        uint64_t first = p * PIECE;
        size_t some = count - first < PIECE ? count - first : PIECE;
        if (dtype == DTYPE_I32)
            for (size_t i = 0; i < some; i++)
                ((int32_t *)data)[first + i] = fill.kind == FILL_ZIPF
                                                   ? zipf_at(&fill, key, first + i)
                                                   : (int32_t)random_below(key, first + i, fill.limit);
        else
            generate_piece(dtype, &fill, key, first, some, data);
    }
    if (repeated)
        repeat_pieces(dtype, count, data, threads);
}
