#include "models/ops/widened.h"

#include "models/ops/storage.h"

size_t widened_bytes(const struct tensor *tensor)
{
    size_t bytes = (size_t)tensor_elements(tensor) * sizeof(float);
    return tensor->dtype == DTYPE_F32 ? 0 : (bytes + 63) / 64 * 64;
}

const float *widened_read(const struct call *call, const struct tensor *tensor, const void *data, char **room)
{
    if (tensor->dtype == DTYPE_F32 || !data)
        return data;
    const struct elementwise_kernels *kernels = call_elementwise(call);
    float *wide = (float *)*room;
    *room += widened_bytes(tensor);
    size_t count = (size_t)tensor_elements(tensor);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (count > 65536)
    for (size_t first = 0; first < count; first += STORAGE_PIECE)
        storage_read(kernels, data, tensor->dtype, first, count - first < STORAGE_PIECE ? count - first : STORAGE_PIECE,
                     wide + first);
    return wide;
}

float *widened_target(const struct tensor *tensor, void *data, char **room)
{
    if (tensor->dtype == DTYPE_F32)
        return data;
    float *wide = (float *)*room;
    *room += widened_bytes(tensor);
    return wide;
}

void widened_commit(const struct call *call, const struct tensor *tensor, const float *computed, void *data)
{
    if (tensor->dtype == DTYPE_F32)
        return;
    const struct elementwise_kernels *kernels = call_elementwise(call);
    size_t count = (size_t)tensor_elements(tensor);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (count > 65536)
    for (size_t first = 0; first < count; first += STORAGE_PIECE)
        storage_commit(kernels, data, tensor->dtype, first,
                       count - first < STORAGE_PIECE ? count - first : STORAGE_PIECE, computed + first);
}
