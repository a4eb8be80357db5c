/* Machines described as small trees of /proc and /sys files (data/machines): what limits their memory and CPUs, what is
 * absent and why, which cards are GPUs. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/blas.h"
#include "probes/conditions.h"
#include "probes/counters.h"
#include "probes/energy.h"
#include "probes/fingerprint.h"
#include "probes/gpu.h"
#include "probes/isa.h"
#include "probes/probe.h"
#include "probes/readiness.h"
#include "tests/suite.h"

#define GIB(n) ((uint64_t)((n)*1073741824.0))

static char root[1024];

static void look_at(const char *name, struct machine *machine)
{
    snprintf(root, sizeof root, "%s/machines/%s", UNIT_DATA, name);
    machine_look(machine, &(struct probe_context){.root = root});
}

static const struct {
    const char *name, *limited_by, *detail;
    double limit_gib, available_gib, quota; /* quota 0: none */
} limited[] = {
    {"plain", "physical", "64.0 GiB", 64, 60, 0},
    {"nested-v2", "cgroup", "/sys/fs/cgroup/user.slice/memory.max", 8, 6, 1.5},
    {"high-v2", "cgroup", "/sys/fs/cgroup/a/b/memory.high", 4, 3, 0},
    {"nested-v1", "cgroup", "memory/docker", 12, 5, 2.5},
    {"container-v1", "cgroup", "memory.stat", 3, 2.25, 0},
    {"container-v2", "cgroup", "/sys/fs/cgroup/memory.max", 2, 1, 0.5},
    {"no-mountinfo", "cgroup", "/sys/fs/cgroup/memory.max", 5, 4, 0},
    {"rlimit", "rlimit", "ulimit -v", 1.75, 1.75, 0},
    {"rlimit-data", "rlimit", "ulimit -d", 0.875, 0.875, 0},
    {"overcommit", "physical", "overcommit", 32, 22, 0},
    {"old-kernel", "physical", "8.00 GiB", 8, 5, 0},
};

START_TEST(limits)
{
    struct machine machine;
    look_at(limited[_i].name, &machine);
    const struct memory *memory = &machine.memory;
    ck_assert_msg(strcmp(memory->limited_by, limited[_i].limited_by) == 0, "%s: limited by %s", limited[_i].name,
                  memory->limited_by);
    ck_assert_msg(memory->limit_bytes == GIB(limited[_i].limit_gib), "%s: limit %llu", limited[_i].name,
                  (unsigned long long)memory->limit_bytes);
    ck_assert_msg(memory->available_known && memory->available_bytes == GIB(limited[_i].available_gib),
                  "%s: available %llu", limited[_i].name, (unsigned long long)memory->available_bytes);
    ck_assert_msg(strstr(memory->limit_detail, limited[_i].detail) != NULL, "%s: %s", limited[_i].name,
                  memory->limit_detail);
    if (limited[_i].quota > 0)
        ck_assert_double_eq_tol(machine.cpu.quota, limited[_i].quota, 1e-9);
    else
        ck_assert_msg(isnan(machine.cpu.quota), "%s: quota %f", limited[_i].name, machine.cpu.quota);
    machine_free(&machine);
}
END_TEST

START_TEST(swap_and_huge_pages_are_told)
{
    struct machine machine;
    look_at("old-kernel", &machine);
    ck_assert_uint_eq(machine.memory.swap_total_bytes, GIB(4));
    ck_assert_uint_eq(machine.memory.huge_page_bytes, 2 << 20);
    ck_assert_uint_eq(machine.memory.huge_pages_total, 16);
    ck_assert_uint_eq(machine.memory.huge_pages_free, 7);
    machine_free(&machine);
}
END_TEST

START_TEST(nothing_there)
{
    struct machine machine;
    look_at("nothing", &machine);
    ck_assert(!machine.memory.total_known && !machine.memory.available_known && !machine.memory.limited_by[0]);
    ck_assert(isnan(machine.conditions.load1) && isnan(machine.conditions.steal));
    ck_assert(isnan(machine.conditions.temperature_celsius) && isnan(machine.cpu.quota));
    ck_assert(!machine.energy.available && strstr(machine.energy.reason, "modprobe"));
    ck_assert(!machine.gpu_presence.available && machine.gpu_presence.reason[0]);
    machine_free(&machine);
}
END_TEST

