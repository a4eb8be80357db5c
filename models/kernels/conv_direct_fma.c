/* Direct convolution with multiply-adds on vectors: a tile of pixels × result channels lives in registers while one
 * pixel's value is broadcast against a row of packed filters, straight from the padded band. A window's row, KW · C
 * values, is contiguous in the band, so taps and channels of a row are one loop.
 *
 * Packed filters: [block of WIDE result channels][KH][KW · C][WIDE]. The filters' gradient sums over pixels instead: dz
 * is broadcast against the window's row, or, when that is short, the window's row against dz. */
#include "models/kernels/conv_direct_finish.h"
#include "models/kernels/conv_direct_kernel.h"
#include "models/kernels/variant.h"
#include "probes/isa.h"

#if defined(__AVX512F__)
enum { TALL = 14 };
#define NEEDS ISA_X86_V4
#elif defined(__AVX2__)
enum { TALL = 6 };
#define NEEDS ISA_X86_V3
#elif defined(__ARM_NEON)
enum { TALL = 14 };
#define NEEDS 0
#else
enum { TALL = 6 };
#define NEEDS 0
#endif
enum { WIDE = 2 * LANES, TALL_MOST = 14 };

/* Σ over `outer` × `inner` of tall[row] · wide[lanes]; all strides in floats. */
struct product {
    size_t outer, inner;
    const float *tall, *wide;
    size_t tall_outer, tall_inner, tall_row;
    size_t wide_outer, wide_inner;
};

/* Row i at base + i · stride with no more than three strides in registers: 1, 3 and 5 times 1, 2, 4 are what an address
 * can hold, and the base moves on every seven rows. */
LANES_INLINE const float *row_of(const char *base, size_t i, size_t one, size_t three, size_t five)
{
    size_t distance = i == 0 ? 0 : i == 3 ? three : i == 5 ? five : i == 6 ? 2 * three : i * one;
    return (const float *)(base + distance);
}

LANES_INLINE void sum_tile(size_t tall, const struct product *p, lanes sum[][2])
{
    size_t one = p->tall_row * sizeof(float), three = 3 * one, five = 5 * one;
    __asm__("" : "+r"(three), "+r"(five)); /* or they are computed anew, once for each row */
    for (size_t o = 0; o < p->outer; o++) {
        const char *first = (const char *)(p->tall + o * p->tall_outer), *second = first + 7 * one;
        const float *wide = p->wide + o * p->wide_outer;
        for (size_t k = 0; k < p->inner; k++) {
            lanes w[2] = {lanes_load(wide), lanes_load(wide + LANES)};
#pragma GCC unroll 16
            for (size_t i = 0; i < tall; i++) {
                lanes x = lanes_set(*row_of(i < 7 ? first : second, i % 7, one, three, five));
                sum[i][0] = lanes_fma(x, w[0], sum[i][0]);
                sum[i][1] = lanes_fma(x, w[1], sum[i][1]);
            }
            first += p->tall_inner * sizeof(float);
            second += p->tall_inner * sizeof(float);
            wide += p->wide_inner;
        }
    }
}

/* to[row][WIDE] = the sums */
LANES_INLINE void store_tile(size_t tall, const struct product *p, float *to)
{
    lanes sum[TALL_MOST][2];
#pragma GCC unroll 16
    for (size_t i = 0; i < tall; i++)
        sum[i][0] = sum[i][1] = lanes_zero();
    sum_tile(tall, p, sum);
#pragma GCC unroll 16
    for (size_t i = 0; i < tall; i++) {
        lanes_store(to + i * WIDE, sum[i][0]);
        lanes_store(to + i * WIDE + LANES, sum[i][1]);
    }
}

#define TALL_CASE(rows)                                                                                                \
    case rows:                                                                                                         \
        store_tile(rows, p, to);                                                                                       \
        break;

static void multiply(size_t tall, const struct product *p, float *to)
{
    switch (tall) {
        TALL_CASE(1)
        TALL_CASE(2)
        TALL_CASE(3)
        TALL_CASE(4)
        TALL_CASE(5)
        TALL_CASE(6)
#if defined(__AVX512F__) || defined(__ARM_NEON)
        TALL_CASE(7)
        TALL_CASE(8)
        TALL_CASE(9)
        TALL_CASE(10)
        TALL_CASE(11)
        TALL_CASE(12)
        TALL_CASE(13)
        TALL_CASE(14)
#endif
    }
}

/* `count` rows in the fewest tiles, as even as can be: where tile `tile` begins. */
static size_t tiles_of(size_t count)
{
    return (count + TALL - 1) / TALL;
}

static size_t tile_start(size_t count, size_t tile)
{
    return count * tile / tiles_of(count);
}

static bool applies(const struct conv_job *job)
{
    (void)job;
    return true;
}

static size_t row_terms(const struct conv_job *job)
{
    return job->kernel_width * job->channels;
}

static size_t block_floats(const struct conv_job *job)
{
    return job->kernel_height * row_terms(job) * WIDE;
}

static size_t packed_bytes(const struct conv_job *job)
{
    return conv_round_up(job->out_channels, WIDE) / WIDE * block_floats(job) * sizeof(float);
}

static float filter(const struct conv_job *job, size_t at)
{
    return job->call->dtype == DTYPE_F32 ? ((const float *)job->call->operand)[at]
                                         : bf16_to_f32(((const uint16_t *)job->call->operand)[at]);
}

