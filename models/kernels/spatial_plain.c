/* The specification of spatial.h in plain C: every window walked on its own, sums in double precision. */
#include <math.h>

#include "models/kernels/spatial_variants.h"

/* Where tap (kh,kw) of the window of output (r, ow) lies: the line of x counted over all images, and the column */
static bool tap_inside(const struct conv_shape *s, size_t r, size_t ow, size_t kh, size_t kw, size_t *line,
                       size_t *column)
{
    ptrdiff_t h = window_start(r % s->out_height, s->stride_height, s->pad_top) + (ptrdiff_t)(kh * s->dilation_height);
    ptrdiff_t w = window_start(ow, s->stride_width, s->pad_left) + (ptrdiff_t)(kw * s->dilation_width);
    if (h < 0 || h >= (ptrdiff_t)s->height || w < 0 || w >= (ptrdiff_t)s->width)
        return false;
    *line = r / s->out_height * s->height + (size_t)h;
    *column = (size_t)w;
    return true;
}

static void max_pool(const struct conv_shape *s, const float *x, float *y, int32_t *index, size_t first, size_t last)
{
    size_t line, column;
    for (size_t r = first; r < last; r++)
        for (size_t ow = 0; ow < s->out_width; ow++)
            for (size_t c = 0; c < s->channels; c++) {
                float best = -INFINITY;
                int32_t winner = -1;
                for (size_t kh = 0; kh < s->kernel_height; kh++)
                    for (size_t kw = 0; kw < s->kernel_width; kw++) {
                        if (!tap_inside(s, r, ow, kh, kw, &line, &column))
                            continue;
                        float value = pixel(x, s->width, s->channels, line, column)[c];
                        if (winner < 0 || value > best || isnan(value)) {
                            best = value;
                            winner = (int32_t)(line % s->height * s->width + column);
                        }
                    }
                y[(r * s->out_width + ow) * s->channels + c] = best;
                if (index)
                    index[(r * s->out_width + ow) * s->channels + c] = winner;
            }
}

/* Σ over the windows that meet input pixel (line, w): of dy where the pixel won, or of dy / divisor */
static float pool_gradient(const struct conv_shape *s, const float *dy, const int32_t *index, bool count_padding,
                           size_t line, size_t w, size_t c)
{
    double sum = 0;
    size_t oh, ow, h = line % s->height;
    for (size_t kh = 0; kh < s->kernel_height; kh++)
        for (size_t kw = 0; kw < s->kernel_width; kw++) {
            if (!window_over(h, kh, s->stride_height, s->pad_top, s->dilation_height, s->out_height, &oh) ||
                !window_over(w, kw, s->stride_width, s->pad_left, s->dilation_width, s->out_width, &ow))
                continue;
            size_t at = ((line / s->height * s->out_height + oh) * s->out_width + ow) * s->channels + c;
            if (!index)
                sum += (double)dy[at] / (double)average_divisor(s, count_padding, oh, ow);
            else if (index[at] == (int32_t)(h * s->width + w))
                sum += dy[at];
        }
    return (float)sum;
}

static void max_pool_gradient(const struct conv_shape *s, const float *dy, const int32_t *index, float *dx,
                              size_t first, size_t last)
{
    for (size_t line = first; line < last; line++)
        for (size_t w = 0; w < s->width; w++)
            for (size_t c = 0; c < s->channels; c++)
                dx[(line * s->width + w) * s->channels + c] = pool_gradient(s, dy, index, false, line, w, c);
}

static void average_pool(const struct conv_shape *s, bool count_padding, const float *x, float *y, size_t first,
                         size_t last)
{
    size_t line, column;
    for (size_t r = first; r < last; r++)
        for (size_t ow = 0; ow < s->out_width; ow++) {
            double divisor = (double)average_divisor(s, count_padding, r % s->out_height, ow);
            for (size_t c = 0; c < s->channels; c++) {
                double sum = 0;
                for (size_t kh = 0; kh < s->kernel_height; kh++)
                    for (size_t kw = 0; kw < s->kernel_width; kw++)
                        if (tap_inside(s, r, ow, kh, kw, &line, &column))
                            sum += pixel(x, s->width, s->channels, line, column)[c];
                y[(r * s->out_width + ow) * s->channels + c] = (float)(sum / divisor);
            }
        }
}

