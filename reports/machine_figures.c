#include "reports/machine_figures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"

enum { MOST_LEVEL = 4 };

/* The data or unified cache of a level, or NULL. */
static const json_t *find_cache(const json_t *machine, int level)
{
    const json_t *caches = json_object_get(machine, "caches");
    for (size_t i = 0; i < json_array_size(caches); i++) {
        const json_t *cache = json_array_get(caches, i);
        const char *type = json_get_string(cache, "type");
        if ((int)json_get_count(cache, "level", 0) == level && type && strcmp(type, "instruction") != 0)
            return cache;
    }
    return NULL;
}

static int shared_by(const json_t *cache, int otherwise)
{
    uint64_t threads = json_get_count(cache, "shared_by_threads", 0);
    return threads > 0 && threads < 1u << 20 ? (int)threads : otherwise;
}

static void add_bandwidth(const json_t *machine, const char *where, char *detail, size_t capacity)
{
    char key[32], rate[32] = "";
    snprintf(key, sizeof key, "read_%s%sgbs", where, *where ? "_" : "");
    double gbs = json_get_real(json_object_get(machine, "ceilings"), key);
    size_t used = strlen(detail);
    if (gbs > 0)
        snprintf(rate, sizeof rate, "%s%.*f GB/s", used ? ", " : "", gbs < 100 ? 1 : 0, gbs);
    snprintf(detail + used, capacity - used, "%s", rate);
}

static void add_cache(struct topology *topology, const json_t *machine, const json_t *cache, int level, int depth,
                      int times)
{
    char name[16], where[8], detail[80] = "";
    uint64_t bytes = json_get_count(cache, "size_bytes", 0);
    snprintf(name, sizeof name, "L%d", level);
    snprintf(where, sizeof where, "l%d", level);
    if (bytes)
        format_size(bytes, detail, sizeof detail);
    add_bandwidth(machine, where, detail, sizeof detail);
    topology_box(topology, depth, BOX_CACHE, times, name, detail);
}

/* What a package holds: from its outermost cache in, each level as often as the one around it has room for it, then the
 * cores with what is theirs alone. Levels that don't divide what is around them evenly (cores of several kinds, parts
 * that may not be used) are left out: one picture of all would be wrong for some. */
static void add_package(struct topology *topology, const json_t *machine, int threads, int cores, int depth)
{
    bool even = cores > 0 && threads % cores == 0;
    int within = threads, of_core = even ? threads / cores : 1;
    for (int level = MOST_LEVEL; level > 0; level--) {
        const json_t *cache = find_cache(machine, level);
        int sharing = cache ? shared_by(cache, within) : 0;
        if (!cache || (cores && !even && sharing < within) || sharing <= of_core || sharing % of_core ||
            within % (sharing < within ? sharing : within))
            continue;
        add_cache(topology, machine, cache, level, depth++, sharing < within ? within / sharing : 1);
        within = sharing < within ? sharing : within;
    }
    char detail[32] = "";
    if (of_core > 1)
        snprintf(detail, sizeof detail, "%d threads", of_core);
    topology_box(topology, depth, BOX_CORE, even || !cores ? within / of_core : cores, cores ? "core" : "thread",
                 detail);
    for (int level = MOST_LEVEL; even && level > 0; level--) {
        const json_t *cache = find_cache(machine, level);
        if (cache && shared_by(cache, threads) <= of_core)
            add_cache(topology, machine, cache, level, depth + 1, 1);
    }
}

static void add_memory(struct topology *topology, const json_t *machine)
{
    const json_t *memory = json_object_get(machine, "memory"), *numa = json_object_get(machine, "numa");
    char detail[96] = "";
    uint64_t bytes = json_get_count(memory, "total_bytes", 0);
    if (bytes)
        format_size(bytes, detail, sizeof detail);
    if (json_array_size(numa) > 1)
        snprintf(detail + strlen(detail), sizeof detail - strlen(detail), " in %zu NUMA nodes", json_array_size(numa));
    add_bandwidth(machine, "", detail, sizeof detail);
    if (*detail)
        topology_box(topology, 1, BOX_MEMORY, 1, "memory", detail);
}

static void add_gpus(struct topology *topology, const json_t *machine)
{
    const json_t *gpus = json_object_get(machine, "gpus");
    for (size_t i = 0; i < json_array_size(gpus); i++) {
        const json_t *gpu = json_array_get(gpus, i);
        const char *name = json_get_string(gpu, "name");
        char detail[32] = "";
        uint64_t bytes = json_get_count(gpu, "memory_bytes", 0);
        if (bytes)
            format_size(bytes, detail, sizeof detail);
        topology_box(topology, 1, BOX_DEVICE, 1, name ? name : "GPU", detail);
    }
}

void machine_add_topology(struct report *report, const json_t *machine)
{
    const json_t *cpu = json_object_get(machine, "cpu");
    const char *name = json_get_string(machine, "name"), *model = json_get_string(cpu, "model");
    uint64_t threads = json_get_count(cpu, "threads", 0), cores = json_get_count(cpu, "cores", 0),
             packages = json_get_count(cpu, "packages", 1);
    if (!threads || threads > 1u << 20 || cores > threads || !packages || packages > threads || threads % packages ||
        cores % packages)
        return;
    struct topology *topology = report_topology(report, "The machine");
    char detail[64];
    topology_box(topology, 0, BOX_MACHINE, 1, name ? name : "machine", "");
    if (cores)
        snprintf(detail, sizeof detail, "%llu core%s, %llu thread%s", (unsigned long long)(cores / packages),
                 cores / packages == 1 ? "" : "s", (unsigned long long)(threads / packages),
                 threads / packages == 1 ? "" : "s");
    else
        snprintf(detail, sizeof detail, "%llu thread%s", (unsigned long long)(threads / packages),
                 threads / packages == 1 ? "" : "s");
    topology_box(topology, 1, BOX_PACKAGE, (int)packages, model ? model : "processor", detail);
    add_package(topology, machine, (int)(threads / packages), (int)(cores / packages), 2);
    add_memory(topology, machine);
    add_gpus(topology, machine);
}

/* The highest that was measured of a dtype: multiplying matrices, or in registers. */
static void add_peak(struct roofline *roofline, const json_t *ceilings, const char *dtype)
{
    char key[48], name[48];
    double peak = NAN;
    static const char *const kinds[] = {"gemm", "peak"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(key, sizeof key, "%s_%s_gflops", kinds[i], dtype);
        peak = fmax(peak, json_get_real(ceilings, key));
    }
    snprintf(name, sizeof name, "%s peak", dtype);
    if (peak > 0)
        roofline_peak(roofline, name, peak);
}

void machine_add_ceilings(struct roofline *roofline, const json_t *machine, const char *dtype)
{
    const json_t *ceilings = json_object_get(machine, "ceilings");
    add_peak(roofline, ceilings, "f32");
    if (strcmp(dtype, "f32") != 0)
        add_peak(roofline, ceilings, "bf16");
    roofline_bandwidth(roofline, "memory", json_get_real(ceilings, "read_gbs"));
    roofline_bandwidth(roofline, "L3", json_get_real(ceilings, "read_l3_gbs"));
    roofline_bandwidth(roofline, "L2", json_get_real(ceilings, "read_l2_gbs"));
}
