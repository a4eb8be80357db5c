/* Deals bands of image rows out to threads, pads them, and lets a kernel compute them; see conv_direct.h. Each thread
 * sums its own part of the filters' gradient; the parts are added in the threads' order, so that runs agree. */
#include "models/kernels/conv_direct.h"

#include <string.h>

#include "harness/base/sizes.h"
#include "models/kernels/conv_direct_kernel.h"
#include "models/kernels/elementwise.h"
#include "probes/isa.h"

enum {
    BAND_BYTES = 320 << 10, /* of f32, so that what kernels make of two threads' bands stays in 2 MiB */
    FILTERS_MOST = 1 << 18,
    CHANNELS_LEAST = 16,
    THIN_CHANNELS = 4,
};

extern const struct conv_kernel conv_kernel_plain;
#if defined(__x86_64__)
extern const struct conv_kernel conv_kernel_avx2, conv_kernel_avx512, conv_kernel_amx;
static const struct conv_kernel *const all[] = {&conv_kernel_amx, &conv_kernel_avx512, &conv_kernel_avx2,
                                                &conv_kernel_plain, NULL};
#else
static const struct conv_kernel *const all[] = {&conv_kernel_plain, NULL};
#endif

const struct conv_kernel *const *conv_kernels(void)
{
    const struct conv_kernel *const *first = all;
    while (((*first)->isa & isa_flags()) != (*first)->isa)
        first++;
    return first;
}

static struct conv_job geometry(const struct conv_direct *conv)
{
    const struct conv_shape *s = &conv->shape;
    bool back = conv->pass == CONV_GRADIENT_INPUT;
    struct conv_job job = {.call = conv,
                           .batch = s->batch,
                           .height = back ? s->out_height : s->height,
                           .width = back ? s->out_width : s->width,
                           .channels = back ? s->out_channels : s->channels,
                           .out_height = back ? s->height : s->out_height,
                           .out_width = back ? s->width : s->out_width,
                           .out_channels = back ? s->channels : s->out_channels,
                           .kernel_height = s->kernel_height,
                           .kernel_width = s->kernel_width,
                           .pad_top = back ? s->kernel_height - 1 - s->pad_top : s->pad_top,
                           .pad_left = back ? s->kernel_width - 1 - s->pad_left : s->pad_left};
    job.padded_width = job.out_width + job.kernel_width - 1;
    job.band_rows = job.out_height;
    job.bands = 1;
    return job;
}

/* Bands that fit the cache, and enough of them for all threads. */
static struct conv_job cut(const struct conv_direct *conv, int threads)
{
    struct conv_job job = geometry(conv);
    size_t row_bytes = job.padded_width * job.channels * sizeof(float);
    if (conv->pass == CONV_GRADIENT_FILTERS)
        row_bytes += job.out_width * job.out_channels * sizeof(float);
    size_t bands = quotient_up(row_bytes * (job.out_height + job.kernel_height - 1), BAND_BYTES);
    size_t spread = job.batch % (size_t)threads ? quotient_up(2 * (size_t)threads, job.batch) : 1;
    bands = least(bands > spread ? bands : spread, job.out_height);
    if (bands > 1) {
        job.band_rows = quotient_up(job.out_height, bands);
        job.bands = quotient_up(job.out_height, job.band_rows);
    }
    return job;
}

/* Where things lie in the workspace: the packed filters, then for each thread its sums, band, dz and scratch. */
struct room {
    size_t packed, sums, padded, dz, scratch, thread, total;
    size_t dz_stride;
    bool dz_copied;
};

static size_t sums_count(const struct conv_job *job)
{
    size_t terms = job->kernel_height * job->kernel_width * job->channels;
    return terms * (conv_is_thin(job) ? conv_thin_stride(job) : job->out_channels);
}

static struct room room_of(const struct conv_kernel *kernel, const struct conv_job *job, int threads)
{
    struct room room = {.dz_stride = job->out_channels};
    size_t pixels = (job->band_rows + job->kernel_height - 1) * job->padded_width + CONV_SLACK_PIXELS;
    room.padded = conv_align((pixels * job->channels + CONV_SLACK_FLOATS) * sizeof(float));
    room.scratch = conv_align(kernel->scratch_bytes(job));
    if (job->call->pass == CONV_GRADIENT_FILTERS) {
        room.sums = conv_align(sums_count(job) * sizeof(float));
        bool cut_short = conv_is_thin(job) && conv_thin_stride(job) != job->out_channels;
        if (cut_short)
            room.dz_stride = conv_thin_stride(job);
        room.dz_copied = cut_short || job->call->dtype != DTYPE_F32;
        if (room.dz_copied)
            room.dz = conv_align(job->band_rows * job->out_width * room.dz_stride * sizeof(float));
    } else {
        room.packed = conv_align(kernel->packed_bytes(job));
    }
    room.thread = room.sums + room.padded + room.dz + room.scratch;
    room.total = room.packed + (size_t)threads * room.thread;
    return room;
}