static void average_pool_gradient(const struct conv_shape *s, bool count_padding, const float *dy, float *dx,
                                  size_t first, size_t last)
{
    for (size_t line = first; line < last; line++)
        for (size_t w = 0; w < s->width; w++)
            for (size_t c = 0; c < s->channels; c++)
                dx[(line * s->width + w) * s->channels + c] = pool_gradient(s, dy, NULL, count_padding, line, w, c);
}

static void conv(const struct conv_shape *s, const float *x, const float *filters, const float *bias, float *y,
                 size_t first, size_t last)
{
    const size_t depth = s->channels / s->groups, width_of_group = s->out_channels / s->groups;
    size_t line, column;
    for (size_t r = first; r < last; r++)
        for (size_t ow = 0; ow < s->out_width; ow++)
            for (size_t oc = 0; oc < s->out_channels; oc++) {
                double sum = bias ? bias[oc] : 0;
                for (size_t kh = 0; kh < s->kernel_height; kh++)
                    for (size_t kw = 0; kw < s->kernel_width; kw++) {
                        if (!tap_inside(s, r, ow, kh, kw, &line, &column))
                            continue;
                        const float *in = pixel(x, s->width, s->channels, line, column) + oc / width_of_group * depth;
                        const float *filter = filters + ((oc * s->kernel_height + kh) * s->kernel_width + kw) * depth;
                        for (size_t d = 0; d < depth; d++)
                            sum += (double)in[d] * filter[d];
                    }
                y[(r * s->out_width + ow) * s->out_channels + oc] = (float)sum;
            }
}

static void conv_gradient_input(const struct conv_shape *s, const float *dy, const float *filters, float *dx,
                                size_t first, size_t last)
{
    const size_t depth = s->channels / s->groups, width_of_group = s->out_channels / s->groups;
    size_t oh, ow;
    for (size_t line = first; line < last; line++)
        for (size_t w = 0; w < s->width; w++)
            for (size_t c = 0; c < s->channels; c++) {
                double sum = 0;
                for (size_t kh = 0; kh < s->kernel_height; kh++)
                    for (size_t kw = 0; kw < s->kernel_width; kw++) {
                        if (!window_over(line % s->height, kh, s->stride_height, s->pad_top, s->dilation_height,
                                         s->out_height, &oh) ||
                            !window_over(w, kw, s->stride_width, s->pad_left, s->dilation_width, s->out_width, &ow))
                            continue;
                        const size_t r = line / s->height * s->out_height + oh, from = c / depth * width_of_group;
                        const float *out = pixel(dy, s->out_width, s->out_channels, r, ow);
                        for (size_t oc = from; oc < from + width_of_group; oc++)
                            sum += (double)out[oc] *
                                   filters[((oc * s->kernel_height + kh) * s->kernel_width + kw) * depth + c % depth];
                    }
                dx[(line * s->width + w) * s->channels + c] = (float)sum;
            }
}

static void depthwise_gradient_filters(const struct conv_shape *s, const float *x, const float *dy, float *partial,
                                       size_t first, size_t last)
{
    size_t line, column;
    for (size_t kh = 0; kh < s->kernel_height; kh++)
        for (size_t kw = 0; kw < s->kernel_width; kw++)
            for (size_t c = 0; c < s->channels; c++) {
                double sum = 0;
                for (size_t r = first; r < last; r++)
                    for (size_t ow = 0; ow < s->out_width; ow++)
                        if (tap_inside(s, r, ow, kh, kw, &line, &column))
                            sum += (double)pixel(dy, s->out_width, s->channels, r, ow)[c] *
                                   pixel(x, s->width, s->channels, line, column)[c];
                partial[(kh * s->kernel_width + kw) * s->channels + c] += (float)sum;
            }
}

const struct spatial_kernels spatial_kernels_plain = {
    .name = "plain",
    .max_pool = max_pool,
    .max_pool_gradient = max_pool_gradient,
    .average_pool = average_pool,
    .average_pool_gradient = average_pool_gradient,
    .conv = conv,
    .conv_gradient_input = conv_gradient_input,
    .depthwise_gradient_filters = depthwise_gradient_filters,
};
