#include "models/ops/conv_geometry.h"

/* Floor division as PyTorch's: (size + 2·pad − dilation·(kernel − 1) − 1) / stride + 1; 0 when the window is larger. */
static int64_t output_size(int64_t size, const struct attributes *a, int axis)
{
    int64_t span = a->dilation[axis] * (a->kernel[axis] - 1) + 1, room = size + 2 * a->pad[axis] - span;
    return room < 0 ? 0 : room / a->stride[axis] + 1;
}

bool conv_geometry(const struct tensor *x, const struct attributes *a, int64_t out_channels, struct conv_shape *shape,
                   struct error *error)
{
    if (x->rank != 4)
        return error_set(error, ERROR_INPUT, "takes images [N,H,W,C], not %d dimensions", x->rank);
    for (int i = 0; i < 2; i++)
        if (a->kernel[i] < 1 || a->stride[i] < 1 || a->dilation[i] < 1 || a->pad[i] < 0)
            return error_set(error, ERROR_INPUT, "has a kernel, stride or dilation below 1, or a negative padding");
    if (a->groups < 1 || x->dims[3] % a->groups || out_channels % a->groups)
        return error_set(error, ERROR_INPUT, "can't divide %lld and %lld channels into %lld groups",
                         (long long)x->dims[3], (long long)out_channels, (long long)a->groups);
    *shape = (struct conv_shape){.batch = (size_t)x->dims[0],
                                 .height = (size_t)x->dims[1],
                                 .width = (size_t)x->dims[2],
                                 .channels = (size_t)x->dims[3],
                                 .out_height = (size_t)output_size(x->dims[1], a, 0),
                                 .out_width = (size_t)output_size(x->dims[2], a, 1),
                                 .out_channels = (size_t)out_channels,
                                 .kernel_height = (size_t)a->kernel[0],
                                 .kernel_width = (size_t)a->kernel[1],
                                 .stride_height = (size_t)a->stride[0],
                                 .stride_width = (size_t)a->stride[1],
                                 .pad_top = (size_t)a->pad[0],
                                 .pad_left = (size_t)a->pad[1],
                                 .dilation_height = (size_t)a->dilation[0],
                                 .dilation_width = (size_t)a->dilation[1],
                                 .groups = (size_t)a->groups};
    if (!shape->out_height || !shape->out_width)
        return error_set(
            error, ERROR_INPUT, "has a window of %lld x %lld that is larger than the padded %lld x %lld image",
            (long long)a->kernel[0], (long long)a->kernel[1], (long long)x->dims[1], (long long)x->dims[2]);
    return true;
}
