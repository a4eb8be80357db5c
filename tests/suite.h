/* A test program's whole main: one suite of Check's tests, each once or in a loop.
 *
 *     return suite_run("packed", 120, SUITE(LOOP(computes, TYPES), ONCE(refuses)));
 */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stddef.h>

struct suite_test {
    const TTest *test;
    int times; /* its loop's _i is 0 to before this */
};

#define ONCE(name) ((struct suite_test){(name), 1})
#define LOOP(name, count) ((struct suite_test){(name), (int)(count)})
#define SUITE(...) ((const struct suite_test[]){__VA_ARGS__, {NULL, 0}})

/* The timeout guards against hanging and is no measure of speed; 0: none. The result is main's. */
static inline int suite_run(const char *name, double timeout_s, const struct suite_test *tests)
{
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create(name);
    tcase_set_timeout(cases, timeout_s);
    for (; tests->test; tests++)
        tcase_add_loop_test(cases, tests->test, 0, tests->times);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
