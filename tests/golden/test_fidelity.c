/* What quantising loses against PyTorch's and the gguf package's figures (data/fidelity.txt, made by fidelity.py). */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/random.h"
#include "models/engine/fidelity.h"
#include "models/kernels/quant.h"
#include "tests/suite.h"

static FILE *file;

static float *make_logits(const float *x, const float *weight, size_t positions, size_t tokens, size_t columns)
{
    float *logits = malloc(positions * tokens * sizeof *logits);
    for (size_t p = 0; p < positions; p++)
        for (size_t t = 0; t < tokens; t++) {
            double sum = 0;
            for (size_t c = 0; c < columns; c++)
                sum += (double)x[p * columns + c] * (double)weight[t * columns + c];
            logits[p * tokens + t] = (float)sum;
        }
    return logits;
}

/* The type and back. */
static float *through(enum dtype dtype, const float *weight, size_t rows, size_t columns)
{
    float *back = malloc(rows * columns * sizeof *back);
    uint8_t *blocks = malloc(dtype_bytes(dtype, columns));
    for (size_t r = 0; r < rows; r++) {
        quantise_row(dtype, weight + r * columns, blocks, columns);
        dequantise_row(dtype, blocks, back + r * columns, columns);
    }
    free(blocks);
    return back;
}

static void check_figure(const char *type, const char *name, double got, double want, double allowed)
{
    ck_assert_msg(fabs(got - want) <= allowed, "%s: %s is %.9g, not %.9g (%g allowed)", type, name, got, want, allowed);
}

static void check_type(const char *type, size_t positions, size_t tokens, size_t columns, const double want[6])
{
    enum dtype dtype;
    ck_assert(dtype_parse(type, &dtype));
    uint64_t x_key = random_key(1, "x"), weight_key = random_key(1, "weight");
    float *x = malloc(positions * columns * sizeof *x), *weight = malloc(tokens * columns * sizeof *weight);
    for (size_t i = 0; i < positions * columns; i++)
        x[i] = random_normal(x_key, i);
    for (size_t i = 0; i < tokens * columns; i++)
        weight[i] = random_heavy_tailed(weight_key, i) * 0.02f;
    float *back = through(dtype, weight, tokens, columns);
    float *f32 = make_logits(x, weight, positions, tokens, columns);
    float *other = make_logits(x, back, positions, tokens, columns);
    struct fidelity found;
    fidelity_compare(f32, other, positions, tokens, random_key(1, "drawn"), &found);
    /* The factor is searched to a thousandth of its logarithm, which divergences have in them twice. */
    check_figure(type, "output error", fidelity_output_error(f32, other, positions * tokens), want[0], 1e-6 * want[0]);
    check_figure(type, "divergence", found.divergence_nats, want[1], 3e-3 * want[1]);
    check_figure(type, "99th percentile", found.divergence_p99_nats, want[2], 3e-3 * want[2]);
    check_figure(type, "loss", found.loss_f32_nats, want[3], 3e-3 * want[3]);
    check_figure(type, "loss difference", found.loss_difference_nats, want[4], 3e-3 * fabs(want[4]) + 1e-6);
    check_figure(type, "agreement", found.agreement, want[5], 1e-9);
    ck_assert_uint_eq(found.positions, positions);
    free(x), free(weight), free(back), free(f32), free(other);
}

START_TEST(golden)
{
    char type[16];
    size_t positions, tokens, columns;
    double want[6];
    int seen = 0;
    rewind(file);
    ck_assert_int_ne(fscanf(file, "#%*[^\n]"), EOF);
    for (; fscanf(file, "%15s %zu %zu %zu %lf %lf %lf %lf %lf %lf", type, &positions, &tokens, &columns, &want[0],
                  &want[1], &want[2], &want[3], &want[4], &want[5]) == 10;
         seen++)
        check_type(type, positions, tokens, columns, want);
    ck_assert_int_eq(seen, 2);
}
END_TEST

int main(int count, char **arguments)
{
    file = count > 1 ? fopen(arguments[1], "r") : NULL;
    if (!file) {
        fprintf(stderr, "test_fidelity: give it the golden file\n");
        return 2;
    }
    int failed = suite_run("fidelity", 60, SUITE(ONCE(golden)));
    fclose(file);
    return failed;
}
