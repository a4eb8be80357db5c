#include "models/ops/storage.h"

const struct elementwise_kernels *call_elementwise(const struct call *call)
{
    return call->reference ? &elementwise_kernels_plain : elementwise_kernels();
}

const struct row_kernels *call_rows(const struct call *call)
{
    return call->reference ? &row_kernels_plain : row_kernels();
}

enum dtype call_input_dtype(const struct call *call, int index)
{
    return node_input(call->graph, call->node, index)->dtype;
}

enum dtype call_output_dtype(const struct call *call, int index)
{
    return node_output(call->graph, call->node, index)->dtype;
}

const float *storage_read(const struct elementwise_kernels *kernels, const void *data, enum dtype dtype, size_t first,
                          size_t count, float *buffer)
{
    if (dtype == DTYPE_F32)
        return (const float *)data + first;
    const uint16_t *half = (const uint16_t *)data + first;
    if (dtype == DTYPE_BF16)
        kernels->widen_bf16(half, buffer, count);
    else
        kernels->widen_f16(half, buffer, count);
    return buffer;
}

float *storage_target(void *data, enum dtype dtype, size_t first, float *buffer)
{
    return dtype == DTYPE_F32 ? (float *)data + first : buffer;
}

void storage_commit(const struct elementwise_kernels *kernels, void *data, enum dtype dtype, size_t first, size_t count,
                    const float *buffer)
{
    if (dtype == DTYPE_BF16)
        kernels->narrow_bf16(buffer, (uint16_t *)data + first, count);
    else if (dtype == DTYPE_F16)
        kernels->narrow_f16(buffer, (uint16_t *)data + first, count);
}

size_t storage_buffers(const struct graph *graph, const struct node *node, int threads, size_t count)
{
    bool widened = false;
    for (int i = 0; i < node->input_count; i++) {
        const struct tensor *tensor = node_input(graph, node, i);
        widened |= tensor && (tensor->dtype == DTYPE_BF16 || tensor->dtype == DTYPE_F16);
    }
    for (int i = 0; i < node->output_count; i++)
        widened |= graph->tensors[node->outputs[i]].dtype != DTYPE_F32;
    return widened ? (size_t)threads * count * sizeof(float) : 0;
}
