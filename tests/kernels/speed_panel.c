/* The speed of many rows times packed weights on a 1.1-billion-parameter Llama's widest layer: panels beside what else
 * there is, which take turns, and the machine's own peak of int8 products. Run by hand: speed_panel [threads [part of a
 * name [seconds per figure]]] f32 is the multiplication of the same shape with weights that are f32 already; bf16 the
 * matrix units'. A figure is the fastest call. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/base/random.h"
#include "models/kernels/gemm_kernel.h"
#include "models/kernels/quant.h"
#include "models/kernels/quant_kernel.h"
#include "models/kernels/quant_panel.h"
#include "probes/ceilings/peak.h"
#include "probes/isa.h"

enum { N = 5632, K = 2048, PLACES = 4, MOST = 8 };

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void *buffer(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);
    if (!memory)
        exit(1);
    memset(memory, 0, bytes);
    return memory;
}

/* One way to multiply: one of the pointers, or none for the bf16 units. */
struct way {
    const char *name;
    const struct quant_kernel *few;
    const struct quant_panel_kernel *panel;
    const struct gemm_variant *f32;
    void *workspace;
    double best_s;
};

struct multiplication {
    struct quant_matrix matrix;
    struct gemm gemm; /* the same in f32 */
    char *weights;    /* PLACES of them */
    size_t bytes;
    int threads;
};

static void run(const struct way *way, struct multiplication *m, size_t place)
{
    m->matrix.weight = m->weights + place % PLACES * m->bytes;
    if (way->few)
        quant_kernel_run(way->few, &m->matrix, way->workspace, m->threads);
    else if (way->panel)
        quant_panel_run(way->panel, &m->matrix, way->workspace, m->threads);
    else if (way->f32)
        gemm_variant_run(way->f32, &m->gemm, way->workspace, m->threads);
    else
        quant_wide_run(&m->matrix, way->workspace, m->threads);
}

static size_t list(struct way *ways, struct multiplication *m)
{
    size_t count = 0;
    for (const struct quant_kernel *const *few = quant_kernels(); few[1]; few++) { /* the last is plain C */
        ways[count] = (struct way){.name = (*few)->name, .few = *few};
        ways[count++].workspace = buffer(quant_kernel_workspace(&m->matrix));
    }
    for (const struct quant_panel_kernel *const *panel = quant_panel_kernels(); *panel; panel++) {
        ways[count] = (struct way){.name = (*panel)->name, .panel = *panel};
        ways[count++].workspace = buffer(quant_panel_workspace(*panel, &m->matrix, m->threads));
    }
    const struct gemm_variant *const *f32 = gemm_variants();
    if ((isa_flags() & ISA_X86_AMX) == ISA_X86_AMX) {
        ways[count] = (struct way){.name = "amx-bf16"};
        ways[count++].workspace = buffer(quant_wide_workspace(&m->matrix, m->threads));
    }
    while (((*f32)->isa & ISA_X86_AMX & ~ISA_X86_V4) || !gemm_variant_kernel(*f32, &m->gemm))
        f32++; /* the vector units' */
    ways[count] = (struct way){.name = "f32", .f32 = *f32};
    ways[count++].workspace = buffer(gemm_variant_workspace(*f32, &m->gemm, m->threads));
    return count;
}

static void measure(struct multiplication *m, double peak_gflops, double budget_s)
{
    struct way ways[MOST];
    size_t count = list(ways, m);
    for (size_t w = 0; w < count; w++)
        ways[w].best_s = 1e9;
    double start = now_s();
    for (size_t i = 0; i < 3 || now_s() - start < budget_s * (double)count; i++)
        for (size_t w = 0; w < count; w++) {
            double before = now_s();
            run(&ways[w], m, i);
            double took = now_s() - before;
            ways[w].best_s = took < ways[w].best_s ? took : ways[w].best_s;
        }
    printf("%-5s %4zu rows", dtype_info(m->matrix.weight_dtype)->name, m->matrix.rows);
    for (size_t w = 0; w < count; w++) {
        double gflops = 2.0 * (double)m->matrix.rows * N * K / ways[w].best_s * 1e-9;
        printf("  %s %.0f", ways[w].name, gflops);
        if (ways[w].panel == *quant_panel_kernels() && ways[w].panel)
            printf(" (%.0f %% of int8's peak)", 100 * gflops / peak_gflops);
        free(ways[w].workspace);
    }
    printf(" GFLOP/s\n");
    fflush(stdout);
}

static volatile float kept;

/* Of the vector units' int8 products; of all threads. */
static double int8_peak_gflops(int threads)
{
    const struct peak_loop *best = NULL;
    for (const struct peak_loop *const *loop = peak_loops; *loop; loop++)
        if ((*loop)->kind == PEAK_INT8 && (isa_flags() & (*loop)->isa) == (*loop)->isa &&
            !((*loop)->isa & ISA_AMX_TILE))
            best = *loop;
    double fastest = 0;
    enum { ROUNDS = 200000 };
    for (int i = 0; best && i < 20; i++) {
        double before = now_s();
        float sum = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sum)
        sum += best->run(ROUNDS);
        double gflops = best->operations * ROUNDS * threads / (now_s() - before) * 1e-9;
        fastest = gflops > fastest ? gflops : fastest;
        kept = sum;
    }
    return fastest;
}

int main(int argc, char **argv)
{
    static const enum dtype types[] = {DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K};
    static const size_t rows[] = {4, 6, 8, 12, 16, 17, 24, 32, 64, 128, 512};
    enum { MOST_ROWS = 512 };
    int threads = argc > 1 ? atoi(argv[1]) : omp_get_max_threads();
    const char *part = argc > 2 ? argv[2] : "";
    double budget_s = argc > 3 ? atof(argv[3]) : 0.5, peak_gflops = int8_peak_gflops(threads);
    float *x = buffer(MOST_ROWS * K * sizeof *x), *y = buffer(MOST_ROWS * N * sizeof *y),
          *w = buffer(N * K * sizeof *w);
    for (size_t i = 0; i < MOST_ROWS * K; i++)
        x[i] = random_normal(1, i);
    char *weights = buffer(PLACES * dtype_bytes(DTYPE_Q8_0, N * K));
    for (size_t i = 0; i < dtype_bytes(DTYPE_Q8_0, PLACES * N * K) / 8; i++)
        ((uint64_t *)(void *)weights)[i] = random_bits(1, i) & 0x3f3f3f3f3f3f3f3f; /* scales stay finite */
    printf("int8 peak of the vector units: %.0f GFLOP/s\n", peak_gflops);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows && strstr(dtype_info(types[t])->name, part); r++) {
            struct multiplication m = {.threads = threads, .weights = weights, .bytes = N * dtype_bytes(types[t], K)};
            m.matrix = (struct quant_matrix){.rows = rows[r],
                                             .n = N,
                                             .k = K,
                                             .weight_dtype = types[t],
                                             .x_dtype = DTYPE_F32,
                                             .y_dtype = DTYPE_F32,
                                             .x = x,
                                             .y = y};
            m.gemm = (struct gemm){.m = rows[r],
                                   .n = N,
                                   .k = K,
                                   .a = {.data = x, .kind = OPERAND_MATRIX, .row_stride = K},
                                   .b = {.data = w, .kind = OPERAND_MATRIX, .transposed = true, .row_stride = K},
                                   .c = y,
                                   .c_row_stride = N};
            measure(&m, peak_gflops, budget_s);
        }
    free(x), free(y), free(w), free(weights);
    return 0;
}
