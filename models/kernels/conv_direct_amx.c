/* Direct convolution on Intel's AMX tiles, f32 as three bf16 parts (gemm_amx.c explains them) and bf16 as one.
 *
 * Forward: the padded band is split once into [part][pixel][channel], a pixel's channels up to a multiple of 32. The
 * band's pixels are one flat sequence in which output pixel q meets tap (kh,kw) at q + kh · padded_width + kw: 16
 * consecutive pixels are the lines of a tile wherever they begin. Sums of pixels beyond a row's end are not stored.
 *
 * Filters' gradient: pixels are summed over. A line of the tall side is one channel of dz over 32 pixels; the wide side
 * is x as [part][pixel][channel] pairs of pixels q and q + 16, so that a tile may begin at any pixel, and so at any
 * tap. dz is zero beyond a row's end.
 *
 * Values that parts can't hold, and infinities that would meet those zeros, leave a band to the multiply-add kernel. */
#include "models/kernels/amx_tiles.h"
#include "models/kernels/conv_direct_finish.h"
#include "models/kernels/conv_direct_kernel.h"
#include "probes/isa.h"

extern const struct conv_kernel conv_kernel_avx512;

enum { SIDE = 32, PIXELS_MOST = 32768 /* sums of so many products of parts stay finite */ };

/* How a type is split. */
struct split {
    size_t parts;
    float before, after; /* factors of the values and of the sums */
};

static struct split split_of(const struct conv_job *job)
{
    return job->call->dtype == DTYPE_F32 ? (struct split){PARTS, 0x1p24f, SPLIT_SCALE} : (struct split){1, 1, 1};
}

static inline __m512 load_times(const float *from, size_t count, float factor)
{
    return _mm512_mul_ps(_mm512_castsi512_ps(load_f32(from, 0, count)), _mm512_set1_ps(factor));
}

static bool applies(const struct conv_job *job)
{
    return job->channels >= LINES && job->out_channels >= LINES && job->padded_width <= PIXELS_MOST &&
           job->kernel_height * job->kernel_width * conv_round_up(job->channels, STEP) <= PIXELS_MOST;
}

/* ---- packed filters: what the multiply-add kernel packs, the tiles [block][tap][32 channels][part][half], flags ----
 */

static size_t chunks_of(const struct conv_job *job)
{
    return conv_round_up(job->channels, STEP) / STEP;
}

static size_t blocks_of(const struct conv_job *job)
{
    return conv_round_up(job->out_channels, SIDE) / SIDE;
}

static size_t block_bytes(const struct conv_job *job)
{
    return job->kernel_height * job->kernel_width * chunks_of(job) * split_of(job).parts * 2 * TILE_BYTES;
}

static size_t exact_bytes(const struct conv_job *job)
{
    return conv_align(conv_kernel_avx512.packed_bytes(job));
}

static size_t packed_bytes(const struct conv_job *job)
{
    return exact_bytes(job) + blocks_of(job) * (block_bytes(job) + 1);
}

static unsigned char *refused_blocks(const struct conv_job *job, const void *packed)
{
    return (unsigned char *)packed + exact_bytes(job) + blocks_of(job) * block_bytes(job);
}

/* One tap's 32 channels for 16 result channels. */
static void split_filters(const float *from, size_t depth, const struct split *split, __m512i *to, __m512i *largest)
{
    for (size_t i = 0; i < LINES; i++) {
        __m512 first = load_times(from + i * SIDE, i < depth ? LINES : 0, split->before);
        __m512 second = load_times(from + (i + LINES) * SIDE, i + LINES < depth ? LINES : 0, split->before);
        split_line(first, second, (int)split->parts, to + i, 2 * LINES, largest);
    }
}

static void pack(const struct conv_job *job, size_t block, void *packed)
{
    conv_kernel_avx512.pack(job, block, packed);
    const struct split split = split_of(job);
    size_t taps = job->kernel_height * job->kernel_width;
    const float *from = (const float *)packed + block * taps * job->channels * SIDE;
    char *to = (char *)packed + exact_bytes(job) + block * block_bytes(job);
    __m512i largest = _mm512_setzero_si512();
    for (size_t tap = 0; tap < taps; tap++)
        for (size_t c = 0; c < job->channels; c += STEP, to += split.parts * 2 * TILE_BYTES)
            for (size_t half = 0; half < 2; half++)
                split_filters(from + (tap * job->channels + c) * SIDE + half * LINES, job->channels - c, &split,
                              (__m512i *)(to + half * TILE_BYTES), &largest);
    refused_blocks(job, packed)[block] = split.parts > 1 && !parts_hold(largest);
}

