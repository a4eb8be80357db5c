/* What is drawn of a machine holds as many cores as the machine has, whatever its caches are like. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "reports/machine_figures.h"
#include "tests/suite.h"

static struct report *drawn(const char *text)
{
    json_t *machine = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(machine);
    struct report *report = report_create("machine");
    machine_add_topology(report, machine);
    json_decref(machine);
    return report;
}

/* Boxes of a kind, each as often as it stands there. */
static int count(const struct report *report, enum box_kind kind)
{
    const struct topology *topology = &report->blocks[0].topology;
    int times[16] = {1}, all = 0;
    for (size_t i = 0; i < topology->count; i++) {
        const struct box *box = &topology->boxes[i];
        times[box->depth] = box->times * (box->depth ? times[box->depth - 1] : 1);
        all += box->kind == kind ? times[box->depth] : 0;
    }
    return all;
}

START_TEST(every_core_is_drawn_once)
{
    static const struct {
        const char *machine;
        int packages, cores, caches;
    } rows[] = {
        {"{\"name\":\"two packages\",\"cpu\":{\"packages\":2,\"cores\":80,\"threads\":160},\"caches\":["
         "{\"level\":3,\"type\":\"unified\",\"size_bytes\":9,\"shared_by_threads\":80},"
         "{\"level\":2,\"type\":\"unified\",\"size_bytes\":9,\"shared_by_threads\":2},"
         "{\"level\":1,\"type\":\"instruction\",\"size_bytes\":9,\"shared_by_threads\":2}]}",
         2, 80, 2 + 80},
        {"{\"name\":\"parts of two dies\",\"cpu\":{\"packages\":1,\"cores\":6,\"threads\":6},\"caches\":["
         "{\"level\":3,\"type\":\"unified\",\"size_bytes\":9,\"shared_by_threads\":4},"
         "{\"level\":3,\"type\":\"unified\",\"size_bytes\":9,\"shared_by_threads\":2}]}",
         1, 6, 0},
        {"{\"name\":\"two kinds of core\",\"cpu\":{\"cores\":10,\"threads\":12},\"caches\":["
         "{\"level\":3,\"type\":\"unified\",\"size_bytes\":9,\"shared_by_threads\":12},"
         "{\"level\":2,\"type\":\"unified\",\"size_bytes\":9,\"shared_by_threads\":2}]}",
         1, 10, 1},
        {"{\"name\":\"nothing known\",\"cpu\":{\"threads\":4}}", 1, 4, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report *report = drawn(rows[i].machine);
        ck_assert_uint_eq(report->block_count, 1);
        ck_assert_int_eq(count(report, BOX_PACKAGE), rows[i].packages);
        ck_assert_int_eq(count(report, BOX_CORE), rows[i].cores);
        ck_assert_int_eq(count(report, BOX_CACHE), rows[i].caches);
        report_free(report);
    }
}
END_TEST

START_TEST(nonsense_is_not_drawn)
{
    static const char *const machines[] = {
        "{}",
        "{\"cpu\":{\"threads\":0}}",
        "{\"cpu\":{\"threads\":4,\"cores\":9}}",
        "{\"cpu\":{\"threads\":4,\"packages\":3}}",
        "{\"cpu\":{\"threads\":1e30}}",
        "{\"cpu\":{\"threads\":\"4\"},\"caches\":7}",
        "{\"cpu\":[]}",
    };
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        struct report *report = drawn(machines[i]);
        ck_assert_msg(report->block_count == 0, "%s", machines[i]);
        report_free(report);
    }
    /* What shares nothing, or more than there is, still leaves a picture. */
    struct report *report = drawn("{\"cpu\":{\"threads\":4,\"cores\":4},\"caches\":[{\"level\":2,\"type\":\"unified\","
                                  "\"size_bytes\":0,\"shared_by_threads\":0},{\"level\":3,\"type\":\"unified\","
                                  "\"shared_by_threads\":999}],\"gpus\":[{}]}");
    ck_assert_int_eq(count(report, BOX_CORE), 4);
    ck_assert_int_eq(count(report, BOX_DEVICE), 1);
    report_free(report);
}
END_TEST

START_TEST(a_roofline_frame_holds_its_roofs_and_points)
{
    struct report *report = report_create("roofline");
    struct roofline *roofline = report_roofline(report, "roofline");
    struct roofline_frame frame;
    ck_assert(!roofline_frame(roofline, &frame)); /* nothing to show */
    roofline_peak(roofline, "peak", 1000);
    roofline_peak(roofline, "none", 0);
    roofline_bandwidth(roofline, "memory", 10);
    roofline_point(roofline, "slow", 0.5, 2);
    ck_assert_uint_eq(roofline->peak_count, 1);
    ck_assert(roofline_frame(roofline, &frame));
    ck_assert(frame.x_low < -0.30103 && frame.x_high > 2); /* 0.5 FLOP/byte, and the ridge at 100 */
    ck_assert(frame.y_low < 0.30103 && frame.y_high > 3);
    report_free(report);
}
END_TEST

int main(void)
{
    return suite_run("figures", 60,
                     SUITE(ONCE(every_core_is_drawn_once), ONCE(nonsense_is_not_drawn),
                           ONCE(a_roofline_frame_holds_its_roofs_and_points)));
}
