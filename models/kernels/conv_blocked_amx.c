/* Blocked convolution on Intel's AMX tiles, f32 as three bf16 parts (gemm_amx.c explains them and their bounds).
 *
 * The input is split into planes [part][pixel][channel], one plane for each remainder by the stride, rows as long as an
 * output row and its taps. In a plane output pixel q meets tap (kh,kw) at q + kh / stride · plane_width + kw / stride:
 * 16 consecutive pixels are the lines of a tile wherever they begin. Sums of pixels beyond a row's end are not stored.
 * Each thread splits the band of rows that it needs next; where it would need it again and again, and all of the split
 * input is small enough, the threads make that together first.
 *
 * A thread splits the filters of some of its channels, as many as leave room in its second cache, and meets its pixels
 * with them. Meanwhile the memory of the next ones is asked for. */
#include <string.h>

#include "harness/base/sizes.h"
#include "models/kernels/amx_tiles.h"
#include "models/kernels/conv_blocked_kernel.h"

extern const struct conv_blocked_kernel conv_blocked_avx512;

enum {
    SIDE = 32,
    BAND_BYTES = 384 << 10,
    GROUP_BYTES = 896 << 10,
    SHARED_BYTES = 16 << 20,
    UNITS_TOGETHER = 8, /* of which a pixel's results are written in one run */
    TERMS_MOST = 32768  /* sums of so many products of parts stay finite */
};

struct layout {
    size_t planes_high, planes_wide, plane_width;
    size_t chunks;           /* of 32 channels */
    bool across_images;      /* rows go on in the next image: windows of one pixel, nothing padded */
    bool shared;             /* all of the input is split at once: a band is an image, or all of them */
    size_t band_rows, bands; /* output rows of a band; bands that are kept */
    size_t pixel, part, plane,
        band;           /* bytes: from pixel to pixel, of a part's plane, of all its parts, of all planes */
    size_t unit, units; /* bytes of 32 channels' filters; how many units a group has */
};

/* Bytes between lines that are a multiple of 1024 put a tile's lines into few cache sets: one line further spreads
 * them. */
static size_t spread(size_t bytes)
{
    return bytes % 256 == 0 ? bytes + 64 : bytes;
}

static size_t plane_rows(const struct conv_shape *s, size_t rows)
{
    return rows + (s->kernel_height - 1) / s->stride_height;
}

static void set_band(const struct conv_shape *s, struct layout *l, size_t rows)
{
    l->band_rows = rows;
    l->part = (plane_rows(s, rows) * l->plane_width + SIDE) * l->pixel;
    l->plane = l->part * PARTS;
    l->band = l->plane * l->planes_high * l->planes_wide;
}

static size_t units_of_a_block(const struct conv_shape *s)
{
    return quotient_up(conv_block_width(s->out_channels), SIDE);
}

static struct layout layout_of(const struct conv_shape *s)
{
    struct layout l = {.planes_high = least(s->stride_height, s->kernel_height),
                       .planes_wide = least(s->stride_width, s->kernel_width),
                       .plane_width = s->out_width + (s->kernel_width - 1) / s->stride_width,
                       .chunks = quotient_up(s->channels, STEP)};
    l.pixel = spread(l.chunks * 64);
    l.across_images = s->kernel_height * s->kernel_width == 1 && s->pad_top == 0 && s->pad_left == 0;
    size_t rows = l.across_images ? s->batch * s->out_height : s->out_height;
    l.bands = l.across_images ? 1 : s->batch;
    set_band(s, &l, rows);
    l.unit = s->kernel_height * s->kernel_width * l.chunks * PARTS * 2 * TILE_BYTES;
    size_t units = quotient_up(s->out_channels, conv_block_width(s->out_channels)) * units_of_a_block(s);
    l.units = least(most(GROUP_BYTES / l.unit, 1), units);
    l.shared = l.units < units && l.bands * l.band <= SHARED_BYTES;
    if (!l.shared) {
        l.bands = 1;
        while (l.band_rows > 1 && l.band > BAND_BYTES)
            set_band(s, &l, (l.band_rows + 1) / 2);
    }
    return l;
}

static size_t shared_bytes(const struct conv_shape *shape)
{
    const struct layout l = layout_of(shape);
    return l.shared ? l.bands * l.band : 0;
}

