/* How fast attention and the recurrent layers are: the least of several timed calls, forward and backward, for each
 * variant that this machine has. Run as
 *
 *     speed_attention [THREADS [VARIANT [SHAPE]]]
 *
 * where VARIANT is plain, avx2 or avx512 and SHAPE a row's name; without them, all with 2 threads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/random.h"
#include "harness/run/clock.h"
#include "models/kernels/attention_variants.h"
#include "models/kernels/recurrent_variants.h"

static void *allocate(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);
    if (!memory) {
        fprintf(stderr, "speed_attention: out of memory\n");
        exit(4);
    }
    memset(memory, 0, (bytes + 64) / 64 * 64);
    return memory;
}

static float *random_floats(size_t count, float size)
{
    float *x = allocate(count * sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = size * random_normal(7, i);
    return x;
}

/* The least time of a call within about a third of a second. */
#define LEAST_TIME(call)                                                                                               \
    ({                                                                                                                 \
        double least = INFINITY, end = clock_now_s() + 0.3;                                                            \
        for (int i = 0; i < 3 || clock_now_s() < end; i++) {                                                           \
            double start = clock_now_s();                                                                              \
            call;                                                                                                      \
            double taken = clock_now_s() - start;                                                                      \
            least = taken < least ? taken : least;                                                                     \
        }                                                                                                              \
        least;                                                                                                         \
    })

static const struct {
    const char *name;
    size_t batch, length, kv_length, heads, kv_heads, head_dim;
    enum dtype dtype;
} shapes[] = {
    {"gpt2-b4-t64", 4, 64, 64, 12, 12, 64, DTYPE_F32},
    {"gpt2-b2-t512", 2, 512, 512, 12, 12, 64, DTYPE_F32},
    {"llama-b1-t2048", 1, 2048, 2048, 32, 8, 128, DTYPE_F32},
    {"llama-b1-t512-bf16", 1, 512, 512, 32, 8, 128, DTYPE_BF16},
    {"decode-s4096", 1, 1, 4096, 32, 8, 128, DTYPE_F32},
    {"decode-s4096-bf16", 1, 1, 4096, 32, 8, 128, DTYPE_BF16},
    {"decode-s512", 1, 1, 512, 12, 12, 64, DTYPE_F32},
};

static void time_attention(size_t i, const struct attention_kernels *kernels, int threads)
{
    size_t width = (shapes[i].heads + 2 * shapes[i].kv_heads) * shapes[i].head_dim, size = sizeof(float);
    size_t q_count = shapes[i].batch * shapes[i].kv_length * width;
    size_t out_count = shapes[i].batch * shapes[i].length * shapes[i].heads * shapes[i].head_dim;
    float *qkv = random_floats(q_count, shapes[i].dtype == DTYPE_F32 ? 1 : 0), *dqkv = allocate(q_count * size);
    float *dout = random_floats(out_count, shapes[i].dtype == DTYPE_F32 ? 1 : 0), *out = allocate(out_count * size);
    size_t head_bytes = shapes[i].head_dim * (shapes[i].dtype == DTYPE_F32 ? 4 : 2);
    size_t k_bytes = shapes[i].heads * head_bytes, v_bytes = k_bytes + shapes[i].kv_heads * head_bytes;
    struct attention a = {.batch = shapes[i].batch,
                          .length = shapes[i].length,
                          .kv_length = shapes[i].kv_length,
                          .heads = shapes[i].heads,
                          .kv_heads = shapes[i].kv_heads,
                          .head_dim = shapes[i].head_dim,
                          .causal = true,
                          .scale = 1 / sqrtf((float)shapes[i].head_dim),
                          .dtype = shapes[i].dtype,
                          .kv_dtype = shapes[i].dtype,
                          .q = qkv,
                          .k = (char *)qkv + k_bytes,
                          .v = (char *)qkv + v_bytes,
                          .q_stride = width,
                          .k_stride = width,
                          .v_stride = width,
                          .q_batch_stride = shapes[i].kv_length * width,
                          .k_batch_stride = shapes[i].kv_length * width,
                          .v_batch_stride = shapes[i].kv_length * width,
                          .out = out};
    a.log_sum = allocate(a.batch * a.heads * a.length * sizeof(float));
    struct attention_gradient g = {.forward = a, .dout = dout, .dq = dqkv};
    g.dk = (char *)dqkv + k_bytes;
    g.dv = (char *)dqkv + v_bytes;
    void *workspace = allocate(kernels->workspace(&a, threads));
    void *gradient_workspace = allocate(kernels->gradient_workspace(&g, threads));
    double forward = LEAST_TIME(kernels->run(&a, workspace, threads)), backward = NAN;
    if (a.length > 1)
        backward = LEAST_TIME(kernels->gradient_run(&g, gradient_workspace, threads));
    double pairs = (double)a.batch * (double)a.heads * (double)a.length *
                   ((double)a.kv_length - ((double)a.length - 1) / 2) * (double)a.head_dim;
    printf("%-20s %-8s %d  forward %10.4f ms %8.1f GFLOP/s  backward %10.4f ms %8.1f GFLOP/s\n", shapes[i].name,
           kernels->name, threads, 1e3 * forward, 4e-9 * pairs / forward, 1e3 * backward, 10e-9 * pairs / backward);
    void *all[] = {qkv, dqkv, dout, out, a.log_sum, workspace, gradient_workspace};
    for (size_t j = 0; j < sizeof all / sizeof *all; j++)
        free(all[j]);
}

