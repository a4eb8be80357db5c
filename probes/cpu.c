/* The CPU's name, instruction sets and clock. On x86 /proc/cpuinfo names the model; Arm's kernel gives numbers there,
 * of which the implementer's and the part's are in the Main ID Register (Arm ARM D19.2.109). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/isa.h"
#include "probes/probe.h"
#include "probes/system_file.h"

static const struct {
    unsigned implementer, part;
    const char *vendor, *model;
} arm_cores[] = {
    {0x41, 0xd03, "ARM", "Cortex-A53"},   {0x41, 0xd05, "ARM", "Cortex-A55"},  {0x41, 0xd07, "ARM", "Cortex-A57"},
    {0x41, 0xd08, "ARM", "Cortex-A72"},   {0x41, 0xd0b, "ARM", "Cortex-A76"},  {0x41, 0xd0c, "ARM", "Neoverse-N1"},
    {0x41, 0xd40, "ARM", "Neoverse-V1"},  {0x41, 0xd49, "ARM", "Neoverse-N2"}, {0x41, 0xd4f, "ARM", "Neoverse-V2"},
    {0x41, 0xd84, "ARM", "Neoverse-V3"},  {0x41, 0xd8e, "ARM", "Neoverse-N3"}, {0x41, 0xd85, "ARM", "Cortex-X925"},
    {0x41, 0xd87, "ARM", "Cortex-A725"},  {0x41, 0xd44, "ARM", "Cortex-X1"},   {0x41, 0xd41, "ARM", "Cortex-A78"},
    {0x48, 0xd01, "HiSilicon", "TSV110"}, {0xc0, 0xac3, "Ampere", "Ampere-1"}, {0xc0, 0xac4, "Ampere", "Ampere-1A"},
};

static void name_arm(const char *information, struct cpu *cpu)
{
    char implementer[16], part[16];
    if (!system_field_text(information, "CPU implementer", implementer, sizeof implementer) ||
        !system_field_text(information, "CPU part", part, sizeof part))
        return;
    unsigned long maker = strtoul(implementer, NULL, 16), number = strtoul(part, NULL, 16);
    for (size_t i = 0; i < sizeof arm_cores / sizeof *arm_cores; i++)
        if (arm_cores[i].implementer == maker && arm_cores[i].part == number) {
            snprintf(cpu->vendor, sizeof cpu->vendor, "%s", arm_cores[i].vendor);
            snprintf(cpu->model, sizeof cpu->model, "%s", arm_cores[i].model);
            return;
        }
    snprintf(cpu->model, sizeof cpu->model, "Arm core, implementer 0x%lx part 0x%lx", maker, number);
}

static void find_name(const char *root, struct cpu *cpu)
{
    char *information = system_read(root, "/proc/cpuinfo");
    if (!information)
        return;
    static const char *const model_keys[] = {"model name", "cpu model", "cpu"};
    static const char *const vendor_keys[] = {"vendor_id", "vendor"};
    for (size_t i = 0; i < 3 && !cpu->model[0]; i++)
        system_field_text(information, model_keys[i], cpu->model, sizeof cpu->model);
    for (size_t i = 0; i < 2 && !cpu->vendor[0]; i++)
        system_field_text(information, vendor_keys[i], cpu->vendor, sizeof cpu->vendor);
    if (!cpu->model[0])
        name_arm(information, cpu);
    char mhz[32];
    if (system_field_text(information, "cpu MHz", mhz, sizeof mhz) && strtod(mhz, NULL) > 0)
        cpu->current_mhz = strtod(mhz, NULL);
    free(information);
}

static double kilohertz_file(const char *root, const char *name)
{
    uint64_t kilohertz;
    bool found = system_read_count(&kilohertz, root, "/sys/devices/system/cpu/cpu0/cpufreq/%s", name);
    return found && kilohertz ? (double)kilohertz / 1000 : NAN;
}

static void look(const struct probe_context *context, struct machine *machine, struct presence *why_not)
{
    struct cpu *cpu = &machine->cpu;
    cpu->isa = isa_flags();
    find_name(context->root, cpu);
    double current = kilohertz_file(context->root, "scaling_cur_freq");
    if (isfinite(current))
        cpu->current_mhz = current;
    cpu->max_mhz = kilohertz_file(context->root, "cpuinfo_max_freq");
    cpu->base_mhz = kilohertz_file(context->root, "base_frequency");
    why_not->available = cpu->model[0] != '\0';
}

const struct probe probe_cpu = {
    .name = "cpu",
    .help = "model, vendor, instruction sets and frequency",
    .live_only = true,
    .look = look,
};
