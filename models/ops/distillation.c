/* distillation: a student's loss against targets and a teacher's logits (Hinton, Vinyals, Dean 2015)
 *
 *   loss = ½ · mean over rows of −log softmax(x)[target]  +  ½ · T² · mean over rows of KL(softmax(t/T) ‖ softmax(x/T))
 *
 *   x, t [..., C] the student's and the teacher's logits, targets [...] i32;  loss [1];  T = 2
 *   a negative target's row is left out of the first mean. Kept for the gradient: three log-sums a row, the counted
 * rows. dx = ½/counted · (softmax(x) − onehot(target)) + ½ · T/rows · (softmax(x/T) − softmax(t/T)), written over x;
 * the teacher has no gradient. T² keeps the second part's gradient as large as the first's whatever T is. */
#include "models/kernels/distillation.h"

#include <math.h>
#include <omp.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { STUDENT, TEACHER, TARGETS, ROWS, COUNTED };

static const float TEMPERATURE = 2, HARD_WEIGHT = 0.5f, SOFT_WEIGHT = 0.5f;

static const struct distillation_kernels *kernels_of(const struct call *call)
{
    return call->reference ? &distillation_kernels_plain : distillation_kernels();
}

enum { ROW_FLOATS = sizeof(struct distillation_row) / sizeof(float) };

static bool infer_distillation(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, STUDENT), t = *node_input(graph, node, TEACHER);
    const struct tensor targets = *node_input(graph, node, TARGETS);
    if (tensor_rows(&t) != tensor_rows(&x) || tensor_columns(&t) != tensor_columns(&x))
        return error_set(error, ERROR_INPUT, "has %lld x %lld logits of the student and %lld x %lld of the teacher",
                         (long long)tensor_rows(&x), (long long)tensor_columns(&x), (long long)tensor_rows(&t),
                         (long long)tensor_columns(&t));
    if (targets.dtype != DTYPE_I32 || tensor_elements(&targets) != tensor_rows(&x))
        return error_set(error, ERROR_INPUT, "has %lld rows of logits and %lld targets", (long long)tensor_rows(&x),
                         (long long)tensor_elements(&targets));
    int64_t one = 1;
    graph_output(graph, node, DTYPE_F32, 1, &one);
    graph_output(graph, node, DTYPE_F32, 2, (int64_t[]){tensor_rows(&x), ROW_FLOATS});
    graph_output(graph, node, DTYPE_F32, 1, &one);
    return true;
}

static size_t workspace_distillation(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, 2 * (size_t)tensor_columns(node_input(graph, node, STUDENT)));
}

/* A row of both logits as f32. */
static void read_row(const struct call *call, size_t row, size_t columns, const float **x, const float **t, float **own)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * 2 * columns;
    *x = storage_read(convert, call->inputs[STUDENT], call_input_dtype(call, STUDENT), row * columns, columns, buffer);
    *t = storage_read(convert, call->inputs[TEACHER], call_input_dtype(call, TEACHER), row * columns, columns,
                      buffer + columns);
    *own = buffer;
}

static void run_distillation(const struct call *call)
{
    const struct distillation_kernels *kernels = kernels_of(call);
    const struct tensor *x = node_input(call->graph, call->node, STUDENT);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x), counted = 0;
    const int32_t *targets = call->inputs[TARGETS];
    struct distillation_row *kept = call->outputs[1];
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r++) {
        const float *student, *teacher;
        float *buffer;
        read_row(call, r, columns, &student, &teacher, &buffer);
        kernels->loss(student, teacher, targets[r], columns, TEMPERATURE, &kept[r]);
    }
    double cross = 0, divergence = 0;
    for (size_t r = 0; r < rows; r++) {
        cross += (double)kept[r].cross;
        divergence += (double)kept[r].divergence;
        counted += targets[r] >= 0;
    }
    *(float *)call->outputs[2] = (float)counted;
    double hard = counted ? cross / (double)counted : NAN, soft = divergence / (double)rows;
    *(float *)call->outputs[0] =
        (float)((double)HARD_WEIGHT * hard + (double)(SOFT_WEIGHT * TEMPERATURE * TEMPERATURE) * soft);
}

/* Three exponentials, a logarithm's share, and the sums: counted as cross_entropy's are, four an element and softmax.
 */
static struct cost cost_distillation(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 12.0 * (double)tensor_elements(node_input(graph, node, STUDENT))};
}

static const struct op op_distillation_gradient;

static void gradient_distillation(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                  int *dx)
{
    (void)dy, (void)wanted; /* the loss's own gradient is 1; nobody trains the teacher */
    int inputs[] = {node->inputs[STUDENT], node->inputs[TEACHER], node->inputs[TARGETS], node->outputs[1],
                    node->outputs[2]};
    dx[STUDENT] = node_first_output(graph, graph_append(graph, &op_distillation_gradient, node->name, inputs, 5, NULL));
}

const struct op op_distillation = {.name = "distillation",
                                   .help = "cross-entropy and the divergence from a teacher's distribution",
                                   .infer = infer_distillation,
                                   .cost = cost_distillation,
                                   .gradient = gradient_distillation,
                                   .workspace = workspace_distillation,
                                   .run = run_distillation};

int build_distillation(struct graph *graph, const char *name, int student, int teacher, int targets)
{
    return node_first_output(graph,
                             graph_append(graph, &op_distillation, name, (int[]){student, teacher, targets}, 3, NULL));
}

/* ---- gradient ---- */

static bool infer_distillation_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor x = *node_input(graph, node, STUDENT);
    return graph_output(graph, node, x.dtype, x.rank, x.dims) != NO_TENSOR;
}

static void run_distillation_gradient(const struct call *call)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    const struct distillation_kernels *kernels = kernels_of(call);
    const struct tensor *x = node_input(call->graph, call->node, STUDENT);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x);
    const int32_t *targets = call->inputs[TARGETS];
    const struct distillation_row *kept = call->inputs[ROWS];
    const float counted = *(const float *)call->inputs[COUNTED];
    const float hard = counted > 0 ? HARD_WEIGHT / counted : 0, soft = SOFT_WEIGHT * TEMPERATURE / (float)rows;
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r++) {
        const float *student, *teacher;
        float *buffer;
        read_row(call, r, columns, &student, &teacher, &buffer);
        float *out = storage_target(call->outputs[0], x->dtype, r * columns, buffer);
        kernels->gradient(student, teacher, targets[r], columns, TEMPERATURE, &kept[r], hard, soft, out);
        storage_commit(convert, call->outputs[0], x->dtype, r * columns, columns, out);
    }
}

static const struct op op_distillation_gradient = {.name = "distillation_gradient",
                                                   .help = "gradient of distillation",
                                                   .infer = infer_distillation_gradient,
                                                   .cost = cost_distillation,
                                                   .in_place = 1 << STUDENT,
                                                   .workspace = workspace_distillation,
                                                   .run = run_distillation_gradient};
