/* Deals the rows of images out to threads and picks the variant that works on them; see spatial.h. */
#include <string.h>

#include "models/kernels/elementwise.h"
#include "models/kernels/spatial_variants.h"
#include "models/kernels/variant_table.h"

VARIANT_TABLE(VECTOR, spatial_kernels, spatial, spatial_kernels_)

/* The part of `count` that is thread `part` of `parts`'s. */
static void share(size_t count, int part, int parts, size_t *first, size_t *last)
{
    *first = count * (size_t)part / (size_t)parts;
    *last = count * (size_t)(part + 1) / (size_t)parts;
}

void max_pool_run(const struct conv_shape *shape, const float *x, float *y, int32_t *index, int threads)
{
    const struct spatial_kernels *kernels = spatial_kernels();
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++) {
        size_t first, last;
        share(shape->batch * shape->out_height, part, threads, &first, &last);
        kernels->max_pool(shape, x, y, index, first, last);
    }
}

void max_pool_gradient_run(const struct conv_shape *shape, const float *dy, const int32_t *index, float *dx,
                           int threads)
{
    const struct spatial_kernels *kernels = spatial_kernels();
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++) {
        size_t first, last;
        share(shape->batch * shape->height, part, threads, &first, &last);
        kernels->max_pool_gradient(shape, dy, index, dx, first, last);
    }
}

void average_pool_run(const struct conv_shape *shape, bool count_padding, const float *x, float *y, int threads)
{
    const struct spatial_kernels *kernels = spatial_kernels();
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++) {
        size_t first, last;
        share(shape->batch * shape->out_height, part, threads, &first, &last);
        kernels->average_pool(shape, count_padding, x, y, first, last);
    }
}

void average_pool_gradient_run(const struct conv_shape *shape, bool count_padding, const float *dy, float *dx,
                               int threads)
{
    const struct spatial_kernels *kernels = spatial_kernels();
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++) {
        size_t first, last;
        share(shape->batch * shape->height, part, threads, &first, &last);
        kernels->average_pool_gradient(shape, count_padding, dy, dx, first, last);
    }
}

void grouped_conv_run(const struct conv_shape *shape, const float *x, const float *filters, const float *bias,
                      enum activation activation, float *y, int threads)
{
    const struct spatial_kernels *kernels = spatial_kernels();
    const struct elementwise_kernels *elementwise = elementwise_kernels();
    const size_t row = shape->out_width * shape->out_channels;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++) {
        size_t first, last;
        share(shape->batch * shape->out_height, part, threads, &first, &last);
        kernels->conv(shape, x, filters, bias, y, first, last);
        if (activation != ACTIVATION_NONE)
            elementwise->activate(activation, y + first * row, y + first * row, (last - first) * row);
    }
}

void grouped_conv_gradient_input_run(const struct conv_shape *shape, const float *dy, const float *filters, float *dx,
                                     int threads)
{
    const struct spatial_kernels *kernels = spatial_kernels();
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++) {
        size_t first, last;
        share(shape->batch * shape->height, part, threads, &first, &last);
        kernels->conv_gradient_input(shape, dy, filters, dx, first, last);
    }
}

/* Floats of one thread's sums, a whole number of cache lines so that threads don't share one */
static size_t partial_floats(const struct conv_shape *shape)
{
    return (shape->kernel_height * shape->kernel_width * shape->channels + 15) / 16 * 16;
}

size_t grouped_conv_gradient_workspace(const struct conv_shape *shape, int threads)
{
    return is_depthwise(shape) ? partial_floats(shape) * (size_t)threads * sizeof(float) : 0;
}

/* dfilters[c,tap] = Σ over the threads of partial[tap,c] */
static void gather_partials(const struct conv_shape *shape, const float *partials, float *dfilters, int threads)
{
    const size_t taps = shape->kernel_height * shape->kernel_width;
    for (size_t tap = 0; tap < taps; tap++)
        for (size_t c = 0; c < shape->channels; c++) {
            float sum = 0;
            for (size_t part = 0; part < (size_t)threads; part++)
                sum += partials[part * partial_floats(shape) + tap * shape->channels + c];
            dfilters[c * taps + tap] = sum;
        }
}

/* One output channel's filter, every sum on its own: right for any number of groups. */
static void gradient_of_filter(const struct conv_shape *s, const float *x, const float *dy, float *dfilters, size_t oc)
{
    const size_t depth = s->channels / s->groups, group = oc / (s->out_channels / s->groups);
    for (size_t kh = 0; kh < s->kernel_height; kh++)
        for (size_t kw = 0; kw < s->kernel_width; kw++)
            for (size_t d = 0; d < depth; d++) {
                double sum = 0;
                for (size_t r = 0; r < s->batch * s->out_height; r++) {
                    ptrdiff_t h = window_start(r % s->out_height, s->stride_height, s->pad_top) +
                                  (ptrdiff_t)(kh * s->dilation_height);
                    if (h < 0 || h >= (ptrdiff_t)s->height)
                        continue;
                    const size_t line = r / s->out_height * s->height + (size_t)h;
                    for (size_t ow = 0; ow < s->out_width; ow++) {
                        ptrdiff_t w =
                            window_start(ow, s->stride_width, s->pad_left) + (ptrdiff_t)(kw * s->dilation_width);
                        if (w >= 0 && w < (ptrdiff_t)s->width)
                            sum += (double)pixel(dy, s->out_width, s->out_channels, r, ow)[oc] *
                                   pixel(x, s->width, s->channels, line, (size_t)w)[group * depth + d];
                    }
                }
                dfilters[((oc * s->kernel_height + kh) * s->kernel_width + kw) * depth + d] = (float)sum;
            }
}

void grouped_conv_gradient_filters_run(const struct conv_shape *shape, const float *x, const float *dy, float *dfilters,
                                       void *workspace, int threads)
{
    if (!is_depthwise(shape)) {
#pragma omp parallel for num_threads(threads) schedule(static)
        for (size_t oc = 0; oc < shape->out_channels; oc++)
            gradient_of_filter(shape, x, dy, dfilters, oc);
        return;
    }
    const struct spatial_kernels *kernels = spatial_kernels();
    float *partials = workspace;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++) {
        float *partial = partials + (size_t)part * partial_floats(shape);
        memset(partial, 0, partial_floats(shape) * sizeof *partial);
        size_t first, last;
        share(shape->batch * shape->out_height, part, threads, &first, &last);
        kernels->depthwise_gradient_filters(shape, x, dy, partial, first, last);
    }
    gather_partials(shape, partials, dfilters, threads);
}
