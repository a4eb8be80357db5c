/* What happens to a tile's sums: scaling, bias, activation, rounding, storing. Included by the kernel files so that its
 * loops get their vectors (lanes.h). */
#ifndef KERNELS_CONV_DIRECT_FINISH_H
#define KERNELS_CONV_DIRECT_FINISH_H

#include "models/kernels/conv_direct_kernel.h"
#include "models/kernels/elementwise.h"
#include "models/kernels/layout.h"

/* values [columns], the sums of output pixel `pixel` for channels `channel` and on; they may be overwritten. */
LANES_INLINE void conv_finish(const struct conv_job *job, float *values, float scale, size_t pixel, size_t channel,
                              size_t columns)
{
    const struct conv_direct *call = job->call;
    enum activation activation = call->activation;
    size_t at = pixel * job->out_channels + channel;
    float *f32 = call->dtype == DTYPE_F32 ? (float *)call->result + at : NULL;
    bool apart = activation != ACTIVATION_NONE && activation != ACTIVATION_RELU;
    for (size_t c = 0; c < columns; c += LANES) {
        lanes sum = lanes_load(values + c) * scale;
        if (call->bias)
            sum += lanes_load_some(call->bias + channel + c, columns - c);
        if (activation == ACTIVATION_RELU)
            sum = lanes_max(lanes_zero(), sum);
        if (apart)
            lanes_store(values + c, sum);
        else if (f32)
            lanes_store_some(f32 + c, sum, columns - c);
        else if (columns - c >= LANES)
            lanes_store_bf16((uint16_t *)call->result + at + c, sum);
        else
            lanes_store_part_bf16((uint16_t *)call->result + at + c, sum, columns - c);
    }
    if (!apart)
        return;
    const struct elementwise_kernels *kernels = elementwise_kernels();
    kernels->activate(activation, values, f32 ? f32 : values, columns);
    if (!f32)
        kernels->narrow_bf16(values, (uint16_t *)call->result + at, columns);
}

#endif