START_TEST(workstation)
{
    struct machine machine;
    look_at("workstation", &machine);
    ck_assert_str_eq(machine.cpu.model, "AMD Ryzen 9 7950X 16-Core Processor");
    ck_assert_str_eq(machine.cpu.vendor, "AuthenticAMD");
    ck_assert_double_eq_tol(machine.cpu.current_mhz, 4500, 1e-6);
    ck_assert_double_eq_tol(machine.cpu.max_mhz, 5881, 1e-6);
    ck_assert_str_eq(machine.software.governor, "powersave");
    ck_assert_str_eq(machine.software.smt, "on");
    ck_assert_str_eq(machine.software.distribution, "Debian GNU/Linux 12 (bookworm)");
    ck_assert_str_eq(machine.software.mitigations, "spectre_v2: Retpolines");
    ck_assert_str_eq(machine.memory.transparent_huge_pages, "madvise");
    ck_assert_double_eq_tol(machine.conditions.steal, 0.035, 1e-9);
    ck_assert_double_eq_tol(machine.conditions.load1, 0.42, 1e-9);
    ck_assert_double_eq_tol(machine.conditions.temperature_celsius, 66.5, 1e-9); /* the disk's 81 is not the CPU's */
    ck_assert_double_eq_tol(machine.conditions.throttle_count, 7, 1e-9);
    ck_assert(machine.energy.available);
    machine_free(&machine);
}
END_TEST

START_TEST(cards_of_the_kernel)
{
    struct machine machine;
    look_at("workstation", &machine);
    /* Not the virtual function at 00:02.1, nor the virtual display. */
    ck_assert_uint_eq(machine.gpu_count, 2);
    ck_assert_str_eq(machine.gpus[0].pci_address, "0000:03:00.0");
    ck_assert_str_eq(machine.gpus[0].driver, "amdgpu");
    ck_assert_uint_eq(machine.gpus[0].memory_bytes, 17163091968);
    ck_assert_uint_eq(machine.gpus[0].free_bytes, 16000000000);
    ck_assert_str_eq(machine.gpus[1].pci_address, "0000:00:02.0");
    ck_assert(!machine.gpus[1].memory_known && !machine.gpus[1].usable);
    machine_free(&machine);
}
END_TEST

START_TEST(libraries_see_one_card)
{
    struct machine machine = {0};
    struct gpu nvml = {.name = "H100",
                       .backend = "nvml",
                       .pci_address = "0000:1B:00.0",
                       .driver = "535",
                       .free_known = true,
                       .free_bytes = 5};
    struct gpu cuda = {.name = "H100",
                       .backend = "cuda",
                       .pci_address = "0000:1b:00.0",
                       .usable = true,
                       .memory_known = true,
                       .memory_bytes = 80};
    struct gpu opencl = {.name = "H100", .backend = "opencl", .usable = true};
    struct gpu second = {.name = "H100", .backend = "nvml", .pci_address = "0000:1c:00.0"};
    gpu_add(&machine, &nvml);
    gpu_add(&machine, &second);
    gpu_add(&machine, &cuda);
    gpu_add(&machine, &opencl);
    ck_assert_uint_eq(machine.gpu_count, 2);
    ck_assert_str_eq(machine.gpus[0].backend, "cuda");
    ck_assert_str_eq(machine.gpus[0].driver, "535");
    ck_assert_uint_eq(machine.gpus[0].free_bytes, 5);
    ck_assert_uint_eq(machine.gpus[0].memory_bytes, 80);
    ck_assert(gpu_can_compute(0x10de, 0x2330) && gpu_can_compute(0x1002, 0x740f));
    ck_assert(!gpu_can_compute(0x102b, 0x0532) && !gpu_can_compute(0x1a03, 0x2000) && !gpu_can_compute(0x1002, 0x515e));
    machine_free(&machine);
}
END_TEST

START_TEST(counters_say_why_not)
{
    static const struct {
        const char *name, *reason;
    } reasons[] = {{"nothing", "CONFIG_PERF_EVENTS"}, {"virtual", "virtual machine without PMU"}, {"arm", "drives no"}};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        struct presence why_not = {0};
        snprintf(root, sizeof root, "%s/machines/%s", UNIT_DATA, reasons[i].name);
        ck_assert(counters_explain_absence(root, &why_not) && !why_not.available);
        ck_assert_msg(strstr(why_not.reason, reasons[i].reason) != NULL, "%s", why_not.reason);
    }
    struct presence why_not = {0};
    snprintf(root, sizeof root, "%s/machines/workstation", UNIT_DATA);
    bool refused = counters_explain_absence(root, &why_not);
    if (geteuid() != 0) /* root may count at any level */
        ck_assert(refused && strstr(why_not.reason, "perf_event_paranoid is 3"));
    else
        ck_assert(!refused);
}
END_TEST