static size_t scratch_bytes(const struct conv_shape *shape)
{
    const struct layout l = layout_of(shape);
    return (l.shared ? 0 : aligned(l.band)) + l.units * l.unit + UNITS_TOGETHER * SIDE * SIDE * sizeof(float);
}

static bool can(const struct conv_shape *s)
{
    size_t terms = s->kernel_height * s->kernel_width * quotient_up(s->channels, STEP) * STEP;
    return s->dilation_height == 1 && s->dilation_width == 1 && s->channels >= LINES && s->out_channels >= LINES &&
           terms <= TERMS_MOST && s->out_width > 0 && s->out_height > 0;
}

/* Whole tiles, with a fixed part for what follows the sums, and the splitting of what isn't shared. */
static double cycles(const struct conv_shape *s, size_t out_channels, size_t rows)
{
    const struct layout l = layout_of(s);
    size_t taps = s->kernel_height * s->kernel_width, images = l.across_images ? 1 : most(rows / s->out_height, 1);
    double tiles = (double)(images * quotient_up(rows / images * l.plane_width, LINES)) / 2;
    double units = (double)quotient_up(out_channels, LINES) / 2, steps = (double)(taps * l.chunks);
    double filters = (double)(taps * s->channels * out_channels);
    double pixels = l.shared ? 0 : (double)(rows * s->stride_height * s->width * s->channels);
    return tiles * units * (steps * 420 + 200) + (pixels + filters) * 1.2;
}

/* Where a thread is. */
struct work {
    const struct conv_blocked *conv;
    const struct layout *layout;
    const char *input; /* the shared planes, or the band's */
    char *group;
    float *sums;                   /* [UNITS_TOGETHER][SIDE][SIDE] */
    __m512i largest;               /* magnitude that was split */
    const char *ahead, *ahead_end; /* the next group's filters, of which so many bytes are asked for at a time */
    size_t ahead_step;
};

static inline __m512 load_times_2_24(const float *from, size_t count)
{
    return load_scaled(DTYPE_F32, from, 0, count);
}

/* A pixel's channels, or zeros, into each part. */
static inline void split_pixel(struct work *work, const float *from, char *to)
{
    size_t channels = work->conv->shape.channels, lines = work->layout->part / 64;
    for (size_t c = 0; c < channels; c += STEP, to += 64) {
        size_t left = channels - c;
        split_line(load_times_2_24(from + c, left), load_times_2_24(from + c + LINES, left > LINES ? left - LINES : 0),
                   PARTS, (__m512i *)(void *)to, lines, &work->largest);
    }
}

static inline void zero_pixel(const struct layout *layout, char *to)
{
    for (size_t part = 0; part < PARTS; part++)
        for (size_t chunk = 0; chunk < layout->chunks; chunk++)
            _mm512_store_si512((__m512i *)(void *)(to + part * layout->part) + chunk, _mm512_setzero_si512());
}

/* One row of a plane: of the input's row `h` every stride_width-th pixel from column `left` on. */
static void split_row(struct work *work, size_t image, ptrdiff_t h, ptrdiff_t left, char *to)
{
    const struct conv_shape *s = &work->conv->shape;
    bool inside = h >= 0 && (size_t)h < s->height;
    const float *row = work->conv->x + (inside ? (image * s->height + (size_t)h) * s->width * s->channels : 0);
    for (size_t c = 0; c < work->layout->plane_width; c++, to += work->layout->pixel) {
        ptrdiff_t w = left + (ptrdiff_t)(c * s->stride_width);
        if (inside && w >= 0 && (size_t)w < s->width)
            split_pixel(work, row + (size_t)w * s->channels, to);
        else
            zero_pixel(work->layout, to);
    }
}

/* The plane_row-th row of all planes of a band that begins with output row `row`, counted through all images. */
static void split_plane_row(struct work *work, size_t row, size_t plane_row, char *band)
{
    const struct conv_shape *s = &work->conv->shape;
    const struct layout *l = work->layout;
    size_t image = (l->across_images ? row + plane_row : row) / s->out_height;
    size_t inside = row + plane_row - image * s->out_height;
    for (size_t high = 0; high < l->planes_high; high++)
        for (size_t wide = 0; wide < l->planes_wide; wide++) {
            ptrdiff_t h = (ptrdiff_t)(inside * s->stride_height + high) - (ptrdiff_t)s->pad_top;
            split_row(work, image, h, (ptrdiff_t)wide - (ptrdiff_t)s->pad_left,
                      band + (high * l->planes_wide + wide) * l->plane + plane_row * l->plane_width * l->pixel);
        }
}

