/* Every variant of the LSTM and GRU layers that this machine can run against the plain references: odd and empty
 * shapes, one to four threads, in place where that is allowed; the gradients against differences. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guarded.h"
#include "harness/base/random.h"
#include "models/kernels/recurrent_variants.h"
#include "tests/kernels/trials.h"

struct shape {
    size_t batch, steps, units;
    float size; /* of x; large ones saturate the gates */
};

/* An array with the bytes around it, which must stay as they are. */
struct array {
    unsigned char *memory;
    float *data;
    size_t count;
};

static struct array make(size_t count)
{
    struct array a = {.count = count, .memory = guarded_new(count * sizeof(float), 0)};
    a.data = (float *)(a.memory + GUARD);
    memset(a.data, 0xFF, count * sizeof(float));
    return a;
}

static struct array make_random(size_t count, float size, const char *name)
{
    struct array a = make(count);
    uint64_t key = random_key(3, name);
    for (size_t i = 0; i < count; i++)
        a.data[i] = size * random_normal(key, i);
    return a;
}

static void check_and_free(struct array *a)
{
    guarded_free(a->memory, a->data, a->count * sizeof(float));
}

static void compare(const char *what, const char *variant, const struct shape *s, int threads, const struct array *fast,
                    const struct array *slow, double tolerance)
{
    for (size_t i = 0; i < slow->count; i++)
        ck_assert_msg(fabs(fast->data[i] - slow->data[i]) <= tolerance * (1 + fabs(slow->data[i])),
                      "%s %s[%zu] is %.9g, reference %.9g: B=%zu T=%zu units=%zu size=%g threads=%d", variant, what, i,
                      fast->data[i], slow->data[i], s->batch, s->steps, s->units, s->size, threads);
}

/* All arrays of a layer of either kind; gates is a multiple of units. */
struct layer {
    struct array x, u, bias, h, c, gates, dh, dx, dhidden, du, dbias;
};

static struct layer make_layer(const struct shape *s, size_t gates)
{
    size_t rows = s->batch * s->steps, units = s->units;
    return (struct layer){.x = make_random(rows * gates * units, s->size, "x"),
                          .u = make_random(gates * units * units, 0.7f / sqrtf((float)units + 1), "u"),
                          .bias = make_random(units, 1, "bias"),
                          .h = make(rows * units),
                          .c = make(rows * units),
                          .gates = make(rows * 4 * units),
                          .dh = make_random(rows * units, 1, "dh"),
                          .dx = make(rows * gates * units),
                          .dhidden = make(rows * gates * units),
                          .du = make(gates * units * units),
                          .dbias = make(units)};
}

