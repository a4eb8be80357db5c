/* Blocked convolution: the threads' shares, and where each output pixel's taps lie. */
#include "models/kernels/conv_blocked.h"

#include <omp.h>
#include <string.h>

#include "harness/base/sizes.h"
#include "models/kernels/conv_blocked_kernel.h"
#include "models/kernels/elementwise.h"
#include "models/kernels/variant_table.h"

extern const struct conv_blocked_kernel conv_blocked_plain;
#if defined(__x86_64__)
extern const struct conv_blocked_kernel conv_blocked_avx2, conv_blocked_avx512, conv_blocked_amx;
#endif
VARIANT_TABLE(MATRIX, conv_blocked_kernel, conv_blocked, conv_blocked_)

enum {
    PART_BYTES = 96 << 10,  /* of filters: what one chunk of pixels meets while it stays in a near cache */
    FEW_CHANNELS = 8,       /* fewer than this: a window's row is one run, in a copy of the image with its padding */
    PIXELS_TOGETHER = 6,    /* of a usual tile */
    THREAD_PRODUCTS = 20000 /* less is not worth waking a thread for */
};

/* How the sums' terms are reached: `taps` runs of `run` floats; from the image, or from its padded copy. */
struct terms {
    size_t taps, run;
    bool padded;
    size_t height, width; /* of the padded copy */
};

static struct terms terms_of(const struct conv_shape *s)
{
    struct terms terms = {.taps = s->kernel_height * s->kernel_width, .run = s->channels};
    terms.padded = s->channels < FEW_CHANNELS && s->kernel_width > 1 && s->dilation_width == 1;
    if (terms.padded) {
        terms.taps = s->kernel_height;
        terms.run = s->kernel_width * s->channels;
        size_t below = (s->out_height - 1) * s->stride_height + (s->kernel_height - 1) * s->dilation_height + 1;
        size_t right = (s->out_width - 1) * s->stride_width + s->kernel_width;
        terms.height = below > s->height + s->pad_top ? below : s->height + s->pad_top;
        terms.width = right > s->width + s->pad_left ? right : s->width + s->pad_left;
    }
    return terms;
}

/* The workspace: zeros, the padded copy, each thread's pointers, and what a kernel on matrix units needs. */
struct room {
    float *zeros, *padded;
    const float **runs;
    char *shared, *scratch;
    size_t runs_each, shared_bytes, scratch_each, bytes;
};

static double vector_cycles(const struct conv_shape *s, size_t out_channels, size_t rows)
{
    double depth = (double)(s->kernel_height * s->kernel_width * s->channels);
    return (double)(rows * s->out_width) * (double)out_channels * (depth + 8) / 26;
}

/* The kernel itself, or the one on vectors that it leaves this shape to. */
static const struct conv_blocked_kernel *kernel_for(const struct conv_blocked_kernel *kernel,
                                                    const struct conv_shape *s)
{
    size_t rows = s->batch * s->out_height;
    if (!kernel->vectors)
        return kernel;
    bool wins = kernel->can(s) && kernel->cycles(s, s->out_channels, rows) < vector_cycles(s, s->out_channels, rows);
    return wins ? kernel : kernel->vectors;
}

static struct room room_of(const struct conv_blocked_kernel *kernel, const struct conv_shape *s,
                           const struct terms *terms, void *workspace, int threads)
{
    size_t zeros = aligned(terms->run * sizeof(float));
    size_t padded = terms->padded ? aligned(s->batch * terms->height * terms->width * s->channels * sizeof(float)) : 0;
    size_t runs_each = aligned(terms->taps * CONV_CHUNK_PIXELS * sizeof(float *)) / sizeof(float *);
    size_t shared = kernel->run_share ? aligned(kernel->shared_bytes(s)) : 0;
    size_t scratch = kernel->run_share ? aligned(kernel->scratch_bytes(s)) : 0;
    struct room room = {.runs_each = runs_each,
                        .shared_bytes = shared,
                        .scratch_each = scratch,
                        .bytes = zeros + padded + shared + (size_t)threads * (runs_each * sizeof(float *) + scratch)};
    char *at = workspace;
    if (!at) /* only its size is asked for */
        return room;
    room.zeros = (float *)(void *)at;
    room.padded = (float *)(void *)(at + zeros);
    room.runs = (const float **)(void *)(at + zeros + padded);
    room.shared = at + zeros + padded + (size_t)threads * runs_each * sizeof(float *);
    room.scratch = room.shared + shared;
    return room;
}

size_t conv_blocked_workspace_with(const struct conv_blocked_kernel *kernel, const struct conv_shape *shape,
                                   int threads)
{
    struct terms terms = terms_of(shape);
    return room_of(kernel_for(kernel, shape), shape, &terms, NULL, threads).bytes;
}

size_t conv_blocked_workspace(const struct conv_shape *shape, int threads)
{
    return conv_blocked_workspace_with(conv_blocked_kernel(), shape, threads);
}

