/* Every variant of the recommendation models' kernels that this machine can run against the specification: odd and
 * empty shapes, indices outside the table, f32 and bf16, in parts and in whole, with nothing written beside. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/random.h"
#include "models/kernels/recommender.h"
#include "tests/suite.h"

enum { GUARD = 64 };

/* An array of f32 or bf16 with bytes around it that must stay as they are. */
struct array {
    unsigned char *memory;
    void *data;
    size_t count, bytes;
    enum dtype dtype;
};

static struct array make(enum dtype dtype, size_t count, const char *name)
{
    struct array a = {.count = count, .bytes = dtype_bytes(dtype, count), .dtype = dtype};
    a.memory = malloc(a.bytes + 2 * GUARD);
    ck_assert_ptr_nonnull(a.memory);
    memset(a.memory, 0xA5, a.bytes + 2 * GUARD);
    a.data = a.memory + GUARD;
    uint64_t key = random_key(5, name);
    for (size_t i = 0; i < count; i++)
        if (dtype == DTYPE_F32)
            ((float *)a.data)[i] = random_normal(key, i);
        else
            ((uint16_t *)a.data)[i] = f32_to_bf16(random_normal(key, i));
    return a;
}

static double value(const struct array *a, size_t i)
{
    return a->dtype == DTYPE_F32 ? (double)((const float *)a->data)[i]
                                 : (double)bf16_to_f32(((const uint16_t *)a->data)[i]);
}

static void check_guards_and_free(struct array *a)
{
    for (size_t i = 0; i < GUARD; i++)
        ck_assert_msg(a->memory[i] == 0xA5 && a->memory[GUARD + a->bytes + i] == 0xA5, "wrote outside an array");
    free(a->memory);
}

static void compare(const char *variant, const char *what, const struct array *fast, const struct array *slow,
                    double tolerance)
{
    for (size_t i = 0; i < slow->count; i++)
        ck_assert_msg(fabs(value(fast, i) - value(slow, i)) <= tolerance * (1 + fabs(value(slow, i))),
                      "%s %s[%zu] is %.9g, reference %.9g", variant, what, i, value(fast, i), value(slow, i));
}

/* ---- bags ---- */

static const struct {
    size_t bags, lookups, rows, columns;
} bag_shapes[] = {{37, 10, 100, 16}, {5, 1, 7, 128}, {3, 40, 2, 33}, {1, 1, 1, 1},  {6, 3, 50, 64},
                  {2, 7, 9, 200},    {0, 3, 10, 8},  {4, 0, 10, 8},  {9, 2, 11, 5}, {3, 5, 8, 47}};

/* Some lie outside the table, on either side. */
static int32_t *make_indices(size_t count, size_t rows)
{
    int32_t *indices = malloc((count + 1) * sizeof *indices);
    ck_assert_ptr_nonnull(indices);
    for (size_t i = 0; i < count; i++)
        indices[i] = (int32_t)random_below(random_key(5, "indices"), i, (uint32_t)rows + 2) - 1;
    return indices;
}

static void check_sum(const struct recommender_kernels *kernels, const struct bags *bags, enum dtype dtype)
{
    struct array table = make(dtype, bags->rows * bags->columns, "table");
    struct array slow = make(DTYPE_F32, bags->last * bags->columns, "y"), fast = make(DTYPE_F32, slow.count, "z");
    recommender_reference.bag_sum(bags, table.data, dtype, slow.data);
    struct bags part = *bags;
    part.last = bags->last / 2;
    kernels->bag_sum(&part, table.data, dtype, fast.data);
    part.first = part.last;
    part.last = bags->last;
    kernels->bag_sum(&part, table.data, dtype, fast.data);
    compare(kernels->name, "sum", &fast, &slow, 1e-5);
    check_guards_and_free(&table);
    check_guards_and_free(&slow);
    check_guards_and_free(&fast);
}

static void check_add(const struct recommender_kernels *kernels, const struct bags *bags, bool rounds)
{
    size_t count = bags->rows * bags->columns;
    struct array slow = make(DTYPE_F32, count, "table"), fast = make(DTYPE_F32, count, "table");
    struct array slow_half = make(DTYPE_BF16, count, "table"), fast_half = make(DTYPE_BF16, count, "table");
    struct array y = make(DTYPE_F32, bags->last * bags->columns, "y");
    recommender_reference.bag_add(bags, y.data, -0.3f, 0, 1, slow.data, rounds ? slow_half.data : NULL);
    for (size_t part = 0; part < 3; part++)
        kernels->bag_add(bags, y.data, -0.3f, part, 3, fast.data, rounds ? fast_half.data : NULL);
    compare(kernels->name, "table", &fast, &slow, 1e-5);
    compare(kernels->name, "rounded table", &fast_half, &slow_half, 1e-2);
    struct array *all[] = {&slow, &fast, &slow_half, &fast_half, &y};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_guards_and_free(all[i]);
}

