/* Every variant of the elementwise kernels against the plain one, which is the specification; the plain optimizers
 * against numbers from PyTorch. */
#include "models/graph/dtype.h"
#include "models/kernels/elementwise.h"
#include "tests/kernels/arrays.h"

static const double tolerance = 0x1p-22; /* elementwise.h's promise */

static const char *const names[ACTIVATION_COUNT] = {"none",         "relu",       "gelu",      "gelu_tanh",
                                                    "silu",         "tanh",       "sigmoid",   "relu6",
                                                    "hard_sigmoid", "hard_swish", "quick_gelu"};

/* Extremes, any floats, and a fine walk over where the functions bend. */
static struct array test_values(size_t count, size_t shift)
{
    struct array x = array_new(count, shift);
    for (size_t i = 0; i < count; i++)
        x.f[i] = i % 2 ? any_float(7, i / 2) : -20 + 40 * ((float)i / (float)count);
    return x;
}

START_TEST(activations_are_accurate)
{
    const struct elementwise_kernels *const *variant = elementwise_variants(), *plain = &elementwise_kernels_plain;
    const size_t count = 100001;
    struct array x = test_values(count, 1), ones = array_new(count, 3), want = array_new(count, 0);
    plain->fill(ones.f, 1, count);
    for (; *variant; variant++)
        for (int kind = ACTIVATION_NONE; kind < ACTIVATION_COUNT; kind++) {
            struct array got = array_new(count, 2);
            plain->activate((enum activation)kind, x.f, want.f, count);
            (*variant)->activate((enum activation)kind, x.f, got.f, count);
            check_near(names[kind], (*variant)->name, got.f, want.f, count, tolerance, 1);
            plain->activate_gradient((enum activation)kind, x.f, ones.f, want.f, count);
            (*variant)->activate_gradient((enum activation)kind, x.f, ones.f, got.f, count);
            check_near(names[kind], (*variant)->name, got.f, want.f, count, tolerance, 1);
            array_free(&got);
        }
    array_free(&x), array_free(&ones), array_free(&want);
}
END_TEST

START_TEST(small_values_keep_their_digits)
{
    /* Absolute accuracy alone would let these vanish. */
    static const float small[] = {1e-3f, -1e-3f, 1e-5f, -1e-7f, 1e-20f, -1e-30f, 1e-38f, 1e-42f, -1e-42f, 0, -0.0f};
    const size_t count = sizeof small / sizeof *small;
    static const enum activation kinds[] = {ACTIVATION_RELU, ACTIVATION_GELU, ACTIVATION_GELU_TANH, ACTIVATION_SILU,
                                            ACTIVATION_TANH};
    float want[sizeof small / sizeof *small], got[sizeof small / sizeof *small];
    for (const struct elementwise_kernels *const *variant = elementwise_variants(); *variant; variant++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            elementwise_kernels_plain.activate(kinds[k], small, want, count);
            (*variant)->activate(kinds[k], small, got, count);
            check_near(names[kinds[k]], (*variant)->name, got, want, count, 4 * tolerance, 1e-43);
        }
}
END_TEST

START_TEST(activations_at_odd_places)
{
    for (const struct elementwise_kernels *const *variant = elementwise_variants(); *variant; variant++)
        for (size_t c = 0; c < ODD_COUNTS; c++)
            for (int kind = ACTIVATION_NONE; kind < ACTIVATION_COUNT; kind++) {
                const size_t count = odd_counts[c];
                struct array x = array_random(count, c, 3, 4), dy = array_random(count, 5, 4, 1);
                struct array got = array_copy(&x), want = array_new(count, 0);
                elementwise_kernels_plain.activate((enum activation)kind, x.f, want.f, count);
                (*variant)->activate((enum activation)kind, got.f, got.f, count); /* in place */
                check_near(names[kind], (*variant)->name, got.f, want.f, count, tolerance, 1);
                struct array slope = array_copy(&dy);
                elementwise_kernels_plain.activate_gradient((enum activation)kind, x.f, dy.f, want.f, count);
                (*variant)->activate_gradient((enum activation)kind, x.f, slope.f, slope.f, count);
                check_near(names[kind], (*variant)->name, slope.f, want.f, count, 8 * tolerance, 1);
                array_free(&x), array_free(&dy), array_free(&got), array_free(&want), array_free(&slope);
            }
}
END_TEST