/* Copies rows [first, last) of all images' padded rows. */
static void pad_rows(const struct conv_blocked *conv, const struct terms *terms, float *padded, size_t first,
                     size_t last)
{
    const struct conv_shape *s = &conv->shape;
    size_t row_floats = terms->width * s->channels, left = s->pad_left * s->channels, own = s->width * s->channels;
    for (size_t row = first; row < last; row++) {
        size_t image = row / terms->height, h = row % terms->height;
        float *to = padded + row * row_floats;
        if (h < s->pad_top || h - s->pad_top >= s->height) {
            memset(to, 0, row_floats * sizeof *to);
            continue;
        }
        memset(to, 0, left * sizeof *to);
        memcpy(to + left, conv->x + (image * s->height + h - s->pad_top) * own, own * sizeof *to);
        memset(to + left + own, 0, (row_floats - left - own) * sizeof *to);
    }
}

/* Where output pixel `pixel` (of all images') finds its run for each tap: to[tap · stride]. */
static void find_runs(const struct conv_blocked *conv, const struct terms *terms, const struct room *room, size_t pixel,
                      const float **to, size_t stride)
{
    const struct conv_shape *s = &conv->shape;
    size_t image = pixel / (s->out_height * s->out_width), inside = pixel % (s->out_height * s->out_width);
    size_t top = inside / s->out_width * s->stride_height, left = inside % s->out_width * s->stride_width;
    if (terms->padded) {
        for (size_t kh = 0; kh < terms->taps; kh++, to += stride)
            *to = room->padded +
                  ((image * terms->height + top + kh * s->dilation_height) * terms->width + left) * s->channels;
        return;
    }
    for (size_t kh = 0; kh < s->kernel_height; kh++) {
        size_t h = top + kh * s->dilation_height - s->pad_top; /* above the image: larger than any */
        for (size_t kw = 0; kw < s->kernel_width; kw++, to += stride) {
            size_t w = left + kw * s->dilation_width - s->pad_left;
            *to = h < s->height && w < s->width ? conv->x + ((image * s->height + h) * s->width + w) * s->channels
                                                : room->zeros;
        }
    }
}

/* The cost of a thread's share, and the input that it reads. */
static double share_cost(const struct conv_blocked_kernel *kernel, const struct conv_shape *s, size_t blocks,
                         size_t pixels)
{
    size_t width = conv_block_width(s->out_channels), depth = s->kernel_height * s->kernel_width * s->channels;
    if (kernel->cycles)
        return kernel->cycles(s, least(blocks * width, s->out_channels), quotient_up(pixels, s->out_width));
    double reads = (double)(depth * blocks * 64) + (double)(pixels * s->stride_height * s->stride_width * s->channels);
    return (double)(blocks * quotient_up(pixels, PIXELS_TOGETHER) * PIXELS_TOGETHER * depth * 2) + reads / 2;
}

/* Threads take part of the blocks and part of the pixels each: as even as can be, and of equals what makes each read
 * least. */
static struct conv_share share_of(const struct conv_blocked_kernel *kernel, const struct conv_shape *s, size_t thread,
                                  size_t threads)
{
    size_t unit = kernel->run_share ? s->out_width : 1, units = s->batch * s->out_height * s->out_width / unit;
    size_t blocks = quotient_up(s->out_channels, conv_block_width(s->out_channels)), best = 1;
    double least_cost = 0;
    for (size_t across = 1; across <= least(threads, blocks); across++) {
        if (threads % across)
            continue;
        double cost = share_cost(kernel, s, quotient_up(blocks, across), quotient_up(units, threads / across) * unit);
        if (across == 1 || cost < least_cost) {
            least_cost = cost;
            best = across;
        }
    }
    size_t down = threads / best, column = thread % best, row = thread / best;
    return (struct conv_share){.block = blocks * column / best,
                               .last_block = blocks * (column + 1) / best,
                               .pixel = units * row / down * unit,
                               .last_pixel = units * (row + 1) / down * unit};
}

/* What isn't done in registers. */
static void activate(const struct conv_blocked *conv, size_t pixel, size_t pixels, size_t channel, size_t channels)
{
    for (size_t p = pixel; p < pixel + pixels; p++) {
        float *y = conv->y + p * conv->shape.out_channels + channel;
        elementwise_kernels()->activate(conv->activation, y, y, channels);
    }
}

