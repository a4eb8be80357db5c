/* The speed of every gemm variant on the shapes that models are made of, beside cblas_sgemm. Run by hand:
 *     speed_gemm [threads [part of a shape's name [seconds per figure]]]
 * Figures are the best of repeated calls, interleaved, so that a busy machine disturbs them all alike. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/kernels/gemm_kernel.h"
#include "probes/blas.h"
#include "speed.h"

struct shape {
    const char *name;
    size_t m, n, k;
    bool a_transposed, b_transposed;
    size_t channels, side; /* a convolution 3×3 with padding 1 over side × side images of so many channels */
};

static const struct shape shapes[] = {
    {"gpt2 qkv forward", 256, 2304, 768, false, true, 0, 0},
    {"gpt2 proj forward", 256, 768, 768, false, true, 0, 0},
    {"gpt2 fc forward", 256, 3072, 768, false, true, 0, 0},
    {"gpt2 out forward", 256, 768, 3072, false, true, 0, 0},
    {"gpt2 head forward", 256, 50257, 768, false, true, 0, 0},
    {"gpt2 qkv dx", 256, 768, 2304, false, false, 0, 0},
    {"gpt2 fc dx", 256, 768, 3072, false, false, 0, 0},
    {"gpt2 head dx", 256, 768, 50257, false, false, 0, 0},
    {"gpt2 qkv dw", 2304, 768, 256, true, false, 0, 0},
    {"gpt2 fc dw", 3072, 768, 256, true, false, 0, 0},
    {"gpt2 head dw", 50257, 768, 256, true, false, 0, 0},
    {"mlp 1024x4096 forward", 128, 4096, 1024, false, true, 0, 0},
    {"mlp 4096x4096 forward", 128, 4096, 4096, false, true, 0, 0},
    {"mlp 4096x4096 dx", 128, 4096, 4096, false, false, 0, 0},
    {"mlp 4096x4096 dw", 4096, 4096, 128, true, false, 0, 0},
    {"mlp 4096x1000 forward", 128, 1000, 4096, false, true, 0, 0},
    {"seed-cnn fc1 forward", 64, 100, 50176, false, true, 0, 0},
    {"seed-cnn fc1 dx", 64, 50176, 100, false, false, 0, 0},
    {"seed-cnn fc1 dw", 100, 50176, 64, true, false, 0, 0},
    {"seed-cnn conv1 forward", 50176, 32, 9, false, true, 1, 28},
    {"seed-cnn conv2 forward", 50176, 64, 288, false, true, 32, 28},
    {"seed-cnn conv2 dw", 64, 288, 50176, true, false, 32, 28},
    {"resnet 3x3x64 forward", 12544, 64, 576, false, true, 64, 56},
    {"decode 1 row", 1, 3072, 768, false, true, 0, 0},
    {"decode 1 row, large", 1, 8192, 4096, false, true, 0, 0},
    {"decode 4 rows, large", 4, 8192, 4096, false, true, 0, 0},
    {"decode 16 rows, large", 16, 8192, 4096, false, true, 0, 0},
    {"decode 1 row, flat", 1, 4096, 8192, false, false, 0, 0},
    {"cube 64", 64, 64, 64, false, false, 0, 0},
    {"cube 256", 256, 256, 256, false, false, 0, 0},
    {"cube 1024", 1024, 1024, 1024, false, true, 0, 0},
    {"cube 2048", 2048, 2048, 2048, false, false, 0, 0},
};