START_TEST(slopes_from_outputs)
{
    static const enum activation kinds[] = {ACTIVATION_RELU, ACTIVATION_TANH, ACTIVATION_SIGMOID, ACTIVATION_RELU6,
                                            ACTIVATION_HARD_SIGMOID};
    for (const struct elementwise_kernels *const *variant = elementwise_variants(); *variant; variant++)
        for (size_t c = 0; c < ODD_COUNTS; c++)
            for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
                const size_t count = odd_counts[c];
                struct array x = array_random(count, c, 3, 2), dy = array_random(count, 5, 4, 1);
                struct array y = array_new(count, 1), got = array_new(count, 2), want = array_new(count, 0);
                elementwise_kernels_plain.activate(kinds[k], x.f, y.f, count);
                elementwise_kernels_plain.activate_gradient(kinds[k], x.f, dy.f, want.f, count);
                (*variant)->activate_gradient_from_output(kinds[k], y.f, dy.f, got.f, count);
                check_near(names[kinds[k]], (*variant)->name, got.f, want.f, count, 8 * tolerance, 1);
                array_free(&x), array_free(&dy), array_free(&y), array_free(&got), array_free(&want);
            }
}
END_TEST

START_TEST(arithmetic_is_exact)
{
    const struct elementwise_kernels *plain = &elementwise_kernels_plain;
    for (const struct elementwise_kernels *const *variant = elementwise_variants(); *variant; variant++)
        for (size_t c = 0; c < ODD_COUNTS; c++) {
            const size_t count = odd_counts[c];
            struct array a = test_values(count, 1), b = array_random(count, 3, 9, 100), want = array_new(count, 0);
            struct array got = array_copy(&a);
            plain->add(a.f, b.f, want.f, count);
            (*variant)->add(got.f, b.f, got.f, count);
            check_same("add", (*variant)->name, got.f, want.f, count);
            plain->multiply(a.f, b.f, want.f, count);
            (*variant)->multiply(a.f, b.f, got.f, count);
            check_same("multiply", (*variant)->name, got.f, want.f, count);
            plain->scale(a.f, 0.37f, want.f, count);
            (*variant)->scale(a.f, 0.37f, got.f, count);
            check_same("scale", (*variant)->name, got.f, want.f, count);
            plain->fill(want.f, -3.25f, count);
            (*variant)->fill(got.f, -3.25f, count);
            check_same("fill", (*variant)->name, got.f, want.f, count);
            array_free(&a), array_free(&b), array_free(&want), array_free(&got);
        }
}
END_TEST

START_TEST(sums)
{
    static const size_t counts[] = {0, 1, 15, 17, 1000, 4096, 4097, 3000001};
    for (const struct elementwise_kernels *const *variant = elementwise_variants(); *variant; variant++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            struct array x = array_random(counts[c], 1, 5, 1);
            double sum = 0, size = 0;
            for (size_t i = 0; i < counts[c]; i++) {
                x.f[i] += 0.5f; /* so that the sum does not vanish */
                sum += x.f[i], size += fabsf(x.f[i]);
            }
            ck_assert_double_eq_tol((*variant)->sum(x.f, counts[c]), sum, 1e-6 * size + 1e-30);
            array_free(&x);
        }
}
END_TEST

