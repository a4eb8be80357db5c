/* A machine's document is read back as it was written, and a wrong one is refused with the key that is wrong. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "probes/machine.h"
#include "tests/suite.h"

static char *write_machine(const struct machine *machine)
{
    json_t *document = machine_to_json(machine);
    char *text = json_write(document, false);
    json_decref(document);
    return text;
}

static bool read_machine(const char *text, struct machine *machine, struct error *error)
{
    json_t *document = json_parse(text, strlen(text), "test", error);
    bool right = document && machine_from_json(machine, document, error);
    json_decref(document);
    return right;
}

static void check_round_trip(struct machine *machine)
{
    struct machine back;
    struct error error = {0};
    char *text = write_machine(machine);
    ck_assert_msg(read_machine(text, &back, &error), "%s", error.message);
    char *again = write_machine(&back);
    ck_assert_str_eq(text, again);
    free(text);
    free(again);
    machine_free(&back);
}

START_TEST(live_round_trip)
{
    struct machine machine;
    struct error error = {0};
    ck_assert(machine_probe(&machine, NULL, &error));
    machine_add_ceiling(&machine, "read_gbs", 20.25, 19.5, 21);
    machine_add_ceiling(&machine, "gemm_f32_gflops", 100, 90, 110);
    machine_warn(&machine, "a warning of %d words: with a remedy", 4);
    check_round_trip(&machine);
    machine_free(&machine);
}
END_TEST

START_TEST(export_round_trip)
{
    static const char *const files[] = {"nvidia-dgx-gb10", "power8gpudistances", "32em64t-2n8c2t-pci-normalio"};
    for (size_t i = 0; i < 3; i++) {
        struct machine machine;
        struct error error = {0};
        char path[1024];
        snprintf(path, sizeof path, "%s/topologies/%s.xml", UNIT_DATA, files[i]);
        ck_assert_msg(machine_probe(&machine, path, &error), "%s", error.message);
        check_round_trip(&machine);
        machine_free(&machine);
    }
}
END_TEST

START_TEST(absent_stays_absent)
{
    struct machine machine;
    struct error error = {0};
    ck_assert(read_machine("{\"schema\":\"benchmark.machine/1\"}", &machine, &error));
    ck_assert_int_eq(machine.cpu.packages, -1);
    ck_assert(isnan(machine.cpu.quota) && isnan(machine.conditions.load1) && !machine.memory.total_known);
    ck_assert(isnan(machine_ceiling(&machine, "read_gbs")));
    char *text = write_machine(&machine);
    ck_assert_ptr_null(strstr(text, "packages"));
    ck_assert_ptr_null(strstr(text, "total_bytes"));
    ck_assert_ptr_null(strstr(text, "-1"));
    free(text);
    machine_free(&machine);
}
END_TEST

static const struct {
    const char *text, *message;
} wrong[] = {
    {"[]", "schema: expected"},
    {"{}", "schema: expected"},
    {"{\"schema\":\"benchmark.run/1\"}", "schema: expected"},
    {"{\"schema\":\"benchmark.machine/12\"}", "schema: expected"},
    {"{\"schema\":\"benchmark.machine/1\",\"cpu\":5}", "cpu: expected an object"},
    {"{\"schema\":\"benchmark.machine/1\",\"cpu\":{\"cores\":\"two\"}}", "cpu.cores: expected a whole number"},
    {"{\"schema\":\"benchmark.machine/1\",\"cpu\":{\"threads\":-2}}", "cpu.threads"},
    {"{\"schema\":\"benchmark.machine/1\",\"cpu\":{\"threads\":99999999999}}", "cpu.threads"},
    {"{\"schema\":\"benchmark.machine/1\",\"cpu\":{\"kinds\":[1]}}", "kinds: expected a list of objects"},
    {"{\"schema\":\"benchmark.machine/1\",\"cpu\":{\"isa\":[1]}}", "cpu.isa"},
    {"{\"schema\":\"benchmark.machine/1\",\"caches\":{}}", "caches: expected a list"},
    {"{\"schema\":\"benchmark.machine/1\",\"gpus\":[{\"memory_bytes\":-1}]}", "gpus.memory_bytes"},
    {"{\"schema\":\"benchmark.machine/1\",\"memory\":{\"total_bytes\":1.5}}", "memory.total_bytes"},
    {"{\"schema\":\"benchmark.machine/1\",\"ceilings\":{\"read_gbs\":0}}", "ceilings.read_gbs"},
    {"{\"schema\":\"benchmark.machine/1\",\"warnings\":[[]]}", "warnings"},
    {"{\"schema\":\"benchmark.machine/1\",\"name\":{}}", "name: expected text"},
};

START_TEST(refused)
{
    struct machine machine;
    struct error error = {0};
    ck_assert_msg(!read_machine(wrong[_i].text, &machine, &error), "%s", wrong[_i].text);
    ck_assert_int_eq(error.kind, ERROR_INPUT);
    ck_assert_msg(strstr(error.message, wrong[_i].message) != NULL, "%s: %s", wrong[_i].text, error.message);
}
END_TEST

START_TEST(long_and_hostile_text)
{
    struct machine machine;
    struct error error = {0};
    char text[2000] = "{\"schema\":\"benchmark.machine/1\",\"name\":\"\\u001b[31m";
    size_t length = strlen(text);
    memset(text + length, 'x', 1000);
    strcpy(text + length + 1000, "\"}");
    ck_assert(read_machine(text, &machine, &error));
    ck_assert_uint_eq(strlen(machine.name), NAME_SIZE - 1);
    ck_assert_int_eq(machine.name[0], '?');
    machine_free(&machine);
}
END_TEST

int main(void)
{
    return suite_run("machine_json", 60,
                     SUITE(ONCE(live_round_trip), ONCE(export_round_trip), ONCE(absent_stays_absent),
                           LOOP(refused, sizeof wrong / sizeof *wrong), ONCE(long_and_hostile_text)));
}