START_TEST(test_bags)
{
    const struct bags bags = {.last = bag_shapes[_i].bags,
                              .lookups = bag_shapes[_i].lookups,
                              .rows = bag_shapes[_i].rows,
                              .columns = bag_shapes[_i].columns,
                              .indices =
                                  make_indices(bag_shapes[_i].bags * bag_shapes[_i].lookups, bag_shapes[_i].rows)};
    for (const struct recommender_kernels *const *k = recommender_variants(); *k; k++) {
        check_sum(*k, &bags, DTYPE_F32);
        check_sum(*k, &bags, DTYPE_BF16);
        check_add(*k, &bags, false);
        check_add(*k, &bags, true);
    }
    free((void *)bags.indices);
}
END_TEST

/* ---- interaction ---- */

static const struct {
    size_t samples, count, columns;
} pair_shapes[] = {{5, 27, 16}, {3, 27, 128}, {1, 1, 1}, {4, 2, 3}, {2, 31, 17}, {3, 9, 64}, {0, 5, 8}, {2, 17, 33}};

enum { MOST_VECTORS = 31 };

static void check_interaction(const struct recommender_kernels *kernels, size_t samples, size_t count, size_t columns,
                              enum dtype dtype)
{
    const void *vectors[MOST_VECTORS];
    void *slow_gradients[MOST_VECTORS], *fast_gradients[MOST_VECTORS];
    struct array arrays[3 * MOST_VECTORS];
    for (size_t i = 0; i < count; i++) {
        const char name[] = {'v', (char)('a' + i), '\0'};
        arrays[3 * i] = make(dtype, samples * columns, name);
        arrays[3 * i + 1] = make(dtype, samples * columns, "slow");
        arrays[3 * i + 2] = make(dtype, samples * columns, "fast");
        vectors[i] = arrays[3 * i].data;
        slow_gradients[i] = arrays[3 * i + 1].data;
        fast_gradients[i] = arrays[3 * i + 2].data;
    }
    struct interaction v = {.vectors = vectors, .dtype = dtype, .count = count, .columns = columns, .last = samples};
    size_t width = interaction_width(count, columns);
    double tolerance = dtype == DTYPE_F32 ? 3e-5 : 2e-2;
    struct array slow = make(dtype, samples * width, "slow"), fast = make(dtype, samples * width, "fast");
    struct array dy = make(dtype, samples * width, "dy");
    struct array room = make(DTYPE_F32, kernels->interaction_workspace(count, columns), "room");
    recommender_reference.interact(&v, slow.data, NULL);
    recommender_reference.interact_gradient(&v, dy.data, slow_gradients, NULL);
    for (int half = 0; half < 2; half++) { /* as two threads share the samples */
        v.first = half ? samples / 2 : 0;
        v.last = half ? samples : samples / 2;
        kernels->interact(&v, fast.data, room.data);
        kernels->interact_gradient(&v, dy.data, fast_gradients, room.data);
    }
    compare(kernels->name, "pairs", &fast, &slow, tolerance);
    for (size_t i = 0; i < count; i++)
        compare(kernels->name, "gradient", &arrays[3 * i + 2], &arrays[3 * i + 1], tolerance);
    for (size_t i = 0; i < 3 * count; i++)
        check_guards_and_free(&arrays[i]);
    struct array *others[] = {&slow, &fast, &dy, &room};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        check_guards_and_free(others[i]);
}

START_TEST(test_interaction)
{
    for (const struct recommender_kernels *const *k = recommender_variants(); *k; k++)
        for (int half = 0; half < 2; half++)
            check_interaction(*k, pair_shapes[_i].samples, pair_shapes[_i].count, pair_shapes[_i].columns,
                              half ? DTYPE_BF16 : DTYPE_F32);
}
END_TEST

int main(void)
{
    return suite_run("recommender", 0,
                     SUITE(LOOP(test_bags, sizeof bag_shapes / sizeof *bag_shapes),
                           LOOP(test_interaction, sizeof pair_shapes / sizeof *pair_shapes)));
}
