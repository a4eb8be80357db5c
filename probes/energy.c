#include "probes/energy.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probes/probe.h"
#include "probes/system_file.h"

enum { ZONE_LIMIT = 64 };

struct zone {
    char folder[64]; /* of powercap */
    uint64_t last, range;
    double joules;
    int file; /* of perf; -1: powercap */
};

struct energy {
    const char *root, *source;
    double joules_per_count;
    struct zone zones[ZONE_LIMIT];
    int count;
};

static bool read_zone(const struct energy *energy, const struct zone *zone, uint64_t *value)
{
    if (zone->file >= 0)
        return read(zone->file, value, sizeof *value) == sizeof *value;
    return system_read_count(value, energy->root, "/sys/class/powercap/%s/energy_uj", zone->folder);
}

/* Packages are the zones intel-rapl:0, intel-rapl:1 …; their parts have a second number and are in them already. */
static void open_powercap(struct energy *energy, bool *exists)
{
    char **names = system_list(energy->root, "/sys/class/powercap", "intel-rapl:");
    for (size_t i = 0; names && names[i] && energy->count < ZONE_LIMIT; i++) {
        char label[64];
        struct zone *zone = &energy->zones[energy->count];
        if (strchr(names[i] + strlen("intel-rapl:"), ':') || strlen(names[i]) >= sizeof zone->folder)
            continue;
        if (!system_read_line(label, sizeof label, energy->root, "/sys/class/powercap/%s/name", names[i]) ||
            strncmp(label, "package", 7) != 0)
            continue;
        *exists = true;
        *zone = (struct zone){.file = -1};
        strcpy(zone->folder, names[i]);
        system_read_count(&zone->range, energy->root, "/sys/class/powercap/%s/max_energy_range_uj", names[i]);
        energy->count += read_zone(energy, zone, &zone->last);
    }
    system_free_names(names);
    energy->joules_per_count = 1e-6;
    energy->source = "powercap";
}

static int open_perf_event(uint32_t type, uint64_t event, int cpu)
{
    struct perf_event_attr attributes = {.type = type, .size = sizeof attributes, .config = event};
    return (int)syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* The `power` event source: events/energy-pkg says which event, its .scale how many joules a count is, cpumask one CPU
 * of each package. */
static void open_perf(struct energy *energy, bool *exists)
{
    const char *folder = "/sys/bus/event_source/devices/power";
    uint64_t type;
    char event[64], scale[64], mask[256];
    if (energy->root[0] || !system_read_count(&type, "", "%s/type", folder) ||
        !system_read_line(event, sizeof event, "", "%s/events/energy-pkg", folder) ||
        strncmp(event, "event=", 6) != 0 ||
        !system_read_line(scale, sizeof scale, "", "%s/events/energy-pkg.scale", folder) ||
        !system_read_line(mask, sizeof mask, "", "%s/cpumask", folder))
        return;
    *exists = true;
    energy->joules_per_count = strtod(scale, NULL);
    energy->source = "perf";
    for (char *position = mask, *item; (item = strsep(&position, ",")) && energy->count < ZONE_LIMIT;) {
        struct zone *zone = &energy->zones[energy->count];
        *zone = (struct zone){.file = open_perf_event((uint32_t)type, strtoull(event + 6, NULL, 16), atoi(item))};
        if (zone->file >= 0)
            energy->count += read_zone(energy, zone, &zone->last);
    }
}

static void explain(const char *root, bool zones, bool events, struct presence *why_not)
{
    uint64_t paranoid = 0;
    system_read_count(&paranoid, root, "/proc/sys/kernel/perf_event_paranoid");
    char flags[8192] = "";
    char *text = system_read(root, "/proc/cpuinfo");
    system_field_text(text, "flags", flags, sizeof flags);
    free(text);
    if (zones)
        snprintf(why_not->reason, sizeof why_not->reason,
                 "/sys/class/powercap/intel-rapl:0/energy_uj is readable by root only: run as root, or `sudo chmod a+r "
                 "/sys/class/powercap/intel-rapl:*/energy_uj`");
    else if (events)
        snprintf(why_not->reason, sizeof why_not->reason,
                 "perf_event_paranoid is %llu, so energy events are root's: `sudo sysctl kernel.perf_event_paranoid=0`",
                 (unsigned long long)paranoid);
    else if (strstr(flags, " hypervisor"))
        snprintf(why_not->reason, sizeof why_not->reason,
                 "a virtual machine: hypervisors don't pass on the energy counters (RAPL); measure energy on the host "
                 "or with a meter, and give watts with --watts");
    else
        snprintf(why_not->reason, sizeof why_not->reason,
                 "no RAPL zone in /sys/class/powercap: load the kernel module intel_rapl_msr (`sudo modprobe "
                 "intel_rapl_msr`), or give watts with --watts");
}

struct energy *energy_open(const char *root, struct presence *why_not)
{
    *why_not = (struct presence){0};
    bool zones = false, events = false;
    struct energy *energy = calloc(1, sizeof *energy);
    if (!energy) {
        snprintf(why_not->reason, sizeof why_not->reason, "out of memory");
        return NULL;
    }
    energy->root = root;
    open_powercap(energy, &zones);
    if (!energy->count)
        open_perf(energy, &events);
    why_not->available = energy->count > 0;
    if (energy->count)
        return energy;
    explain(root, zones, events, why_not);
    free(energy);
    return NULL;
}

double energy_read(struct energy *energy)
{
    double joules = 0;
    for (int i = 0; i < energy->count; i++) {
        struct zone *zone = &energy->zones[i];
        uint64_t value;
        if (!read_zone(energy, zone, &value))
            return NAN;
        /* powercap starts again at 0 above its range; perf's counts are 64 bits. */
        uint64_t passed = value >= zone->last ? value - zone->last : value + zone->range - zone->last;
        zone->joules += (double)passed * energy->joules_per_count;
        zone->last = value;
        joules += zone->joules;
    }
    return joules;
}

const char *energy_source(const struct energy *energy)
{
    return energy->source;
}

void energy_close(struct energy *energy)
{
    for (int i = 0; energy && i < energy->count; i++)
        if (energy->zones[i].file >= 0)
            close(energy->zones[i].file);
    free(energy);
}

static void look(const struct probe_context *context, struct machine *machine, struct presence *why_not)
{
    (void)machine;
    energy_close(energy_open(context->root, why_not));
}

const struct probe probe_energy = {
    .name = "energy",
    .help = "energy counters of the CPU packages (RAPL, through powercap or perf)",
    .live_only = true,
    .look = look,
};
