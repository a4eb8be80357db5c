/* How fast each variant of the elementwise, row and image kernels moves its bytes, beside copying at the same
 * footprint: arrays that fill half of the first-level cache, of the second, and memory. One thread. A benchmark, not a
 * test: nothing here can fail.
 *
 *     speed_rows [part of a kernel's name] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "harness/base/random.h"
#include "harness/run/clock.h"
#include "models/kernels/elementwise.h"
#include "models/kernels/rows.h"
#include "models/kernels/spatial_variants.h"

enum { ARRAYS = 4, ROW = 768, VOCABULARY = 50257 };

static float *arrays[ARRAYS];
static float gamma_[VOCABULARY], beta_[VOCABULARY];
static size_t floats; /* of each array */

struct variant {
    const struct elementwise_kernels *e;
    const struct row_kernels *r;
    const struct spatial_kernels *s;
};

static size_t row_count(size_t columns)
{
    return floats / columns ? floats / columns : 1;
}

/* Each runs once over `floats` elements and returns the bytes that it must move. */
static double run_copy(const struct variant *v)
{
    (void)v;
    memcpy(arrays[1], arrays[0], floats * sizeof(float));
    return 8. * (double)floats;
}

static double run_activation(const struct variant *v, enum activation kind)
{
    v->e->activate(kind, arrays[0], arrays[1], floats);
    return 8. * (double)floats;
}

static double run_relu(const struct variant *v)
{
    return run_activation(v, ACTIVATION_RELU);
}

static double run_gelu(const struct variant *v)
{
    return run_activation(v, ACTIVATION_GELU);
}

static double run_gelu_tanh(const struct variant *v)
{
    return run_activation(v, ACTIVATION_GELU_TANH);
}

static double run_silu(const struct variant *v)
{
    return run_activation(v, ACTIVATION_SILU);
}

static double run_tanh(const struct variant *v)
{
    return run_activation(v, ACTIVATION_TANH);
}

static double run_gelu_gradient(const struct variant *v)
{
    v->e->activate_gradient(ACTIVATION_GELU, arrays[0], arrays[1], arrays[2], floats);
    return 12. * (double)floats;
}

static double run_gelu_tanh_gradient(const struct variant *v)
{
    v->e->activate_gradient(ACTIVATION_GELU_TANH, arrays[0], arrays[1], arrays[2], floats);
    return 12. * (double)floats;
}

static double run_add(const struct variant *v)
{
    v->e->add(arrays[0], arrays[1], arrays[2], floats);
    return 12. * (double)floats;
}

static double run_sum(const struct variant *v)
{
    gamma_[0] += 1e-30f * v->e->sum(arrays[0], floats);
    return 4. * (double)floats;
}

static double run_narrow_bf16(const struct variant *v)
{
    v->e->narrow_bf16(arrays[0], (uint16_t *)arrays[1], floats);
    return 6. * (double)floats;
}

static double run_widen_f16(const struct variant *v)
{
    v->e->widen_f16((const uint16_t *)arrays[0], arrays[1], floats);
    return 6. * (double)floats;
}

static double run_dropout(const struct variant *v)
{
    v->e->dropout(1, 0, 0.1f, arrays[0], arrays[1], floats);
    return 8. * (double)floats;
}

static const struct optimizer_step step = {.learning_rate = 1e-5,
                                           .momentum = 0.9,
                                           .beta1 = 0.9,
                                           .beta2 = 0.999,
                                           .epsilon = 1e-8,
                                           .decay = 0.01,
                                           .gradient_scale = 1,
                                           .bias_correction1 = 0.5,
                                           .bias_correction2 = 0.1};

static double run_momentum(const struct variant *v)
{
    v->e->sgd(&step, arrays[0], arrays[1], arrays[2], NULL, floats);
    return 20. * (double)floats;
}

static double run_adamw(const struct variant *v)
{
    v->e->adam(&step, arrays[0], arrays[1], arrays[2], arrays[3], NULL, floats);
    return 28. * (double)floats;
}

static double run_layer_norm(const struct variant *v)
{
    v->r->layer_norm(arrays[0], gamma_, beta_, arrays[1], NULL, NULL, row_count(ROW), ROW, 1e-5f);
    return 8. * (double)(row_count(ROW) * ROW);
}

