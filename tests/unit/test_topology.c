/* Exported topologies of real and odd machines are described as hwloc's own tools count them; broken and hostile files
 * are refused with a line that says where. data/topologies/README tells where the files are from. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/machine.h"
#include "probes/topology.h"
#include "tests/suite.h"

#define GIB(n) ((uint64_t)(n) << 30)

static const struct {
    const char *file;
    int packages, cores, threads, usable, numa, kinds, caches; /* -1: absent */
    uint64_t memory;                                           /* 0: unknown */
    int gpus;
    const char *gpu_backend;
} rows[] = {
    {"16em64t-4s2c2t-offlines", 4, 6, 7, 7, 1, 0, 7, 0, 0, NULL},
    {"16intel64-manyVFs", 2, 16, 16, 16, 2, 0, 4, 137402286080, 0, NULL},
    {"20em64t-hybrid-1p6c2t+2ca4co1t", 1, 14, 20, 20, 1, 2, 7, 33269227520, 0, NULL},
    {"20s390-2g6s4c", 8, 20, 20, 20, 1, 0, 0, 2103287808, 0, NULL},
    {"32amd64-4s2n4c-cgroup2", 1, 6, 6, 6, 6, 1, 5, 103077031936, 0, NULL},
    {"32em64t-2n8c2t-pci-normalio", 2, 16, 32, 32, 2, 0, 3, 68689911808, 2, "cuda"},
    {"40intel64-2g2n4c+pci", 4, 40, 40, 40, 4, 0, 4, 549742014464, 0, NULL},
    {"64intel64-fakeKNL-SNC4-hybrid", 1, 16, 64, 64, 8, 0, 4, GIB(12), 0, NULL},
    {"8em64t-2s4c-heterogeneous", 2, 8, 8, 8, 1, 0, 3, 17174560768, 0, NULL},
    {"Intel-ArrowLake-CoreUltra5-225U", 1, 12, 14, 14, 1, 2, 7, 0, 0, NULL},
    {"Intel-SapphireRapids-2xXeonMax9460", 2, 80, 160, 160, 1, 0, 4, 0, 0, NULL},
    {"Zhaoxin-2xCentaurHauls-KaiSheng-KH-40000", 2, 64, 64, 64, 1, 0, 4, 0, 0, NULL},
    {"nvidia-dgx-gb10", 1, 20, 20, 20, 1, 5, 6, 128520671232, 0, NULL},
    {"ppc64-without-smt", -1, -1, 8, 8, 2, 0, 0, 65498251264, 0, NULL},
    {"hagrid", 4, 8, 8, 6, 4, 0, 2, 34357788672, 0, NULL},
    {"64intel64-3g2n+2n-irregulargroups+pci", 8, 64, 64, 16, 8, 0, 4, 266127708160, 0, NULL},
    {"nvidiaDGX2", 2, 4, 4, 4, 2, 1, 4, 1621972275200, 16, "nvml"},
    {"power8gpudistances", 2, 8, 16, 16, 2, 1, 1, 137007529984, 4, "cuda"},
    {"24em64t-2n6c2t-pci", 2, 12, 24, 24, 2, 0, 3, 38643982336, 0, NULL},
    {"fakecpukinds", 1, 2, 4, 4, 1, 3, 0, 0, 0, NULL},
    {"memorysidecaches", 2, 40, 80, 80, 4, 0, 2, 1596398403584, 0, NULL},
    {"fakeheterodistances", 4, -1, 8, 8, 8, 0, 1, 103077015552, 0, NULL},
    {"8intel64-4n2t-memattrs", -1, -1, 8, 8, 4, 0, 0, GIB(4), 0, NULL},
    {"8em64t-2p2ca2co-nonodesets.v1", 2, 8, 8, 8, 1, 0, 3, 33738452992, 0, NULL},
};

static void probe_file(const char *name, struct machine *machine)
{
    char path[1024];
    struct error error = {0};
    snprintf(path, sizeof path, "%s/topologies/%s.xml", UNIT_DATA, name);
    ck_assert_msg(machine_probe(machine, path, &error), "%s", error.message);
}