START_TEST(conversions_are_exact)
{
    const struct elementwise_kernels *plain = &elementwise_kernels_plain;
    const size_t count = 100003;
    struct array x = array_new(count, 1), wide = array_new(65536, 0), wanted = array_new(65536, 0);
    uint16_t *halves = malloc(count * sizeof *halves), *want = malloc(count * sizeof *want), *all = malloc(65536 * 2);
    for (size_t i = 0; i < 65536; i++)
        all[i] = (uint16_t)i;
    for (size_t i = 0; i < count; i++) /* two of three within binary16's range, ties among them */
        x.f[i] = i % 3 ? random_normal(1, i) * ldexpf(1, (int)(i % 40) - 26) : any_float(2, i / 3);
    for (size_t i = 0; i < 2000; i++)
        x.f[1000 + i] = ldexpf((float)(2 * i + 1), -25 + (int)(i % 12));
    for (const struct elementwise_kernels *const *variant = elementwise_variants(); *variant; variant++) {
        plain->narrow_bf16(x.f, want, count);
        (*variant)->narrow_bf16(x.f, halves, count);
        ck_assert_mem_eq(halves, want, count * sizeof *want);
        plain->narrow_f16(x.f, want, count);
        (*variant)->narrow_f16(x.f, halves, count);
        ck_assert_mem_eq(halves, want, count * sizeof *want);
        plain->widen_bf16(all, wanted.f, 65536);
        (*variant)->widen_bf16(all, wide.f, 65536);
        ck_assert_mem_eq(wide.f, wanted.f, 65536 * sizeof(float));
        plain->widen_f16(all, wanted.f, 65536);
        (*variant)->widen_f16(all, wide.f, 65536);
        ck_assert_mem_eq(wide.f, wanted.f, 65536 * sizeof(float));
        for (size_t c = 0; c < ODD_COUNTS; c++) { /* what lies beyond stays */
            halves[odd_counts[c]] = 0x7777;
            (*variant)->narrow_bf16(x.f, halves, odd_counts[c]);
            ck_assert_uint_eq(halves[odd_counts[c]], 0x7777);
            wide.f[odd_counts[c]] = 42;
            (*variant)->widen_f16(all, wide.f, odd_counts[c]);
            ck_assert(wide.f[odd_counts[c]] == 42);
        }
    }
    free(halves), free(want), free(all);
    array_free(&x), array_free(&wide), array_free(&wanted);
}
END_TEST

START_TEST(binary16_values)
{
    /* IEEE 754 by hand, so that the specification has a test of its own */
    static const struct {
        float value;
        uint16_t half;
    } rows[] = {{1, 0x3c00},
                {-2, 0xc000},
                {65504, 0x7bff},
                {65519.99f, 0x7bff},
                {65520, 0x7c00},
                {INFINITY, 0x7c00},
                {-1e10f, 0xfc00},
                {0x1p-14f, 0x0400},
                {0x1p-24f, 0x0001},
                {0x1p-25f, 0},
                {0x1.8p-25f, 0x0001},
                {1 + 0x1p-11f, 0x3c00},
                {1 + 0x3p-11f, 0x3c02},
                {-0.0f, 0x8000},
                {0x1.ff8p-15f, 0x03ff}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint16_t half;
        float back;
        elementwise_kernels_plain.narrow_f16(&rows[i].value, &half, 1);
        ck_assert_msg(half == rows[i].half, "%a is 0x%04x, not 0x%04x", rows[i].value, half, rows[i].half);
        elementwise_kernels_plain.widen_f16(&half, &back, 1);
        ck_assert(isinf(back) || fabsf(back - rows[i].value) <= 0x1p-11f * fabsf(rows[i].value) + 0x1p-25f);
    }
}
END_TEST

