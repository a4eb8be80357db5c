/* How much of the machine this process may really have: the least of physical memory, control groups and rlimits.
 * limit_bytes is the bound that doesn't move with what runs beside us; available_bytes is the room at this moment. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "probes/cgroup.h"
#include "probes/probe.h"
#include "probes/system_file.h"

static void limit(struct memory *memory, uint64_t bytes, const char *by, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void limit(struct memory *memory, uint64_t bytes, const char *by, const char *format, ...)
{
    if (memory->limited_by[0] && memory->limit_bytes <= bytes)
        return;
    memory->limit_bytes = bytes;
    snprintf(memory->limited_by, sizeof memory->limited_by, "%s", by);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(memory->limit_detail, sizeof memory->limit_detail, format, arguments);
    va_end(arguments);
}

static void room(struct memory *memory, uint64_t bytes)
{
    if (!memory->available_known || bytes < memory->available_bytes)
        memory->available_bytes = bytes;
    memory->available_known = true;
}

/* A limit of /proc/self/limits and what counts against it: setrlimit(2). */
static const struct {
    const char *line, *used, *name;
} rlimits[] = {
    {"Max address space", "VmSize:", "the address-space limit (ulimit -v)"},
    {"Max data size", "VmData:", "the data limit (ulimit -d)"},
};

static void apply_rlimits(const char *root, struct memory *memory)
{
    char *limits = system_read(root, "/proc/self/limits"), *status = system_read(root, "/proc/self/status");
    for (size_t i = 0; i < sizeof rlimits / sizeof *rlimits; i++) {
        uint64_t most, used_kib = 0;
        if (!system_field(limits, rlimits[i].line, &most))
            continue;
        system_field(status, rlimits[i].used, &used_kib);
        uint64_t used = used_kib * 1024, left = most > used ? most - used : 0;
        char size[32], used_size[32];
        format_size(most, size, sizeof size);
        format_size(used, used_size, sizeof used_size);
        limit(memory, left, "rlimit", "%s of %s, of which %s is taken by the program itself", rlimits[i].name, size,
              used_size);
        room(memory, left);
    }
    free(limits);
    free(status);
}

/* vm.overcommit_memory = 2: the kernel refuses what CommitLimit doesn't cover, however much is free. */
static void apply_overcommit(const char *root, struct memory *memory)
{
    uint64_t mode, most, committed;
    if (!system_read_count(&mode, root, "/proc/sys/vm/overcommit_memory") || mode != 2)
        return;
    char *text = system_read(root, "/proc/meminfo");
    if (system_field(text, "CommitLimit:", &most) && system_field(text, "Committed_AS:", &committed)) {
        limit(memory, most * 1024, "physical",
              "vm.overcommit_memory is 2, so the kernel hands out CommitLimit at most");
        room(memory, most > committed ? (most - committed) * 1024 : 0);
    }
    free(text);
}

static void look(const struct probe_context *context, struct machine *machine, struct presence *why_not)
{
    struct memory *memory = &machine->memory;
    uint64_t physical = memory->total_known ? memory->total_bytes : UINT64_MAX;
    struct cgroup_limits cgroup = cgroup_find(context->root, physical);
    char size[32];
    if (memory->total_known) {
        format_size(physical, size, sizeof size);
        limit(memory, physical, "physical", "physical memory of %s", size);
    }
    if (cgroup.memory.known) {
        format_size(cgroup.memory.bytes, size, sizeof size);
        limit(memory, cgroup.memory.bytes, "cgroup", "%s is %s", cgroup.memory.file, size);
    }
    if (cgroup.room.known)
        room(memory, cgroup.room.bytes);
    apply_rlimits(context->root, memory);
    apply_overcommit(context->root, memory);
    machine->cpu.quota = cgroup.cpus;
    why_not->available = memory->limited_by[0] != '\0';
}

const struct probe probe_limits = {
    .name = "limits",
    .help = "what control groups, rlimits and CPU quotas leave to this process",
    .live_only = true,
    .look = look,
};
