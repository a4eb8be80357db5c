/* Products with stacked experts' matrices against their specification: every type of weight, rows that all go to one
 * expert, to a few, to none; and that the matrices of experts without rows are never touched: the pages that they lie
 * on can't be read. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "models/kernels/expert_matrix.h"
#include "models/kernels/quant.h"
#include "tests/kernels/arrays.h"

enum { EXPERTS = 6, N = 96, K = 512, MOST_ROWS = 400 };

static const int32_t counts[][EXPERTS] = {{0},
                                          {1, 0, 0, 1, 0, 0},
                                          {0, 0, 0, 0, 0, 1},
                                          {3, 0, 17, 1, 0, 40},
                                          {0, 0, 300, 0, 0, 0},
                                          {5, 4, 3, 2, 1, 0},
                                          {16, 12, 13, 19, 20, 21},
                                          {30, 0, 0, 0, 130, 13}};
enum { COUNTS = sizeof counts / sizeof *counts };
static const int teams[] = {1, 2, 5};

/* What sums may differ by, of their root mean square: f32 in another order; bf16 as it is stored; x rounded to int8 in
 * runs of 32, or to bf16, where weights are packed. */
static const struct kind {
    enum dtype weight, x;
    double allowed;
} kinds[] = {{DTYPE_F32, DTYPE_F32, 2e-6},   {DTYPE_BF16, DTYPE_BF16, 5e-3}, {DTYPE_F16, DTYPE_F32, 2e-6},
             {DTYPE_Q8_0, DTYPE_F32, 0.012}, {DTYPE_Q4_0, DTYPE_F32, 0.012}, {DTYPE_Q4_K, DTYPE_F32, 0.012},
             {DTYPE_Q6_K, DTYPE_F32, 0.012}};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct stack {
    char *weight;
    size_t bytes, each;
};

static void store(enum dtype dtype, const float *values, void *to, size_t count)
{
    uint16_t *half = to;
    if (dtype_quantised(dtype))
        quantise_row(dtype, values, to, count);
    else if (dtype == DTYPE_F32)
        memcpy(to, values, count * sizeof *values);
    for (size_t i = 0; i < count && !dtype_quantised(dtype) && dtype != DTYPE_F32; i++)
        half[i] = dtype == DTYPE_BF16 ? f32_to_bf16(values[i]) : f32_to_f16(values[i]);
}

static struct stack stack_new(enum dtype dtype)
{
    struct stack stack = {.each = dtype_bytes(dtype, (size_t)N * K)};
    stack.bytes = EXPERTS * stack.each;
    stack.weight = mmap(NULL, stack.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(stack.weight != MAP_FAILED);
    float row[K];
    for (size_t r = 0; r < (size_t)EXPERTS * N; r++) {
        for (size_t k = 0; k < K; k++)
            row[k] = random_normal(7, r * K + k);
        store(dtype, row, stack.weight + r * dtype_bytes(dtype, K), K);
    }
    return stack;
}

/* The pages that hold nothing but matrices of experts without rows, forbidden or allowed. */
static void guard(const struct stack *stack, const int32_t *rows, bool forbid)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), guarded = 0;
    for (size_t first = 0; first < EXPERTS;) {
        size_t end = first;
        while (end < EXPERTS && rows[end] == 0)
            end++;
        size_t from = (first * stack->each + page - 1) / page * page, to = end * stack->each / page * page;
        if (end > first && to > from) {
            ck_assert(mprotect(stack->weight + from, to - from, forbid ? PROT_NONE : PROT_READ | PROT_WRITE) == 0);
            guarded++;
        }
        first = end + 1;
    }
    (void)guarded;
}

struct problem {
    int32_t offsets[EXPERTS + 1];
    size_t rows, most;
};

static struct problem problem_of(const int32_t *rows)
{
    struct problem problem = {.rows = 0};
    for (int e = 0; e < EXPERTS; e++) {
        problem.offsets[e + 1] = problem.offsets[e] + rows[e];
        problem.most = (size_t)rows[e] > problem.most ? (size_t)rows[e] : problem.most;
    }
    problem.rows = (size_t)problem.offsets[EXPERTS];
    return problem;
}

static void *rows_new(enum dtype dtype, size_t rows, size_t columns, uint64_t key)
{
    size_t count = rows * columns;
    char *data = malloc(dtype_bytes(dtype, count) + 1);
    for (size_t i = 0; i < count; i++) {
        float value = random_normal(key, i);
        store(dtype, &value, data + dtype_bytes(dtype, i), 1);
    }
    return data;
}

static double value_at(enum dtype dtype, const void *data, size_t i)
{
    return dtype == DTYPE_F32 ? (double)((const float *)data)[i] : (double)bf16_to_f32(((const uint16_t *)data)[i]);
}

static void check_norm(const char *what, enum dtype dtype, const void *got, const void *want, size_t count,
                       double allowed)
{
    double difference = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        difference += pow(value_at(dtype, got, i) - value_at(dtype, want, i), 2);
        square += pow(value_at(dtype, want, i), 2);
    }
    ck_assert_msg(difference <= allowed * allowed * square, "%s: wrong by %g of its norm, not by up to %g", what,
                  sqrt(difference / square), allowed);
}

