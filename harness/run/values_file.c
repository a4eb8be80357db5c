#include "harness/run/values_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/engine.h"

static int find_input(const struct graph *graph, const char *name)
{
    for (int t = 0; t < graph->tensor_count; t++)
        if (graph->tensors[t].role == ROLE_INPUT && strcmp(graph->tensors[t].name, name) == 0)
            return t;
    return NO_TENSOR;
}

static bool take_tokens(const char *words, const struct tensor *input, float *out, struct error *error)
{
    int64_t most = tensor_elements(input), count = 0;
    for (const char *at = words; *at; count++) {
        char *end;
        unsigned long word = strtoul(at, &end, 10);
        if (end == at || (*end && *end != ','))
            return error_set(error, ERROR_INPUT, "--tokens: '%.40s' isn't a whole number, with commas between", at);
        if (count == most || word >= input->fill.limit)
            return error_set(error, ERROR_INPUT, "--tokens: %lu is beyond %s", word,
                             count == most ? "the context of the case" : "the model's vocabulary");
        out[count] = (float)word;
        at = *end ? end + 1 : end;
    }
    return true;
}

bool values_put_tokens(const char *words, const struct graph *graph, struct engine *engine, struct error *error)
{
    int tokens = find_input(graph, "tokens"), types = find_input(graph, "types");
    if (tokens == NO_TENSOR)
        return error_set(error, ERROR_INPUT, "--tokens: the model doesn't read tokens");
    float *values = calloc((size_t)tensor_elements(&graph->tensors[tokens]) + 1, sizeof *values);
    if (!values)
        return error_set(error, ERROR_SYSTEM, "out of memory for tokens");
    if (types != NO_TENSOR)
        engine_write(engine, types, values);
    engine_read(engine, tokens, values);
    bool right = take_tokens(words, &graph->tensors[tokens], values, error);
    if (right)
        engine_write(engine, tokens, values);
    free(values);
    return right;
}

/* NumPy's format: magic, version, the header's length, a Python dictionary padded to 64 bytes, the elements. */
static bool write_npy(FILE *file, const struct tensor *tensor, const float *values)
{
    char shape[128] = "", header[256];
    for (int d = 0; d < tensor->rank; d++)
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%lld, ", (long long)tensor->dims[d]);
    snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    size_t begin = 10, length = (strlen(header) + 1 + begin + 63) / 64 * 64 - begin;
    unsigned char magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)length, (unsigned char)(length >> 8)};
    size_t count = (size_t)tensor_elements(tensor);
    return fwrite(magic, sizeof magic, 1, file) == 1 && fprintf(file, "%-*s\n", (int)length - 1, header) > 0 &&
           fwrite(values, sizeof *values, count, file) == count;
}

bool values_save_output(const char *path, const struct graph *graph, struct engine *engine, struct error *error)
{
    if (graph->output == NO_TENSOR)
        return error_set(error, ERROR_INPUT, "--save-output: this case keeps no output");
    const struct tensor *tensor = &graph->tensors[graph->output];
    float *values = malloc(((size_t)tensor_elements(tensor) + 1) * sizeof *values);
    FILE *file = values ? fopen(path, "wb") : NULL;
    bool right = false;
    if (file) {
        engine_read(engine, graph->output, values);
        right = write_npy(file, tensor, values);
        right = fclose(file) == 0 && right;
    }
    free(values);
    return right || error_set(error, ERROR_SYSTEM, "--save-output: %.200s: %s", path, strerror(errno));
}
