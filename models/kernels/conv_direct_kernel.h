/* What conv_direct.c, which walks over bands of rows, and the kernels, which compute one band, agree on.
 *
 * Forward and the gradient with respect to the input are the same walk: an image is padded and multiplied with filters
 * packed for that direction. Kernels see f32 only: bands are widened as they are padded. */
#ifndef KERNELS_CONV_DIRECT_KERNEL_H
#define KERNELS_CONV_DIRECT_KERNEL_H

#include "models/kernels/conv_direct.h"

struct conv_job {
    const struct conv_direct *call;
    size_t batch, height, width, channels;      /* of the image that is padded */
    size_t out_height, out_width, out_channels; /* of what the windows give: y, dx; gradient_filters: dz */
    size_t kernel_height, kernel_width, pad_top, pad_left;
    size_t padded_width;     /* out_width + kernel_width − 1 */
    size_t band_rows, bands; /* output rows in a band, bands in an image */
};

/* Output rows [row, row + rows) of an image, and the padded rows above, within and below them. */
struct conv_band {
    size_t image, row, rows;
    const float *padded; /* [rows + KH − 1, padded_width, channels], then CONV_SLACK pixels and floats of zeros */
    const float *dz;     /* gradient_filters: [rows · out_width, dz_stride] */
    size_t dz_stride;
};

/* Zeros behind a band: tiles read that many pixels and lanes beyond its end, and ignore what comes of it. */
enum { CONV_SLACK_PIXELS = 64, CONV_SLACK_FLOATS = 64 };

struct conv_kernel {
    const char *name;
    unsigned isa;
    size_t wide; /* result channels in a block of packed filters */
    bool (*applies)(const struct conv_job *job);
    size_t (*packed_bytes)(const struct conv_job *job);
    /* Packs block `block` of round_up(out_channels, wide) / wide. */
    void (*pack)(const struct conv_job *job, size_t block, void *packed);
    size_t (*scratch_bytes)(const struct conv_job *job); /* of one thread */
    void (*forward)(const struct conv_job *job, const struct conv_band *band, const void *packed, void *scratch);
    /* sums += the band's part of the gradient: [OC, KH·KW·C], or when conv_is_thin [KH·KW·C, conv_thin_stride] */
    void (*gradient_filters)(const struct conv_job *job, const struct conv_band *band, float *sums, void *scratch);
};

/* Every kernel that this machine can run, best first, ended by NULL. */
const struct conv_kernel *const *conv_kernels(void);
size_t conv_kernel_workspace(const struct conv_kernel *kernel, const struct conv_direct *conv, int threads);
void conv_kernel_run(const struct conv_kernel *kernel, const struct conv_direct *conv, void *workspace, int threads);
/* Whether the kernel computes it right, be it fast or not. */
bool conv_kernel_can(const struct conv_kernel *kernel, const struct conv_direct *conv);

static inline size_t conv_round_up(size_t count, size_t multiple)
{
    return (count + multiple - 1) / multiple * multiple;
}

static inline size_t conv_align(size_t bytes)
{
    return conv_round_up(bytes, 64);
}

/* Few channels: a window's row is short, so the filters' gradient takes it for the short side of its tiles. */
static inline bool conv_is_thin(const struct conv_job *job)
{
    return job->kernel_width * job->channels <= 14;
}

static inline size_t conv_thin_stride(const struct conv_job *job)
{
    return conv_round_up(job->out_channels, 32);
}

/* Element (tap, from, to) of the filters in the direction of the pass; the gradient's taps are turned around. */
static inline size_t conv_filter_at(const struct conv_job *job, size_t tap, size_t from, size_t to)
{
    size_t taps = job->kernel_height * job->kernel_width;
    return job->call->pass == CONV_GRADIENT_INPUT ? (from * taps + taps - 1 - tap) * job->out_channels + to
                                                  : (to * taps + tap) * job->channels + from;
}

#endif