/* ---- scratch ---- */

static size_t flat_pixels(const struct conv_job *job, size_t rows)
{
    return (rows - 1) * job->padded_width + job->out_width;
}

static size_t padded_pixels(const struct conv_job *job, size_t rows)
{
    return (rows + job->kernel_height - 1) * job->padded_width + SIDE;
}

/* Distances in bytes of 1024 and more put a tile's lines into few cache sets: one line further spreads them. */
static size_t spread(size_t bytes)
{
    return bytes % 256 == 0 ? bytes + 64 : bytes;
}

struct forward_room {
    size_t pixel, plane, sums, total; /* bytes */
};

static struct forward_room forward_room(const struct conv_job *job)
{
    struct forward_room room = {.pixel = spread(chunks_of(job) * 64)};
    room.plane = room.pixel * padded_pixels(job, job->band_rows);
    room.sums = split_of(job).parts * room.plane;
    room.total = room.sums + SIDE * SIDE * sizeof(float);
    return room;
}

struct filters_room {
    size_t channels; /* of dz, up to a multiple of 32 */
    size_t steps;    /* of 32 flat pixels */
    size_t pixel, plane, tall, flat, turned, sums, total;
};

static struct filters_room filters_room(const struct conv_job *job)
{
    size_t parts = split_of(job).parts;
    struct filters_room room = {.channels = blocks_of(job) * SIDE,
                                .steps = conv_round_up(flat_pixels(job, job->band_rows), STEP) / STEP,
                                .pixel = spread(chunks_of(job) * 128)};
    room.plane = room.pixel * padded_pixels(job, job->band_rows);
    room.tall = parts * room.plane;
    room.flat = room.tall + room.channels / LINES * room.steps * parts * TILE_BYTES;
    room.turned = room.flat + STEP * room.channels * sizeof(float);
    room.sums = room.turned + STEP * room.channels * sizeof(float);
    room.total = room.sums + SIDE * SIDE * sizeof(float);
    return room;
}

static size_t scratch_bytes(const struct conv_job *job)
{
    size_t bytes = job->call->pass == CONV_GRADIENT_FILTERS ? filters_room(job).total : forward_room(job).total;
    size_t exact = conv_kernel_avx512.scratch_bytes(job);
    return bytes > exact ? bytes : exact;
}

/* ---- one step: 32 of the summed dimension ---- */

/* One side's two tiles of each part: distances in bytes between halves, parts and lines. */
struct side {
    size_t half, part, line;
};

static inline void load_tall(const char *from, const struct side *side, size_t part)
{
    from += part * side->part;
    TILE_LOAD(4, from, side->line);
    TILE_LOAD(5, from + side->half, side->line);
}

static inline void load_wide(const char *from, const struct side *side, size_t part)
{
    from += part * side->part;
    TILE_LOAD(6, from, side->line);
    TILE_LOAD(7, from + side->half, side->line);
}

/* The six products of gemm_amx.c, or the one of bf16. */
static inline void multiply_step(size_t parts, const char *tall, const struct side *tall_side, const char *wide,
                                 const struct side *wide_side)
{
    load_tall(tall, tall_side, 0);
    if (parts == 1) {
        load_wide(wide, wide_side, 0);
        multiply_loaded();
        return;
    }
    load_wide(wide, wide_side, 2);
    multiply_loaded();
    load_wide(wide, wide_side, 1);
    multiply_loaded();
    load_tall(tall, tall_side, 1);
    multiply_loaded();
    load_wide(wide, wide_side, 0);
    multiply_loaded();
    load_tall(tall, tall_side, 2);
    multiply_loaded();
    load_tall(tall, tall_side, 0);
    multiply_loaded();
}

/* ---- forward ---- */

