/* embedding: y[b,t,:] = table[tokens[b,t], :]  (+ positions[position + t, :])
 *
 *   tokens [B,T] i32, table [V,C], positions [P,C] with P >= position + T, or none;  y [B,T,C]
 *   dtable[v,:]     = Σ over (b,t) with tokens[b,t] = v of dy[b,t,:]      (added to what a tied head gave)
 *   dpositions[position + t,:] = Σ_b dy[b,t,:], zero for t < 0 and t >= T
 *
 * A quantised or f16 table gives f32; it has no gradient. A token outside the table reads row 0 and is never generated;
 * shape inference can't see values. */
#include <omp.h>
#include <string.h>

#include "models/kernels/quant.h"
#include "models/ops/matrix.h"
#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { TOKENS, TABLE, POSITIONS };

static bool infer_embedding(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor tokens = *node_input(graph, node, TOKENS), table = *node_input(graph, node, TABLE);
    const struct tensor *positions = node_input(graph, node, POSITIONS);
    if (tokens.dtype != DTYPE_I32 || tokens.rank != 2 || table.rank != 2)
        return error_set(error, ERROR_INPUT, "takes i32 tokens [B,T] and a table [V,C]");
    if (positions &&
        (positions->dims[0] < node->attributes.position + tokens.dims[1] || positions->dims[1] != table.dims[1]))
        return error_set(error, ERROR_INPUT, "has positions for a context of %lld, not for %lld tokens of width %lld",
                         (long long)positions->dims[0], (long long)(node->attributes.position + tokens.dims[1]),
                         (long long)table.dims[1]);
    bool narrow = table.dtype == DTYPE_F16 || dtype_quantised(table.dtype);
    return graph_output(graph, node, narrow ? DTYPE_F32 : table.dtype, 3,
                        (int64_t[]){tokens.dims[0], tokens.dims[1], table.dims[1]}) != NO_TENSOR;
}

static size_t workspace_embedding(const struct graph *graph, const struct node *node, int threads)
{
    size_t columns = (size_t)tensor_columns(node_input(graph, node, TABLE));
    if (dtype_quantised(node_input(graph, node, TABLE)->dtype))
        return (size_t)threads * 3 * columns * sizeof(float);
    return storage_buffers(graph, node, threads, 3 * columns);
}

static int64_t table_row(const int32_t *tokens, int64_t index, int64_t vocabulary)
{
    return tokens[index] >= 0 && tokens[index] < vocabulary ? tokens[index] : 0;
}

/* A row of the table as f32; a block type's rows begin with a block. */
static const float *read_row(const struct elementwise_kernels *kernels, const void *data, enum dtype dtype,
                             size_t first, size_t columns, float *buffer)
{
    if (!dtype_quantised(dtype))
        return storage_read(kernels, data, dtype, first, columns, buffer);
    dequantise_row(dtype, (const char *)data + dtype_bytes(dtype, first), buffer, columns);
    return buffer;
}

static void run_embedding(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *table = node_input(call->graph, call->node, TABLE);
    const struct tensor *positions = node_input(call->graph, call->node, POSITIONS);
    const struct tensor *y = node_output(call->graph, call->node, 0);
    size_t columns = (size_t)table->dims[1];
    int64_t rows = tensor_rows(y), length = y->dims[1];
    int64_t first_position = call->node->attributes.position;
    const int32_t *tokens = call->inputs[TOKENS];
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows > 16)
    for (int64_t r = 0; r < rows; r++) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * 3 * columns;
        size_t from = (size_t)table_row(tokens, r, table->dims[0]) * columns, to = (size_t)r * columns;
        const float *word = read_row(kernels, call->inputs[TABLE], table->dtype, from, columns, buffer);
        float *out = storage_target(call->outputs[0], y->dtype, to, buffer + 2 * columns);
        if (positions)
            kernels->add(word,
                         storage_read(kernels, call->inputs[POSITIONS], positions->dtype,
                                      (size_t)(first_position + r % length) * columns, columns, buffer + columns),
                         out, columns);
        else
            memcpy(out, word, columns * sizeof *out);
        storage_commit(kernels, call->outputs[0], y->dtype, to, columns, out);
    }
}

/* Only the rows that are looked up are read, not the table. */
static struct cost cost_embedding(const struct graph *graph, const struct node *node)
{
    const struct tensor *y = node_output(graph, node, 0);
    enum dtype dtype = node_input(graph, node, TABLE)->dtype;
    double moved = (double)tensor_bytes(y), rows = (double)dtype_bytes(dtype, (size_t)tensor_elements(y));
    double tokens = (double)tensor_bytes(node_input(graph, node, TOKENS));
    bool positions = node_input(graph, node, POSITIONS) != NULL;
    return (struct cost){.flops = positions ? (double)tensor_elements(y) : 0,
                         .bytes_read = tokens + rows + (positions ? moved : 0),
                         .bytes_written = moved};
}

static const struct op op_embedding_gradient, op_position_gradient;

static void gradient_embedding(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    if (wanted[TABLE]) {
        const struct attributes attributes = {.dims = {node_input(graph, node, TABLE)->dims[0]}};
        dx[TABLE] =
            node_first_output(graph, graph_append(graph, &op_embedding_gradient, node->name,
                                                  (int[]){node->inputs[TOKENS], dy[0], dx[TABLE]}, 3, &attributes));
    }
    if (node_input(graph, node, POSITIONS) && wanted[POSITIONS]) {
        const struct attributes attributes = {.dims = {node_input(graph, node, POSITIONS)->dims[0]},
                                              .position = node->attributes.position};
        dx[POSITIONS] = node_first_output(
            graph, graph_append(graph, &op_position_gradient, node->name, (int[]){dy[0]}, 1, &attributes));
    }
}

