/* What spatial.h's functions do on one thread: each works on the rows [first, last) of its output, where row r is the
 * line r % height of image r / height. spatial.c deals the rows out to threads. */
#ifndef KERNELS_SPATIAL_VARIANTS_H
#define KERNELS_SPATIAL_VARIANTS_H

#include "models/kernels/spatial.h"

struct spatial_kernels {
    const char *name;
    void (*max_pool)(const struct conv_shape *shape, const float *x, float *y, int32_t *index, size_t first,
                     size_t last);
    /* Each input pixel takes what the windows over it give: rows are of dx, and none is written twice. */
    void (*max_pool_gradient)(const struct conv_shape *shape, const float *dy, const int32_t *index, float *dx,
                              size_t first, size_t last);
    void (*average_pool)(const struct conv_shape *shape, bool count_padding, const float *x, float *y, size_t first,
                         size_t last);
    void (*average_pool_gradient)(const struct conv_shape *shape, bool count_padding, const float *dy, float *dx,
                                  size_t first, size_t last);
    void (*conv)(const struct conv_shape *shape, const float *x, const float *filters, const float *bias, float *y,
                 size_t first, size_t last);
    void (*conv_gradient_input)(const struct conv_shape *shape, const float *dy, const float *filters, float *dx,
                                size_t first, size_t last);
    /* Depthwise only: partial [KH·KW, C] += the sums over the output rows [first, last) */
    void (*depthwise_gradient_filters)(const struct conv_shape *shape, const float *x, const float *dy, float *partial,
                                       size_t first, size_t last);
};

/* Convolutions on vectors, in a file of their own beside the variant's table. */
#define SPATIAL_FUNCTIONS(variant)                                                                                     \
    void conv_##variant(const struct conv_shape *, const float *, const float *, const float *, float *, size_t,       \
                        size_t);                                                                                       \
    void conv_gradient_input_##variant(const struct conv_shape *, const float *, const float *, float *, size_t,       \
                                       size_t);                                                                        \
    void depthwise_gradient_filters_##variant(const struct conv_shape *, const float *, const float *, float *,        \
                                              size_t, size_t);

SPATIAL_FUNCTIONS(avx2)
SPATIAL_FUNCTIONS(avx512)
SPATIAL_FUNCTIONS(neon)

extern const struct spatial_kernels spatial_kernels_plain, spatial_kernels_avx2, spatial_kernels_avx512,
    spatial_kernels_neon;

const struct spatial_kernels *spatial_kernels(void);
/* Every variant that this machine can run, fastest first, the plain one last, ended by NULL. */
const struct spatial_kernels *const *spatial_variants(void);

/* The taps [first, last) of a window of `taps`, beginning at `start` (below 0 within padding), that lie inside an
 * image of `size`. */
struct taps {
    size_t first, last;
};

static inline size_t taps_before(size_t distance, size_t dilation)
{
    return dilation == 1 ? distance : (distance + dilation - 1) / dilation;
}

static inline struct taps taps_inside(ptrdiff_t start, size_t taps, size_t dilation, size_t size)
{
    struct taps inside = {start < 0 ? taps_before((size_t)-start, dilation) : 0, taps};
    size_t reach = start < (ptrdiff_t)size ? taps_before((size_t)((ptrdiff_t)size - start), dilation) : 0;
    if (inside.last > reach)
        inside.last = reach;
    if (inside.first > inside.last)
        inside.first = inside.last;
    return inside;
}

/* The input coordinate of a window's first tap */
static inline ptrdiff_t window_start(size_t out, size_t stride, size_t pad)
{
    return (ptrdiff_t)(out * stride) - (ptrdiff_t)pad;
}

/* The output coordinate whose window meets input coordinate `in` with its tap `tap`; false when there is none. */
static inline bool window_over(size_t in, size_t tap, size_t stride, size_t pad, size_t dilation, size_t out_size,
                               size_t *out)
{
    size_t from_start = in + pad, reach = tap * dilation;
    if (from_start < reach || (from_start - reach) % stride)
        return false;
    *out = (from_start - reach) / stride;
    return *out < out_size;
}

/* How many elements an average divides by: the taps inside the image or, with count_padding, inside the padded image,
 * whose right and bottom padding are as the left and top ones, as PyTorch has it. */
static inline size_t average_divisor(const struct conv_shape *s, bool count_padding, size_t oh, size_t ow)
{
    ptrdiff_t h = window_start(oh, s->stride_height, s->pad_top), w = window_start(ow, s->stride_width, s->pad_left);
    size_t height = s->height, width = s->width;
    if (count_padding) {
        h += (ptrdiff_t)s->pad_top, height += 2 * s->pad_top;
        w += (ptrdiff_t)s->pad_left, width += 2 * s->pad_left;
    }
    struct taps down = taps_inside(h, s->kernel_height, s->dilation_height, height);
    struct taps across = taps_inside(w, s->kernel_width, s->dilation_width, width);
    return (down.last - down.first) * (across.last - across.first);
}

static inline bool is_depthwise(const struct conv_shape *s)
{
    return s->groups == s->channels && s->out_channels == s->channels;
}

/* The channels of the pixel at (row, column); rows are counted over all images. */
static inline const float *pixel(const float *images, size_t width, size_t channels, size_t row, size_t column)
{
    return images + (row * width + column) * channels;
}

#endif