static void free_layer(struct layer *l)
{
    struct array *all[] = {&l->x,  &l->u,  &l->bias,    &l->h,  &l->c,    &l->gates,
                           &l->dh, &l->dx, &l->dhidden, &l->du, &l->dbias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_and_free(all[i]);
}

static struct lstm_gradient lstm_of(const struct shape *s, const struct layer *l)
{
    return (struct lstm_gradient){.forward = {.batch = s->batch,
                                              .steps = s->steps,
                                              .units = s->units,
                                              .x = l->x.data,
                                              .u = l->u.data,
                                              .h = l->h.data,
                                              .c = l->c.data,
                                              .gates = l->gates.data},
                                  .dh = l->dh.data,
                                  .dx = l->dx.data,
                                  .du = l->du.data};
}

static struct gru_gradient gru_of(const struct shape *s, const struct layer *l)
{
    return (struct gru_gradient){.forward = {.batch = s->batch,
                                             .steps = s->steps,
                                             .units = s->units,
                                             .x = l->x.data,
                                             .u = l->u.data,
                                             .bias = l->bias.data,
                                             .h = l->h.data,
                                             .gates = l->gates.data},
                                 .dh = l->dh.data,
                                 .dx = l->dx.data,
                                 .dhidden = l->dhidden.data,
                                 .du = l->du.data,
                                 .dbias = l->dbias.data};
}

static double sum_tolerance(const struct shape *s)
{
    return 4e-6 * (double)(1 + s->batch * s->steps);
}

static void check_lstm(const struct recurrent_kernels *kernels, const struct shape *s, const struct layer *slow,
                       int threads, bool in_place)
{
    struct layer fast = make_layer(s, 4);
    struct lstm_gradient g = lstm_of(s, &fast);
    if (in_place)
        g.forward.gates = fast.x.data;
    struct array workspace = make(kernels->lstm_workspace(&g.forward, threads) / sizeof(float));
    kernels->lstm_run(&g.forward, workspace.data, threads);
    check_and_free(&workspace);
    compare("lstm h", kernels->name, s, threads, &fast.h, &slow->h, 1e-5);
    compare("lstm c", kernels->name, s, threads, &fast.c, &slow->c, 1e-5);
    compare("lstm gates", kernels->name, s, threads, in_place ? &fast.x : &fast.gates, &slow->gates, 1e-5);
    if (in_place)
        g.dx = fast.x.data;
    workspace = make(kernels->lstm_gradient_workspace(&g, threads) / sizeof(float));
    kernels->lstm_gradient_run(&g, workspace.data, threads);
    check_and_free(&workspace);
    compare("lstm dx", kernels->name, s, threads, in_place ? &fast.x : &fast.dx, &slow->dx, 3e-5);
    compare("lstm du", kernels->name, s, threads, &fast.du, &slow->du, sum_tolerance(s));
    free_layer(&fast);
}

static void check_gru(const struct recurrent_kernels *kernels, const struct shape *s, const struct layer *slow,
                      int threads)
{
    struct layer fast = make_layer(s, 3);
    struct gru_gradient g = gru_of(s, &fast);
    struct array workspace = make(kernels->gru_workspace(&g.forward, threads) / sizeof(float));
    kernels->gru_run(&g.forward, workspace.data, threads);
    check_and_free(&workspace);
    compare("gru h", kernels->name, s, threads, &fast.h, &slow->h, 1e-5);
    compare("gru gates", kernels->name, s, threads, &fast.gates, &slow->gates, 1e-5);
    workspace = make(kernels->gru_gradient_workspace(&g, threads) / sizeof(float));
    kernels->gru_gradient_run(&g, workspace.data, threads);
    check_and_free(&workspace);
    compare("gru dx", kernels->name, s, threads, &fast.dx, &slow->dx, 3e-5);
    compare("gru dhidden", kernels->name, s, threads, &fast.dhidden, &slow->dhidden, 3e-5);
    compare("gru du", kernels->name, s, threads, &fast.du, &slow->du, sum_tolerance(s));
    compare("gru dbias", kernels->name, s, threads, &fast.dbias, &slow->dbias, sum_tolerance(s));
    free_layer(&fast);
}

static void check_shape(const struct shape *s)
{
    struct layer lstm = make_layer(s, 4), gru = make_layer(s, 3);
    struct lstm_gradient lstm_gradient = lstm_of(s, &lstm);
    struct gru_gradient gru_gradient = gru_of(s, &gru);
    lstm_reference(&lstm_gradient.forward);
    lstm_gradient_reference(&lstm_gradient);
    gru_reference(&gru_gradient.forward);
    gru_gradient_reference(&gru_gradient);
    for (int threads = 1; threads <= 4; threads++)
        for (const struct recurrent_kernels *const *k = recurrent_variants(); *k; k++) {
            check_lstm(*k, s, &lstm, threads, false);
            check_lstm(*k, s, &lstm, threads, true);
            check_gru(*k, s, &gru, threads);
        }
    free_layer(&lstm);
    free_layer(&gru);
}

static const struct shape shapes[] = {
    {14, 6, 64, 1},  {1, 1, 1, 1},  {1, 5, 128, 1}, {3, 4, 33, 1},
    {7, 3, 17, 30},  {5, 1, 20, 1}, {2, 3, 150, 1},                  /* shares the units */
    {0, 3, 8, 1},    {3, 0, 8, 1},  {3, 3, 0, 1},   {27, 2, 140, 1}, /* however many sequences */
    {26, 3, 260, 1},                                                 /* the last is large */
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

START_TEST(test_variants_agree_with_the_reference)
{
    check_shape(&shapes[_i]);
}
END_TEST

/* The index is the seed, so a failure repeats. */
START_TEST(test_random_shapes)
{
    uint64_t key = random_key((uint64_t)_i, "shape");
    check_shape(&(struct shape){.batch = 1 + random_below(key, 0, 20),
                                .steps = 1 + random_below(key, 1, 8),
                                .units = 1 + random_below(key, 2, 70),
                                .size = 1});
}
END_TEST

static double weighted_sum(const struct array *h, const struct array *dh)
{
    double sum = 0;
    for (size_t i = 0; i < h->count; i++)
        sum += (double)dh->data[i] * h->data[i];
    return sum;
}

static double lstm_objective(const struct shape *s, const struct layer *l)
{
    struct lstm_gradient g = lstm_of(s, l);
    g.forward.gates = NULL;
    lstm_reference(&g.forward);
    return weighted_sum(&l->h, &l->dh);
}

static double gru_objective(const struct shape *s, const struct layer *l)
{
    struct gru_gradient g = gru_of(s, l);
    g.forward.gates = NULL;
    gru_reference(&g.forward);
    return weighted_sum(&l->h, &l->dh);
}

static void check_differences(const struct shape *s, const struct layer *l,
                              double (*objective)(const struct shape *, const struct layer *), struct array *x,
                              const struct array *dx, const char *name)
{
    const float step = 0x1p-7f;
    for (size_t i = 0; i < x->count; i++) {
        float kept = x->data[i];
        x->data[i] = kept + step;
        double up = objective(s, l);
        x->data[i] = kept - step;
        double slope = (up - objective(s, l)) / (2 * step);
        x->data[i] = kept;
        ck_assert_msg(fabs(slope - dx->data[i]) <= 2e-3 * (1 + fabs(slope)), "%s[%zu] is %g, differences say %g", name,
                      i, dx->data[i], slope);
    }
}

START_TEST(test_gradient_is_the_slope)
{
    const struct shape s = {2, 4, 3, 1};
    for (const struct recurrent_kernels *const *k = recurrent_variants(); *k; k++) {
        struct layer lstm = make_layer(&s, 4), gru = make_layer(&s, 3);
        struct lstm_gradient lstm_gradient = lstm_of(&s, &lstm);
        struct gru_gradient gru_gradient = gru_of(&s, &gru);
        lstm_reference(&lstm_gradient.forward);
        gru_reference(&gru_gradient.forward);
        struct array workspace = make((*k)->lstm_gradient_workspace(&lstm_gradient, 1) / sizeof(float));
        (*k)->lstm_gradient_run(&lstm_gradient, workspace.data, 1);
        check_and_free(&workspace);
        workspace = make((*k)->gru_gradient_workspace(&gru_gradient, 1) / sizeof(float));
        (*k)->gru_gradient_run(&gru_gradient, workspace.data, 1);
        check_and_free(&workspace);
        check_differences(&s, &lstm, lstm_objective, &lstm.x, &lstm.dx, "lstm dx");
        check_differences(&s, &lstm, lstm_objective, &lstm.u, &lstm.du, "lstm du");
        check_differences(&s, &gru, gru_objective, &gru.x, &gru.dx, "gru dx");
        check_differences(&s, &gru, gru_objective, &gru.u, &gru.du, "gru du");
        check_differences(&s, &gru, gru_objective, &gru.bias, &gru.dbias, "gru dbias");
        free_layer(&lstm);
        free_layer(&gru);
    }
}
END_TEST

/* Gates and bias are optional. */
START_TEST(test_without_gates_or_bias)
{
    const struct shape s = {3, 3, 21, 1};
    for (const struct recurrent_kernels *const *k = recurrent_variants(); *k; k++) {
        struct layer fast = make_layer(&s, 3), slow = make_layer(&s, 3);
        struct gru a = gru_of(&s, &fast).forward, b = gru_of(&s, &slow).forward;
        a.gates = b.gates = NULL;
        a.bias = b.bias = NULL;
        struct array workspace = make((*k)->gru_workspace(&a, 2) / sizeof(float));
        (*k)->gru_run(&a, workspace.data, 2);
        gru_reference(&b);
        compare("gru h", (*k)->name, &s, 2, &fast.h, &slow.h, 1e-5);
        check_and_free(&workspace);
        free_layer(&fast);
        free_layer(&slow);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gated");
    TCase *tcase = tcase_create("variants");
    tcase_set_timeout(tcase, 0);
    tcase_add_loop_test(tcase, test_variants_agree_with_the_reference, 0, SHAPES - 1);
    tcase_add_loop_test(tcase, test_random_shapes, 0, trials(15));
    tcase_add_test(tcase, test_gradient_is_the_slope);
    tcase_add_test(tcase, test_without_gates_or_bias);
    suite_add_tcase(suite, tcase);
    TCase *large = tcase_create("large"); /* CK_EXCLUDE_TAGS=large leaves it out, under an emulator */
    tcase_set_tags(large, "large");
    tcase_set_timeout(large, 0);
    tcase_add_loop_test(large, test_variants_agree_with_the_reference, SHAPES - 1, SHAPES);
    suite_add_tcase(suite, large);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
