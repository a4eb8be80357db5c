/* Depthwise convolution and its gradients on vectors of channels; built once for each instruction set. See spatial.h.
 *
 * Filters come as [C,KH,KW]: a chunk of channels' worth is first turned to [KH·KW,C] on the stack, so that a vector of
 * channels finds its weights side by side. TILE neighbouring outputs are summed in registers at once: a weight is
 * loaded once for all of them, and where stride and kernel are known to the compiler (3×3, the commonest by far) so is
 * an input pixel that several of them share. Shapes that are not depthwise go to the plain variant. */
#include "models/kernels/spatial_variants.h"
#include "models/kernels/vector.h"

enum { TILE = 8, WEIGHTS = 16384 /* 64 KiB of stack */ };

struct turned {
    float weights[WEIGHTS] __attribute__((aligned(64)));
    size_t channels; /* of the chunk: the row stride */
};

/* How many channels fit a chunk; 0 when not even a vector does. */
static size_t chunk_channels(const struct conv_shape *s)
{
    size_t fit = WEIGHTS / (s->kernel_height * s->kernel_width) / VECTOR_LANES * VECTOR_LANES;
    return fit < s->channels ? fit : s->channels;
}

static void turn_filters(const struct conv_shape *s, const float *filters, size_t from, size_t count, bool flipped,
                         struct turned *turned)
{
    const size_t taps = s->kernel_height * s->kernel_width;
    turned->channels = count;
    for (size_t tap = 0; tap < taps; tap++)
        for (size_t c = 0; c < count; c++)
            turned->weights[(flipped ? taps - 1 - tap : tap) * count + c] = filters[(from + c) * taps + tap];
}

/* One output line's work for one vector of channels */
struct line {
    const struct conv_shape *shape;
    const float *x;       /* the image, at the vector's first channel */
    const float *weights; /* tap (0,0), at the vector's first channel */
    size_t weight_stride; /* from one tap to the next */
    float *y;             /* the line, at the vector's first channel */
    vector bias;
    ptrdiff_t top;
    struct taps down;
    size_t n; /* channels: a whole vector's, or what is left */
};

/* `count` outputs from ow on, of which every tap across lies inside; the sizes are arguments so that constants reach
 * the loops. */
VECTOR_INLINE void conv_tile(const struct line *line, size_t ow, size_t count, size_t kernel_width, size_t stride,
                             size_t dilation, size_t n)
{
    const struct conv_shape *s = line->shape;
    const size_t channels = s->channels, left = ow * stride - s->pad_left;
    vector sum[TILE];
    for (size_t t = 0; t < count; t++)
        sum[t] = line->bias;
    for (size_t kh = line->down.first; kh < line->down.last; kh++) {
        const size_t h = (size_t)(line->top + (ptrdiff_t)(kh * s->dilation_height));
        const float *in = pixel(line->x, s->width, channels, h, left);
        const float *weights = line->weights + kh * kernel_width * line->weight_stride;
        for (size_t kw = 0; kw < kernel_width; kw++) {
            const vector weight = vector_load_up_to(weights + kw * line->weight_stride, n);
            for (size_t t = 0; t < count; t++) {
                vector value = vector_load_up_to(in + (t * stride + kw * dilation) * channels, n);
                sum[t] = vector_fma(weight, value, sum[t]);
            }
        }
    }
    for (size_t t = 0; t < count; t++)
        vector_store_up_to(line->y + (ow + t) * channels, sum[t], n);
}

/* One output where the window may hang over the image's edge */
VECTOR_INLINE void conv_edge(const struct line *line, size_t ow)
{
    const struct conv_shape *s = line->shape;
    const ptrdiff_t left = window_start(ow, s->stride_width, s->pad_left);
    const struct taps across = taps_inside(left, s->kernel_width, s->dilation_width, s->width);
    vector sum = line->bias;
    for (size_t kh = line->down.first; kh < line->down.last; kh++)
        for (size_t kw = across.first; kw < across.last; kw++) {
            const size_t h = (size_t)(line->top + (ptrdiff_t)(kh * s->dilation_height));
            const size_t w = (size_t)(left + (ptrdiff_t)(kw * s->dilation_width));
            const float *weight = line->weights + (kh * s->kernel_width + kw) * line->weight_stride;
            vector value = vector_load_up_to(pixel(line->x, s->width, s->channels, h, w), line->n);
            sum = vector_fma(vector_load_up_to(weight, line->n), value, sum);
        }
    vector_store_up_to(line->y + ow * s->channels, sum, line->n);
}

/* The outputs of a line whose windows lie inside the image across */
static void interior(const struct conv_shape *s, size_t *from, size_t *to)
{
    const size_t reach = (s->kernel_width - 1) * s->dilation_width;
    *from = (s->pad_left + s->stride_width - 1) / s->stride_width;
    *to = s->width + s->pad_left > reach ? (s->width + s->pad_left - reach - 1) / s->stride_width + 1 : 0;
    if (*to > s->out_width)
        *to = s->out_width;
    if (*from > *to)
        *from = *to;
}