/* Runs `matrix` and its specification, each into a memory of its own, and compares both outputs. */
static void compare(const char *what, struct expert_matrix matrix, const struct stack *stack, const int32_t *rows,
                    double allowed, int threads)
{
    size_t count = matrix.rows * matrix.n;
    void *before = rows_new(matrix.y_dtype, matrix.rows, matrix.n, 3);
    void *outputs[4];
    for (int i = 0; i < 4; i++)
        outputs[i] = memcpy(malloc(dtype_bytes(matrix.y_dtype, count) + 1), before, dtype_bytes(matrix.y_dtype, count));
    bool keeps = matrix.activation != ACTIVATION_NONE;
    size_t bytes = expert_matrix_workspace(&matrix, threads);
    void *workspace = NULL;
    ck_assert(posix_memalign(&workspace, 64, bytes ? bytes : 1) == 0);
    matrix.weight = stack->weight;
    matrix.y = outputs[0];
    matrix.pre_activation = keeps ? outputs[1] : NULL;
    expert_matrix_reference(&matrix);
    matrix.y = outputs[2];
    matrix.pre_activation = keeps ? outputs[3] : NULL;
    guard(stack, rows, true);
    expert_matrix_run(&matrix, workspace, threads);
    guard(stack, rows, false);
    check_norm(what, matrix.y_dtype, outputs[2], outputs[0], count, allowed);
    check_norm(what, matrix.y_dtype, outputs[3], outputs[1], count, allowed);
    for (int i = 0; i < 4; i++)
        free(outputs[i]);
    free(before);
    free(workspace);
}

START_TEST(products)
{
    const struct kind *kind = &kinds[_i % KINDS];
    struct stack stack = stack_new(kind->weight);
    for (size_t c = 0; c < COUNTS; c++)
        for (size_t t = 0; t < sizeof teams / sizeof *teams; t++) {
            bool activates = (c + t) % 2;
            struct problem problem = problem_of(counts[c]);
            void *x = rows_new(kind->x, problem.rows, K, 11);
            char what[96];
            snprintf(what, sizeof what, "%s, rows %zu, %d threads", dtype_info(kind->weight)->name, c, teams[t]);
            struct expert_matrix matrix = {.experts = EXPERTS,
                                           .n = N,
                                           .k = K,
                                           .rows = problem.rows,
                                           .most = problem.most,
                                           .offsets = problem.offsets,
                                           .weight_dtype = kind->weight,
                                           .x_dtype = kind->x,
                                           .y_dtype = kind->x,
                                           .x = x,
                                           .activation = activates ? ACTIVATION_SILU : ACTIVATION_NONE};
            compare(what, matrix, &stack, counts[c], kind->allowed, teams[t]);
            free(x);
        }
    munmap(stack.weight, stack.bytes);
}
END_TEST

/* x = dz · W, added to what was there: the stack is [E, K as n, N as k] seen across. */
START_TEST(gradients_of_rows)
{
    const struct kind *kind = &kinds[_i % 2];
    struct stack stack = stack_new(kind->weight);
    for (size_t c = 0; c < COUNTS; c++)
        for (int accumulate = 0; accumulate < 2; accumulate++) {
            struct problem problem = problem_of(counts[c]);
            void *dz = rows_new(kind->x, problem.rows, N, 12);
            struct expert_matrix matrix = {.experts = EXPERTS,
                                           .n = K,
                                           .k = N,
                                           .rows = problem.rows,
                                           .most = problem.most,
                                           .offsets = problem.offsets,
                                           .weight_dtype = kind->weight,
                                           .x_dtype = kind->x,
                                           .y_dtype = kind->x,
                                           .across = true,
                                           .x = dz,
                                           .accumulate = accumulate != 0};
            compare("gradient of rows", matrix, &stack, counts[c], kind->allowed, 2);
            free(dz);
        }
    munmap(stack.weight, stack.bytes);
}
END_TEST

START_TEST(gradients_of_matrices)
{
    enum dtype dtype = _i ? DTYPE_BF16 : DTYPE_F32;
    for (size_t c = 0; c < COUNTS; c++)
        for (size_t t = 0; t < sizeof teams / sizeof *teams; t++) {
            struct problem problem = problem_of(counts[c]);
            void *dz = rows_new(dtype, problem.rows, N, 12), *x = rows_new(dtype, problem.rows, K, 13);
            size_t count = (size_t)EXPERTS * N * K;
            struct array want = array_new(count, 0), got = array_new(count, 0); /* filled: zeros must be written */
            struct expert_outer outer = {.experts = EXPERTS,
                                         .n = N,
                                         .k = K,
                                         .rows = problem.rows,
                                         .most = problem.most,
                                         .offsets = problem.offsets,
                                         .dz_dtype = dtype,
                                         .x_dtype = dtype};
            size_t bytes = expert_outer_workspace(&outer, teams[t]);
            void *workspace = NULL;
            ck_assert(posix_memalign(&workspace, 64, bytes ? bytes : 1) == 0);
            outer.dz = dz;
            outer.x = x;
            outer.dw = want.f;
            expert_outer_reference(&outer);
            outer.dw = got.f;
            expert_outer_run(&outer, workspace, teams[t]);
            for (int e = 0; e < EXPERTS; e++) {
                size_t each = (size_t)N * K;
                check_norm("gradient of a matrix", DTYPE_F32, got.f + (size_t)e * each, want.f + (size_t)e * each, each,
                           2e-6);
                if (counts[c][e] == 0)
                    ck_assert(got.f[(size_t)e * each] == 0 && got.f[(size_t)(e + 1) * each - 1] == 0);
            }
            array_free(&want);
            array_free(&got);
            free(dz), free(x), free(workspace);
        }
}
END_TEST

int main(void)
{
    return suite_run("experts", 600,
                     SUITE(LOOP(products, KINDS), LOOP(gradients_of_rows, 2), LOOP(gradients_of_matrices, 2)));
}
