/* What differentially private training needs besides a sample's own gradients (Abadi et al. 2016)
 *
 *   select_sample    y = x[i : i + 1], one row of the batch's inputs
 *   square_sum       y [1] = Σ g² (+ previous): of all weights' gradients one after the other, ‖g‖²
 *   clipped_sum      y = g · min(1, C / ‖g‖) (+ previous);  without a norm y = g · rate (+ previous)
 *   gaussian_noise   y = (sum + deviation · z) · rate, z standard normal by Box and Muller's transform of counter-based
 *                    uniform numbers, another draw at every step. Its cost is what private training's is; for a secret
 *                    that must be kept, the generator would have to be a cryptographic one. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "harness/base/random.h"
#include "models/ops/ops.h"
#include "models/ops/storage.h"

/* Elements of a thread's turn, and of a partial sum: whatever the number of threads. */
enum { PIECE = 16384 };

static size_t pieces_of(const struct tensor *tensor)
{
    return ((size_t)tensor_elements(tensor) + PIECE - 1) / PIECE;
}

static size_t piece_length(size_t count, size_t first)
{
    return count - first < PIECE ? count - first : PIECE;
}

/* ---- select_sample ---- */

static bool infer_select(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    struct tensor x = *node_input(graph, node, 0);
    x.dims[0] = 1;
    return graph_output(graph, node, x.dtype, x.rank, x.dims) != NO_TENSOR;
}

static void run_select(const struct call *call)
{
    size_t bytes = tensor_bytes(node_output(call->graph, call->node, 0));
    memcpy(call->outputs[0], (const char *)call->inputs[0] + (size_t)call->node->attributes.window * bytes, bytes);
}

static struct cost cost_select(const struct graph *graph, const struct node *node)
{
    double bytes = (double)tensor_bytes(node_output(graph, node, 0));
    return (struct cost){.bytes_read = bytes, .bytes_written = bytes};
}

const struct op op_select_sample = {.name = "select_sample",
                                    .help = "one sample of a batch",
                                    .infer = infer_select,
                                    .cost = cost_select,
                                    .run = run_select};

int build_select_sample(struct graph *graph, const char *name, int x, int64_t sample)
{
    const struct attributes attributes = {.window = sample};
    return node_first_output(graph, graph_append(graph, &op_select_sample, name, &x, 1, &attributes));
}

/* ---- square_sum ---- */

enum { GRADIENT, PREVIOUS, NORM };

static bool infer_square_sum(struct graph *graph, struct node *node, struct error *error)
{
    if (node_input(graph, node, GRADIENT)->dtype != DTYPE_F32)
        return error_set(error, ERROR_INPUT, "takes gradients in f32");
    return graph_output(graph, node, DTYPE_F32, 1, (int64_t[]){1}) != NO_TENSOR;
}

static size_t workspace_square_sum(const struct graph *graph, const struct node *node, int threads)
{
    (void)threads;
    return pieces_of(node_input(graph, node, GRADIENT)) * sizeof(double);
}

/* In several sums at once, which the compiler makes vectors of. */
static double square_sum(const float *g, size_t count)
{
    enum { SUMS = 16, BLOCK = 1024 };
    double total = 0;
    for (size_t first = 0; first < count; first += BLOCK) {
        size_t end = count - first < BLOCK ? count : first + BLOCK, i = first;
        float sums[SUMS] = {0};
        for (; i + SUMS <= end; i += SUMS)
            for (size_t j = 0; j < SUMS; j++)
                sums[j] += g[i + j] * g[i + j];
        for (; i < end; i++)
            sums[0] += g[i] * g[i];
        for (size_t j = 0; j < SUMS; j++)
            total += (double)sums[j];
    }
    return total;
}

static void run_square_sum(const struct call *call)
{
    const struct tensor *gradient = node_input(call->graph, call->node, GRADIENT);
    const size_t count = (size_t)tensor_elements(gradient), pieces = pieces_of(gradient);
    const float *g = call->inputs[GRADIENT];
    double *sums = call->workspace, total = call->inputs[PREVIOUS] ? (double)*(const float *)call->inputs[PREVIOUS] : 0;
#pragma omp parallel for schedule(static) num_threads(call->threads) if (count > 4 * PIECE)
    for (size_t p = 0; p < pieces; p++)
        sums[p] = square_sum(g + p * PIECE, piece_length(count, p * PIECE));
    for (size_t p = 0; p < pieces; p++)
        total += sums[p];
    *(float *)call->outputs[0] = (float)total;
}

