#include "probes/readiness.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/parse.h"
#include "probes/blas.h"
#include "probes/conditions.h"
#include "probes/system_file.h"

/* `remedy` is fixed text; the rest is what was found. */
static void find(struct findings *findings, bool spoils, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void find(struct findings *findings, bool spoils, const char *remedy, const char *format, ...)
{
    struct finding *grown = realloc(findings->items, (findings->count + 1) * sizeof *grown);
    if (!grown)
        return;
    findings->items = grown;
    struct finding *finding = &grown[findings->count++];
    finding->spoils = spoils;
    snprintf(finding->remedy, sizeof finding->remedy, "%s", remedy);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->what, sizeof finding->what, format, arguments);
    va_end(arguments);
}

static void check_build(struct findings *findings)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    find(findings, true, "measure with a release build: `meson setup build --buildtype=release`",
         "this program is built with a sanitizer, which slows it several times");
#elif !defined(__OPTIMIZE__)
    find(findings, true, "measure with a release build: `meson setup build --buildtype=release`",
         "this program is built without optimisation");
#else
    (void)findings;
#endif
}

static void check_rivals(const struct machine *machine, const struct observation *seen, struct findings *findings)
{
    int threads = machine->cpu.threads > 0 ? machine->cpu.threads : 1;
    if (seen->rivals)
        find(findings, true, "let it finish first, or end it", "another program that loads the machine is running: %s",
             seen->rival_names);
    if (isfinite(seen->busy_share) && seen->busy_share * threads > 0.1 + 0.02 * threads)
        find(findings, true, "`top` shows by what; stop it, or wait",
             "other programs use %.1f of the %d CPUs at this moment", seen->busy_share * threads, threads);
    else if (isfinite(machine->conditions.load1) && machine->conditions.load1 > 0.5 + 0.1 * threads)
        find(findings, false, "wait a minute, since the average follows slowly",
             "the load average of the last minute is %.2f", machine->conditions.load1);
    if (isfinite(seen->steal_share) && seen->steal_share > 0.01)
        find(findings, true, "measure at another time, or on a host (or instance type) that isn't shared",
             "the hypervisor takes %.1f %% of the CPU time away at this moment (steal)", 100 * seen->steal_share);
    else if (machine->conditions.steal > 0.01)
        find(findings, false, "expect runs to differ; longer budgets help",
             "since boot the hypervisor took %.1f %% of the CPU time away (steal)", 100 * machine->conditions.steal);
}

static void check_clock(const struct machine *machine, const struct observation *seen, struct findings *findings)
{
    const struct software *software = &machine->software;
    if (strcmp(software->governor, "powersave") == 0 || strcmp(software->governor, "conservative") == 0 ||
        strcmp(software->governor, "ondemand") == 0)
        find(findings, false, "`sudo cpupower frequency-set -g performance`",
             "governor is %s: the clock follows the load, and short cases run at a lower one", software->governor);
    uint64_t off;
    bool turbo_told = system_read_count(&off, "", "/sys/devices/system/cpu/intel_pstate/no_turbo");
    if (turbo_told && !off)
        find(findings, false,
             "for figures that repeat best, `echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo`",
             "turbo is on: the clock depends on heat and on how many cores are busy");
    if (seen->new_throttles > 0)
        find(findings, true, "improve the cooling, or wait until it has cooled down",
             "the CPU slowed down for heat %.0f times while this was looking", seen->new_throttles);
    if (machine->conditions.temperature_celsius > 90)
        find(findings, true, "wait until it has cooled down; look at fans and dust", "the CPU is at %.0f °C",
             machine->conditions.temperature_celsius);
}