static bool split_band(const struct conv_job *job, const struct conv_band *band, const struct split *split, char *to)
{
    const struct forward_room room = forward_room(job);
    size_t pixels = padded_pixels(job, band->rows);
    __m512i largest = _mm512_setzero_si512();
    for (size_t q = 0; q < pixels; q++)
        for (size_t c = 0; c < job->channels; c += STEP) {
            const float *from = band->padded + q * job->channels + c;
            size_t left = job->channels - c;
            split_line(load_times(from, left, split->before),
                       load_times(from + LINES, left > LINES ? left - LINES : 0, split->before), (int)split->parts,
                       (__m512i *)(to + q * room.pixel + c / STEP * 64), room.plane / 64, &largest);
        }
    return split->parts == 1 || parts_hold(largest);
}

/* The sums of 32 flat pixels from `q` on with one block of result channels. */
static void multiply_pixels(const struct conv_job *job, const struct forward_room *room, size_t parts, const char *tall,
                            const char *wide, size_t q, float *sums)
{
    const struct side tall_side = {.half = LINES * room->pixel, .part = room->plane, .line = room->pixel};
    const struct side wide_side = {.half = TILE_BYTES, .part = 2 * TILE_BYTES, .line = 64};
    load_sums(sums, false);
    for (size_t kh = 0; kh < job->kernel_height; kh++)
        for (size_t kw = 0; kw < job->kernel_width; kw++) {
            const char *pixel = tall + (q + kh * job->padded_width + kw) * room->pixel;
            for (size_t chunk = 0; chunk < chunks_of(job); chunk++, wide += parts * 2 * TILE_BYTES)
                multiply_step(parts, pixel + chunk * 64, &tall_side, wide, &wide_side);
        }
    store_sums(sums);
}

static void finish_pixels(const struct conv_job *job, const struct conv_band *band, float scale, size_t q, size_t block,
                          float *sums)
{
    size_t channel = block * SIDE, columns = least(SIDE, job->out_channels - channel);
    size_t count = least(SIDE, flat_pixels(job, band->rows) - q);
    size_t row = q / job->padded_width, column = q % job->padded_width;
    size_t first = (band->image * job->out_height + band->row) * job->out_width;
    for (size_t i = 0; i < count; i++) {
        if (column < job->out_width)
            conv_finish(job, sums + i * SIDE, scale, first + row * job->out_width + column, channel, columns);
        if (++column == job->padded_width) {
            column = 0;
            row++;
        }
    }
}

static void forward(const struct conv_job *job, const struct conv_band *band, const void *packed, void *scratch)
{
    const struct split split = split_of(job);
    const struct forward_room room = forward_room(job);
    if (memchr(refused_blocks(job, packed), 1, blocks_of(job)) || !split_band(job, band, &split, scratch)) {
        conv_kernel_avx512.forward(job, band, packed, scratch);
        return;
    }
    float *sums = (float *)((char *)scratch + room.sums);
    const char *tiles = (const char *)packed + exact_bytes(job);
    amx_begin();
    for (size_t block = 0; block < blocks_of(job); block++)
        for (size_t q = 0; q < flat_pixels(job, band->rows); q += SIDE) {
            multiply_pixels(job, &room, split.parts, scratch, tiles + block * block_bytes(job), q, sums);
            finish_pixels(job, band, split.after, q, block, sums);
        }
    amx_end();
}

/* ---- the filters' gradient ---- */

/* Pairs of pixels: line q holds q and q + 16 of each channel. */
static bool pair_pixels(const struct conv_job *job, const struct conv_band *band, const struct split *split, char *to)
{
    const struct filters_room room = filters_room(job);
    size_t pixels = padded_pixels(job, band->rows) - LINES;
    __m512i largest = _mm512_setzero_si512();
    for (size_t q = 0; q < pixels; q++)
        for (size_t c = 0; c < chunks_of(job) * STEP; c += LINES) {
            const float *from = band->padded + q * job->channels + c;
            size_t left = job->channels > c ? job->channels - c : 0;
            split_line(load_times(from, left, split->before),
                       load_times(from + LINES * job->channels, left, split->before), (int)split->parts,
                       (__m512i *)(to + q * room.pixel + c * 4), room.plane / 64, &largest);
        }
    return split->parts == 1 ? _mm512_reduce_max_epu32(largest) < 0x7f800000 : parts_hold(largest);
}

