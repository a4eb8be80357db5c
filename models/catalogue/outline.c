#include "models/catalogue/outline.h"

#include <stdlib.h>

static void append(struct outline *outline, struct outline_tensor tensor, uint64_t elements, uint64_t active)
{
    if (outline->count == outline->capacity) {
        size_t capacity = outline->capacity ? 2 * outline->capacity : 256;
        struct outline_tensor *tensors =
            capacity <= OUTLINE_MOST_TENSORS ? realloc(outline->tensors, capacity * sizeof *tensors) : NULL;
        if (!tensors) {
            outline->failed = true;
            return;
        }
        outline->tensors = tensors;
        outline->capacity = capacity;
    }
    outline->tensors[outline->count++] = tensor;
    if (__builtin_add_overflow(outline->parameters, elements, &outline->parameters) || outline->parameters > INT64_MAX)
        outline->failed = true;
    outline->active += active;
}

void outline_add(struct outline *outline, enum tensor_role role, int layer, uint64_t rows, uint64_t columns)
{
    uint64_t elements;
    if (rows == 0 || columns == 0 || outline->failed)
        return;
    if (__builtin_mul_overflow(rows, columns, &elements)) {
        outline->failed = true;
        return;
    }
    append(outline, (struct outline_tensor){role, layer, rows, columns, false}, elements, elements);
}

void outline_add_experts(struct outline *outline, enum tensor_role role, int layer, uint64_t experts, uint64_t used,
                         uint64_t rows, uint64_t columns)
{
    uint64_t elements, all;
    if (experts == 0 || rows == 0 || columns == 0 || outline->failed)
        return;
    if (__builtin_mul_overflow(rows, columns, &elements) || __builtin_mul_overflow(elements, experts, &all)) {
        outline->failed = true;
        return;
    }
    append(outline, (struct outline_tensor){role, layer, experts * rows, columns, true}, all,
           elements * (used < experts ? used : experts));
}

void outline_add_vector(struct outline *outline, bool present, int layer, uint64_t size)
{
    if (present)
        outline_add(outline, TENSOR_VECTOR, layer, 1, size);
}

void outline_add_linear(struct outline *outline, enum tensor_role role, int layer, uint64_t rows, uint64_t columns,
                        bool bias)
{
    outline_add(outline, role, layer, rows, columns);
    outline_add_vector(outline, bias, layer, rows);
}

void outline_add_attention(struct outline *outline, int layer, uint64_t width, bool bias, bool key_bias)
{
    outline_add_linear(outline, TENSOR_Q, layer, width, width, bias);
    outline_add_linear(outline, TENSOR_K, layer, width, width, key_bias);
    outline_add_linear(outline, TENSOR_V, layer, width, width, bias);
    outline_add_linear(outline, TENSOR_ATTENTION_OUTPUT, layer, width, width, true);
}

void outline_free(struct outline *outline)
{
    free(outline->tensors);
    *outline = (struct outline){0};
}
