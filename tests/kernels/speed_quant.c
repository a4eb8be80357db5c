/* The speed of multiplication with packed weights on a 1.1-billion-parameter Llama's shapes: for a few rows, the GB/s
 * of weights read beside those of just reading the same bytes; for many, GFLOP/s. Run by hand: speed_quant [threads
 * [part of a name [seconds per figure]]] A figure is the lower quartile of calls that alternate with plain reads, over
 * more memory than caches hold. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "harness/base/random.h"
#include "harness/run/clock.h"
#include "models/kernels/quant.h"
#include "models/kernels/quant_kernel.h"

#define WEIGHTS_BYTES ((size_t)1 << 30)
enum { MOST_TIMES = 1000, N = 5632, K = 2048 };

static void *buffer(size_t bytes)
{
    void *memory = aligned_alloc((size_t)2 << 20, (bytes + ((size_t)2 << 20)) >> 21 << 21);
    if (!memory)
        exit(1);
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double quartile(double *times, size_t count)
{
    qsort(times, count, sizeof *times, by_value);
    return times[count / 4];
}

typedef uint64_t wide __attribute__((vector_size(64)));

static uint64_t read_part(const char *from, size_t bytes)
{
    wide sums[4] = {{0}, {0}, {0}, {0}};
    for (size_t i = 0; i + 256 <= bytes; i += 256)
        for (int j = 0; j < 4; j++)
            sums[j] ^= *(const wide *)(const void *)(from + i + j * 64);
    wide all = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
    return all[0] ^ all[1] ^ all[2] ^ all[3] ^ all[4] ^ all[5] ^ all[6] ^ all[7];
}

static volatile uint64_t kept;

/* In the same pieces and with the same sharing as the kernels'. */
static void read_all(const char *from, size_t bytes, int threads)
{
    size_t piece = bytes / 88 / 256 * 256;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (size_t at = 0; at < bytes; at += piece)
        kept ^= read_part(from + at, bytes - at < piece ? bytes - at : piece);
}

static void measure(const char *weights, enum dtype dtype, size_t rows, const struct quant_kernel *kernel, int threads,
                    double budget_s)
{
    size_t bytes = N * dtype_bytes(dtype, K), places = WEIGHTS_BYTES / bytes, count = 0;
    struct quant_matrix matrix = {.rows = rows,
                                  .n = N,
                                  .k = K,
                                  .weight_dtype = dtype,
                                  .x_dtype = DTYPE_F32,
                                  .y_dtype = DTYPE_F32,
                                  .x = buffer(rows * K * 4),
                                  .y = buffer(rows * N * 4)};
    for (size_t i = 0; i < rows * K; i++)
        ((float *)matrix.x)[i] = random_normal(1, i);
    void *workspace = buffer(kernel ? quant_kernel_workspace(&matrix) : quant_matrix_workspace(&matrix, threads));
    double ours[MOST_TIMES], plain[MOST_TIMES], start = clock_now_s();
    for (size_t i = 0; count < MOST_TIMES && (count < 3 || clock_now_s() - start < budget_s); i++) {
        matrix.weight = weights + i % places * bytes;
        double before = clock_now_s();
        if (kernel)
            quant_kernel_run(kernel, &matrix, workspace, threads);
        else
            quant_matrix_run(&matrix, workspace, threads);
        ours[count] = clock_now_s() - before;
        before = clock_now_s();
        read_all(weights + (i + places / 2) % places * bytes, bytes, threads);
        plain[count++] = clock_now_s() - before;
    }
    double took = quartile(ours, count), read = quartile(plain, count);
    printf("%-5s %4zu rows  %-12s %7.2f GB/s  %5.1f %% of a plain read's %6.2f GB/s  %8.1f GFLOP/s  (%zu calls)\n",
           dtype_info(dtype)->name, rows, kernel ? kernel->name : quant_matrix_variant(&matrix),
           (double)bytes / took * 1e-9, 100 * read / took, (double)bytes / read * 1e-9,
           2.0 * (double)rows * N * K / took * 1e-9, count);
    fflush(stdout);
    free((void *)matrix.x), free(matrix.y), free(workspace);
}

int main(int argc, char **argv)
{
    static const enum dtype types[] = {DTYPE_F16, DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K};
    static const size_t rows[] = {1, 2, 4, 8, 16, 32, 64, 512};
    int threads = argc > 1 ? atoi(argv[1]) : omp_get_max_threads();
    const char *part = argc > 2 ? argv[2] : "";
    double budget_s = argc > 3 ? atof(argv[3]) : 1;
    /* Any bytes are weights; zeros in the scales' upper bits keep sums finite, which is all that matters here. */
    char *weights = buffer(WEIGHTS_BYTES);
#pragma omp parallel for num_threads(threads)
    for (size_t i = 0; i < WEIGHTS_BYTES / 8; i++)
        ((uint64_t *)(void *)weights)[i] = random_bits(1, i) & 0x3f3f3f3f3f3f3f3f;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            if (!strstr(dtype_info(types[t])->name, part))
                continue;
            measure(weights, types[t], rows[r], NULL, threads, budget_s);
            /* Each variant with one row; from 16 rows on, what the other way would do. */
            for (const struct quant_kernel *const *kernel = quant_kernels();
                 *kernel && (rows[r] == 1 || (rows[r] >= 16 && rows[r] < 512 && kernel == quant_kernels())); kernel++)
                measure(weights, types[t], rows[r], *kernel, threads, budget_s);
        }
    free(weights);
    return 0;
}