/* One block and one chunk of pixels, a part of the block's rows after the other. */
static void run_parts(const struct conv_blocked_kernel *kernel, const struct terms *terms, struct conv_tiles tiles)
{
    size_t rows = most(PART_BYTES / (tiles.width * sizeof(float)), 1);
    size_t taps = most(least(rows / terms->run, terms->taps), 1);
    size_t count = taps > 1 ? terms->run : quotient_up(terms->run, quotient_up(terms->run, rows));
    const float *const *runs = tiles.runs;
    for (size_t tap = 0; tap < terms->taps; tap += taps)
        for (size_t first = 0; first < terms->run; first += count) {
            tiles.runs = runs + tap * tiles.pixels;
            tiles.taps = least(taps, terms->taps - tap);
            tiles.first = first;
            tiles.count = least(count, terms->run - first);
            tiles.begins = tap == 0 && first == 0;
            tiles.ends = tap + tiles.taps == terms->taps && first + tiles.count == terms->run;
            kernel->run(&tiles);
            tiles.filters += tiles.taps * tiles.count * tiles.width;
        }
}

static void run_on_vectors(const struct conv_blocked_kernel *kernel, const struct conv_blocked *conv,
                           const struct terms *terms, const struct room *room, const struct conv_share *share,
                           const float **runs)
{
    size_t channels = conv->shape.out_channels, width = conv_block_width(channels), depth = terms->taps * terms->run;
    for (size_t pixel = share->pixel; pixel < share->last_pixel; pixel += CONV_CHUNK_PIXELS) {
        size_t pixels = least(share->last_pixel - pixel, CONV_CHUNK_PIXELS);
        for (size_t p = 0; p < pixels; p++)
            find_runs(conv, terms, room, pixel + p, runs + p, pixels);
        for (size_t block = share->block; block < share->last_block; block++) {
            size_t channel = block * width, at = pixel * channels + channel;
            const struct conv_tiles tiles = {.runs = runs,
                                             .pixels = pixels,
                                             .filters = conv->filters + channel * depth,
                                             .width = least(width, channels - channel),
                                             .scale = conv->scale + channel,
                                             .shift = conv->shift + channel,
                                             .residual = conv->residual ? conv->residual + at : NULL,
                                             .y = conv->y + at,
                                             .stride = channels,
                                             .relu = conv->activation == ACTIVATION_RELU};
            run_parts(kernel, terms, tiles);
            if (conv->activation != ACTIVATION_NONE && conv->activation != ACTIVATION_RELU)
                activate(conv, pixel, pixels, channel, tiles.width);
        }
    }
}

static void run_share(const struct conv_blocked_kernel *kernel, const struct conv_blocked *conv,
                      const struct terms *terms, const struct room *room, size_t thread, size_t threads, bool refused)
{
    const struct conv_share share = share_of(kernel, &conv->shape, thread, threads);
    const float **runs = room->runs + thread * room->runs_each;
    if (!kernel->run_share) {
        run_on_vectors(kernel, conv, terms, room, &share, runs);
        return;
    }
    if (share.pixel >= share.last_pixel || share.block >= share.last_block)
        return;
    if (refused || !kernel->run_share(conv, &share, room->shared, room->scratch + thread * room->scratch_each)) {
        run_on_vectors(kernel->vectors, conv, terms, room, &share, runs);
        return;
    }
    size_t outs = conv->shape.out_channels, first = share.block * conv_block_width(outs);
    size_t end = least(share.last_block * conv_block_width(outs), outs);
    if (conv->activation != ACTIVATION_NONE && conv->activation != ACTIVATION_RELU)
        activate(conv, share.pixel, share.last_pixel - share.pixel, first, end - first);
}

void conv_blocked_run_with(const struct conv_blocked_kernel *kernel, const struct conv_blocked *conv, void *workspace,
                           int threads)
{
    const struct conv_shape *s = &conv->shape;
    kernel = kernel_for(kernel, s);
    struct terms terms = terms_of(s);
    struct room room = room_of(kernel, s, &terms, workspace, threads);
    size_t pixels = s->batch * s->out_height * s->out_width;
    if (!pixels || !s->out_channels)
        return;
    size_t depth = terms.taps * terms.run;
    size_t useful = least(pixels * s->out_channels * depth / THREAD_PRODUCTS / 16 + 1, (size_t)threads);
    bool refused = false;
    memset(room.zeros, 0, terms.run * sizeof(float));
#pragma omp parallel num_threads((int)useful) if (useful > 1)
    {
        size_t me = (size_t)omp_get_thread_num(), team = (size_t)omp_get_num_threads();
        if (terms.padded) {
            size_t rows = s->batch * terms.height;
            pad_rows(conv, &terms, room.padded, rows * me / team, rows * (me + 1) / team);
#pragma omp barrier
        }
        if (room.shared_bytes) {
            if (!kernel->split_input(conv, me, team, room.shared)) {
#pragma omp atomic write
                refused = true;
            }
#pragma omp barrier
        }
        run_share(kernel, conv, &terms, &room, me, team, refused);
    }
}

void conv_blocked_run(const struct conv_blocked *conv, void *workspace, int threads)
{
    conv_blocked_run_with(conv_blocked_kernel(), conv, workspace, threads);
}

const char *conv_blocked_variant(void)
{
    return conv_blocked_kernel()->name;
}
