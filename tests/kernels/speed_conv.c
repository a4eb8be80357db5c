/* The speed of convolutions of stride 1: the multiplication over gathered patches beside every direct kernel. By hand:
 *     speed_conv [threads [part of a shape's name [seconds per figure]]]
 * Figures are the best of repeated calls, interleaved, so that a busy machine disturbs them all alike. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/base/random.h"
#include "models/kernels/conv_direct_kernel.h"

static const struct {
    const char *name;
    size_t batch, side, channels, out_channels;
} shapes[] = {
    {"seed-cnn conv1", 64, 28, 1, 32}, {"seed-cnn conv2", 64, 28, 32, 64}, {"first 3 channels", 8, 56, 3, 64},
    {"resnet 56 b1", 1, 56, 64, 64},   {"resnet 56 b8", 8, 56, 64, 64},    {"resnet 28 b1", 1, 28, 128, 128},
    {"resnet 28 b8", 8, 28, 128, 128}, {"resnet 14 b1", 1, 14, 256, 256},  {"resnet 14 b8", 8, 14, 256, 256},
    {"resnet 7 b1", 1, 7, 512, 512},   {"resnet 7 b8", 8, 7, 512, 512},
};

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void *buffer(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!memory)
        exit(1);
    return memory;
}

static void *random_buffer(enum dtype dtype, size_t count, const char *name)
{
    uint64_t key = random_key(1, name);
    void *memory = buffer(count * 4);
    for (size_t i = 0; i < count; i++)
        if (dtype == DTYPE_F32)
            ((float *)memory)[i] = random_uniform(key, i) - 0.5f;
        else
            ((uint16_t *)memory)[i] = f32_to_bf16(random_uniform(key, i) - 0.5f);
    return memory;
}

/* The pass as a multiplication; the filters' order for the gradient matters to its numbers only, not to its speed. */
static struct gemm as_gemm(const struct conv_direct *conv)
{
    const struct conv_shape *s = &conv->shape;
    bool back = conv->pass == CONV_GRADIENT_INPUT, filters = conv->pass == CONV_GRADIENT_FILTERS;
    size_t pixels = s->batch * s->height * s->width, window = s->kernel_height * s->kernel_width;
    size_t depth = back ? s->out_channels : s->channels, result = back ? s->channels : s->out_channels;
    struct operand patches = {.data = conv->image,
                              .dtype = conv->dtype,
                              .kind = back ? OPERAND_PATCHES_TRANSPOSED : OPERAND_PATCHES,
                              .conv = s,
                              .channel_count = depth};
    struct operand matrix = {.data = conv->operand, .dtype = conv->dtype, .transposed = !back};
    matrix.row_stride = filters || back ? result : window * depth;
    struct gemm gemm = {.m = filters ? result : pixels,
                        .n = filters ? window * depth : result,
                        .k = filters ? pixels : window * depth,
                        .a = filters ? matrix : patches,
                        .b = filters ? patches : matrix,
                        .c = conv->result,
                        .c_dtype = filters ? DTYPE_F32 : conv->dtype};
    gemm.c_row_stride = gemm.n;
    return gemm;
}

enum { CONTESTANTS = 8 };

static void measure(const char *name, const struct conv_direct *conv, int threads, double budget_s)
{
    static const char *const passes[] = {"forward", "dx", "dfilters"};
    const struct conv_kernel *kernels[CONTESTANTS] = {0};
    void *workspaces[CONTESTANTS] = {0};
    double best[CONTESTANTS], used[CONTESTANTS] = {0};
    struct gemm gemm = as_gemm(conv);
    workspaces[0] = buffer(gemm_workspace(&gemm, threads));
    size_t count = 1;
    for (const struct conv_kernel *const *kernel = conv_kernels(); *kernel; kernel++)
        if (conv_kernel_can(*kernel, conv) && (*kernel)->isa) {
            kernels[count] = *kernel;
            workspaces[count++] = buffer(conv_kernel_workspace(*kernel, conv, threads));
        }
    for (size_t i = 0; i < count; i++)
        best[i] = 1e30;
    for (bool busy = true; busy;) {
        busy = false;
        for (size_t i = 0; i < count; i++) {
            for (double round_s = 0; used[i] < budget_s && round_s < budget_s / 8;) {
                double start = now_s();
                if (i == 0)
                    gemm_run(&gemm, workspaces[0], threads);
                else
                    conv_kernel_run(kernels[i], conv, workspaces[i], threads);
                double took = now_s() - start;
                best[i] = took < best[i] ? took : best[i];
                used[i] += took;
                round_s += took;
            }
            busy = busy || used[i] < budget_s;
        }
    }
    double flops = 2.0 * (double)gemm.m * (double)gemm.n * (double)gemm.k;
    printf("%-18s %-4s %-8s %8.0f us  patches %.0f GF/s", name, conv->dtype == DTYPE_F32 ? "f32" : "bf16",
           passes[conv->pass], best[0] * 1e6, flops / best[0] * 1e-9);
    for (size_t i = 1; i < count; i++)
        printf("  %s %.0f GF/s (%.2fx)", kernels[i]->name, flops / best[i] * 1e-9, best[0] / best[i]);
    printf("%s\n", conv_direct_applies(conv) ? "" : "  [patches chosen]");
    fflush(stdout);
    for (size_t i = 0; i < count; i++)
        free(workspaces[i]);
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : omp_get_max_threads();
    const char *part = argc > 2 ? argv[2] : "";
    double budget_s = argc > 3 ? atof(argv[3]) : 0.2;
    omp_set_num_threads(threads);
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            size_t side = shapes[i].side, channels = shapes[i].channels, out = shapes[i].out_channels;
            size_t pixels = shapes[i].batch * side * side;
            if (!strstr(shapes[i].name, part))
                continue;
            void *x = random_buffer((enum dtype)dtype, pixels * channels, "x");
            void *y = random_buffer((enum dtype)dtype, pixels * out, "y");
            void *filters = random_buffer((enum dtype)dtype, out * 9 * channels, "filters");
            struct conv_direct conv = {
                .dtype = (enum dtype)dtype,
                .shape = {shapes[i].batch, side, side, channels, side, side, out, 3, 3, 1, 1, 1, 1, 1, 1, 1}};
            conv.pass = CONV_FORWARD, conv.image = x, conv.operand = filters, conv.result = y;
            measure(shapes[i].name, &conv, threads, budget_s);
            conv.pass = CONV_GRADIENT_INPUT, conv.image = y, conv.result = x;
            measure(shapes[i].name, &conv, threads, budget_s);
            conv.pass = CONV_GRADIENT_FILTERS, conv.image = x, conv.operand = y, conv.result = filters;
            void *gradient = buffer(out * 9 * channels * sizeof(float));
            conv.result = gradient;
            measure(shapes[i].name, &conv, threads, budget_s);
            free(gradient);
            free(x);
            free(y);
            free(filters);
        }
    return 0;
}
