/* The specification of blocked convolution. */
#include "models/kernels/conv_blocked.h"
#include "models/kernels/elementwise.h"

static double sum_at(const struct conv_blocked *conv, const float *filters, size_t width, size_t image, size_t oh,
                     size_t ow)
{
    const struct conv_shape *s = &conv->shape;
    double sum = 0;
    for (size_t kh = 0; kh < s->kernel_height; kh++)
        for (size_t kw = 0; kw < s->kernel_width; kw++) {
            size_t h = oh * s->stride_height + kh * s->dilation_height - s->pad_top;
            size_t w = ow * s->stride_width + kw * s->dilation_width - s->pad_left;
            if (h >= s->height || w >= s->width) /* above and left of the image, too: unsigned */
                continue;
            const float *x = conv->x + ((image * s->height + h) * s->width + w) * s->channels;
            const float *row = filters + (kh * s->kernel_width + kw) * s->channels * width;
            for (size_t c = 0; c < s->channels; c++)
                sum += (double)x[c] * (double)row[c * width];
        }
    return sum;
}

void conv_blocked_reference(const struct conv_blocked *conv)
{
    const struct conv_shape *s = &conv->shape;
    size_t width = conv_block_width(s->out_channels), depth = s->kernel_height * s->kernel_width * s->channels;
    size_t pixels = s->batch * s->out_height * s->out_width;
#pragma omp parallel for schedule(static)
    for (size_t p = 0; p < pixels; p++) {
        size_t image = p / (s->out_height * s->out_width), inside = p % (s->out_height * s->out_width);
        float *y = conv->y + p * s->out_channels;
        for (size_t o = 0; o < s->out_channels; o++) {
            size_t first = o / width * width, own = s->out_channels - first < width ? s->out_channels - first : width;
            double sum = sum_at(conv, conv->filters + first * depth + (o - first), own, image, inside / s->out_width,
                                inside % s->out_width);
            double residual = conv->residual ? (double)conv->residual[p * s->out_channels + o] : 0;
            y[o] = (float)((double)conv->scale[o] * sum + (double)conv->shift[o] + residual);
        }
        if (conv->activation != ACTIVATION_NONE)
            elementwise_kernels_plain.activate(conv->activation, y, y, s->out_channels);
    }
}