static double run_layer_norm_gradient(const struct variant *v)
{
    const size_t rows = row_count(ROW);
    v->r->layer_norm_gradient(arrays[0], gamma_, arrays[3], arrays[3] + rows, arrays[1], NULL, arrays[2], gamma_, beta_,
                              rows, ROW);
    return 12. * (double)(rows * ROW);
}

static double run_rms_norm(const struct variant *v)
{
    v->r->rms_norm(arrays[0], gamma_, arrays[1], NULL, row_count(ROW), ROW, 1e-5f);
    return 8. * (double)(row_count(ROW) * ROW);
}

static double run_softmax(const struct variant *v)
{
    v->r->softmax(arrays[0], arrays[1], row_count(ROW), ROW);
    return 8. * (double)(row_count(ROW) * ROW);
}

static double run_softmax_wide(const struct variant *v)
{
    const size_t columns = floats < VOCABULARY ? floats : VOCABULARY;
    v->r->softmax(arrays[0], arrays[1], row_count(columns), columns);
    return 8. * (double)(row_count(columns) * columns);
}

static double run_cross_entropy(const struct variant *v)
{
    static int32_t target[1 << 16];
    static float loss[1 << 16], log_sum[1 << 16];
    const size_t columns = floats < VOCABULARY ? floats : VOCABULARY;
    v->r->cross_entropy(arrays[0], target, loss, log_sum, row_count(columns), columns);
    return 4. * (double)(row_count(columns) * columns);
}

static double run_column_sums(const struct variant *v)
{
    v->r->column_sums(arrays[0], gamma_, row_count(ROW), ROW, ROW);
    return 4. * (double)(row_count(ROW) * ROW);
}

static double run_column_moments(const struct variant *v)
{
    v->r->column_moments(arrays[0], beta_, gamma_, gamma_ + 64, row_count(64), 64);
    return 4. * (double)(row_count(64) * 64);
}

/* A square image of 96 channels that fills the array */
static struct conv_shape image(size_t kernel, size_t stride)
{
    size_t side = 4;
    while ((side + 1) * (side + 1) * 96 <= floats)
        side++;
    const size_t out = (side + 2 * (kernel / 2) - kernel) / stride + 1;
    return (struct conv_shape){1,      side,   side,   96,         out,        out, 96, kernel,
                               kernel, stride, stride, kernel / 2, kernel / 2, 1,   1,  96};
}

static double moved(const struct conv_shape *s)
{
    return 4. * 96 * (double)(s->height * s->width + s->out_height * s->out_width);
}

static double run_depthwise(const struct variant *v)
{
    const struct conv_shape s = image(3, 1);
    v->s->conv(&s, arrays[0], gamma_, NULL, arrays[1], 0, s.out_height);
    return moved(&s);
}

static double run_depthwise_stride2(const struct variant *v)
{
    const struct conv_shape s = image(3, 2);
    v->s->conv(&s, arrays[0], gamma_, NULL, arrays[1], 0, s.out_height);
    return moved(&s);
}

static double run_depthwise_stride2_gradient(const struct variant *v)
{
    const struct conv_shape s = image(3, 2);
    v->s->conv_gradient_input(&s, arrays[0], gamma_, arrays[1], 0, s.height);
    return moved(&s);
}

static double run_depthwise_filters(const struct variant *v)
{
    const struct conv_shape s = image(3, 1);
    v->s->depthwise_gradient_filters(&s, arrays[0], arrays[1], gamma_, 0, s.out_height);
    return moved(&s);
}

static double run_max_pool(const struct variant *v)
{
    const struct conv_shape s = image(3, 2);
    v->s->max_pool(&s, arrays[0], arrays[1], (int32_t *)arrays[2], 0, s.out_height);
    return moved(&s) * 1.2;
}

static double run_max_pool_gradient(const struct variant *v)
{
    const struct conv_shape s = image(3, 2);
    v->s->max_pool_gradient(&s, arrays[1], (const int32_t *)arrays[2], arrays[3], 0, s.height);
    return moved(&s) * 1.2;
}

