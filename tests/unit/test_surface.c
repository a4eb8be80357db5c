/* harness/estimate/surface: it goes through what was measured, and what it says without a group is what a surface that
 * never had the group says. */
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
        points[i] = (struct surface_point){.dtype = i % 3 ? DTYPE_F32 : DTYPE_BF16, .group = {i % 5, i % 5 < 2}};
        for (size_t axis = 0; axis < SURFACE_AXES; axis++)
            points[i].axes[axis] = 4 + 3 * (double)random_normal(7, i * SURFACE_AXES + axis);
        points[i].log_slowdown = made_slowdown(&points[i]);
    }
}

START_TEST(it_goes_through_its_points)
{
    struct surface_point points[POINTS];
    struct surface surface;
    make_points(points);
    ck_assert(surface_make(&surface, points, POINTS));
    for (size_t i = 0; i < POINTS; i++) {
        double distance, value = surface_at(&surface, &points[i], &distance);
        ck_assert_double_eq_tol(value, points[i].log_slowdown, 0.02);
        ck_assert_double_eq_tol(distance, 0, 1e-12);
    }
    surface_free(&surface);
}
END_TEST

START_TEST(without_a_group_is_as_if_it_never_was)
{
    struct surface_point points[POINTS], others[POINTS];
    struct surface surface, fresh;
    make_points(points);
    ck_assert(surface_make(&surface, points, POINTS));
    for (int kind = 0; kind < LEFT_OUT_KINDS; kind++)
        for (uint64_t group = 0; group < 2; group++) {
            size_t count = 0;
            for (size_t i = 0; i < POINTS; i++)
                if (points[i].group[kind] != group)
                    others[count++] = points[i];
            ck_assert(surface_make(&fresh, others, count));
            for (size_t i = 0; i < POINTS; i++) {
                double distance, value = surface_at(&fresh, &points[i], &distance);
                if (points[i].group[kind] != group)
                    continue;
                ck_assert_double_eq_tol(points[i].without[kind], value, 1e-8);
                ck_assert_double_eq_tol(points[i].distances[kind], distance, 1e-12);
            }
            surface_free(&fresh);
        }
    surface_free(&surface);
}
END_TEST

START_TEST(a_single_group_leaves_nothing)
{
    struct surface_point points[POINTS];
    struct surface surface;
    make_points(points);
    for (size_t i = 0; i < POINTS; i++)
        points[i].group[LEFT_OUT_SIZE] = 1;
    ck_assert(surface_make(&surface, points, POINTS));
    for (size_t i = 0; i < POINTS; i++) {
        ck_assert(isnan(points[i].without[LEFT_OUT_SIZE]));
        ck_assert(isfinite(points[i].without[LEFT_OUT_FAMILY]));
    }
    surface_free(&surface);
}
END_TEST

START_TEST(the_same_point_again_and_again_is_one)
{
    struct surface_point points[POINTS];
    struct surface surface;
    make_points(points);
    for (size_t i = 1; i < POINTS; i++)
        points[i] = points[0];
    ck_assert(surface_make(&surface, points, POINTS));
    double distance;
    ck_assert_double_eq_tol(surface_at(&surface, &points[0], &distance), points[0].log_slowdown, 1e-3);
    surface_free(&surface);
}
END_TEST

int main(void)
{
    return suite_run("surface", 60,
                     SUITE(ONCE(it_goes_through_its_points), ONCE(without_a_group_is_as_if_it_never_was),
                           ONCE(a_single_group_leaves_nothing), ONCE(the_same_point_again_and_again_is_one)));
}
