/* The speed of convolutions of stride 1: the multiplication over gathered patches beside every direct kernel. By hand:
 *     speed_conv [threads [part of a shape's name [seconds per figure]]]
 * Figures are the best of repeated calls, interleaved, so that a busy machine disturbs them all alike. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/kernels/conv_direct_kernel.h"
#include "speed.h"

static const struct {
    const char *name;
    size_t batch, side, channels, out_channels;
} shapes[] = {
    {"seed-cnn conv1", 64, 28, 1, 32}, {"seed-cnn conv2", 64, 28, 32, 64}, {"first 3 channels", 8, 56, 3, 64},
    {"resnet 56 b1", 1, 56, 64, 64},   {"resnet 56 b8", 8, 56, 64, 64},    {"resnet 28 b1", 1, 28, 128, 128},
    {"resnet 28 b8", 8, 28, 128, 128}, {"resnet 14 b1", 1, 14, 256, 256},  {"resnet 14 b8", 8, 14, 256, 256},
    {"resnet 7 b1", 1, 7, 512, 512},   {"resnet 7 b8", 8, 7, 512, 512},
};

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

struct contest {
    const struct conv_direct *conv;
    const struct gemm *gemm;
    const struct conv_kernel *kernels[CONTESTANTS]; /* NULL: the multiplication */
    void *workspaces[CONTESTANTS];
    int threads;
};

static void call_conv(const void *data, size_t i)
{
    const struct contest *contest = data;
    if (contest->kernels[i])
        conv_kernel_run(contest->kernels[i], contest->conv, contest->workspaces[i], contest->threads);
    else
        gemm_run(contest->gemm, contest->workspaces[i], contest->threads);
}

static void measure(const char *name, const struct conv_direct *conv, int threads, double budget_s)
{
    static const char *const passes[] = {"forward", "dx", "dfilters"};
    const struct gemm gemm = as_gemm(conv);
    struct contest contest = {.conv = conv, .gemm = &gemm, .threads = threads};
    double best[CONTESTANTS];
    contest.workspaces[0] = speed_buffer(gemm_workspace(&gemm, threads));
    size_t count = 1;
    for (const struct conv_kernel *const *kernel = conv_kernels(); *kernel; kernel++)
        if (conv_kernel_can(*kernel, conv) && (*kernel)->isa) {
            contest.kernels[count] = *kernel;
            contest.workspaces[count++] = speed_buffer(conv_kernel_workspace(*kernel, conv, threads));
        }
    speed_contest(count, budget_s, call_conv, &contest, best);
    double flops = 2.0 * (double)gemm.m * (double)gemm.n * (double)gemm.k;
    printf("%-18s %-4s %-8s %8.0f us  patches %.0f GF/s", name, conv->dtype == DTYPE_F32 ? "f32" : "bf16",
           passes[conv->pass], best[0] * 1e6, flops / best[0] * 1e-9);
    for (size_t i = 1; i < count; i++)
        printf("  %s %.0f GF/s (%.2fx)", contest.kernels[i]->name, flops / best[i] * 1e-9, best[0] / best[i]);
    printf("%s\n", conv_direct_applies(conv) ? "" : "  [patches chosen]");
    fflush(stdout);
    for (size_t i = 0; i < count; i++)
        free(contest.workspaces[i]);
}

int main(int argc, char **argv)
{
    const struct speed_arguments given = speed_arguments(argc, argv);
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            size_t side = shapes[i].side, channels = shapes[i].channels, out = shapes[i].out_channels;
            size_t pixels = shapes[i].batch * side * side;
            if (!strstr(shapes[i].name, given.part))
                continue;
            void *x = speed_random((enum dtype)dtype, pixels * channels, "x");
            void *y = speed_random((enum dtype)dtype, pixels * out, "y");
            void *filters = speed_random((enum dtype)dtype, out * 9 * channels, "filters");
            struct conv_direct conv = {
                .dtype = (enum dtype)dtype,
                .shape = {shapes[i].batch, side, side, channels, side, side, out, 3, 3, 1, 1, 1, 1, 1, 1, 1}};
            conv.pass = CONV_FORWARD, conv.image = x, conv.operand = filters, conv.result = y;
            measure(shapes[i].name, &conv, given.threads, given.budget_s);
            conv.pass = CONV_GRADIENT_INPUT, conv.image = y, conv.result = x;
            measure(shapes[i].name, &conv, given.threads, given.budget_s);
            conv.pass = CONV_GRADIENT_FILTERS, conv.image = x, conv.operand = y, conv.result = filters;
            void *gradient = speed_buffer(out * 9 * channels * sizeof(float));
            conv.result = gradient;
            measure(shapes[i].name, &conv, given.threads, given.budget_s);
            free(gradient);
            free(x);
            free(y);
            free(filters);
        }
    return 0;
}