static struct gemm shaped(const struct shape *shape, enum dtype dtype, struct conv_shape *conv)
{
    struct gemm gemm = {.m = shape->m, .n = shape->n, .k = shape->k, .c_dtype = dtype, .c_row_stride = shape->n};
    gemm.a = (struct operand){.dtype = dtype, .transposed = shape->a_transposed};
    gemm.a.row_stride = shape->a_transposed ? shape->m : shape->k;
    gemm.b = (struct operand){.dtype = dtype, .transposed = shape->b_transposed};
    gemm.b.row_stride = shape->b_transposed ? shape->k : shape->n;
    size_t a_count = shape->m * shape->k, b_count = shape->n * shape->k;
    if (shape->channels) {
        struct operand *patches = shape->a_transposed ? &gemm.b : &gemm.a;
        size_t side = shape->side, pixels = shape->a_transposed ? shape->k : shape->m;
        *conv = (struct conv_shape){.batch = pixels / (side * side),
                                    .height = side,
                                    .width = side,
                                    .channels = shape->channels,
                                    .out_height = side,
                                    .out_width = side,
                                    .out_channels = 64,
                                    .kernel_height = 3,
                                    .kernel_width = 3,
                                    .stride_height = 1,
                                    .stride_width = 1,
                                    .pad_top = 1,
                                    .pad_left = 1,
                                    .dilation_height = 1,
                                    .dilation_width = 1,
                                    .groups = 1};
        patches->kind = OPERAND_PATCHES;
        patches->conv = conv;
        patches->channel_count = shape->channels;
    }
    gemm.a.data = speed_random(dtype, a_count, "a");
    gemm.b.data = speed_random(dtype, b_count, "b");
    gemm.c = speed_buffer(shape->m * shape->n * 4);
    return gemm;
}

static void blas(const struct gemm *gemm)
{
    blas_sgemm_function *sgemm = blas_sgemm();
    if (sgemm)
        sgemm(BLAS_ROW_MAJOR, gemm->a.transposed ? BLAS_TRANSPOSE : BLAS_NO_TRANSPOSE,
              gemm->b.transposed ? BLAS_TRANSPOSE : BLAS_NO_TRANSPOSE, (int)gemm->m, (int)gemm->n, (int)gemm->k, 1,
              gemm->a.data, (int)gemm->a.row_stride, gemm->b.data, (int)gemm->b.row_stride, 0, gemm->c,
              (int)gemm->c_row_stride);
}

enum { CONTESTANTS = 16 };

struct contest {
    const struct gemm *gemm;
    const struct gemm_variant *variants[CONTESTANTS]; /* NULL: the BLAS */
    void *workspaces[CONTESTANTS];
    int threads;
};

static void call_gemm(const void *data, size_t i)
{
    const struct contest *contest = data;
    if (contest->variants[i])
        gemm_variant_run(contest->variants[i], contest->gemm, contest->workspaces[i], contest->threads);
    else
        blas(contest->gemm);
}

static void measure(const struct shape *shape, enum dtype dtype, int threads, double budget_s)
{
    struct conv_shape conv;
    struct gemm gemm = shaped(shape, dtype, &conv);
    struct contest contest = {.gemm = &gemm, .threads = threads};
    double best[CONTESTANTS];
    size_t count = 0;
    for (const struct gemm_variant *const *v = gemm_variants(); *v; v++)
        if (gemm_variant_kernel(*v, &gemm) && (*v)->isa) {
            contest.variants[count] = *v;
            contest.workspaces[count++] = speed_buffer(gemm_variant_workspace(*v, &gemm, threads));
        }
    size_t with_blas = count + (dtype == DTYPE_F32 && !shape->channels);
    speed_contest(with_blas, budget_s, call_gemm, &contest, best);
    double flops = 2.0 * (double)shape->m * (double)shape->n * (double)shape->k;
    double bytes = (double)(dtype == DTYPE_F32 ? 4 : 2) *
                   ((double)shape->m * (double)shape->k + (double)shape->n * (double)shape->k +
                    (double)shape->m * (double)shape->n);
    printf("%-24s %-4s %5zu %5zu %5zu ", shape->name, dtype == DTYPE_F32 ? "f32" : "bf16", shape->m, shape->n,
           shape->k);
    for (size_t i = 0; i < with_blas; i++)
        printf(" %s %.0f GF/s (%.1f GB/s)", contest.variants[i] ? contest.variants[i]->name : "blas",
               flops / best[i] * 1e-9, bytes / best[i] * 1e-9);
    printf("\n");
    fflush(stdout);
    for (size_t i = 0; i < count; i++)
        free(contest.workspaces[i]);
    free((void *)gemm.a.data);
    free((void *)gemm.b.data);
    free(gemm.c);
}

int main(int argc, char **argv)
{
    const struct speed_arguments given = speed_arguments(argc, argv);
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            if (strstr(shapes[i].name, given.part))
                measure(&shapes[i], (enum dtype)dtype, given.threads, given.budget_s);
    return 0;
}