START_TEST(dropout_follows_the_generator)
{
    static const float rates[] = {0, 0.1f, 0.5f, 0.9f, 0.99999994f, 1, 0x1p-24f, 0x1p-30f, 1e-7f};
    static const uint64_t firsts[] = {0, 1, 12345678901, UINT64_MAX - 7};
    for (const struct elementwise_kernels *const *variant = elementwise_variants(); *variant; variant++)
        for (size_t c = 0; c < ODD_COUNTS; c++)
            for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
                for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++) {
                    const uint64_t key = random_key(c, "dropout");
                    struct array x = array_random(odd_counts[c], 1, 8, 1), y = array_new(odd_counts[c], 3);
                    (*variant)->dropout(key, firsts[f], rates[r], x.f, y.f, x.count);
                    for (size_t i = 0; i < x.count; i++) {
                        bool keep = random_uniform(key, firsts[f] + i) >= rates[r];
                        float want = keep ? x.f[i] * (1 / (1 - rates[r])) : 0;
                        ck_assert_msg(y.f[i] == want, "%s: element %zu at rate %g", (*variant)->name, i,
                                      (double)rates[r]);
                    }
                    array_free(&x), array_free(&y);
                }
}
END_TEST

static const struct optimizer_step steps[] = {
    {.learning_rate = 0.1,
     .beta1 = 0.9,
     .beta2 = 0.999,
     .epsilon = 1e-8,
     .gradient_scale = 1,
     .bias_correction1 = 0.1,
     .bias_correction2 = 0.001},
    {.learning_rate = 0.01,
     .momentum = 0.9,
     .beta1 = 0.9,
     .beta2 = 0.95,
     .epsilon = 1e-6,
     .decay = 0.1,
     .l1 = 0.01,
     .l2 = 0.02,
     .gradient_scale = 0.25,
     .bias_correction1 = 0.271,
     .bias_correction2 = 0.142625},
};

/* One step of every optimizer by `kernels`; a, b are its state; half receives bf16. */
static void optimize(const struct elementwise_kernels *kernels, int which, const struct optimizer_step *step,
                     struct array *w, const struct array *g, struct array *a, struct array *b, uint16_t *half)
{
    if (which == 0)
        kernels->sgd(step, w->f, g->f, NULL, half, w->count);
    else if (which == 1)
        kernels->sgd(step, w->f, g->f, a->f, half, w->count);
    else if (which == 2)
        kernels->rmsprop(step, w->f, g->f, b->f, half, w->count);
    else
        kernels->adam(step, w->f, g->f, a->f, b->f, half, w->count);
}

START_TEST(optimizers_agree)
{
    static const char *const optimizers[] = {"sgd", "momentum", "rmsprop", "adam"};
    for (const struct elementwise_kernels *const *variant = elementwise_variants(); *variant; variant++)
        for (size_t c = 0; c < ODD_COUNTS; c++)
            for (int which = 0; which < 4; which++)
                for (size_t s = 0; s < 2; s++) {
                    const size_t count = odd_counts[c];
                    struct array w = array_random(count, 1, 1, 1), g = array_random(count, 3, 2, 0.1f);
                    struct array a = array_random(count, 0, 3, 0.1f), b = array_random(count, 5, 4, 0.01f);
                    for (size_t i = 0; i < count; i++) {
                        b.f[i] = i % 5 ? b.f[i] * b.f[i] : 0;
                        if (i % 7 == 0)
                            g.f[i] = w.f[i] = a.f[i] = 0; /* never touched: must stay 0, not become 0/0 */
                    }
                    struct array w2 = array_copy(&w), a2 = array_copy(&a), b2 = array_copy(&b);
                    uint16_t *half = malloc(count * 2 + 2);
                    half[count] = 0x7777;
                    optimize(&elementwise_kernels_plain, which, &steps[s], &w, &g, &a, &b, NULL);
                    optimize(*variant, which, &steps[s], &w2, &g, &a2, &b2, half);
                    check_near(optimizers[which], (*variant)->name, a2.f, a.f, count, tolerance, 0.1);
                    check_near(optimizers[which], (*variant)->name, b2.f, b.f, count, 4 * tolerance, 1e-5);
                    check_near(optimizers[which], (*variant)->name, w2.f, w.f, count, 8 * tolerance, 1);
                    for (size_t i = 0; i < count; i++)
                        ck_assert_uint_eq(half[i], f32_to_bf16(w2.f[i]));
                    ck_assert_uint_eq(half[count], 0x7777);
                    free(half);
                    array_free(&w), array_free(&g), array_free(&a), array_free(&b);
                    array_free(&w2), array_free(&a2), array_free(&b2);
                }
}
END_TEST

