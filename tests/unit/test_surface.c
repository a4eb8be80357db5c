/* harness/estimate/surface: it goes through what was measured, follows its trend beyond, and what it says without a
 * group is what a surface that never had the group says. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "harness/base/random.h"
#include "harness/estimate/surface.h"
#include "tests/suite.h"

enum { POINTS = 60 };

static double made_slowdown(const struct surface_point *point)
{
    return 0.3 + 0.05 * point->axes[0] - 0.2 * sin(point->axes[1] / 3) + (point->dtype == DTYPE_BF16 ? 0.4 : 0);
}

/* Points at random places, of five models in two families. */
static void make_points(struct surface_point points[POINTS])
{
    for (size_t i = 0; i < POINTS; i++) {
        points[i] = (struct surface_point){.dtype = i % 3 ? DTYPE_F32 : DTYPE_BF16, .group = {i % 5, i % 5, i % 5 < 2}};
        for (size_t axis = 0; axis < SURFACE_AXES; axis++)
            points[i].axes[axis] = 4 + 3 * (double)random_normal(7, i * SURFACE_AXES + axis);
        points[i].log_slowdown = made_slowdown(&points[i]);
    }
}

START_TEST(it_goes_through_its_points)
{
    struct surface_point points[POINTS];
    make_points(points);
    for (size_t i = 0; i < POINTS; i++) {
        double distance, value = surface_at(points, POINTS, &points[i], NULL, &distance);
        ck_assert_double_eq_tol(value, points[i].log_slowdown, 1e-12);
        ck_assert_double_eq_tol(distance, 0, 1e-12);
    }
}
END_TEST

/* Close by, though at no measured place, it is close to what was measured there. */
START_TEST(it_is_smooth)
{
    struct surface_point points[POINTS];
    make_points(points);
    for (size_t i = 0; i < POINTS; i++) {
        struct surface_point near = points[i];
        near.axes[0] += 0.02;
        double distance, value = surface_at(points, POINTS, &near, NULL, &distance);
        ck_assert_double_eq_tol(value, points[i].log_slowdown, 0.05);
        ck_assert_double_gt(distance, 0);
    }
}
END_TEST

START_TEST(without_a_group_is_as_if_it_never_was)
{
    struct surface_point points[POINTS], others[POINTS];
    make_points(points);
    for (int kind = 0; kind < LEFT_OUT_KINDS; kind++)
        for (uint64_t group = 0; group < 2; group++) {
            const struct without without = {(enum left_out)kind, group};
            size_t count = 0;
            for (size_t i = 0; i < POINTS; i++)
                if (points[i].group[kind] != group)
                    others[count++] = points[i];
            for (size_t i = 0; i < POINTS; i++) {
                double far, fresh_far, fresh = surface_at(others, count, &points[i], NULL, &fresh_far);
                ck_assert_double_eq_tol(surface_at(points, POINTS, &points[i], &without, &far), fresh, 1e-12);
                ck_assert_double_eq_tol(far, fresh_far, 1e-12);
            }
        }
}
END_TEST

START_TEST(a_single_group_leaves_nothing)
{
    struct surface_point points[POINTS];
    const struct without without = {LEFT_OUT_SIZE, 1};
    double distance;
    make_points(points);
    for (size_t i = 0; i < POINTS; i++)
        points[i].group[LEFT_OUT_SIZE] = 1;
    ck_assert(isnan(surface_at(points, POINTS, &points[0], &without, &distance)));
    ck_assert(isinf(distance));
}
END_TEST

START_TEST(the_same_point_again_and_again_is_one)
{
    struct surface_point points[POINTS];
    make_points(points);
    for (size_t i = 1; i < POINTS; i++)
        points[i] = points[0];
    struct surface_point near = points[0];
    near.axes[1] += 0.01;
    double distance;
    ck_assert_double_eq_tol(surface_at(points, POINTS, &points[0], NULL, &distance), points[0].log_slowdown, 1e-12);
    ck_assert_double_eq_tol(surface_at(points, POINTS, &near, NULL, &distance), points[0].log_slowdown, 0.05);
}
END_TEST

int main(void)
{
    return suite_run("surface", 60,
                     SUITE(ONCE(it_goes_through_its_points), ONCE(it_is_smooth),
                           ONCE(without_a_group_is_as_if_it_never_was), ONCE(a_single_group_leaves_nothing),
                           ONCE(the_same_point_again_and_again_is_one)));
}