START_TEST(exported_machine)
{
    struct machine machine;
    const char *name = rows[_i].file;
    probe_file(name, &machine);
    ck_assert_msg(machine.cpu.packages == rows[_i].packages, "%s: %d packages", name, machine.cpu.packages);
    ck_assert_msg(machine.cpu.cores == rows[_i].cores, "%s: %d cores", name, machine.cpu.cores);
    ck_assert_msg(machine.cpu.threads == rows[_i].threads, "%s: %d threads", name, machine.cpu.threads);
    ck_assert_msg(machine.cpu.usable_threads == rows[_i].usable, "%s: %d usable", name, machine.cpu.usable_threads);
    ck_assert_msg((int)machine.numa_count == rows[_i].numa, "%s: %zu NUMA nodes", name, machine.numa_count);
    ck_assert_msg((int)machine.cpu.kind_count == rows[_i].kinds, "%s: %zu kinds", name, machine.cpu.kind_count);
    ck_assert_msg((int)machine.cache_count == rows[_i].caches, "%s: %zu caches", name, machine.cache_count);
    ck_assert_msg(machine.memory.total_known == (rows[_i].memory > 0), "%s: memory", name);
    ck_assert_msg(machine.memory.total_bytes == rows[_i].memory, "%s: %llu bytes", name,
                  (unsigned long long)machine.memory.total_bytes);
    ck_assert_msg((int)machine.gpu_count == rows[_i].gpus, "%s: %zu GPUs", name, machine.gpu_count);
    if (rows[_i].gpus)
        ck_assert_str_eq(machine.gpus[0].backend, rows[_i].gpu_backend);
    ck_assert(machine.foreign && machine.name[0]);
    ck_assert_uint_eq(strlen(machine.fingerprint), 32);
    ck_assert(!machine.counters.available && strstr(machine.counters.reason, "topology file"));
    machine_free(&machine);
}
END_TEST

START_TEST(one_card_is_one_gpu)
{
    struct machine machine;
    probe_file("32em64t-2n8c2t-pci-normalio", &machine);
    ck_assert_uint_eq(machine.gpu_count, 2); /* cuda0 and card0 are one card; the Matrox console is none */
    ck_assert_str_eq(machine.gpus[0].name, "Tesla K40m");
    ck_assert_str_eq(machine.gpus[0].pci_address, "0000:84:00.0");
    ck_assert_uint_eq(machine.gpus[0].memory_bytes, 11796032ull * 1024);
    ck_assert_str_eq(machine.gpus[1].name, "AMD Radeon R9 200 / HD 7900 Series");
    ck_assert_msg(strstr(machine.gpu_presence.reason, "2 more cards"), "%s", machine.gpu_presence.reason);
    machine_free(&machine);
}
END_TEST

START_TEST(hybrid_kinds)
{
    struct machine machine;
    probe_file("20em64t-hybrid-1p6c2t+2ca4co1t", &machine);
    ck_assert_uint_eq(machine.cpu.kind_count, 2);
    ck_assert_double_eq_tol(machine.cpu.kinds[0].max_mhz, 3900, 1e-9);
    ck_assert_int_eq(machine.cpu.kinds[0].threads, 8);
    ck_assert_double_eq_tol(machine.cpu.kinds[1].base_mhz, 1900, 1e-9);
    ck_assert_int_eq(machine.cpu.kinds[1].threads, 12);
    ck_assert_int_gt(machine.cpu.kinds[1].efficiency, machine.cpu.kinds[0].efficiency);
    ck_assert_str_eq(machine.cpu.model, "13th Gen Intel(R) Core(TM) i7-1370P");
    machine_free(&machine);
    probe_file("Intel-ArrowLake-CoreUltra5-225U", &machine);
    ck_assert_str_eq(machine.cpu.kinds[0].name, "IntelAtom");
    ck_assert_str_eq(machine.cpu.kinds[1].name, "IntelCore");
    ck_assert(isnan(machine.cpu.kinds[0].max_mhz));
    machine_free(&machine);
}
END_TEST