static void check_memory(const struct machine *machine, struct findings *findings)
{
    const struct memory *memory = &machine->memory;
    char size[32];
    format_size(memory->available_bytes, size, sizeof size);
    if (memory->available_known && memory->available_bytes < (uint64_t)1 << 30)
        find(findings, true, "end what holds the memory, or raise the limit", "only %s of memory is available (%s)",
             size, memory->limit_detail);
    else if (memory->limited_by[0] && strcmp(memory->limited_by, "physical") != 0)
        find(findings, false, "raise the limit if the machine itself is what should be judged",
             "memory is limited below what the machine has: %s", memory->limit_detail);
    if (memory->swap_total_bytes) {
        char *text = system_read("", "/proc/meminfo");
        uint64_t unused_kib = memory->swap_total_bytes / 1024;
        if (!machine->foreign)
            system_field(text, "SwapFree:", &unused_kib);
        free(text);
        uint64_t used = memory->swap_total_bytes > unused_kib * 1024 ? memory->swap_total_bytes - unused_kib * 1024 : 0;
        format_size(used, size, sizeof size);
        if (used > (uint64_t)64 << 20)
            find(findings, false, "`sudo swapoff -a && sudo swapon -a` when there is room", "%s of swap is in use",
                 size);
    }
    if (strcmp(memory->transparent_huge_pages, "never") == 0)
        find(findings, false, "`echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled`",
             "transparent huge pages are off: large matrices miss the TLB more often than they need");
}

static void check_threads(const struct machine *machine, struct findings *findings)
{
    const struct cpu *cpu = &machine->cpu;
    if (isfinite(cpu->quota) && cpu->quota < cpu->usable_threads)
        find(findings, true, "run with --threads below the quota, or lift it (cpu.max)",
             "a control group's quota allows %.2f CPUs, fewer than the %d threads here: they will be stopped in turns",
             cpu->quota, cpu->usable_threads);
    if (cpu->usable_threads > 0 && cpu->usable_threads < cpu->threads)
        find(findings, false, "`taskset` and cpusets decide it; figures are for these alone",
             "only %d of the %d CPUs are allowed to this process", cpu->usable_threads, cpu->threads);
    if (cpu->cores > 0 && cpu->usable_threads > cpu->cores)
        find(findings, false, "compare a run with --threads set to the number of cores",
             "%d threads share %d cores (SMT): two on one core get little more done than one", cpu->usable_threads,
             cpu->cores);
}

/* The spread of a ceiling's repetitions relative to it; NaN when it isn't there. */
static double spread_of(const struct machine *machine, const char *name, double *highest)
{
    for (size_t i = 0; i < machine->ceiling_count; i++) {
        const struct ceiling *ceiling = &machine->ceilings[i];
        if (strcmp(ceiling->name, name) != 0)
            continue;
        *highest = ceiling->high;
        return (ceiling->high - ceiling->low) / ceiling->value;
    }
    return NAN;
}

/* A hypervisor may show hyperthreads of one core as cores; the peak tells, when nothing else ran beside it. */
static void check_shared_core(const struct machine *machine, const struct observation *seen, struct findings *findings)
{
    const struct cpu *cpu = &machine->cpu;
    double one = NAN, all = NAN, spread_one = spread_of(machine, "peak_f32_1t_gflops", &one);
    double spread_all = spread_of(machine, "peak_f32_gflops", &all);
    bool shown_as_cores = cpu->cores < 0 || cpu->usable_threads <= cpu->cores;
    bool limited = isfinite(cpu->quota) && cpu->quota < cpu->usable_threads;
    bool quiet = spread_one < 0.3 && spread_all < 0.3 && !(seen->busy_share > 0.1);
    if (cpu->usable_threads < 2 || !shown_as_cores || limited || !quiet || !(all / one < 0.65 * cpu->usable_threads))
        return;
    const char *remedy = "count it as fewer cores; more threads than those gain little";
    if (cpu->usable_threads == 2)
        find(findings, false, remedy,
             "the 2 CPUs behave like 2 hyperthreads of one core: two threads reach only %.2f× one", all / one);
    else
        find(findings, false, remedy,
             "the %d CPUs behave like hyperthreads of fewer cores: %d threads reach only %.2f× one",
             cpu->usable_threads, cpu->usable_threads, all / one);
}

/* Ceilings that were measured while others ran are too low, and every share of a peak then too high. */
static void check_ceilings(const struct machine *machine, struct findings *findings)
{
    const struct ceiling *widest = NULL;
    double width = 0.3;
    for (size_t i = 0; i < machine->ceiling_count; i++) {
        const struct ceiling *ceiling = &machine->ceilings[i];
        double spread = (ceiling->high - ceiling->low) / ceiling->value;
        if (spread > width) {
            widest = ceiling;
            width = spread;
        }
    }
    if (widest)
        find(findings, false, "measure them again on a quiet machine",
             "the ceilings' repetitions differ by up to %.0f %% (%s): something else was running", 100 * width,
             widest->name);
}