VECTOR_INLINE void conv_line_with(const struct line *line, size_t from, size_t to, size_t kernel_width, size_t stride,
                                  size_t dilation, size_t n)
{
    size_t ow = 0;
    for (; ow < from; ow++)
        conv_edge(line, ow);
    for (; ow + TILE <= to; ow += TILE)
        conv_tile(line, ow, TILE, kernel_width, stride, dilation, n);
    for (; ow < to; ow++)
        conv_tile(line, ow, 1, kernel_width, stride, dilation, n);
    for (; ow < line->shape->out_width; ow++)
        conv_edge(line, ow);
}

static void conv_line(const struct line *line, size_t from, size_t to)
{
    const struct conv_shape *s = line->shape;
    if (line->n < VECTOR_LANES)
        conv_line_with(line, from, to, s->kernel_width, s->stride_width, s->dilation_width, line->n);
    else if (s->kernel_width == 3 && s->stride_width == 1 && s->dilation_width == 1)
        conv_line_with(line, from, to, 3, 1, 1, VECTOR_LANES);
    else if (s->kernel_width == 3 && s->stride_width == 2 && s->dilation_width == 1)
        conv_line_with(line, from, to, 3, 2, 1, VECTOR_LANES);
    else if (s->kernel_width == 5 && s->stride_width == 1 && s->dilation_width == 1)
        conv_line_with(line, from, to, 5, 1, 1, VECTOR_LANES);
    else
        conv_line_with(line, from, to, s->kernel_width, s->stride_width, s->dilation_width, VECTOR_LANES);
}

static void depthwise(const struct conv_shape *s, const float *x, const float *filters, bool flipped, const float *bias,
                      float *y, size_t first, size_t last)
{
    struct turned turned;
    const size_t chunk = chunk_channels(s);
    size_t from, to;
    interior(s, &from, &to);
    for (size_t start = 0; start < s->channels; start += chunk) {
        size_t count = s->channels - start < chunk ? s->channels - start : chunk;
        turn_filters(s, filters, start, count, flipped, &turned);
        for (size_t r = first; r < last; r++)
            for (size_t c = 0; c < count; c += VECTOR_LANES) {
                size_t n = vector_take(count - c);
                struct line line = {.shape = s, .weights = turned.weights + c, .weight_stride = count, .n = n};
                line.x = pixel(x, s->width, s->channels, r / s->out_height * s->height, 0) + start + c;
                line.y = y + r * s->out_width * s->channels + start + c;
                line.bias = bias ? vector_load_up_to(bias + start + c, n) : vector_zero();
                line.top = window_start(r % s->out_height, s->stride_height, s->pad_top);
                line.down = taps_inside(line.top, s->kernel_height, s->dilation_height, s->height);
                conv_line(&line, from, to);
            }
    }
}

void VECTOR_NAME(conv)(const struct conv_shape *s, const float *x, const float *filters, const float *bias, float *y,
                       size_t first, size_t last)
{
    if (is_depthwise(s) && chunk_channels(s) > 0)
        depthwise(s, x, filters, false, bias, y, first, last);
    else
        spatial_kernels_plain.conv(s, x, filters, bias, y, first, last);
}

/* dx[w] += dy · weight for the pixels of a line that output pixel (oh, ow) touches with its taps kh */
static void spread_line(const struct conv_shape *s, const float *dy, const float *weights, size_t weight_stride,
                        float *dx, size_t count)
{
    for (size_t ow = 0; ow < s->out_width; ow++) {
        const ptrdiff_t left = window_start(ow, s->stride_width, s->pad_left);
        const struct taps across = taps_inside(left, s->kernel_width, s->dilation_width, s->width);
        for (size_t kw = across.first; kw < across.last; kw++) {
            float *to = dx + (size_t)(left + (ptrdiff_t)(kw * s->dilation_width)) * s->channels;
            const float *weight = weights + kw * weight_stride, *from = dy + ow * s->channels;
            for (size_t c = 0; c < count; c += VECTOR_LANES) {
                vector old = vector_load_up_to(to + c, count - c);
                vector given = vector_load_up_to(from + c, count - c);
                vector sum = vector_fma(vector_load_up_to(weight + c, count - c), given, old);
                vector_store_up_to(to + c, sum, count - c);
            }
        }
    }
}

static void spread(const struct conv_shape *s, const float *dy, const float *filters, float *dx, size_t first,
                   size_t last)
{
    struct turned turned;
    const size_t chunk = chunk_channels(s);
    memset(dx + first * s->width * s->channels, 0, (last - first) * s->width * s->channels * sizeof *dx);
    for (size_t start = 0; start < s->channels; start += chunk) {
        size_t count = s->channels - start < chunk ? s->channels - start : chunk;
        turn_filters(s, filters, start, count, false, &turned);
        for (size_t l = first; l < last; l++)
            for (size_t kh = 0; kh < s->kernel_height; kh++) {
                size_t oh;
                if (!window_over(l % s->height, kh, s->stride_height, s->pad_top, s->dilation_height, s->out_height,
                                 &oh))
                    continue;
                const float *from = pixel(dy, s->out_width, s->channels, l / s->height * s->out_height + oh, 0);
                spread_line(s, from + start, turned.weights + kh * s->kernel_width * count, count,
                            dx + l * s->width * s->channels + start, count);
            }
    }
}