static const struct {
    const char *xml, *message;
} broken[] = {
    {"", "empty"},
    {"hello", "line 1: text outside"},
    {"<?xml version=\"1.0\"?>\n<html></html>", "line 2: <html> where one <topology>"},
    {"<topology version=\"2.0\">\n<object type=\"Machine\">\n", "line 2: <object> is never closed"},
    {"<topology>\n<object type=\"Mach", "line 2: an attribute's value that never ends"},
    {"<topology>\n<object", "line 2: this tag is never finished"},
    {"<topology></object>", "line 1: </object> closes what isn't open"},
    {"<topology a=1></topology>", "isn't in quotes"},
    {"<topology/>trailing", "text outside"},
    {"<topology/><topology/>", "where one <topology> is expected"},
    {"<!DOCTYPE t [<!ENTITY a \"b\">]><topology/>", "declarations of its own"},
    {"<!-- no end <topology/>", "never ends"},
    {"<topology version=\"2.0\"></topology>", "not a topology that hwloc"},
    {"<topology version=\"9.0\"><object type=\"Machine\" cpuset=\"0x1\"/></topology>", "not a topology that hwloc"},
    {"<topology version=\"2.0\"><object type=\"PU\" os_index=\"4294967295\" cpuset=\"0x1\"/></topology>", ""},
    {"<topology version=\"2.0\"><object type=\"Machine\" cpuset=\"0x1\" complete_cpuset=\"0x1\" nodeset=\"0x1\" "
     "complete_nodeset=\"0x1\"><object type=\"NUMANode\" os_index=\"4294967290\"/></object></topology>",
     ""},
};

START_TEST(broken_file)
{
    char path[] = "/tmp/topology-XXXXXX";
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, broken[_i].xml, strlen(broken[_i].xml)), (ssize_t)strlen(broken[_i].xml));
    close(file);
    struct machine machine;
    struct error error = {0};
    bool right = machine_probe(&machine, path, &error);
    unlink(path);
    ck_assert_msg(!right, "'%s' was taken", broken[_i].xml);
    ck_assert_int_eq(error.kind, ERROR_INPUT);
    ck_assert_msg(strncmp(error.message, path, strlen(path)) == 0 && strstr(error.message, broken[_i].message),
                  "'%s': %s", broken[_i].xml, error.message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
}
END_TEST

START_TEST(every_cut_is_refused)
{
    /* A file cut anywhere: one line, no crash. The last cuts leave whole documents only when nothing but space is lost.
     */
    char path[1024];
    snprintf(path, sizeof path, "%s/topologies/ppc64-without-smt.xml", UNIT_DATA);
    FILE *stream = fopen(path, "r");
    ck_assert_ptr_nonnull(stream);
    static char xml[16384];
    size_t length = fread(xml, 1, sizeof xml, stream);
    fclose(stream);
    const char *end = strstr(xml, "</topology>");
    for (size_t cut = 0; cut < length; cut++) {
        struct error error = {0};
        bool right = topology_check_xml(xml, cut, &error);
        ck_assert_msg(right == (cut >= (size_t)(end - xml) + strlen("</topology>")), "cut at %zu: %s", cut,
                      error.message);
    }
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
    struct error error = {0};
    static char xml[300 * 10 + 64];
    strcpy(xml, "<topology>");
    for (int i = 0; i < 300; i++)
        strcat(xml, "<object>");
    ck_assert(!topology_check_xml(xml, strlen(xml), &error));
    ck_assert_msg(strstr(error.message, "256"), "%s", error.message);
}
END_TEST

START_TEST(missing_file)
{
    struct machine machine;
    struct error error = {0};
    ck_assert(!machine_probe(&machine, "/nowhere/x.xml", &error));
    ck_assert_str_eq(error.message, "/nowhere/x.xml: No such file or directory");
    ck_assert(!machine_probe(&machine, "/tmp", &error));
    ck_assert_int_eq(error.kind, ERROR_INPUT);
}
END_TEST

int main(void)
{
    return suite_run("topology", 120,
                     SUITE(LOOP(exported_machine, sizeof rows / sizeof *rows), ONCE(one_card_is_one_gpu),
                           ONCE(hybrid_kinds), LOOP(broken_file, sizeof broken / sizeof *broken),
                           ONCE(every_cut_is_refused), ONCE(deep_nesting_is_refused), ONCE(missing_file)));
}
