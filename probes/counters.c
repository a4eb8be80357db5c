#include "probes/counters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/probe.h"
#include "probes/system_file.h"

#ifdef HAVE_PAPI
#include <papi.h>
#endif

/* A PMU of the CPU is an event source with this start: cpu, cpu_core (hybrids), armv8_pmuv3_0 and the like. */
static bool has_pmu(const char *root)
{
    static const char *const prefixes[] = {"cpu", "armv8", "armv9", "apple_"};
    bool found = false;
    for (size_t i = 0; !found && i < sizeof prefixes / sizeof *prefixes; i++) {
        char **names = system_list(root, "/sys/bus/event_source/devices", prefixes[i]);
        found = names && names[0];
        system_free_names(names);
    }
    return found;
}

static bool is_virtual(const char *root)
{
    char flags[8192];
    char *text = system_read(root, "/proc/cpuinfo");
    bool told = system_field_text(text, "flags", flags, sizeof flags) && strstr(flags, " hypervisor");
    free(text);
    return told;
}

bool counters_explain_absence(const char *root, struct presence *why_not)
{
    why_not->available = false;
    uint64_t paranoid = 0;
    bool told = system_read_count(&paranoid, root, "/proc/sys/kernel/perf_event_paranoid");
    if (!told) {
        snprintf(why_not->reason, sizeof why_not->reason,
                 "this kernel has no perf events (no /proc/sys/kernel/perf_event_paranoid): use one with "
                 "CONFIG_PERF_EVENTS");
        return true;
    }
    if (!has_pmu(root)) {
        snprintf(why_not->reason, sizeof why_not->reason, "%s",
                 is_virtual(root)
                     ? "a virtual machine without PMU (no /sys/bus/event_source/devices/cpu): turn on the virtual PMU "
                       "in the hypervisor (libvirt: <pmu state='on'/>), or measure on the host"
                     : "the kernel drives no performance-monitoring unit of this CPU (no "
                       "/sys/bus/event_source/devices/cpu): use a kernel that supports it");
        return true;
    }
    if (paranoid > 2 && geteuid() != 0) {
        snprintf(why_not->reason, sizeof why_not->reason,
                 "perf_event_paranoid is %llu, so only root may count: `sudo sysctl kernel.perf_event_paranoid=2`",
                 (unsigned long long)paranoid);
        return true;
    }
    return false;
}

#ifdef HAVE_PAPI
enum { QUANTITIES = 4, CANDIDATES = 3 };

/* For each quantity the presets that stand for it, best first. */
static const int candidates[QUANTITIES][CANDIDATES] = {
    {PAPI_TOT_CYC},
    {PAPI_TOT_INS},
    {PAPI_L3_TCM, PAPI_L2_TCM, PAPI_L1_DCM},
    {PAPI_FP_OPS, PAPI_SP_OPS, PAPI_FP_INS},
};

struct counters {
    int set, slot[QUANTITIES], count;
    char names[256];
};

static void add_quantity(struct counters *counters, int quantity)
{
    counters->slot[quantity] = -1;
    for (int i = 0; i < CANDIDATES && candidates[quantity][i]; i++) {
        int event = candidates[quantity][i];
        char name[PAPI_MAX_STR_LEN];
        if (PAPI_query_event(event) != PAPI_OK || PAPI_add_event(counters->set, event) != PAPI_OK)
            continue;
        counters->slot[quantity] = counters->count++;
        size_t length = strlen(counters->names);
        if (PAPI_event_code_to_name(event, name) == PAPI_OK)
            snprintf(counters->names + length, sizeof counters->names - length, "%s%s", length ? ", " : "", name);
        return;
    }
}

/* Threads that this one starts later count too; without it only the calling thread would. */
static void inherit(int set)
{
    PAPI_option_t option = {0};
    option.inherit.eventset = set;
    option.inherit.inherit = PAPI_INHERIT_ALL;
    PAPI_assign_eventset_component(set, 0);
    PAPI_set_opt(PAPI_INHERIT, &option);
}

struct counters *counters_open(struct presence *why_not)
{
    *why_not = (struct presence){0};
    if (counters_explain_absence("", why_not))
        return NULL;
    bool started = PAPI_is_initialized() || PAPI_library_init(PAPI_VER_CURRENT) == PAPI_VER_CURRENT;
    struct counters *counters = calloc(1, sizeof *counters);
    if (!counters || !started) {
        snprintf(why_not->reason, sizeof why_not->reason, "PAPI cannot start: install a libpapi of version %d.%d",
                 PAPI_VERSION_MAJOR(PAPI_VERSION), PAPI_VERSION_MINOR(PAPI_VERSION));
        free(counters);
        return NULL;
    }
    counters->set = PAPI_NULL;
    if (PAPI_create_eventset(&counters->set) == PAPI_OK) {
        inherit(counters->set);
        for (int quantity = 0; quantity < QUANTITIES; quantity++)
            add_quantity(counters, quantity);
    }
    if (counters->count && PAPI_start(counters->set) == PAPI_OK) {
        counters_stop(counters);
        why_not->available = true;
        return counters;
    }
    snprintf(why_not->reason, sizeof why_not->reason,
             "the kernel refuses perf_event_open: in a container, run it with --cap-add PERFMON and a seccomp profile "
             "that allows it; elsewhere see `sudo dmesg`");
    counters_close(counters);
    return NULL;
}

bool counters_start(struct counters *counters)
{
    return PAPI_start(counters->set) == PAPI_OK;
}

struct counter_values counters_stop(struct counters *counters)
{
    long long counts[QUANTITIES] = {0};
    double values[QUANTITIES];
    bool right = PAPI_stop(counters->set, counts) == PAPI_OK;
    for (int i = 0; i < QUANTITIES; i++)
        values[i] = right && counters->slot[i] >= 0 ? (double)counts[counters->slot[i]] : NAN;
    return (struct counter_values){values[0], values[1], values[2], values[3]};
}

void counters_close(struct counters *counters)
{
    if (!counters)
        return;
    if (counters->set != PAPI_NULL) {
        PAPI_cleanup_eventset(counters->set);
        PAPI_destroy_eventset(&counters->set);
    }
    free(counters);
}

const char *counters_names(const struct counters *counters)
{
    return counters->names;
}
#else
struct counters {
    char names[1];
};

struct counters *counters_open(struct presence *why_not)
{
    *why_not = (struct presence){0};
    if (!counters_explain_absence("", why_not))
        snprintf(why_not->reason, sizeof why_not->reason,
                 "this program was built without PAPI: install libpapi-dev and build it with -Dpapi=enabled");
    return NULL;
}

bool counters_start(struct counters *counters)
{
    (void)counters;
    return false;
}

struct counter_values counters_stop(struct counters *counters)
{
    (void)counters;
    return (struct counter_values){NAN, NAN, NAN, NAN};
}

void counters_close(struct counters *counters)
{
    (void)counters;
}

const char *counters_names(const struct counters *counters)
{
    return counters->names;
}
#endif

static void look(const struct probe_context *context, struct machine *machine, struct presence *why_not)
{
    (void)context;
    struct counters *counters = counters_open(why_not);
    if (!counters)
        return;
    snprintf(machine->counter_names, sizeof machine->counter_names, "%s", counters_names(counters));
    counters_close(counters);
}

const struct probe probe_counters = {
    .name = "counters",
    .help = "hardware counters: cycles, instructions, cache misses, floating-point operations",
    .live_only = true,
    .look = look,
};
