/* Every variant of the recurrent layer that this machine can run against the plain reference: odd and empty shapes,
 * unaligned data, extreme values, one to four threads, in place or not; and its gradient against differences. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guarded.h"
#include "harness/base/random.h"
#include "models/kernels/recurrent_variants.h"
#include "tests/kernels/trials.h"

struct shape {
    size_t batch, steps, units;
    enum activation activation;
    float size; /* of x; large ones saturate tanh */
};

/* An array with the bytes around it, which must stay as they are. */
struct array {
    unsigned char *memory;
    float *data;
    size_t count;
};

static struct array make(size_t count, size_t misplaced)
{
    struct array a = {.count = count, .memory = guarded_new(count * sizeof(float), misplaced * sizeof(float))};
    a.data = (float *)(a.memory + GUARD) + misplaced;
    return a;
}

static struct array make_random(size_t count, size_t misplaced, float size, const char *name)
{
    struct array a = make(count, misplaced);
    uint64_t key = random_key(2, name);
    for (size_t i = 0; i < count; i++)
        a.data[i] = size * random_normal(key, i);
    return a;
}

static void check_and_free(struct array *a)
{
    guarded_free(a->memory, a->data, a->count * sizeof(float));
}

static void compare(const char *what, const char *variant, const struct shape *s, int threads, const float *fast,
                    const float *slow, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(fast[i] - slow[i]) <= tolerance * (1 + fabs(slow[i])),
                      "%s %s[%zu] is %.9g, reference %.9g: B=%zu T=%zu units=%zu activation=%d size=%g threads=%d",
                      variant, what, i, fast[i], slow[i], s->batch, s->steps, s->units, s->activation, s->size,
                      threads);
}

static void check_forward(const struct recurrent_kernels *kernels, const struct shape *s, const struct recurrent *slow,
                          int threads)
{
    size_t count = s->batch * s->steps * s->units;
    for (size_t in_place = 0; in_place < 2; in_place++) {
        struct array h = make(count, 1);
        struct recurrent fast = *slow;
        fast.h = h.data;
        memset(h.data, 0xFF, count * sizeof(float));
        if (in_place) {
            memcpy(h.data, slow->x, count * sizeof(float));
            fast.x = h.data;
        }
        struct array workspace = make(kernels->workspace(&fast, threads) / sizeof(float), 0);
        kernels->run(&fast, workspace.data, threads);
        compare("h", kernels->name, s, threads, h.data, slow->h, count, 1e-5);
        check_and_free(&workspace);
        check_and_free(&h);
    }
}

static void check_backward(const struct recurrent_kernels *kernels, const struct shape *s,
                           const struct recurrent_gradient *slow, int threads)
{
    size_t count = s->batch * s->steps * s->units;
    for (size_t in_place = 0; in_place < 2; in_place++) {
        struct array dx = make(count, 1), du = make(s->units * s->units, 1);
        struct recurrent_gradient fast = *slow;
        fast.dx = dx.data;
        fast.du = du.data;
        memset(du.data, 0xFF, du.count * sizeof(float));
        if (in_place) {
            memcpy(dx.data, slow->dh, count * sizeof(float));
            fast.dh = dx.data;
        }
        struct array workspace = make(kernels->gradient_workspace(&fast, threads) / sizeof(float), 0);
        kernels->gradient_run(&fast, workspace.data, threads);
        compare("dx", kernels->name, s, threads, dx.data, slow->dx, count, 2e-5);
        compare("du", kernels->name, s, threads, du.data, slow->du, du.count,
                2e-6 * (1 + s->size) * (double)(1 + s->batch * s->steps));
        check_and_free(&workspace);
        check_and_free(&dx);
        check_and_free(&du);
    }
}

static void check_shape(const struct shape *s)
{
    size_t count = s->batch * s->steps * s->units;
    struct array x = make_random(count, 3, s->size, "x"), h = make(count, 2), dh = make_random(count, 3, 1, "dh");
    struct array u = make_random(s->units * s->units, 1, 0.7f / sqrtf((float)s->units + 1), "u");
    struct array dx = make(count, 1), du = make(s->units * s->units, 2);
    const struct recurrent r = {.batch = s->batch,
                                .steps = s->steps,
                                .units = s->units,
                                .activation = s->activation,
                                .x = x.data,
                                .u = u.data,
                                .h = h.data};
    const struct recurrent_gradient g = {.forward = r, .dh = dh.data, .dx = dx.data, .du = du.data};
    recurrent_reference(&r);
    recurrent_gradient_reference(&g);
    for (int threads = 1; threads <= 4; threads++)
        for (const struct recurrent_kernels *const *k = recurrent_variants(); *k; k++) {
            check_forward(*k, s, &r, threads);
            check_backward(*k, s, &g, threads);
        }
    struct array *all[] = {&x, &h, &dh, &u, &dx, &du};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_and_free(all[i]);
}

