/* What BLAS reaches on a large f32 matrix product, on one thread and on all. */
#include <omp.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "probes/blas.h"
#include "probes/ceilings/repeat.h"
#include "probes/probe.h"

struct product {
    blas_sgemm_function *sgemm;
    int size;
    float *a, *b, *c;
};

static void work(void *state, int threads, long rounds)
{
    struct product *product = state;
    int n = product->size;
    omp_set_num_threads(threads);
    for (long i = 0; i < rounds; i++)
        product->sgemm(BLAS_ROW_MAJOR, BLAS_NO_TRANSPOSE, BLAS_NO_TRANSPOSE, n, n, n, 1, product->a, n, product->b, n,
                       0, product->c, n);
}

static double operations(int size)
{
    return 2.0 * size * size * size;
}

/* Large enough that a product takes a while on all threads; small enough for the memory that is there. */
static int choose_size(const struct machine *machine, int threads)
{
    uint64_t room = machine->memory.available_known ? machine->memory.available_bytes : (uint64_t)1 << 30;
    int size = threads > 16 ? 4096 : 2048;
    while (size > 256 && 3ull * sizeof(float) * (uint64_t)size * (uint64_t)size > room / 4)
        size /= 2;
    return size;
}

static void measure_threads(struct machine *machine, struct product *product, int threads, int size, const char *name)
{
    int before = omp_get_max_threads();
    product->size = size;
    /* All threads share each product, so a round of one thread is its share of one. */
    ceiling_put(machine, name, ceiling_rate(work, product, threads, operations(size) / threads, 0.03), 1e9);
    omp_set_num_threads(before);
}

static void measure(struct machine *machine)
{
    int threads = ceiling_threads(machine), size = choose_size(machine, threads);
    size_t count = (size_t)size * (size_t)size, bytes = 3 * count * sizeof(float);
    float *memory = aligned_alloc(2 << 20, (bytes + (2 << 20) - 1) / (2 << 20) * (2 << 20));
    if (!memory || !blas_sgemm()) {
        free(memory);
        return;
    }
    madvise(memory, bytes, MADV_HUGEPAGE);
    for (size_t i = 0; i < 3 * count; i++)
        memory[i] = (float)(i % 7) * 0.25f;
    struct product product = {.sgemm = blas_sgemm(), .a = memory, .b = memory + count, .c = memory + 2 * count};
    measure_threads(machine, &product, threads, size, "gemm_f32_gflops");
    measure_threads(machine, &product, 1, size > 1024 ? 1024 : size, "gemm_f32_1t_gflops");
    free(memory);
}

const struct ceiling_probe ceiling_gemm = {
    .name = "gemm",
    .help = "f32 matrix product through BLAS",
    .measure = measure,
};