const struct op op_embedding = {.name = "embedding",
                                .help = "rows of a table by token, with position embeddings added",
                                .infer = infer_embedding,
                                .cost = cost_embedding,
                                .gradient = gradient_embedding,
                                .accumulates = 1 << TABLE,
                                .packed = 1 << TABLE,
                                .workspace = workspace_embedding,
                                .run = run_embedding};

int build_embedding(struct graph *graph, const char *name, int tokens, int table, int positions, int64_t position)
{
    const struct attributes attributes = {.position = position};
    return node_first_output(
        graph, graph_append(graph, &op_embedding, name, (int[]){tokens, table, positions}, 3, &attributes));
}

/* ---- dtable: each thread adds all tokens' gradients within its own columns, so the sums' order never changes ---- */

enum { DY = 1, PREVIOUS };

static bool infer_embedding_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    int64_t columns = tensor_columns(node_input(graph, node, DY));
    return graph_output(graph, node, DTYPE_F32, 2, (int64_t[]){node->attributes.dims[0], columns}) != NO_TENSOR;
}

static void scatter_columns(const struct call *call, size_t first, size_t last)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *dy = node_input(call->graph, call->node, DY);
    size_t columns = (size_t)tensor_columns(dy);
    int64_t rows = tensor_rows(dy), vocabulary = call->node->attributes.dims[0];
    float *table = call->outputs[0], buffer[STORAGE_PIECE];
    for (int64_t r = 0; r < rows; r++) {
        float *row = table + (size_t)table_row(call->inputs[TOKENS], r, vocabulary) * columns;
        for (size_t c = first; c < last; c += STORAGE_PIECE) {
            size_t piece = last - c < STORAGE_PIECE ? last - c : STORAGE_PIECE;
            const float *add =
                storage_read(kernels, call->inputs[DY], dy->dtype, (size_t)r * columns + c, piece, buffer);
            kernels->add(row + c, add, row + c, piece);
        }
    }
}

static void run_embedding_gradient(const struct call *call)
{
    const struct tensor *table = node_output(call->graph, call->node, 0);
    size_t columns = (size_t)table->dims[1], bytes = tensor_bytes(table), lines = (columns + 15) / 16;
    void *previous = call->node->inputs[PREVIOUS] == NO_TENSOR ? NULL : call->inputs[PREVIOUS];
    matrix_take_previous(call, previous, call->outputs[0], bytes);
#pragma omp parallel num_threads(call->threads)
    {
        size_t threads = (size_t)omp_get_num_threads(), me = (size_t)omp_get_thread_num();
        size_t rows = (size_t)table->dims[0], first = lines * me / threads * 16, last = lines * (me + 1) / threads * 16;
        if (!previous) {
            size_t from = rows * me / threads, to = rows * (me + 1) / threads;
            memset((float *)call->outputs[0] + from * columns, 0, (to - from) * columns * sizeof(float));
#pragma omp barrier
        }
        scatter_columns(call, first, last < columns ? last : columns);
    }
}

static struct cost cost_embedding_gradient(const struct graph *graph, const struct node *node)
{
    const struct tensor *dy = node_input(graph, node, DY);
    double added = (double)tensor_elements(dy), f32 = sizeof(float);
    bool previous = node->inputs[PREVIOUS] != NO_TENSOR;
    double zeroed = previous ? 0 : (double)tensor_bytes(node_output(graph, node, 0));
    return (struct cost){
        .flops = added, .bytes_read = (double)tensor_bytes(dy) + added * f32, .bytes_written = added * f32 + zeroed};
}

static const struct op op_embedding_gradient = {.name = "embedding_gradient",
                                                .help = "gradient of embedding with respect to its table",
                                                .infer = infer_embedding_gradient,
                                                .cost = cost_embedding_gradient,
                                                .in_place = 1 << PREVIOUS,
                                                .run = run_embedding_gradient};

/* ---- dpositions ---- */

static bool infer_position_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    int64_t columns = tensor_columns(node_input(graph, node, 0));
    return graph_output(graph, node, DTYPE_F32, 2, (int64_t[]){node->attributes.dims[0], columns}) != NO_TENSOR;
}

static size_t workspace_position_gradient(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, (size_t)tensor_columns(node_input(graph, node, 0)));
}

static void run_position_gradient(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *dy = node_input(call->graph, call->node, 0);
    const struct tensor *table = node_output(call->graph, call->node, 0);
    size_t columns = (size_t)table->dims[1];
    int64_t position = call->node->attributes.position;
#pragma omp parallel for schedule(static) num_threads(call->threads)
    for (int64_t p = 0; p < table->dims[0]; p++) {
        int64_t t = p - position;
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * columns;
        float *row = (float *)call->outputs[0] + (size_t)p * columns;
        kernels->fill(row, 0, columns);
        for (int64_t b = 0; t >= 0 && t < dy->dims[1] && b < dy->dims[0]; b++) {
            size_t from = (size_t)(b * dy->dims[1] + t) * columns;
            kernels->add(row, storage_read(kernels, call->inputs[0], dy->dtype, from, columns, buffer), row, columns);
        }
    }
}

static const struct op op_position_gradient = {.name = "position_gradient",
                                               .help = "gradient of embedding with respect to its positions",
                                               .infer = infer_position_gradient,
                                               .workspace = workspace_position_gradient,
                                               .run = run_position_gradient};