static bool split_input(const struct conv_blocked *conv, size_t thread, size_t threads, void *shared)
{
    const struct layout l = layout_of(&conv->shape);
    if (!l.shared)
        return true;
    struct work work = {.conv = conv, .layout = &l, .largest = _mm512_setzero_si512()};
    size_t rows = plane_rows(&conv->shape, l.band_rows), all = l.bands * rows;
    for (size_t i = all * thread / threads; i < all * (thread + 1) / threads; i++)
        split_plane_row(&work, i / rows * l.band_rows, i % rows, (char *)shared + i / rows * l.band);
    return parts_hold(work.largest);
}

/* 32 channels: where their filters are, in a block that is `stride` wide. */
struct unit {
    size_t channel, channels, stride;
    const float *filters;
};

/* The unit-th of all: blocks are cut into units of 32 and a rest. */
static struct unit unit_at(const struct conv_blocked *conv, size_t index)
{
    size_t outs = conv->shape.out_channels, width = conv_block_width(outs), each = units_of_a_block(&conv->shape);
    size_t depth = conv->shape.kernel_height * conv->shape.kernel_width * conv->shape.channels;
    size_t block = index / each, inside = index % each * SIDE, own = least(width, outs - block * width);
    return (struct unit){.channel = block * width + inside,
                         .channels = own > inside ? least(SIDE, own - inside) : 0,
                         .stride = own,
                         .filters = conv->filters + block * width * depth + inside};
}

static void split_filters(struct work *work, const struct unit *unit, char *to)
{
    const struct conv_shape *s = &work->conv->shape;
    const float *from = unit->filters;
    size_t low = unit->channels, high = low > LINES ? low - LINES : 0;
    for (size_t tap = 0; tap < s->kernel_height * s->kernel_width; tap++, from += s->channels * unit->stride)
        for (size_t c = 0; c < s->channels; c += STEP, to += PARTS * 2 * TILE_BYTES)
            for (size_t i = 0; i < LINES; i++) {
                bool one = c + i < s->channels, two = c + i + LINES < s->channels;
                const float *first = from + (c + i) * unit->stride, *second = first + LINES * unit->stride;
                __m512i *line = (__m512i *)(void *)to + i;
                split_line(load_times_2_24(first, one ? low : 0), load_times_2_24(second, two ? low : 0), PARTS, line,
                           2 * LINES, &work->largest);
                split_line(load_times_2_24(first + LINES, one ? high : 0),
                           load_times_2_24(second + LINES, two ? high : 0), PARTS, line + LINES, 2 * LINES,
                           &work->largest);
            }
}

static inline void ask_ahead(struct work *work)
{
    const char *end = work->ahead + work->ahead_step;
    for (; work->ahead < end && work->ahead < work->ahead_end; work->ahead += 64)
        __builtin_prefetch(work->ahead, 0, 2);
}

/* The tile that lies a step further, into the first cache. */
static inline void fetch_tile(const char *tile)
{
    for (size_t i = 0; i < TILE_BYTES; i += 64)
        __builtin_prefetch(tile + PARTS * 2 * TILE_BYTES + i, 0, 3);
}

/* One step of 32 terms: the six products in an order in which each needs only one side loaded anew. */
#define LOAD_TALL(of)                                                                                                  \
    do {                                                                                                               \
        TILE_LOAD(4, tall + (of)*layout->part, layout->pixel);                                                         \
        if (two_high)                                                                                                  \
            TILE_LOAD(5, tall + (of)*layout->part + LINES * layout->pixel, layout->pixel);                             \
    } while (0)
#define LOAD_WIDE(of)                                                                                                  \
    do {                                                                                                               \
        TILE_LOAD(6, wide + (of)*2 * TILE_BYTES, 64);                                                                  \
        if (two_wide)                                                                                                  \
            TILE_LOAD(7, wide + ((of)*2 + 1) * TILE_BYTES, 64);                                                        \
    } while (0)

static inline __attribute__((always_inline)) void multiply(bool two_high, bool two_wide)
{
    TILE_MULTIPLY(0, 4, 6);
    if (two_wide)
        TILE_MULTIPLY(1, 4, 7);
    if (two_high)
        TILE_MULTIPLY(2, 5, 6);
    if (two_high && two_wide)
        TILE_MULTIPLY(3, 5, 7);
}