START_TEST(energy_wraps)
{
    /* A zone that shrinks by a step has wrapped at its range; only packages count. */
    char folder[] = "/tmp/energy-XXXXXX", path[512];
    static const char *const files[][2] = {
        {"name", "package-0"}, {"max_energy_range_uj", "10000000"}, {"energy_uj", "9000000"}};
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char zone[256];
    static const char *const parts[] = {"/sys", "/sys/class", "/sys/class/powercap",
                                        "/sys/class/powercap/intel-rapl:0"};
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", folder, parts[i]);
        ck_assert_int_eq(mkdir(path, 0700), 0);
    }
    snprintf(zone, sizeof zone, "%.200s", path);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", zone, files[i][0]);
        FILE *stream = fopen(path, "w");
        fprintf(stream, "%s\n", files[i][1]);
        fclose(stream);
    }
    struct presence why_not;
    struct energy *energy = energy_open(folder, &why_not);
    ck_assert_msg(energy != NULL, "%s", why_not.reason);
    ck_assert_str_eq(energy_source(energy), "powercap");
    FILE *stream = fopen(path, "w");
    fputs("500000\n", stream);
    fclose(stream);
    ck_assert_double_eq_tol(energy_read(energy), 1.5, 1e-9);
    unlink(path);
    ck_assert(isnan(energy_read(energy)));
    energy_close(energy);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", zone, files[i][0]);
        unlink(path);
    }
    for (int i = 3; i >= 0; i--) {
        snprintf(path, sizeof path, "%s%s", folder, parts[i]);
        rmdir(path);
    }
    rmdir(folder);
}
END_TEST

START_TEST(names_of_cores_and_containers)
{
    struct machine machine;
    look_at("arm", &machine);
    ck_assert_str_eq(machine.cpu.model, "Neoverse-V2");
    ck_assert_str_eq(machine.cpu.vendor, "ARM");
    machine_free(&machine);
    look_at("virtual", &machine);
    ck_assert_str_eq(machine.software.container, "podman");
    ck_assert(machine.software.virtualization[0]);
    ck_assert(strstr(machine.energy.reason, "virtual machine"));
    machine_free(&machine);
    look_at("nested-v1", &machine);
    ck_assert_str_eq(machine.software.container, "docker");
    machine_free(&machine);
}
END_TEST

START_TEST(fingerprint_stands_still)
{
    struct machine machine = {.cpu = {.model = "X", .threads = 8}, .memory = {.total_known = true}};
    char first[33];
    machine.memory.total_bytes = GIB(23.54);
    fingerprint_set(&machine);
    strcpy(first, machine.fingerprint);
    machine.memory.total_bytes = GIB(23.31); /* another kernel keeps more for itself */
    machine.memory.limit_bytes = GIB(2);
    machine.cpu.usable_threads = 3;
    machine.cpu.quota = 1.5;
    machine.cpu.isa = ISA_AVX2;
    strcpy(machine.software.kernel, "another");
    fingerprint_set(&machine);
    ck_assert_str_eq(first, machine.fingerprint);
    machine.memory.total_bytes = GIB(31.2);
    fingerprint_set(&machine);
    ck_assert_str_ne(first, machine.fingerprint);
    ck_assert_uint_eq(fingerprint_round_memory(GIB(23.5)), GIB(24));
    ck_assert_uint_eq(fingerprint_round_memory(GIB(15.4)), GIB(16));
    ck_assert_uint_eq(fingerprint_round_memory(GIB(16)), GIB(16));
    ck_assert_uint_eq(fingerprint_round_memory(0), 0);
}
END_TEST

static bool finds(const struct machine *machine, const struct observation *seen, const char *words, bool *spoils)
{
    struct findings findings;
    bool found = false;
    *spoils = false;
    readiness_check(machine, seen, &findings);
    for (size_t i = 0; i < findings.count; i++)
        if (strstr(findings.items[i].what, words)) {
            found = true;
            *spoils = findings.items[i].spoils;
        }
    findings_free(&findings);
    return found;
}