static void pack(const struct conv_job *job, size_t block, void *packed)
{
    float *to = (float *)packed + block * block_floats(job);
    size_t columns = least(WIDE, job->out_channels - block * WIDE), taps = job->kernel_height * job->kernel_width;
    for (size_t tap = 0; tap < taps; tap++)
        for (size_t column = 0; column < WIDE; column++) {
            float *at = to + tap * job->channels * WIDE + column;
            if (column < columns) {
                size_t from = conv_filter_at(job, tap, 0, block * WIDE + column);
                size_t step = conv_filter_at(job, tap, 1, block * WIDE + column) - from;
                for (size_t c = 0; c < job->channels; c++)
                    at[c * WIDE] = filter(job, from + c * step);
            } else {
                for (size_t c = 0; c < job->channels; c++)
                    at[c * WIDE] = 0;
            }
        }
}

static size_t scratch_bytes(const struct conv_job *job)
{
    (void)job;
    return TALL * WIDE * sizeof(float);
}

static void forward_row(const struct conv_job *job, const struct conv_band *band, const float *filters, size_t row,
                        size_t channel, float *sums)
{
    size_t columns = least(WIDE, job->out_channels - channel), line = job->padded_width * job->channels;
    for (size_t tile = 0; tile < tiles_of(job->out_width); tile++) {
        size_t start = tile_start(job->out_width, tile), rows = tile_start(job->out_width, tile + 1) - start;
        struct product product = {.outer = job->kernel_height,
                                  .inner = row_terms(job),
                                  .tall = band->padded + row * line + start * job->channels,
                                  .wide = filters,
                                  .tall_outer = line,
                                  .tall_inner = 1,
                                  .tall_row = job->channels,
                                  .wide_outer = row_terms(job) * WIDE,
                                  .wide_inner = WIDE};
        multiply(rows, &product, sums);
        size_t pixel = (band->image * job->out_height + band->row + row) * job->out_width + start;
        for (size_t i = 0; i < rows; i++)
            conv_finish(job, sums + i * WIDE, 1, pixel + i, channel, columns);
    }
}

static void forward(const struct conv_job *job, const struct conv_band *band, const void *packed, void *scratch)
{
    for (size_t channel = 0; channel < job->out_channels; channel += WIDE)
        for (size_t row = 0; row < band->rows; row++)
            forward_row(job, band, (const float *)packed + channel / WIDE * block_floats(job), row, channel, scratch);
}

static void add_tile(const float *tile, size_t rows, size_t columns, float *sums, size_t stride)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < columns; c += LANES) {
            float *to = sums + i * stride + c;
            lanes_store_some(to, lanes_load_some(to, columns - c) + lanes_load(tile + i * WIDE + c), columns - c);
        }
}

/* The products of window row kh: both sides begin at the band's first output pixel. */
static struct product over_pixels(const struct conv_job *job, const struct conv_band *band, size_t kh)
{
    size_t line = job->padded_width * job->channels;
    return (struct product){.outer = band->rows,
                            .inner = job->out_width,
                            .tall = band->dz,
                            .wide = band->padded + kh * line,
                            .tall_outer = job->out_width * band->dz_stride,
                            .tall_inner = band->dz_stride,
                            .tall_row = 1,
                            .wide_outer = line,
                            .wide_inner = job->channels};
}

static struct product turned(struct product p)
{
    return (struct product){.outer = p.outer,
                            .inner = p.inner,
                            .tall = p.wide,
                            .wide = p.tall,
                            .tall_outer = p.wide_outer,
                            .tall_inner = p.wide_inner,
                            .tall_row = 1,
                            .wide_outer = p.tall_outer,
                            .wide_inner = p.tall_inner};
}

static void add_products(const struct product *all, size_t tall_count, size_t wide_count, float *sums, size_t stride,
                         float *tile)
{
    for (size_t column = 0; column < wide_count; column += WIDE)
        for (size_t t = 0; t < tiles_of(tall_count); t++) {
            size_t start = tile_start(tall_count, t), rows = tile_start(tall_count, t + 1) - start;
            struct product product = *all;
            product.tall += start;
            product.wide += column;
            multiply(rows, &product, tile);
            add_tile(tile, rows, least(WIDE, wide_count - column), sums + start * stride + column, stride);
        }
}

static void gradient_filters(const struct conv_job *job, const struct conv_band *band, float *sums, void *scratch)
{
    size_t terms = row_terms(job), all = job->kernel_height * terms;
    for (size_t kh = 0; kh < job->kernel_height; kh++) {
        struct product product = over_pixels(job, band, kh);
        if (conv_is_thin(job)) {
            product = turned(product);
            add_products(&product, terms, job->out_channels, sums + kh * terms * conv_thin_stride(job),
                         conv_thin_stride(job), scratch);
        } else {
            add_products(&product, job->out_channels, terms, sums + kh * terms, all, scratch);
        }
    }
}

const struct conv_kernel VARIANT_NAME(conv_kernel) = {.name = VARIANT_STRING,
                                                      .isa = NEEDS,
                                                      .wide = WIDE,
                                                      .applies = applies,
                                                      .packed_bytes = packed_bytes,
                                                      .pack = pack,
                                                      .scratch_bytes = scratch_bytes,
                                                      .forward = forward,
                                                      .gradient_filters = gradient_filters};
