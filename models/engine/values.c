#include "models/engine/values.h"

#include "models/kernels/quant.h"

void values_read(enum dtype dtype, const void *data, size_t first, size_t count, float *out)
{
    data = (const char *)data + dtype_bytes(dtype, first);
    if (dtype_quantised(dtype)) {
        dequantise_row(dtype, data, out, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = dtype == DTYPE_F32    ? ((const float *)data)[i]
                 : dtype == DTYPE_BF16 ? bf16_to_f32(((const uint16_t *)data)[i])
                 : dtype == DTYPE_F16  ? f16_to_f32(((const uint16_t *)data)[i])
                                       : (float)((const int32_t *)data)[i];
}

void values_write(enum dtype dtype, const float *in, size_t first, size_t count, void *data)
{
    data = (char *)data + dtype_bytes(dtype, first);
    if (dtype_quantised(dtype)) {
        quantise_row(dtype, in, data, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (dtype == DTYPE_F32)
            ((float *)data)[i] = in[i];
        else if (dtype == DTYPE_BF16)
            ((uint16_t *)data)[i] = f32_to_bf16(in[i]);
        else if (dtype == DTYPE_F16)
            ((uint16_t *)data)[i] = f32_to_f16(in[i]);
        else
            ((int32_t *)data)[i] = (int32_t)in[i];
}