START_TEST(readiness)
{
    struct observation quiet = readiness_unobserved(), seen = quiet;
    struct machine machine;
    bool spoils;
    look_at("workstation", &machine);
    machine.cpu.threads = machine.cpu.usable_threads = 4;
    machine.cpu.cores = 4;
    ck_assert(finds(&machine, &quiet, "governor is powersave", &spoils) && !spoils);
    ck_assert(finds(&machine, &quiet, "since boot the hypervisor", &spoils) && !spoils);
    ck_assert(!finds(&machine, &quiet, "quota", &spoils));
    machine.cpu.quota = 2.5;
    ck_assert(finds(&machine, &quiet, "quota allows 2.50 CPUs", &spoils) && spoils);
    machine.cpu.quota = NAN;
    seen.busy_share = 0.5;
    ck_assert(finds(&machine, &seen, "other programs use 2.0 of the 4 CPUs", &spoils) && spoils);
    seen.steal_share = 0.2;
    ck_assert(finds(&machine, &seen, "20.0 % of the CPU time", &spoils) && spoils);
    seen.new_throttles = 2;
    ck_assert(finds(&machine, &seen, "slowed down for heat", &spoils) && spoils);
    machine.memory.available_bytes = GIB(0.5);
    ck_assert(finds(&machine, &quiet, "only 512 MiB of memory", &spoils) && spoils);
    machine.cpu.cores = 2;
    ck_assert(finds(&machine, &quiet, "4 threads share 2 cores", &spoils) && !spoils);
    machine_free(&machine);
}
END_TEST

START_TEST(cores_that_are_hyperthreads)
{
    struct observation quiet = readiness_unobserved();
    struct machine machine = {.cpu = {.threads = 2, .usable_threads = 2, .cores = 2, .quota = NAN}};
    bool spoils;
    machine_add_ceiling(&machine, "peak_f32_1t_gflops", 100, 99, 101);
    machine_add_ceiling(&machine, "peak_f32_gflops", 107, 106, 108.07);
    ck_assert(finds(&machine, &quiet, "behave like 2 hyperthreads of one core: two threads reach only 1.07", &spoils));
    machine_add_ceiling(&machine, "peak_f32_gflops", 195, 190, 200);
    ck_assert(!finds(&machine, &quiet, "behave like", &spoils));
    machine_add_ceiling(&machine, "peak_f32_gflops", 107, 50, 150); /* something else ran: nothing can be said */
    ck_assert(!finds(&machine, &quiet, "behave like", &spoils));
    ck_assert(finds(&machine, &quiet, "differ by up to 93 %", &spoils) && !spoils);
    machine_free(&machine);
}
END_TEST

START_TEST(blas_kernels_behind)
{
    ck_assert(blas_core_is_behind("Haswell", ISA_AVX2 | ISA_AVX512F));
    ck_assert(blas_core_is_behind("Prescott", ISA_AVX2));
    ck_assert(!blas_core_is_behind("SkylakeX", ISA_AVX2 | ISA_AVX512F));
    ck_assert(!blas_core_is_behind("Haswell", ISA_AVX2));
    ck_assert(!blas_core_is_behind("", ISA_AVX512F) && !blas_core_is_behind("Nehalem", 0));
}
END_TEST

START_TEST(this_machine)
{
    struct machine machine, again;
    struct error error = {0};
    ck_assert_msg(machine_probe(&machine, NULL, &error), "%s", error.message);
    ck_assert_msg(machine_probe(&again, NULL, &error), "%s", error.message);
    ck_assert_str_eq(machine.fingerprint, again.fingerprint);
    ck_assert_int_ge(machine.cpu.threads, machine.cpu.usable_threads);
    ck_assert_int_ge(machine.cpu.usable_threads, 1);
    ck_assert(machine.memory.total_known && machine.memory.available_bytes <= machine.memory.total_bytes);
    ck_assert_uint_le(machine.memory.limit_bytes, machine.memory.total_bytes);
    ck_assert(machine.counters.available || machine.counters.reason[0]);
    ck_assert(machine.energy.available || machine.energy.reason[0]);
    ck_assert(machine.gpu_presence.available || machine.gpu_presence.reason[0]);
    machine_free(&machine);
    machine_free(&again);
}
END_TEST

int main(void)
{
    return suite_run("probes", 60,
                     SUITE(LOOP(limits, sizeof limited / sizeof *limited), ONCE(swap_and_huge_pages_are_told),
                           ONCE(nothing_there), ONCE(workstation), ONCE(cards_of_the_kernel),
                           ONCE(libraries_see_one_card), ONCE(counters_say_why_not), ONCE(energy_wraps),
                           ONCE(names_of_cores_and_containers), ONCE(fingerprint_stands_still), ONCE(readiness),
                           ONCE(cores_that_are_hyperthreads), ONCE(blas_kernels_behind), ONCE(this_machine)));
}