static const struct shape shapes[] = {
    {24, 20, 64, ACTIVATION_RELU, 1}, /* seed-rnn */
    {5, 9, 64, ACTIVATION_TANH, 1},    {1, 1, 1, ACTIVATION_RELU, 1},    {1, 7, 64, ACTIVATION_RELU, 1},
    {3, 4, 80, ACTIVATION_TANH, 1},    {13, 5, 33, ACTIVATION_RELU, 1},  {7, 3, 17, ACTIVATION_TANH, 30},
    {2, 3, 1, ACTIVATION_TANH, 1},     {9, 1, 20, ACTIVATION_RELU, 1},   /* one step: U plays no part */
    {2, 2, 100, ACTIVATION_RELU, 100}, {1, 5, 300, ACTIVATION_TANH, 1},  /* shares the units */
    {3, 4, 270, ACTIVATION_RELU, 1},   {30, 3, 260, ACTIVATION_TANH, 1}, /* shares the sequences, U beyond the cache */
    {0, 3, 8, ACTIVATION_RELU, 1},                                       /* empty */
    {3, 0, 8, ACTIVATION_RELU, 1},     {3, 3, 0, ACTIVATION_RELU, 1},
};

START_TEST(test_variants_agree_with_the_reference)
{
    check_shape(&shapes[_i]);
}
END_TEST

/* The index is the seed, so a failure repeats. */
START_TEST(test_random_shapes)
{
    uint64_t key = random_key((uint64_t)_i, "shape");
    check_shape(&(struct shape){.batch = 1 + random_below(key, 0, 40),
                                .steps = 1 + random_below(key, 1, 12),
                                .units = 1 + random_below(key, 2, 100),
                                .activation = random_below(key, 3, 2) ? ACTIVATION_RELU : ACTIVATION_TANH,
                                .size = 1});
}
END_TEST

static double objective(const struct recurrent *r, const float *dh)
{
    double sum = 0;
    recurrent_reference(r);
    for (size_t i = 0; i < r->batch * r->steps * r->units; i++)
        sum += (double)dh[i] * r->h[i];
    return sum;
}

static void check_differences(const struct recurrent *r, const float *dh, struct array *x, const float *dx,
                              const char *name)
{
    const float step = 0x1p-7f;
    for (size_t i = 0; i < x->count; i++) {
        float kept = x->data[i];
        x->data[i] = kept + step;
        double up = objective(r, dh);
        x->data[i] = kept - step;
        double slope = (up - objective(r, dh)) / (2 * step);
        x->data[i] = kept;
        ck_assert_msg(fabs(slope - dx[i]) <= 3e-3 * (1 + fabs(slope)), "%s[%zu] is %g, differences say %g", name, i,
                      dx[i], slope);
    }
}

/* With tanh; relu has a corner, where a difference isn't the slope. */
START_TEST(test_gradient_is_the_slope)
{
    const size_t count = 2 * 4 * 3;
    for (const struct recurrent_kernels *const *k = recurrent_variants(); *k; k++) {
        struct array x = make_random(count, 0, 1, "x"), u = make_random(9, 0, 0.5f, "u"), h = make(count, 0);
        struct array dh = make_random(count, 0, 1, "dh"), dx = make(count, 0), du = make(9, 0);
        const struct recurrent r = {2, 4, 3, ACTIVATION_TANH, x.data, u.data, h.data};
        const struct recurrent_gradient g = {r, dh.data, dx.data, du.data};
        recurrent_reference(&r);
        struct array workspace = make((*k)->gradient_workspace(&g, 1) / sizeof(float), 0);
        (*k)->gradient_run(&g, workspace.data, 1);
        check_differences(&r, dh.data, &x, dx.data, "dx");
        check_differences(&r, dh.data, &u, du.data, "du");
        struct array *all[] = {&x, &u, &h, &dh, &dx, &du, &workspace};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            check_and_free(all[i]);
    }
}
END_TEST

START_TEST(test_not_a_number_is_not_lost)
{
    float x[6] = {1, 1, NAN, 1, 1, 1}, u[4] = {1, 0, 0, 1}, h[6];
    for (const struct recurrent_kernels *const *k = recurrent_variants(); *k; k++)
        for (int tanh_too = 0; tanh_too < 2; tanh_too++) {
            const struct recurrent r = {1, 3, 2, tanh_too ? ACTIVATION_TANH : ACTIVATION_RELU, x, u, h};
            struct array workspace = make((*k)->workspace(&r, 1) / sizeof(float), 0);
            (*k)->run(&r, workspace.data, 1);
            check_and_free(&workspace);
            ck_assert_msg(!isnan(h[0]) && isnan(h[2]) && isnan(h[4]), "%s loses NaN", (*k)->name);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recurrent");
    TCase *tcase = tcase_create("variants");
    tcase_set_timeout(tcase, 0);
    tcase_add_loop_test(tcase, test_variants_agree_with_the_reference, 0, sizeof shapes / sizeof *shapes);
    tcase_add_loop_test(tcase, test_random_shapes, 0, trials(30));
    tcase_add_test(tcase, test_gradient_is_the_slope);
    tcase_add_test(tcase, test_not_a_number_is_not_lost);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
