/* quantise: y = x in blocks of whole numbers with scales (the formulas are in kernels/quant.h); dequantise: back again
 *
 *   x [..., K] f32, K a multiple of the type's block;  y [..., K] in the type, laid out as GGUF lays it out
 *
 * Neither has a gradient: rounding's is zero almost everywhere. Both move what there is and count no FLOPs. */
#include "models/kernels/quant.h"
#include "models/ops/ops.h"

enum {
    PIECE = 8 * QUANT_SUPER /* elements, of rows that follow each other without gaps; whole blocks of every type */
};

/* The functions of the calls: in a reference run the plain ones. */
static const struct quant_types *functions(const struct call *call)
{
    const struct quant_types *const *all = quant_types();
    while (call->reference && all[1])
        all++;
    return *all;
}

static size_t piece(size_t count, size_t first)
{
    return count - first < PIECE ? count - first : PIECE;
}

static bool infer_quantise(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, 0);
    enum dtype dtype = (enum dtype)node->attributes.dtype;
    if (x.dtype != DTYPE_F32 || !dtype_quantised(dtype))
        return error_set(error, ERROR_INPUT, "goes from f32 to a type of blocks, not from %s to %s",
                         dtype_info(x.dtype)->name, dtype_info(dtype)->name);
    if (tensor_columns(&x) % dtype_info(dtype)->block)
        return error_set(error, ERROR_INPUT, "has rows of %lld elements; %s needs a multiple of %u",
                         (long long)tensor_columns(&x), dtype_info(dtype)->name, dtype_info(dtype)->block);
    return graph_output(graph, node, dtype, x.rank, x.dims) != NO_TENSOR;
}

static void run_quantise(const struct call *call)
{
    const struct tensor *y = node_output(call->graph, call->node, 0);
    size_t count = (size_t)tensor_elements(y);
    quantise_blocks *quantise = functions(call)->quantise[y->dtype];
#pragma omp parallel for schedule(static) num_threads(call->threads) if (count > 4 * PIECE)
    for (size_t first = 0; first < count; first += PIECE) {
        uint8_t *to = (uint8_t *)call->outputs[0] + dtype_bytes(y->dtype, first);
        quantise((const float *)call->inputs[0] + first, to, piece(count, first));
    }
}

const struct op op_quantise = {.name = "quantise",
                               .help = "f32 rounded to blocks of whole numbers with scales",
                               .infer = infer_quantise,
                               .packs = 1,
                               .run = run_quantise};

int build_quantise(struct graph *graph, const char *name, int x, enum dtype dtype)
{
    const struct attributes attributes = {.dtype = dtype};
    return node_first_output(graph, graph_append(graph, &op_quantise, name, &x, 1, &attributes));
}

static bool infer_dequantise(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, 0);
    if (!dtype_quantised(x.dtype))
        return error_set(error, ERROR_INPUT, "takes a type of blocks, not %s", dtype_info(x.dtype)->name);
    return graph_output(graph, node, DTYPE_F32, x.rank, x.dims) != NO_TENSOR;
}

static void run_dequantise(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, 0);
    size_t count = (size_t)tensor_elements(x);
    dequantise_blocks *dequantise = functions(call)->dequantise[x->dtype];
#pragma omp parallel for schedule(static) num_threads(call->threads) if (count > 4 * PIECE)
    for (size_t first = 0; first < count; first += PIECE) {
        const uint8_t *from = (const uint8_t *)call->inputs[0] + dtype_bytes(x->dtype, first);
        dequantise(from, (float *)call->outputs[0] + first, piece(count, first));
    }
}

const struct op op_dequantise = {.name = "dequantise",
                                 .help = "blocks of whole numbers with scales as f32",
                                 .infer = infer_dequantise,
                                 .packed = 1,
                                 .run = run_dequantise};

int build_dequantise(struct graph *graph, const char *name, int x)
{
    const struct attributes attributes = {.dtype = DTYPE_F32};
    return node_first_output(graph, graph_append(graph, &op_dequantise, name, &x, 1, &attributes));
}