static void check_software(const struct machine *machine, struct findings *findings)
{
    const struct software *software = &machine->software;
    char name[NAME_SIZE], core[NAME_SIZE];
    enum blas_threading threading = blas_identify(name, core);
    if (threading == BLAS_SEQUENTIAL && machine->cpu.usable_threads > 1)
        find(findings, true, "install the OpenMP build (Debian: libopenblas0-openmp)", "%s runs on one thread of %d",
             software->blas, machine->cpu.usable_threads);
    if (threading == BLAS_PTHREADS)
        find(findings, false, "install the OpenMP build (Debian: libopenblas0-openmp)",
             "%s has a thread pool of its own beside this program's: they compete", software->blas);
    if (blas_core_is_behind(core, machine->cpu.isa))
        find(findings, true, "unset OPENBLAS_CORETYPE, or install an OpenBLAS that knows this CPU",
             "the BLAS chose its %s kernels, which leave out vector units that this CPU has", core);
    if (software->virtualization[0])
        find(findings, false, "measure on the host for figures of the hardware itself",
             "this is a virtual machine (%s): neighbours and the hypervisor's scheduling show in the figures",
             software->virtualization);
    if (!machine->counters.available && machine->counters.reason[0])
        find(findings, false, "", "no hardware counters: %s", machine->counters.reason);
    if (!machine->energy.available && machine->energy.reason[0])
        find(findings, false, "", "no energy counters: %s", machine->energy.reason);
}

void readiness_check(const struct machine *machine, const struct observation *observed, struct findings *findings)
{
    *findings = (struct findings){0};
    check_build(findings);
    check_rivals(machine, observed, findings);
    check_clock(machine, observed, findings);
    check_memory(machine, findings);
    check_threads(machine, findings);
    check_shared_core(machine, observed, findings);
    check_ceilings(machine, findings);
    check_software(machine, findings);
}

void findings_free(struct findings *findings)
{
    free(findings->items);
    *findings = (struct findings){0};
}

/* Programs whose work is to load a machine, by the name that /proc/PID/comm shows. */
static bool is_rival(const char *name)
{
    static const char *const names[] = {"benchmark",   "stress",    "stress-ng", "sysbench", "fio",
                                        "llama-bench", "llama-cli", "mprime",    "xhpl",     "stream"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void find_rivals(struct observation *seen)
{
    char **processes = system_list("", "/proc", "");
    for (size_t i = 0; processes && processes[i]; i++) {
        char name[64];
        long id = strtol(processes[i], NULL, 10);
        if (id <= 0 || id == getpid() || id == getppid() ||
            !system_read_line(name, sizeof name, "", "/proc/%s/comm", processes[i]) || !is_rival(name))
            continue;
        size_t length = strlen(seen->rival_names);
        snprintf(seen->rival_names + length, sizeof seen->rival_names - length, "%s%s (process %ld)",
                 length ? ", " : "", name, id);
        seen->rivals++;
    }
    system_free_names(processes);
}

struct observation readiness_unobserved(void)
{
    return (struct observation){.busy_share = NAN, .steal_share = NAN, .new_throttles = NAN};
}

struct observation readiness_observe(double seconds)
{
    struct observation seen = readiness_unobserved();
    find_rivals(&seen);
    double throttles = conditions_read_throttles("");
    struct cpu_times before = conditions_read_times("");
    struct timespec pause = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    nanosleep(&pause, NULL);
    struct cpu_times after = conditions_read_times("");
    seen.busy_share = conditions_busy_share(&before, &after);
    seen.steal_share = conditions_steal_share(&before, &after);
    seen.new_throttles = conditions_read_throttles("") - throttles;
    return seen;
}

void readiness_warn(struct machine *machine)
{
    struct observation unobserved = readiness_unobserved();
    struct findings findings;
    for (size_t i = 0; i < machine->warning_count; i++)
        free(machine->warnings[i]);
    machine->warning_count = 0;
    readiness_check(machine, &unobserved, &findings);
    for (size_t i = 0; i < findings.count; i++)
        machine_warn(machine, "%s%s%s", findings.items[i].what, findings.items[i].remedy[0] ? ": " : "",
                     findings.items[i].remedy);
    findings_free(&findings);
}
