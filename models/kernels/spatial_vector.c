/* Pooling on vectors of channels, and the table of this variant's image kernels; built once for each instruction set.
 * See spatial.h for what they do, spatial_variants.h for how rows are dealt out. */
#include "models/kernels/spatial_variants.h"
#include "models/kernels/vector.h"

/* A window inside the image: its taps and where the first possible one lies, which may be outside. */
struct window {
    struct taps down, across;
    ptrdiff_t top, left; /* of tap (0,0) */
    size_t image_line;   /* the image's first line, counted over all images */
};

static inline struct window window_of(const struct conv_shape *s, size_t r, size_t ow)
{
    struct window w = {.top = window_start(r % s->out_height, s->stride_height, s->pad_top),
                       .left = window_start(ow, s->stride_width, s->pad_left),
                       .image_line = r / s->out_height * s->height};
    w.down = taps_inside(w.top, s->kernel_height, s->dilation_height, s->height);
    w.across = taps_inside(w.left, s->kernel_width, s->dilation_width, s->width);
    return w;
}

static inline size_t line_of(const struct conv_shape *s, const struct window *w, size_t kh)
{
    return (size_t)(w->top + (ptrdiff_t)(kh * s->dilation_height));
}

static inline size_t column_of(const struct conv_shape *s, const struct window *w, size_t kw)
{
    return (size_t)(w->left + (ptrdiff_t)(kw * s->dilation_width));
}

VECTOR_INLINE vector load_tap(const struct conv_shape *s, const struct window *w, const float *x, size_t kh, size_t kw,
                              size_t c, size_t n)
{
    size_t line = w->image_line + line_of(s, w, kh);
    return vector_load_up_to(pixel(x, s->width, s->channels, line, column_of(s, w, kw)) + c, n);
}

VECTOR_INLINE void max_of_window(const struct conv_shape *s, const struct window *w, const float *x, float *y,
                                 int32_t *index, size_t c, size_t n)
{
    vector best = vector_set(-INFINITY);
    vector_int winner = vector_int_set(-1);
    if (w->down.first < w->down.last && w->across.first < w->across.last)
        winner = vector_int_set((int32_t)(line_of(s, w, w->down.first) * s->width + column_of(s, w, w->across.first)));
    for (size_t kh = w->down.first; kh < w->down.last; kh++)
        for (size_t kw = w->across.first; kw < w->across.last; kw++) {
            vector value = load_tap(s, w, x, kh, kw, c, n);
            vector_mask better = vector_above_or_nan(value, best);
            int32_t here = (int32_t)(line_of(s, w, kh) * s->width + column_of(s, w, kw));
            best = vector_select(better, value, best);
            winner = vector_int_select(better, vector_int_set(here), winner);
        }
    vector_store_up_to(y + c, best, n);
    if (index)
        vector_int_store_first(index + c, winner, vector_take(n));
}

static void max_pool(const struct conv_shape *s, const float *x, float *y, int32_t *index, size_t first, size_t last)
{
    for (size_t r = first; r < last; r++)
        for (size_t ow = 0; ow < s->out_width; ow++) {
            const struct window w = window_of(s, r, ow);
            size_t at = (r * s->out_width + ow) * s->channels, c = 0;
            int32_t *winners = index ? index + at : NULL;
            for (; c + VECTOR_LANES <= s->channels; c += VECTOR_LANES)
                max_of_window(s, &w, x, y + at, winners, c, VECTOR_LANES);
            if (c < s->channels)
                max_of_window(s, &w, x, y + at, winners, c, s->channels - c);
        }
}

static void average_pool(const struct conv_shape *s, bool count_padding, const float *x, float *y, size_t first,
                         size_t last)
{
    for (size_t r = first; r < last; r++)
        for (size_t ow = 0; ow < s->out_width; ow++) {
            const struct window w = window_of(s, r, ow);
            const vector divisor = vector_set((float)average_divisor(s, count_padding, r % s->out_height, ow));
            float *out = y + (r * s->out_width + ow) * s->channels;
            for (size_t c = 0; c < s->channels; c += VECTOR_LANES) {
                vector sum = vector_zero();
                for (size_t kh = w.down.first; kh < w.down.last; kh++)
                    for (size_t kw = w.across.first; kw < w.across.last; kw++)
                        sum += load_tap(s, &w, x, kh, kw, c, s->channels - c);
                vector_store_up_to(out + c, sum / divisor, s->channels - c);
            }
        }
}

/* dx[w] += what output pixel (r, ow) gives to the pixels of the line that its taps kh touch: dy where the pixel won,
 * or dy / divisor. */
VECTOR_INLINE void spread_pixel(const struct conv_shape *s, const float *dy, const int32_t *index, float divisor,
                                float *line, size_t h, size_t at, struct taps across, ptrdiff_t left)
{
    for (size_t kw = across.first; kw < across.last; kw++) {
        size_t w = (size_t)(left + (ptrdiff_t)(kw * s->dilation_width));
        const vector_int here = vector_int_set((int32_t)(h * s->width + w));
        for (size_t c = 0; c < s->channels; c += VECTOR_LANES) {
            size_t n = s->channels - c;
            vector given = vector_load_up_to(dy + at + c, n);
            if (index) {
                vector_int winner = vector_int_load_first(index + at + c, vector_take(n));
                given = vector_select(vector_int_equal(winner, here), given, vector_zero());
            } else {
                given = given / vector_set(divisor);
            }
            float *to = line + w * s->channels + c;
            vector_store_up_to(to, vector_load_up_to(to, n) + given, n);
        }
    }
}

VECTOR_INLINE void pool_gradient(const struct conv_shape *s, const float *dy, const int32_t *index, bool count_padding,
                                 float *dx, size_t first, size_t last)
{
    for (size_t l = first; l < last; l++) {
        const size_t h = l % s->height;
        float *line = dx + l * s->width * s->channels;
        memset(line, 0, s->width * s->channels * sizeof *line);
        for (size_t kh = 0; kh < s->kernel_height; kh++) {
            size_t oh;
            if (!window_over(h, kh, s->stride_height, s->pad_top, s->dilation_height, s->out_height, &oh))
                continue;
            for (size_t ow = 0; ow < s->out_width; ow++) {
                ptrdiff_t left = window_start(ow, s->stride_width, s->pad_left);
                struct taps across = taps_inside(left, s->kernel_width, s->dilation_width, s->width);
                size_t at = ((l / s->height * s->out_height + oh) * s->out_width + ow) * s->channels;
                float divisor = index ? 1 : (float)average_divisor(s, count_padding, oh, ow);
                spread_pixel(s, dy, index, divisor, line, h, at, across, left);
            }
        }
    }
}

static void max_pool_gradient(const struct conv_shape *s, const float *dy, const int32_t *index, float *dx,
                              size_t first, size_t last)
{
    pool_gradient(s, dy, index, false, dx, first, last);
}

static void average_pool_gradient(const struct conv_shape *s, bool count_padding, const float *dy, float *dx,
                                  size_t first, size_t last)
{
    pool_gradient(s, dy, NULL, count_padding, dx, first, last);
}

const struct spatial_kernels VECTOR_NAME(spatial_kernels) = {
    .name = VECTOR_STRING(VECTOR_SUFFIX),
    .max_pool = max_pool,
    .max_pool_gradient = max_pool_gradient,
    .average_pool = average_pool,
    .average_pool_gradient = average_pool_gradient,
    .conv = VECTOR_NAME(conv),
    .conv_gradient_input = VECTOR_NAME(conv_gradient_input),
    .depthwise_gradient_filters = VECTOR_NAME(depthwise_gradient_filters),
};
