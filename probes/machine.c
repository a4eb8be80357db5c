/* The table of probes, and what a machine is made and unmade with. */
#include "probes/machine.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/parse.h"
#include "probes/fingerprint.h"
#include "probes/probe.h"
#include "probes/readiness.h"
#include "probes/topology.h"

extern const struct probe probe_topology, probe_cpu, probe_memory, probe_limits, probe_counters, probe_energy,
    probe_gpu, probe_software, probe_conditions;

/* In this order: limits need the memory's total, gpu the PCI devices of the topology. */
const struct probe *const probes[] = {
    &probe_topology, &probe_cpu, &probe_memory,   &probe_limits,     &probe_counters,
    &probe_energy,   &probe_gpu, &probe_software, &probe_conditions, NULL,
};

static void machine_clear(struct machine *machine)
{
    *machine = (struct machine){
        .cpu = {.packages = -1, .cores = -1, .quota = NAN, .base_mhz = NAN, .max_mhz = NAN, .current_mhz = NAN},
        .conditions = {NAN, NAN, NAN, NAN},
    };
}

/* Where a probe's reason for finding nothing is kept; NULL when the machine's data alone tells. */
static struct presence *presence_of(struct machine *machine, const struct probe *probe)
{
    if (probe == &probe_counters)
        return &machine->counters;
    if (probe == &probe_energy)
        return &machine->energy;
    return probe == &probe_gpu ? &machine->gpu_presence : NULL;
}

void machine_look(struct machine *machine, const struct probe_context *context)
{
    machine_clear(machine);
    machine->foreign = context->foreign;
    for (size_t i = 0; probes[i]; i++) {
        struct presence unheeded = {0}, *presence = presence_of(machine, probes[i]);
        presence = presence ? presence : &unheeded;
        if (context->foreign && probes[i]->live_only)
            snprintf(
                presence->reason, sizeof presence->reason,
                "described from a topology file, which tells nothing of it: run `benchmark probe` on that machine");
        else
            probes[i]->look(context, machine, presence);
    }
    fingerprint_set(machine);
}

static void look_at_file(hwloc_topology_t topology, struct machine *machine)
{
    machine_look(machine, &(struct probe_context){.topology = topology, .root = "", .foreign = true});
}

static void name_after_file(struct machine *machine, const char *path)
{
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    const char *dot = strrchr(stem, '.');
    snprintf(machine->name, sizeof machine->name, "%.*s",
             (int)(dot && dot > stem ? (size_t)(dot - stem) : strlen(stem)), stem);
}

bool machine_probe(struct machine *machine, const char *topology_file, struct error *error)
{
    machine_clear(machine);
    if (topology_file) {
        struct machine described = {0};
        if (!topology_file_describe(topology_file, look_at_file, &described, error))
            return false;
        *machine = described;
        if (!machine->name[0])
            name_after_file(machine, topology_file);
        return true;
    }
    hwloc_topology_t topology = topology_load_live(error);
    if (!topology)
        return false;
    machine_look(machine, &(struct probe_context){.topology = topology, .root = ""});
    hwloc_topology_destroy(topology);
    if (gethostname(machine->name, sizeof machine->name - 1) || !machine->name[0])
        snprintf(machine->name, sizeof machine->name, "this machine");
    readiness_warn(machine);
    return true;
}

double machine_ceiling(const struct machine *machine, const char *name)
{
    for (size_t i = 0; i < machine->ceiling_count; i++)
        if (strcmp(machine->ceilings[i].name, name) == 0)
            return machine->ceilings[i].value;
    return NAN;
}

void machine_add_ceiling(struct machine *machine, const char *name, double value, double low, double high)
{
    struct ceiling *ceiling = NULL;
    for (size_t i = 0; i < machine->ceiling_count; i++)
        if (strcmp(machine->ceilings[i].name, name) == 0)
            ceiling = &machine->ceilings[i];
    if (!isfinite(value))
        return;
    if (!ceiling) {
        struct ceiling *grown = realloc(machine->ceilings, (machine->ceiling_count + 1) * sizeof *grown);
        if (!grown)
            return;
        machine->ceilings = grown;
        ceiling = &grown[machine->ceiling_count++];
    }
    *ceiling = (struct ceiling){.value = value, .low = low, .high = high};
    snprintf(ceiling->name, sizeof ceiling->name, "%s", name);
}

bool machine_measure_ceilings(struct machine *machine, const char *only, struct error *error)
{
    if (machine->foreign)
        return error_set(error, ERROR_INPUT,
                         "ceilings are measured on the machine itself, not on one read from a file");
    for (size_t i = 0; ceiling_probes[i]; i++)
        if (!only || glob_match(only, ceiling_probes[i]->name))
            ceiling_probes[i]->measure(machine);
    readiness_warn(machine);
    return true;
}

void machine_warn(struct machine *machine, const char *format, ...)
{
    char sentence[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    char **grown = realloc(machine->warnings, (machine->warning_count + 1) * sizeof *grown);
    if (!grown)
        return;
    machine->warnings = grown;
    if ((grown[machine->warning_count] = strdup(sentence)))
        machine->warning_count++;
}

void machine_free(struct machine *machine)
{
    for (size_t i = 0; i < machine->warning_count; i++)
        free(machine->warnings[i]);
    free(machine->warnings);
    free(machine->ceilings);
    free(machine->gpus);
    free(machine->pci);
    free(machine->numa);
    free(machine->caches);
    free(machine->cpu.kinds);
    machine_clear(machine);
}