static inline __attribute__((always_inline)) void multiply_step(const struct layout *layout, const char *tall,
                                                                const char *wide, bool two_high, bool two_wide)
{
    LOAD_TALL(0);
    LOAD_WIDE(2);
    multiply(two_high, two_wide);
    fetch_tile(wide);
    LOAD_WIDE(1);
    multiply(two_high, two_wide);
    fetch_tile(wide + TILE_BYTES);
    LOAD_TALL(1);
    multiply(two_high, two_wide);
    fetch_tile(wide + 2 * TILE_BYTES);
    LOAD_WIDE(0);
    multiply(two_high, two_wide);
    fetch_tile(wide + 3 * TILE_BYTES);
    LOAD_TALL(2);
    multiply(two_high, two_wide);
    fetch_tile(wide + 4 * TILE_BYTES);
    LOAD_TALL(0);
    multiply(two_high, two_wide);
    fetch_tile(wide + 5 * TILE_BYTES);
}

/* The sums of up to 32 flat pixels, the first of which is at `tall` in the first plane, with one unit. */
static inline __attribute__((always_inline)) void
multiply_pixels(struct work *work, const char *first, const char *wide, float *sums, bool two_high, bool two_wide)
{
    const struct conv_shape *s = &work->conv->shape;
    const struct layout *l = work->layout;
    load_sums(sums, false);
    for (size_t kh = 0; kh < s->kernel_height; kh++)
        for (size_t kw = 0; kw < s->kernel_width; kw++) {
            size_t plane = kh % s->stride_height * l->planes_wide + kw % s->stride_width;
            size_t pixel = kh / s->stride_height * l->plane_width + kw / s->stride_width;
            const char *tall = first + plane * l->plane + pixel * l->pixel;
            for (size_t chunk = 0; chunk < l->chunks; chunk++, tall += 64, wide += PARTS * 2 * TILE_BYTES) {
                multiply_step(l, tall, wide, two_high, two_wide);
                ask_ahead(work);
            }
        }
    store_sums(sums);
}

static void multiply_tile(struct work *work, const char *first, const char *wide, float *sums, bool two_high,
                          bool two_wide)
{
    if (two_high && two_wide)
        multiply_pixels(work, first, wide, sums, true, true);
    else if (two_high)
        multiply_pixels(work, first, wide, sums, true, false);
    else if (two_wide)
        multiply_pixels(work, first, wide, sums, false, true);
    else
        multiply_pixels(work, first, wide, sums, false, false);
}

/* One pixel's results of one unit. */
static inline void finish_pixel(const struct conv_blocked *conv, const struct unit *unit, const float *sums,
                                size_t pixel)
{
    size_t at = pixel * conv->shape.out_channels + unit->channel;
    for (size_t c = 0; c < unit->channels; c += LINES) {
        size_t left = unit->channels - c;
        __mmask16 mask = left >= LINES ? 0xffff : (__mmask16)((1u << left) - 1);
        __m512 sum = _mm512_mul_ps(_mm512_load_ps(sums + c), _mm512_set1_ps(SPLIT_SCALE));
        __m512 y = _mm512_fmadd_ps(sum, _mm512_maskz_loadu_ps(mask, conv->scale + unit->channel + c),
                                   _mm512_maskz_loadu_ps(mask, conv->shift + unit->channel + c));
        if (conv->residual)
            y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(mask, conv->residual + at + c));
        if (conv->activation == ACTIVATION_RELU)
            y = _mm512_max_ps(_mm512_setzero_ps(), y); /* the second operand's NaN is kept */
        _mm512_mask_storeu_ps(conv->y + at + c, mask, y);
    }
}

/* Output rows [row, row + rows), which lie in one band whose planes hold the first of them at `first`, with a group of
 * units from `unit` on. */