/* 32 flat pixels of dz from `q` on, [32, channels], zeros where there is no output pixel. */
static void flatten(const struct conv_job *job, const struct conv_band *band, size_t q, size_t channels, float *to)
{
    size_t row = q / job->padded_width, column = q % job->padded_width;
    for (size_t i = 0; i < STEP; i++, to += channels) {
        size_t given = row < band->rows && column < job->out_width ? job->out_channels : 0;
        const float *from = band->dz + (given ? (row * job->out_width + column) * band->dz_stride : 0);
        for (size_t c = 0; c < channels; c += LINES)
            _mm512_store_si512(to + c, load_f32(from, c, given > c ? given - c : 0));
        if (++column == job->padded_width) {
            column = 0;
            row++;
        }
    }
}

static bool split_dz(const struct conv_job *job, const struct conv_band *band, const struct split *split, char *scratch)
{
    const struct filters_room room = filters_room(job);
    float *flat = (float *)(scratch + room.flat), *turned = (float *)(scratch + room.turned);
    size_t steps = conv_round_up(flat_pixels(job, band->rows), STEP) / STEP;
    __m512i largest = _mm512_setzero_si512();
    for (size_t step = 0; step < steps; step++) {
        flatten(job, band, step * STEP, room.channels, flat);
        transpose(flat, room.channels, STEP, room.channels, split->before, turned, STEP);
        for (size_t c = 0; c < room.channels; c++) {
            char *tile = scratch + room.tall + (c / LINES * room.steps + step) * split->parts * TILE_BYTES;
            split_line(_mm512_load_ps(turned + c * STEP), _mm512_load_ps(turned + c * STEP + LINES), (int)split->parts,
                       (__m512i *)tile + c % LINES, LINES, &largest);
        }
    }
    return split->parts == 1 || parts_hold(largest);
}

static void add_sums(const float *tile, float scale, size_t rows, size_t columns, float *sums, size_t stride)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < columns; c += LINES) {
            float *to = sums + i * stride + c;
            lanes sum = lanes_load_some(to, columns - c) + lanes_load(tile + i * SIDE + c) * scale;
            lanes_store_some(to, sum, columns - c);
        }
}

/* One tap: dfilters[32 output channels, 32 channels] of the band. */
static void multiply_tap(const struct conv_job *job, const struct conv_band *band, const struct filters_room *room,
                         size_t parts, const char *tall, const char *wide, float *sums)
{
    const struct side tall_side = {.half = room->steps * parts * TILE_BYTES, .part = TILE_BYTES, .line = 64};
    const struct side wide_side = {.half = 64, .part = room->plane, .line = room->pixel};
    load_sums(sums, false);
    for (size_t q = 0; q < flat_pixels(job, band->rows); q += STEP, tall += parts * TILE_BYTES)
        multiply_step(parts, tall, &tall_side, wide + q * room->pixel, &wide_side);
    store_sums(sums);
}

static void gradient_filters(const struct conv_job *job, const struct conv_band *band, float *sums, void *scratch)
{
    const struct split split = split_of(job);
    const struct filters_room room = filters_room(job);
    if (!pair_pixels(job, band, &split, scratch) || !split_dz(job, band, &split, scratch)) {
        conv_kernel_avx512.gradient_filters(job, band, sums, scratch);
        return;
    }
    float *tile = (float *)((char *)scratch + room.sums);
    size_t taps = job->kernel_height * job->kernel_width, all = taps * job->channels;
    amx_begin();
    for (size_t o = 0; o < job->out_channels; o += SIDE)
        for (size_t tap = 0; tap < taps; tap++)
            for (size_t c = 0; c < job->channels; c += STEP) {
                size_t offset = tap / job->kernel_width * job->padded_width + tap % job->kernel_width;
                multiply_tap(job, band, &room, split.parts,
                             (char *)scratch + room.tall + o / LINES * room.steps * split.parts * TILE_BYTES,
                             (char *)scratch + offset * room.pixel + c * 4, tile);
                add_sums(tile, split.after, least(SIDE, job->out_channels - o), least(STEP, job->channels - c),
                         sums + o * all + tap * job->channels + c, all);
            }
    amx_end();
}

const struct conv_kernel conv_kernel_amx = {.name = "amx",
                                            .isa = ISA_X86_AMX,
                                            .wide = SIDE,
                                            .applies = applies,
                                            .packed_bytes = packed_bytes,
                                            .pack = pack,
                                            .scratch_bytes = scratch_bytes,
                                            .forward = forward,
                                            .gradient_filters = gradient_filters};