static const struct {
    const char *name;
    size_t batch, steps, units;
} layers[] = {
    {"rnn-b64-t50-64", 64, 50, 64},
    {"rnn-b64-t50-1024", 64, 50, 1024},
    {"rnn-b1-t50-1024", 1, 50, 1024},
};

static void time_recurrent(size_t i, const struct recurrent_kernels *kernels, int threads)
{
    size_t units = layers[i].units, count = layers[i].batch * layers[i].steps * units;
    float *x = random_floats(count, 1), *h = allocate(count * sizeof *h), *dh = random_floats(count, 1);
    float *dx = allocate(count * sizeof *dx), *du = allocate(units * units * sizeof *du);
    float *u = random_floats(units * units, 0.5f / sqrtf((float)units));
    struct recurrent r = {layers[i].batch, layers[i].steps, units, ACTIVATION_RELU, x, u, h};
    struct recurrent_gradient g = {r, dh, dx, du};
    void *workspace = allocate(kernels->workspace(&r, threads));
    void *gradient_workspace = allocate(kernels->gradient_workspace(&g, threads));
    double forward = LEAST_TIME(kernels->run(&r, workspace, threads));
    double backward = LEAST_TIME(kernels->gradient_run(&g, gradient_workspace, threads));
    double products = (double)count * (double)units;
    printf("%-20s %-8s %d  forward %10.4f ms %8.1f GFLOP/s  backward %10.4f ms %8.1f GFLOP/s\n", layers[i].name,
           kernels->name, threads, 1e3 * forward, 2e-9 * products / forward, 1e3 * backward,
           4e-9 * products / backward);
    void *all[] = {x, h, dh, dx, du, u, workspace, gradient_workspace};
    for (size_t j = 0; j < sizeof all / sizeof *all; j++)
        free(all[j]);
}

int main(int count, char **arguments)
{
    int threads = count > 1 ? atoi(arguments[1]) : 2;
    const char *variant = count > 2 ? arguments[2] : NULL, *name = count > 3 ? arguments[3] : NULL;
    if (threads < 1) {
        fprintf(stderr, "speed_attention: THREADS is a number from 1 on\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (const struct attention_kernels *const *k = attention_variants(); *k; k++)
            if ((!name || strcmp(name, shapes[i].name) == 0) && (!variant || strcmp(variant, (*k)->name) == 0))
                time_attention(i, *k, threads);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        for (const struct recurrent_kernels *const *k = recurrent_variants(); *k; k++)
            if ((!name || strcmp(name, layers[i].name) == 0) && (!variant || strcmp(variant, (*k)->name) == 0))
                time_recurrent(i, *k, threads);
    return 0;
}