static const char *at(const void *data, enum dtype dtype, size_t index)
{
    return (const char *)data + dtype_bytes(dtype, index);
}

/* to[count] = the elements from `index` on, as f32 */
static void widen(const struct elementwise_kernels *kernels, const void *data, enum dtype dtype, size_t index,
                  float *to, size_t count)
{
    if (dtype == DTYPE_BF16)
        kernels->widen_bf16((const uint16_t *)at(data, dtype, index), to, count);
    else
        memcpy(to, at(data, dtype, index), count * sizeof *to);
}

/* One row of the padded image: row `row` of the image, or nothing but zeros. */
static void pad_row(const struct conv_job *job, const struct conv_band *band, size_t row, float *to)
{
    size_t floats = job->padded_width * job->channels, left = least(job->pad_left * job->channels, floats);
    if (row < job->pad_top || row - job->pad_top >= job->height) {
        memset(to, 0, floats * sizeof *to);
        return;
    }
    size_t count = least(job->width * job->channels, floats - left);
    memset(to, 0, left * sizeof *to);
    widen(elementwise_kernels(), job->call->image, job->call->dtype,
          (band->image * job->height + row - job->pad_top) * job->width * job->channels, to + left, count);
    memset(to + left + count, 0, (floats - left - count) * sizeof *to);
}

static void pad(const struct conv_job *job, const struct conv_band *band, float *to)
{
    size_t floats = job->padded_width * job->channels, rows = band->rows + job->kernel_height - 1;
    for (size_t r = 0; r < rows; r++)
        pad_row(job, band, band->row + r, to + r * floats);
    memset(to + rows * floats, 0, (CONV_SLACK_PIXELS * job->channels + CONV_SLACK_FLOATS) * sizeof *to);
}

/* The band's part of dz: itself, or widened with zeros after the last channel. */
static const float *take_dz(const struct conv_job *job, const struct room *room, const struct conv_band *band,
                            float *to)
{
    const struct conv_direct *call = job->call;
    size_t first = (band->image * job->out_height + band->row) * job->out_width, channels = job->out_channels;
    size_t pixels = band->rows * job->out_width;
    if (!room->dz_copied)
        return (const float *)call->operand + first * channels;
    const struct elementwise_kernels *kernels = elementwise_kernels();
    if (room->dz_stride == channels) {
        widen(kernels, call->operand, call->dtype, first * channels, to, pixels * channels);
        return to;
    }
    for (size_t p = 0; p < pixels; p++) {
        float *line = to + p * room->dz_stride;
        widen(kernels, call->operand, call->dtype, (first + p) * channels, line, channels);
        memset(line + channels, 0, (room->dz_stride - channels) * sizeof *line);
    }
    return to;
}

static void run_part(const struct conv_kernel *kernel, const struct conv_job *job, const struct room *room,
                     char *workspace, size_t part, size_t parts)
{
    float *sums = (float *)(workspace + room->packed + part * room->thread);
    float *padded = sums + room->sums / sizeof *sums, *dz = padded + room->padded / sizeof *padded;
    void *scratch = dz + room->dz / sizeof *dz;
    bool filters = job->call->pass == CONV_GRADIENT_FILTERS;
    memset(sums, 0, room->sums);
    size_t tasks = job->batch * job->bands;
    for (size_t task = tasks * part / parts; task < tasks * (part + 1) / parts; task++) {
        struct conv_band band = {.image = task / job->bands, .padded = padded, .dz_stride = room->dz_stride};
        band.row = task % job->bands * job->band_rows;
        band.rows = least(job->band_rows, job->out_height - band.row);
        pad(job, &band, padded);
        if (filters) {
            band.dz = take_dz(job, room, &band, dz);
            kernel->gradient_filters(job, &band, sums, scratch);
        } else {
            kernel->forward(job, &band, workspace, scratch);
        }
    }
}