static void multiply_rows(struct work *work, size_t unit, size_t units, const char *first, size_t row, size_t rows)
{
    const struct conv_blocked *conv = work->conv;
    const struct layout *l = work->layout;
    size_t out_width = conv->shape.out_width, flat = (rows - 1) * l->plane_width + out_width;
    for (size_t q = 0; q < flat; q += SIDE, first += SIDE * l->pixel)
        for (size_t done = 0; done < units; done += UNITS_TOGETHER) {
            size_t together = least(UNITS_TOGETHER, units - done);
            struct unit of[UNITS_TOGETHER];
            for (size_t u = 0; u < together; u++) {
                of[u] = unit_at(conv, unit + done + u);
                if (of[u].channels)
                    multiply_tile(work, first, work->group + (done + u) * l->unit, work->sums + u * SIDE * SIDE,
                                  flat - q > LINES, of[u].channels > LINES);
            }
            size_t column = q % l->plane_width, place = (row + q / l->plane_width) * out_width + column;
            for (size_t i = 0; i < least(SIDE, flat - q); i++) {
                if (column < out_width) {
                    for (size_t u = 0; u < together; u++)
                        finish_pixel(conv, &of[u], work->sums + (u * SIDE + i) * SIDE, place);
                    place++;
                }
                column = column + 1 == l->plane_width ? 0 : column + 1;
                if (column == 0)
                    place = (row + (q + i + 1) / l->plane_width) * out_width;
            }
        }
}

/* One group of units with all output rows [row, last_row). */
static void multiply_group(struct work *work, size_t unit, size_t units, size_t row, size_t last_row, char *band)
{
    const struct conv_shape *s = &work->conv->shape;
    const struct layout *l = work->layout;
    while (row < last_row) {
        size_t image = l->across_images ? 0 : row / s->out_height, inside = row - image * s->out_height;
        size_t end = l->across_images ? last_row : least(last_row, (image + 1) * s->out_height);
        size_t rows = end - row;
        const char *first = work->input + image * l->band + inside * l->plane_width * l->pixel;
        if (!l->shared) {
            rows = least(rows, l->band_rows);
            for (size_t r = 0; r < plane_rows(s, rows); r++)
                split_plane_row(work, row, r, band);
            first = band;
        }
        multiply_rows(work, unit, units, first, row, rows);
        row += rows;
    }
}

/* What there is to ask for of the units from `unit` on, in the course of so many steps. */
static void plan_ahead(struct work *work, size_t unit, size_t last_unit, size_t steps)
{
    const struct conv_shape *s = &work->conv->shape;
    size_t units = unit < last_unit ? least(work->layout->units, last_unit - unit) : 0;
    work->ahead = work->ahead_end = NULL;
    if (!units)
        return;
    struct unit first = unit_at(work->conv, unit), last = unit_at(work->conv, unit + units - 1);
    size_t depth = s->kernel_height * s->kernel_width * s->channels;
    work->ahead = (const char *)first.filters;
    work->ahead_end = (const char *)(last.filters + (depth - 1) * last.stride + last.channels);
    work->ahead_step = quotient_up((size_t)(work->ahead_end - work->ahead), most(steps, 1)) / 64 * 64 + 64;
}

static bool run_share(const struct conv_blocked *conv, const struct conv_share *share, const void *shared,
                      void *scratch)
{
    const struct conv_shape *s = &conv->shape;
    const struct layout l = layout_of(s);
    char *band = scratch, *group = band + (l.shared ? 0 : aligned(l.band));
    struct work work = {.conv = conv,
                        .layout = &l,
                        .input = shared,
                        .group = group,
                        .sums = (float *)(void *)(group + l.units * l.unit),
                        .largest = _mm512_setzero_si512()};
    size_t each = units_of_a_block(s), last_unit = share->last_block * each;
    size_t row = share->pixel / s->out_width, last_row = share->last_pixel / s->out_width;
    size_t tiles = (last_row - row) * l.plane_width / SIDE + 1;
    amx_begin();
    for (size_t unit = share->block * each; unit < last_unit; unit += l.units) {
        size_t units = least(l.units, last_unit - unit);
        for (size_t u = 0; u < units; u++) {
            const struct unit of = unit_at(conv, unit + u);
            split_filters(&work, &of, group + u * l.unit);
        }
        plan_ahead(&work, unit + l.units, last_unit, s->kernel_height * s->kernel_width * l.chunks * tiles * units);
        multiply_group(&work, unit, units, row, last_row, band);
    }
    amx_end();
    return parts_hold(work.largest);
}

const struct conv_blocked_kernel conv_blocked_amx = {.name = "amx",
                                                     .vectors = &conv_blocked_avx512,
                                                     .can = can,
                                                     .cycles = cycles,
                                                     .shared_bytes = shared_bytes,
                                                     .scratch_bytes = scratch_bytes,
                                                     .split_input = split_input,
                                                     .run_share = run_share};