static struct cost cost_elements(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 2.0 * (double)tensor_elements(node_input(graph, node, GRADIENT))};
}

const struct op op_square_sum = {.name = "square_sum",
                                 .help = "sum of squares",
                                 .infer = infer_square_sum,
                                 .cost = cost_elements,
                                 .workspace = workspace_square_sum,
                                 .run = run_square_sum};

int build_square_sum(struct graph *graph, const char *name, int gradient, int previous)
{
    return node_first_output(graph, graph_append(graph, &op_square_sum, name, (int[]){gradient, previous}, 2, NULL));
}

/* ---- clipped_sum ---- */

static bool infer_clipped_sum(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor gradient = *node_input(graph, node, GRADIENT);
    const struct tensor *previous = node_input(graph, node, PREVIOUS);
    if (gradient.dtype != DTYPE_F32 || (previous && tensor_elements(previous) != tensor_elements(&gradient)))
        return error_set(error, ERROR_INPUT, "takes gradients in f32, all of one shape");
    return graph_output(graph, node, DTYPE_F32, gradient.rank, gradient.dims) != NO_TENSOR;
}

static void run_clipped_sum(const struct call *call)
{
    const size_t count = (size_t)tensor_elements(node_input(call->graph, call->node, GRADIENT));
    const float *g = call->inputs[GRADIENT], *previous = call->inputs[PREVIOUS], *norm = call->inputs[NORM];
    float factor = call->node->attributes.rate, *y = call->outputs[0];
    if (norm) {
        float length = sqrtf(*norm), most = call->node->attributes.scale;
        factor = length > most ? most / length : 1;
    }
#pragma omp parallel for schedule(static) num_threads(call->threads) if (count > 4 * PIECE)
    for (size_t first = 0; first < count; first += PIECE) {
        size_t end = first + piece_length(count, first);
        for (size_t i = first; i < end; i++)
            y[i] = (previous ? previous[i] : 0) + factor * g[i];
    }
}

const struct op op_clipped_sum = {.name = "clipped_sum",
                                  .help = "adds a sample's gradient, shortened to a norm",
                                  .infer = infer_clipped_sum,
                                  .cost = cost_elements,
                                  .in_place = 1 << GRADIENT | 1 << PREVIOUS,
                                  .run = run_clipped_sum};

int build_clipped_sum(struct graph *graph, const char *name, int gradient, int previous, int norm, float factor)
{
    const struct attributes attributes = {.scale = factor, .rate = factor};
    return node_first_output(
        graph, graph_append(graph, &op_clipped_sum, name, (int[]){gradient, previous, norm}, 3, &attributes));
}

/* ---- gaussian_noise ---- */

static bool infer_noise(struct graph *graph, struct node *node, struct error *error)
{
    return infer_clipped_sum(graph, node, error);
}

static void run_noise(const struct call *call)
{
    const struct attributes *attributes = &call->node->attributes;
    const size_t count = (size_t)tensor_elements(node_input(call->graph, call->node, GRADIENT));
    const uint64_t key = random_mix(attributes->key + call->step);
    const float *sum = call->inputs[GRADIENT], turn = 6.283185307f;
    float *y = call->outputs[0];
#pragma omp parallel for schedule(static) num_threads(call->threads) if (count > PIECE)
    for (size_t i = 0; i < count; i += 2) { /* a pair of uniform numbers makes a pair of normal ones */
        float length = sqrtf(-2 * logf(1 - random_uniform(key, i))), angle = turn * random_uniform(key, i + 1);
        y[i] = (sum[i] + attributes->scale * length * cosf(angle)) * attributes->rate;
        if (i + 1 < count)
            y[i + 1] = (sum[i + 1] + attributes->scale * length * sinf(angle)) * attributes->rate;
    }
}

/* The logarithm, root, sine and cosine as one operation each: eight for a pair, with what is around them. */
static struct cost cost_noise(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 7.0 * (double)tensor_elements(node_input(graph, node, GRADIENT))};
}

const struct op op_gaussian_noise = {.name = "gaussian_noise",
                                     .help = "adds normal noise",
                                     .infer = infer_noise,
                                     .cost = cost_noise,
                                     .in_place = 1 << GRADIENT,
                                     .run = run_noise};

int build_gaussian_noise(struct graph *graph, const char *name, int sum, float deviation, float factor)
{
    const struct attributes attributes = {
        .scale = deviation, .rate = factor, .key = random_key(graph->seed, graph_name(graph, "%s noise", name))};
    return node_first_output(graph, graph_append(graph, &op_gaussian_noise, name, &sum, 1, &attributes));
}