/* The rows [first, last) of dfilters [OC, KH·KW·C] = Σ over the threads of their sums */
static void add_sums(const struct conv_job *job, const struct room *room, const char *workspace, int threads,
                     size_t first, size_t last)
{
    size_t terms = job->kernel_height * job->kernel_width * job->channels;
    float *to = job->call->result;
    const struct elementwise_kernels *kernels = elementwise_kernels();
    if (!conv_is_thin(job)) {
        size_t start = first * terms, count = (last - first) * terms;
        if (count)
            memcpy(to + start, (const float *)workspace + start, count * sizeof *to);
        for (int part = 1; part < threads; part++)
            kernels->add(to + start, (const float *)(workspace + (size_t)part * room->thread) + start, to + start,
                         count);
        return;
    }
    for (size_t o = first; o < last; o++)
        for (size_t term = 0; term < terms; term++) {
            float sum = 0;
            for (int part = 0; part < threads; part++)
                sum += ((const float *)(workspace + (size_t)part * room->thread))[term * conv_thin_stride(job) + o];
            to[o * terms + term] = sum;
        }
}

bool conv_kernel_can(const struct conv_kernel *kernel, const struct conv_direct *conv)
{
    const struct conv_shape *s = &conv->shape;
    if (s->groups != 1 || s->stride_height != 1 || s->stride_width != 1 || s->dilation_height != 1 ||
        s->dilation_width != 1 || (conv->dtype != DTYPE_F32 && conv->dtype != DTYPE_BF16))
        return false;
    if (conv->pass == CONV_GRADIENT_INPUT && (s->pad_top >= s->kernel_height || s->pad_left >= s->kernel_width))
        return false; /* the gradient's own padding would be negative */
    if (!s->kernel_height || !s->kernel_width || !s->channels || !s->out_channels)
        return false;
    struct conv_job job = geometry(conv);
    return kernel->applies(&job);
}

size_t conv_kernel_workspace(const struct conv_kernel *kernel, const struct conv_direct *conv, int threads)
{
    struct conv_job job = cut(conv, threads);
    return room_of(kernel, &job, threads).total;
}

void conv_kernel_run(const struct conv_kernel *kernel, const struct conv_direct *conv, void *workspace, int threads)
{
    const struct conv_job job = cut(conv, threads);
    const struct room room = room_of(kernel, &job, threads);
    const size_t parts = (size_t)threads, blocks = quotient_up(job.out_channels, kernel->wide);
    if (conv->pass != CONV_GRADIENT_FILTERS) {
#pragma omp parallel for num_threads(threads) schedule(static)
        for (size_t block = 0; block < blocks; block++)
            kernel->pack(&job, block, workspace);
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t part = 0; part < parts; part++)
        run_part(kernel, &job, &room, workspace, part, parts);
    if (conv->pass != CONV_GRADIENT_FILTERS)
        return;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t part = 0; part < parts; part++)
        add_sums(&job, &room, workspace, threads, job.out_channels * part / parts,
                 job.out_channels * (part + 1) / parts);
}

static const struct conv_kernel *choose(const struct conv_direct *conv)
{
    const struct conv_kernel *const *kernel = conv_kernels();
    while (*kernel && !conv_kernel_can(*kernel, conv))
        kernel++;
    return *kernel;
}

/* Measured against gemm.h: large filters are better packed once for the pixels of all images than met by every band
 * anew; few result channels leave lanes empty; and what the best unit can't take, gathered patches let it take. */
bool conv_direct_applies(const struct conv_direct *conv)
{
    const struct conv_shape *s = &conv->shape;
    if (s->kernel_height * s->kernel_width <= 1)
        return false;
    const struct conv_kernel *kernel = choose(conv);
    if (!kernel)
        return false;
    struct conv_job job = geometry(conv);
    size_t filters = s->kernel_height * s->kernel_width * s->channels * s->out_channels;
    bool best = kernel == *conv_kernels() || job.channels <= THIN_CHANNELS;
    return best && filters <= FILTERS_MOST && job.out_channels >= CHANNELS_LEAST;
}

size_t conv_direct_workspace(const struct conv_direct *conv, int threads)
{
    return conv_kernel_workspace(choose(conv), conv, threads);
}

void conv_direct_run(const struct conv_direct *conv, void *workspace, int threads)
{
    conv_kernel_run(choose(conv), conv, workspace, threads);
}
