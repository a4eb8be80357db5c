/* The quantised types against the gguf package, bit for bit (data/quants.txt, made by quants.py), and how much is lost
 * by those that only we quantise. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/random.h"
#include "models/kernels/quant.h"
#include "tests/suite.h"

enum { MOST = 2048, NAME_SIZE = 16 };

static FILE *file;

static void read_floats(float *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned bits;
        ck_assert_int_eq(fscanf(file, "%8x", &bits), 1);
        memcpy(&to[i], &bits, sizeof bits);
    }
}

static void read_bytes(uint8_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned byte;
        ck_assert_int_eq(fscanf(file, "%2x", &byte), 1);
        to[i] = (uint8_t)byte;
    }
}

static void check_quantise(enum dtype dtype, size_t count)
{
    float x[MOST];
    uint8_t want[4 * MOST], got[4 * MOST];
    size_t bytes = dtype_bytes(dtype, count);
    read_floats(x, count);
    read_bytes(want, bytes);
    quantise_row(dtype, x, got, count);
    for (size_t i = 0; i < bytes; i++)
        ck_assert_msg(got[i] == want[i], "%s: byte %zu of %zu is %02x, not %02x", dtype_info(dtype)->name, i, bytes,
                      got[i], want[i]);
}

static void check_dequantise(enum dtype dtype, size_t count)
{
    float want[MOST], got[MOST];
    uint8_t blocks[4 * MOST + 1];
    read_bytes(blocks + 1, dtype_bytes(dtype, count)); /* + 1: blocks need no alignment */
    read_floats(want, count);
    dequantise_row(dtype, blocks + 1, got, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(memcmp(&got[i], &want[i], sizeof *got) == 0, "%s: element %zu of %zu is %.9g, not %.9g",
                      dtype_info(dtype)->name, i, count, (double)got[i], (double)want[i]);
}

START_TEST(golden)
{
    char action[NAME_SIZE], name[NAME_SIZE];
    size_t count;
    int seen = 0;
    rewind(file);
    ck_assert_int_ne(fscanf(file, "#%*[^\n]"), EOF);
    for (; fscanf(file, "%15s %15s %zu", action, name, &count) == 3; seen++) {
        enum dtype dtype;
        ck_assert(dtype_parse(name, &dtype) && dtype_quantised(dtype) && count <= MOST);
        if (strcmp(action, "quantise") == 0)
            check_quantise(dtype, count);
        else
            check_dequantise(dtype, count);
    }
    ck_assert_int_eq(seen, 6);
}
END_TEST

static double relative_error(enum dtype dtype, const float *x, size_t count)
{
    float back[MOST];
    uint8_t blocks[4 * MOST];
    double error = 0, square = 0;
    quantise_row(dtype, x, blocks, count);
    dequantise_row(dtype, blocks, back, count);
    for (size_t i = 0; i < count; i++) {
        double difference = (double)back[i] - (double)x[i];
        error += difference * difference;
        square += (double)x[i] * (double)x[i];
    }
    return sqrt(error / square);
}

/* Of normally distributed weights. A run's best scale leaves about its range over 15 (63) levels, evenly spread:
 * 4 σ / 15 / √12 = 0.077 of σ for q4_K, 4 σ / 63 / √12 = 0.018 for q6_K. */
START_TEST(loss)
{
    static const struct {
        enum dtype dtype;
        double most;
    } types[] = {{DTYPE_Q8_0, 0.007}, {DTYPE_Q4_0, 0.1}, {DTYPE_Q4_K, 0.077}, {DTYPE_Q6_K, 0.019}};
    float x[MOST];
    for (size_t i = 0; i < MOST; i++)
        x[i] = 0.02f * random_normal(random_key(1, "loss"), i);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        double error = relative_error(types[t].dtype, x, MOST);
        ck_assert_msg(error < types[t].most, "%s loses %g of the root mean square, not below %g",
                      dtype_info(types[t].dtype)->name, error, types[t].most);
    }
}
END_TEST

/* Whatever the values are, what is read back is a number, unless a scale is beyond f16's range by the format's rule. */
START_TEST(extremes)
{
    static const float values[] = {0, -0.0f, 1e-45f, -1e-38f, 1e-8f, 3e4f, -6e4f, 1e9f, -3e38f, INFINITY, NAN};
    enum { COUNT = sizeof values / sizeof *values };
    for (int dtype = DTYPE_Q8_0; dtype <= DTYPE_Q6_K; dtype++)
        for (int a = 0; a < COUNT; a++)
            for (int b = 0; b < COUNT; b++) {
                float x[QUANT_SUPER], back[QUANT_SUPER];
                uint8_t blocks[4 * QUANT_SUPER];
                for (int i = 0; i < QUANT_SUPER; i++)
                    x[i] = i % 3 ? values[a] : values[b];
                quantise_row((enum dtype)dtype, x, blocks, QUANT_SUPER);
                dequantise_row((enum dtype)dtype, blocks, back, QUANT_SUPER);
                bool small = fabsf(values[a]) < 1e5f && fabsf(values[b]) < 1e5f;
                for (int i = 0; small && i < QUANT_SUPER; i++)
                    ck_assert_msg(fabsf(back[i] - x[i]) <= 0.14f * fmaxf(fabsf(values[a]), fabsf(values[b])) + 1e-4f,
                                  "%s: %g became %g beside %g", dtype_info((enum dtype)dtype)->name, (double)x[i],
                                  (double)back[i], (double)values[i % 3 ? b : a]);
            }
}
END_TEST

/* Every instruction set's build gives the same bytes and the same numbers, so weights are the same on all machines. */
START_TEST(builds_agree)
{
    const struct quant_types *const *all = quant_types(), *plain = all[0];
    for (size_t i = 0; all[i]; i++)
        plain = all[i];
    static const float scales[] = {0.02f, 1e-6f, 3e3f, 1e-30f, 1e20f};
    for (int dtype = DTYPE_Q8_0; dtype <= DTYPE_Q6_K; dtype++)
        for (size_t v = 0; all[v]; v++)
            for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
                float x[MOST], want_x[MOST], got_x[MOST];
                uint8_t want[4 * MOST], got[4 * MOST];
                for (size_t i = 0; i < MOST; i++)
                    x[i] = scales[s] * random_heavy_tailed(random_key(s, "builds"), i);
                plain->quantise[dtype](x, want, MOST);
                all[v]->quantise[dtype](x, got, MOST);
                size_t bytes = dtype_bytes((enum dtype)dtype, MOST);
                for (size_t i = 0; i < bytes; i++)
                    ck_assert_msg(got[i] == want[i], "%s, %s: byte %zu is %02x, not %02x", all[v]->name,
                                  dtype_info((enum dtype)dtype)->name, i, got[i], want[i]);
                plain->dequantise[dtype](want, want_x, MOST);
                all[v]->dequantise[dtype](want, got_x, MOST);
                ck_assert_mem_eq(got_x, want_x, sizeof got_x);
            }
}
END_TEST

int main(int count, char **arguments)
{
    file = count > 1 ? fopen(arguments[1], "r") : NULL;
    if (!file) {
        fprintf(stderr, "test_quants: give it the golden file\n");
        return 2;
    }
    int failed = suite_run("quants", 60, SUITE(ONCE(golden), ONCE(loss), ONCE(extremes), ONCE(builds_agree)));
    fclose(file);
    return failed;
}