void VECTOR_NAME(conv_gradient_input)(const struct conv_shape *s, const float *dy, const float *filters, float *dx,
                                      size_t first, size_t last)
{
    const size_t reach_height = (s->kernel_height - 1) * s->dilation_height;
    const size_t reach_width = (s->kernel_width - 1) * s->dilation_width;
    if (!is_depthwise(s) || chunk_channels(s) == 0) {
        spatial_kernels_plain.conv_gradient_input(s, dy, filters, dx, first, last);
    } else if (s->stride_height == 1 && s->stride_width == 1 && s->pad_top <= reach_height &&
               s->pad_left <= reach_width) {
        /* With stride 1 it is a convolution itself: of dy, with the filters turned about and the rest of the padding.
         */
        struct conv_shape back = *s;
        back.height = s->out_height, back.width = s->out_width;
        back.out_height = s->height, back.out_width = s->width;
        back.pad_top = reach_height - s->pad_top, back.pad_left = reach_width - s->pad_left;
        depthwise(&back, dy, filters, true, NULL, dx, first, last);
    } else {
        spread(s, dy, filters, dx, first, last);
    }
}

/* Adds an output line's products with the pixels below taps kh · (first_kw ..) for one vector of channels. */
VECTOR_INLINE void gradient_taps(const struct conv_shape *s, const float *x, const float *dy, float *partial,
                                 size_t from, size_t to, size_t count, size_t stride, size_t dilation, size_t n)
{
    vector sum[TILE];
    for (size_t k = 0; k < count; k++)
        sum[k] = vector_zero();
    for (size_t ow = from; ow < to; ow++) {
        const vector given = vector_load_up_to(dy + ow * s->channels, n);
        const float *in = x + (ow * stride - s->pad_left) * s->channels;
        for (size_t k = 0; k < count; k++)
            sum[k] = vector_fma(given, vector_load_up_to(in + k * dilation * s->channels, n), sum[k]);
    }
    for (size_t k = 0; k < count; k++) {
        float *at = partial + k * s->channels;
        vector_store_up_to(at, vector_load_up_to(at, n) + sum[k], n);
    }
}

static void gradient_edge(const struct conv_shape *s, const float *x, const float *dy, float *partial, size_t ow,
                          size_t n)
{
    const ptrdiff_t left = window_start(ow, s->stride_width, s->pad_left);
    const struct taps across = taps_inside(left, s->kernel_width, s->dilation_width, s->width);
    const vector given = vector_load_up_to(dy + ow * s->channels, n);
    for (size_t kw = across.first; kw < across.last; kw++) {
        const float *in = x + (size_t)(left + (ptrdiff_t)(kw * s->dilation_width)) * s->channels;
        float *at = partial + kw * s->channels;
        vector_store_up_to(at, vector_fma(given, vector_load_up_to(in, n), vector_load_up_to(at, n)), n);
    }
}

/* One line of x against one line of dy, for one vector of channels: taps (kh, 0 ..) */
static void gradient_line(const struct conv_shape *s, const float *x, const float *dy, float *partial, size_t from,
                          size_t to, size_t n)
{
    for (size_t ow = 0; ow < from; ow++)
        gradient_edge(s, x, dy, partial, ow, n);
    for (size_t ow = to; ow < s->out_width; ow++)
        gradient_edge(s, x, dy, partial, ow, n);
    if (n == VECTOR_LANES && s->kernel_width == 3 && s->dilation_width == 1) {
        gradient_taps(s, x, dy, partial, from, to, 3, s->stride_width, 1, VECTOR_LANES);
        return;
    }
    for (size_t kw = 0; kw < s->kernel_width; kw += TILE) {
        size_t count = s->kernel_width - kw < TILE ? s->kernel_width - kw : TILE;
        gradient_taps(s, x + kw * s->dilation_width * s->channels, dy, partial + kw * s->channels, from, to, count,
                      s->stride_width, s->dilation_width, n);
    }
}

void VECTOR_NAME(depthwise_gradient_filters)(const struct conv_shape *s, const float *x, const float *dy,
                                             float *partial, size_t first, size_t last)
{
    size_t from, to;
    interior(s, &from, &to);
    for (size_t r = first; r < last; r++) {
        const ptrdiff_t top = window_start(r % s->out_height, s->stride_height, s->pad_top);
        const struct taps down = taps_inside(top, s->kernel_height, s->dilation_height, s->height);
        for (size_t c = 0; c < s->channels; c += VECTOR_LANES)
            for (size_t kh = down.first; kh < down.last; kh++) {
                size_t line = r / s->out_height * s->height + (size_t)(top + (ptrdiff_t)(kh * s->dilation_height));
                gradient_line(s, pixel(x, s->width, s->channels, line, 0) + c, dy + r * s->out_width * s->channels + c,
                              partial + kh * s->kernel_width * s->channels + c, from, to, vector_take(s->channels - c));
            }
    }
}