static const struct {
    const char *name;
    double (*run)(const struct variant *);
} kernels[] = {
    {"memcpy", run_copy},
    {"relu", run_relu},
    {"gelu", run_gelu},
    {"gelu gradient", run_gelu_gradient},
    {"gelu_tanh", run_gelu_tanh},
    {"gelu_tanh gradient", run_gelu_tanh_gradient},
    {"silu", run_silu},
    {"tanh", run_tanh},
    {"add", run_add},
    {"sum", run_sum},
    {"narrow to bf16", run_narrow_bf16},
    {"widen f16", run_widen_f16},
    {"dropout", run_dropout},
    {"sgd with momentum", run_momentum},
    {"adamw", run_adamw},
    {"layer_norm 768", run_layer_norm},
    {"layer_norm gradient", run_layer_norm_gradient},
    {"rms_norm 768", run_rms_norm},
    {"softmax 768", run_softmax},
    {"softmax 50257", run_softmax_wide},
    {"cross_entropy 50257", run_cross_entropy},
    {"column_sums 768", run_column_sums},
    {"column_moments 64", run_column_moments},
    {"depthwise 3x3", run_depthwise},
    {"depthwise 3x3 stride 2", run_depthwise_stride2},
    {"  its input gradient", run_depthwise_stride2_gradient},
    {"depthwise 3x3 filter gradient", run_depthwise_filters},
    {"max_pool 3x3 stride 2", run_max_pool},
    {"max_pool gradient", run_max_pool_gradient},
};

/* The best of several short runs, in GB/s */
static double best_gbs(double (*run)(const struct variant *), const struct variant *variant)
{
    double bytes = run(variant), best = 0, began = clock_now_s();
    size_t calls = (size_t)(4e6 / bytes) + 1;
    do {
        double start = clock_now_s();
        for (size_t i = 0; i < calls; i++)
            run(variant);
        double gbs = (double)calls * bytes / (clock_now_s() - start) * 1e-9;
        best = gbs > best ? gbs : best;
    } while (clock_now_s() - began < 0.03);
    return best;
}

static void fill_arrays(size_t count)
{
    floats = count;
    for (size_t a = 0; a < ARRAYS; a++)
        for (size_t i = 0; i < count; i++)
            arrays[a][i] = a == 3 ? 0.5f : random_normal(a, i);
    for (size_t i = 0; i < VOCABULARY; i++)
        gamma_[i] = 1, beta_[i] = 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        size_t floats;
    } footprints[] = {{"L1", 3072}, {"L2", 98304}, {"memory", 32 << 20}};
    const size_t most_bytes = footprints[2].floats * sizeof(float);
    for (size_t a = 0; a < ARRAYS; a++) {
        arrays[a] = aligned_alloc(2 << 20, most_bytes);
        if (!arrays[a])
            return 1;
        madvise(arrays[a], most_bytes, MADV_HUGEPAGE);
    }
    printf("GB/s, one thread; arrays of 12 KiB (L1), 384 KiB (L2), 128 MiB (memory)\n%-30s", "");
    for (size_t v = 0; elementwise_variants()[v]; v++)
        for (size_t f = 0; f < 3; f++)
            printf(" %7s %-6s", elementwise_variants()[v]->name, footprints[f].name);
    double gbs[sizeof kernels / sizeof *kernels][4][3] = {0};
    for (size_t f = 0; f < 3; f++)
        for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++)
            for (size_t v = 0; elementwise_variants()[v]; v++) {
                if (argc > 1 && !strstr(kernels[k].name, argv[1]))
                    continue;
                const struct variant variant = {elementwise_variants()[v], row_variants()[v], spatial_variants()[v]};
                if (elementwise_variants()[v] == &elementwise_kernels_plain &&
                    f == 2) /* plain C at a memory footprint takes its time and says no more */
                    continue;
                fill_arrays(footprints[f].floats);
                gbs[k][v][f] = best_gbs(kernels[k].run, &variant);
            }
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
        if (argc > 1 && !strstr(kernels[k].name, argv[1]))
            continue;
        printf("\n%-30s", kernels[k].name);
        for (size_t v = 0; elementwise_variants()[v]; v++)
            for (size_t f = 0; f < 3; f++)
                gbs[k][v][f] > 0 ? printf(" %14.1f", gbs[k][v][f]) : printf(" %14s", "");
    }
    printf("\n");
    for (size_t a = 0; a < ARRAYS; a++)
        free(arrays[a]);
    return 0;
}
