/* Blocked convolution's inner loops, for every vector width: a tile of output pixels × channels is summed in registers,
 * one input value broadcast against a row of the block's filters at a time. */
#include "models/kernels/conv_blocked_kernel.h"
#include "models/kernels/lanes.h"
#include "models/kernels/variant.h"

/* Vectors of channels in a tile, and pixels for so many: their sums, a row of filters and a broadcast value fill the
 * registers; with fewer sums each would wait for its own last addition. */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { MOST_VECTORS = 4 };
#define PIXELS_FOR(vectors) ((vectors) == 4 ? 6 : (vectors) == 3 ? 8 : 12)
#else
enum { MOST_VECTORS = 2 };
#define PIXELS_FOR(vectors) ((vectors) == 2 ? 6 : 12)
#endif

struct place {
    size_t pixel, channel; /* of the tile's first, in the chunk and in the block */
    size_t last;           /* channels in its last vector, if that is `partial` */
};

LANES_INLINE lanes load_last(const float *p, bool partial, size_t last)
{
    return partial ? lanes_load_part(p, last) : lanes_load(p);
}

LANES_INLINE void store_last(float *p, lanes x, bool partial, size_t last)
{
    if (partial)
        lanes_store_part(p, x, last);
    else
        lanes_store(p, x);
}

LANES_INLINE lanes finished(const struct conv_tiles *tiles, const struct place *place, lanes sum, size_t channel,
                            size_t at, bool partial)
{
    lanes scale = load_last(tiles->scale + channel, partial, place->last);
    lanes y = sum * scale + load_last(tiles->shift + channel, partial, place->last);
    if (tiles->residual)
        y += load_last(tiles->residual + at, partial, place->last);
    if (tiles->relu) /* a NaN is kept */
        y = lanes_select(y < lanes_zero(), lanes_zero(), y);
    return y;
}

/* The memory of the next rows is asked for, some bytes each time that a row is used. */
struct ahead {
    const char *at;
    size_t step;
};

LANES_INLINE void sum_tile(const struct conv_tiles *tiles, const struct place *place, struct ahead ahead, int pixels,
                           int vectors, bool partial)
{
    lanes sum[12][MOST_VECTORS];
    float *y = tiles->y + place->pixel * tiles->stride + place->channel;
#pragma GCC unroll 12
    for (int i = 0; i < pixels; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++)
            sum[i][j] = lanes_zero();
    const float *filters = tiles->filters + place->channel;
    const size_t width = tiles->width;
    for (size_t tap = 0; tap < tiles->taps; tap++) {
        const float *x[12];
#pragma GCC unroll 12
        for (int i = 0; i < pixels; i++)
            x[i] = tiles->runs[tap * tiles->pixels + place->pixel + (size_t)i] + tiles->first;
        for (size_t c = 0; c < tiles->count; c++, filters += width, ahead.at += ahead.step) {
            __builtin_prefetch(ahead.at, 0, 2);
            lanes row[MOST_VECTORS];
#pragma GCC unroll 4
            for (int j = 0; j < vectors; j++)
                row[j] = load_last(filters + j * LANES, partial && j == vectors - 1, place->last);
#pragma GCC unroll 12
            for (int i = 0; i < pixels; i++) {
                lanes value = lanes_set(x[i][c]);
#pragma GCC unroll 4
                for (int j = 0; j < vectors; j++)
                    sum[i][j] += value * row[j];
            }
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < pixels; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) {
            bool part = partial && j == vectors - 1;
            size_t channel = place->channel + (size_t)j * LANES;
            float *to = y + (size_t)i * tiles->stride + (size_t)j * LANES;
            lanes total = tiles->begins ? sum[i][j] : sum[i][j] + load_last(to, part, place->last);
            if (tiles->ends)
                total = finished(tiles, place, total, channel, (size_t)(to - tiles->y), part);
            store_last(to, total, part, place->last);
        }
}

#define TILE(vectors, pixels)                                                                                          \
    case pixels:                                                                                                       \
        sum_tile(tiles, place, ahead, pixels, vectors, partial);                                                       \
        break;
#define TILES_6(vectors)                                                                                               \
    TILE(vectors, 1) TILE(vectors, 2) TILE(vectors, 3) TILE(vectors, 4) TILE(vectors, 5) TILE(vectors, 6)
#define TILES_8(vectors) TILES_6(vectors) TILE(vectors, 7) TILE(vectors, 8)
#define TILES_12(vectors) TILES_8(vectors) TILE(vectors, 9) TILE(vectors, 10) TILE(vectors, 11) TILE(vectors, 12)
/* A function for each number of vectors, so that a compiler works on a few tiles at a time. */
#define TILES_OF(name, vectors, tiles_of_it, is_partial)                                                               \
    static void name(const struct conv_tiles *tiles, const struct place *place, struct ahead ahead, size_t pixels)     \
    {                                                                                                                  \
        const bool partial = is_partial;                                                                               \
        switch (pixels) {                                                                                              \
            tiles_of_it(vectors)                                                                                       \
        }                                                                                                              \
    }
#if defined(__AVX512F__) || defined(__aarch64__)
#define ALL_TILES(suffix, partial)                                                                                     \
    TILES_OF(tile_1##suffix, 1, TILES_12, partial)                                                                     \
    TILES_OF(tile_2##suffix, 2, TILES_12, partial)                                                                     \
    TILES_OF(tile_3##suffix, 3, TILES_8, partial) TILES_OF(tile_4##suffix, 4, TILES_6, partial)
#define NAMES(suffix) tile_1##suffix, tile_2##suffix, tile_3##suffix, tile_4##suffix
#else
#define ALL_TILES(suffix, partial)                                                                                     \
    TILES_OF(tile_1##suffix, 1, TILES_12, partial) TILES_OF(tile_2##suffix, 2, TILES_6, partial)
#define NAMES(suffix) tile_1##suffix, tile_2##suffix
#endif
ALL_TILES(, false)
ALL_TILES(_partial, true)

static void (*const tile[2][MOST_VECTORS])(const struct conv_tiles *, const struct place *, struct ahead,
                                           size_t) = {{NAMES()}, {NAMES(_partial)}};

static void run(const struct conv_tiles *tiles)
{
    size_t part_bytes = tiles->taps * tiles->count * tiles->width * sizeof(float);
    for (size_t channel = 0; channel < tiles->width; channel += MOST_VECTORS * LANES) {
        size_t left = tiles->width - channel;
        size_t vectors = left >= MOST_VECTORS * LANES ? MOST_VECTORS : (left + LANES - 1) / LANES;
        struct place place = {.channel = channel, .last = left - (vectors - 1) * LANES};
        bool partial = place.last < LANES;
        size_t most = PIXELS_FOR(vectors), tiles_of_part = (tiles->pixels + most - 1) / most;
        struct ahead ahead = {.at = (const char *)tiles->filters + part_bytes,
                              .step = tiles->width * sizeof(float) / tiles_of_part + 1};
        for (; place.pixel < tiles->pixels; place.pixel += most) {
            size_t pixels = tiles->pixels - place.pixel < most ? tiles->pixels - place.pixel : most;
            tile[partial][vectors - 1](tiles, &place, ahead, pixels);
            ahead.at += ahead.step * tiles->taps * tiles->count;
        }
    }
}

const struct conv_blocked_kernel VARIANT_NAME(conv_blocked) = {.name = VARIANT_STRING, .run = run};