/* Three steps by torch.optim (2.x) from w0 with gradients 0.5, 1 and 1.5 times g0 */
static const float w0[5] = {0.5f, -1.25f, 0, 3, -0.001f}, g0[5] = {0.1f, -2, 0.03f, 1e-4f, -0.5f};
static const struct {
    const char *name;
    int which;
    struct optimizer_step step;
    float weights[5];
} from_pytorch[] = {
    {"SGD(lr=0.1)",
     0,
     {.learning_rate = 0.1},
     {0.469999999f, -0.649999976f, -0.00899999961f, 2.99996996f, 0.149000004f}},
    {"SGD(lr=0.1, momentum=0.9, weight_decay=0.01)",
     1,
     {.learning_rate = 0.1, .momentum = 0.9, .l2 = 0.01},
     {0.449676424f, -0.292573333f, -0.0142563013f, 2.98313689f, 0.236610636f}},
    {"RMSprop(lr=0.01, alpha=0.99, eps=1e-8)",
     2,
     {.learning_rate = 0.01, .decay = 0.99, .epsilon = 1e-8},
     {0.230117559f, -0.980117261f, -0.269881666f, 2.7304399f, 0.268882662f}},
    {"Adam(lr=0.001, weight_decay=0.02)",
     3,
     {.learning_rate = 0.001, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .l2 = 0.02},
     {0.497058779f, -1.24707425f, -0.00292332098f, 2.99700022f, 0.00192320009f}},
    {"AdamW(lr=0.003, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)",
     3,
     {.learning_rate = 0.003, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .decay = 0.1},
     {0.490845352f, -1.24017048f, -0.00870482158f, 2.98859715f, 0.00770572526f}},
};

START_TEST(optimizers_give_pytorch_numbers)
{
    for (const struct elementwise_kernels *const *variant = elementwise_variants(); *variant; variant++)
        for (size_t o = 0; o < sizeof from_pytorch / sizeof *from_pytorch; o++) {
            struct array w = array_new(5, 0), g = array_new(5, 0), a = array_new(5, 0), b = array_new(5, 0);
            memcpy(w.f, w0, sizeof w0);
            memset(a.f, 0, sizeof w0), memset(b.f, 0, sizeof w0);
            struct optimizer_step step = from_pytorch[o].step;
            for (int t = 1; t <= 3; t++) {
                memcpy(g.f, g0, sizeof g0);
                step.gradient_scale = 0.5 * t;
                step.bias_correction1 = 1 - pow(step.beta1, t);
                step.bias_correction2 = 1 - pow(step.beta2, t);
                optimize(*variant, from_pytorch[o].which, &step, &w, &g, &a, &b, NULL);
            }
            check_near(from_pytorch[o].name, (*variant)->name, w.f, from_pytorch[o].weights, (size_t)5, 1e-6, 0.1);
            array_free(&w), array_free(&g), array_free(&a), array_free(&b);
        }
}
END_TEST

int main(void)
{
    return suite_run("elementwise", 600,
                     SUITE(ONCE(activations_are_accurate), ONCE(small_values_keep_their_digits),
                           ONCE(activations_at_odd_places), ONCE(slopes_from_outputs), ONCE(arithmetic_is_exact),
                           ONCE(sums), ONCE(conversions_are_exact), ONCE(binary16_values),
                           ONCE(dropout_follows_the_generator), ONCE(optimizers_agree),
                           ONCE(optimizers_give_pytorch_numbers)));
}
