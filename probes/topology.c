/* What hwloc's objects say, as plain data. Objects without a processing unit under them (packages outside of a
 * cpuset that an export was made in) are no packages or cores that could run anything, so they don't count; NUMA
 * nodes are listed all, since memory without CPUs is memory. */
#include "probes/topology.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hwloc_topology_t prepare(struct error *error)
{
    /* hwloc tells of odd firmware tables and broken files on stderr, which belongs to this program's messages. */
    setenv("HWLOC_HIDE_ERRORS", "2", 0);
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology)) {
        error_set(error, ERROR_SYSTEM, "hwloc cannot start: out of memory");
        return NULL;
    }
    hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
    hwloc_topology_set_icache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL);
    hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    return topology;
}

hwloc_topology_t topology_load_live(struct error *error)
{
    hwloc_topology_t topology = prepare(error);
    if (!topology)
        return NULL;
    /* The gpu probes ask these libraries themselves; loading them twice costs seconds on some machines. */
    static const char *const passed_over[] = {"cuda", "nvml", "opencl", "rsmi", "levelzero", "gl"};
    for (size_t i = 0; i < sizeof passed_over / sizeof *passed_over; i++)
        hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, passed_over[i]);
    if (hwloc_topology_load(topology)) {
        error_set(error, ERROR_SYSTEM, "hwloc cannot find this machine's topology; see `lstopo`");
        hwloc_topology_destroy(topology);
        return NULL;
    }
    return topology;
}

hwloc_topology_t topology_load_xml(const char *xml, size_t length, struct error *error)
{
    hwloc_topology_t topology = prepare(error);
    if (!topology)
        return NULL;
    hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL);
    if (hwloc_topology_set_xmlbuffer(topology, xml, (int)length) || hwloc_topology_load(topology)) {
        error_set(error, ERROR_INPUT,
                  "not a topology that hwloc %s understands: export one with `lstopo --of xml` (of a newer hwloc, with "
                  "--export-xml-flags v2)",
                  HWLOC_VERSION);
        hwloc_topology_destroy(topology);
        return NULL;
    }
    return topology;
}

/* Objects of a type that have processing units; -1 when there are none of it. */
static int count_objects(hwloc_topology_t topology, hwloc_obj_type_t type)
{
    int count = 0;
    for (hwloc_obj_t object = NULL; (object = hwloc_get_next_obj_by_type(topology, type, object));)
        count += object->cpuset && !hwloc_bitmap_iszero(object->cpuset);
    return count ? count : -1;
}

static int usable_threads(const struct probe_context *context, hwloc_topology_t topology)
{
    hwloc_bitmap_t usable = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(topology));
    if (!usable)
        return 0;
    hwloc_bitmap_and(usable, usable, hwloc_topology_get_topology_cpuset(topology));
    hwloc_bitmap_t bound = context->foreign ? NULL : hwloc_bitmap_alloc();
    if (bound && hwloc_get_cpubind(topology, bound, HWLOC_CPUBIND_PROCESS) == 0)
        hwloc_bitmap_and(usable, usable, bound);
    int weight = hwloc_bitmap_weight(usable);
    hwloc_bitmap_free(bound);
    hwloc_bitmap_free(usable);
    return weight < 0 ? 0 : weight;
}

static const char *cache_type(const struct hwloc_obj *object)
{
    switch (object->attr->cache.type) {
    case HWLOC_OBJ_CACHE_DATA:
        return "data";
    case HWLOC_OBJ_CACHE_INSTRUCTION:
        return "instruction";
    default:
        return "unified";
    }
}

/* Caches of one level, type, size and sharing are one entry with a count: a hybrid machine has several of a level. */
static void add_cache(struct machine *machine, const struct hwloc_obj *object)
{
    int shared = object->cpuset ? hwloc_bitmap_weight(object->cpuset) : 0;
    int level = (int)object->attr->cache.depth;
    if (shared <= 0 || !object->attr->cache.size)
        return;
    for (size_t i = 0; i < machine->cache_count; i++) {
        struct cache *cache = &machine->caches[i];
        if (cache->level == level && cache->size_bytes == object->attr->cache.size &&
            cache->shared_by_threads == shared && strcmp(cache->type, cache_type(object)) == 0) {
            cache->count++;
            return;
        }
    }
    struct cache *grown = realloc(machine->caches, (machine->cache_count + 1) * sizeof *grown);
    if (!grown)
        return;
    machine->caches = grown;
    struct cache *cache = &grown[machine->cache_count++];
    *cache =
        (struct cache){.level = level, .size_bytes = object->attr->cache.size, .shared_by_threads = shared, .count = 1};
    snprintf(cache->type, sizeof cache->type, "%s", cache_type(object));
}

static void find_caches(hwloc_topology_t topology, struct machine *machine)
{
    static const hwloc_obj_type_t types[] = {HWLOC_OBJ_L1CACHE,  HWLOC_OBJ_L1ICACHE, HWLOC_OBJ_L2CACHE,
                                             HWLOC_OBJ_L2ICACHE, HWLOC_OBJ_L3CACHE,  HWLOC_OBJ_L3ICACHE,
                                             HWLOC_OBJ_L4CACHE,  HWLOC_OBJ_L5CACHE};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (hwloc_obj_t object = NULL; (object = hwloc_get_next_obj_by_type(topology, types[i], object));)
            add_cache(machine, object);
}

static void find_numa(hwloc_topology_t topology, struct machine *machine)
{
    int count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
    if (count <= 0 || !(machine->numa = calloc((size_t)count, sizeof *machine->numa)))
        return;
    for (hwloc_obj_t object = NULL; (object = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, object));) {
        int threads = object->cpuset ? hwloc_bitmap_weight(object->cpuset) : 0;
        machine->numa[machine->numa_count++] = (struct numa_node){
            .id = (int)object->os_index,
            .memory_bytes = object->attr->numanode.local_memory,
            .memory_known = object->attr->numanode.local_memory > 0,
            .threads = threads < 0 ? 0 : threads,
        };
    }
}

static double information_number(const struct hwloc_info_s *information, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(information[i].name, name) == 0) {
            double value = strtod(information[i].value, NULL);
            return value > 0 && isfinite(value) ? value : NAN;
        }
    return NAN;
}

static void find_kinds(hwloc_topology_t topology, struct machine *machine)
{
    int count = hwloc_cpukinds_get_nr(topology, 0);
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    if (count > 0 && set)
        machine->cpu.kinds = calloc((size_t)count, sizeof *machine->cpu.kinds);
    for (int i = 0; machine->cpu.kinds && i < count; i++) {
        unsigned info_count;
        struct hwloc_info_s *information;
        int efficiency;
        if (hwloc_cpukinds_get_info(topology, (unsigned)i, set, &efficiency, &info_count, &information, 0))
            continue;
        hwloc_bitmap_and(set, set, hwloc_topology_get_topology_cpuset(topology));
        struct core_kind *kind = &machine->cpu.kinds[machine->cpu.kind_count++];
        kind->threads = hwloc_bitmap_weight(set);
        kind->efficiency = efficiency;
        kind->max_mhz = information_number(information, info_count, "FrequencyMaxMHz");
        kind->base_mhz = information_number(information, info_count, "FrequencyBaseMHz");
        for (unsigned j = 0; j < info_count; j++)
            if (strcmp(information[j].name, "CoreType") == 0)
                snprintf(kind->name, sizeof kind->name, "%s", information[j].value);
    }
    hwloc_bitmap_free(set);
}

/* The first byte of a PCI class code, and for displays the second: PCI Code and ID Assignment Specification 1.11. */
static const char *pci_class_name(unsigned class_id)
{
    static const char *const names[] = {"unclassified", "storage",    "network",     "display",    "multimedia",
                                        "memory",       "bridge",     "serial line", "system",     "input",
                                        "dock",         "processor",  "serial bus",  "wireless",   "I/O",
                                        "satellite",    "encryption", "signal",      "accelerator"};
    unsigned base = class_id >> 8;
    if (class_id == 0x0300)
        return "VGA controller";
    if (class_id == 0x0302)
        return "3D controller";
    return base < sizeof names / sizeof *names ? names[base] : "other";
}

static void find_pci(hwloc_topology_t topology, struct machine *machine)
{
    int count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PCI_DEVICE);
    if (count <= 0 || !(machine->pci = calloc((size_t)count, sizeof *machine->pci)))
        return;
    for (hwloc_obj_t object = NULL; (object = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PCI_DEVICE, object));) {
        const struct hwloc_pcidev_attr_s *pci = &object->attr->pcidev;
        struct pci_device *device = &machine->pci[machine->pci_count++];
        snprintf(device->address, sizeof device->address, "%04x:%02x:%02x.%x", pci->domain, pci->bus, pci->dev,
                 pci->func);
        const char *vendor = hwloc_obj_get_info_by_name(object, "PCIVendor");
        const char *name = hwloc_obj_get_info_by_name(object, "PCIDevice");
        snprintf(device->name, sizeof device->name, "%.60s%s%.60s", vendor ? vendor : "", vendor && name ? " " : "",
                 name ? name : "");
        snprintf(device->class_name, sizeof device->class_name, "%s", pci_class_name(pci->class_id));
        device->vendor_id = pci->vendor_id;
        device->device_id = pci->device_id;
        device->class_id = pci->class_id;
    }
}

static void first_information(hwloc_topology_t topology, const char *name, char *out, size_t capacity)
{
    const char *found = hwloc_obj_get_info_by_name(hwloc_get_root_obj(topology), name);
    for (hwloc_obj_t object = NULL;
         !found && (object = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PACKAGE, object));)
        found = hwloc_obj_get_info_by_name(object, name);
    if (found && !out[0])
        snprintf(out, capacity, "%s", found + strspn(found, " "));
}

static void find_names(hwloc_topology_t topology, struct machine *machine)
{
    static const char *const models[] = {"CPUModel", "CPUType", "CPUFamily", "PlatformName"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        first_information(topology, models[i], machine->cpu.model, sizeof machine->cpu.model);
    first_information(topology, "CPUVendor", machine->cpu.vendor, sizeof machine->cpu.vendor);
    first_information(topology, "HostName", machine->name, sizeof machine->name);
    first_information(topology, "DMIProductName", machine->name, sizeof machine->name);
}

static void look(const struct probe_context *context, struct machine *machine, struct presence *why_not)
{
    hwloc_topology_t topology = context->topology;
    if (!topology) {
        snprintf(why_not->reason, sizeof why_not->reason, "hwloc found no topology of this machine");
        return;
    }
    machine->cpu.packages = count_objects(topology, HWLOC_OBJ_PACKAGE);
    machine->cpu.cores = count_objects(topology, HWLOC_OBJ_CORE);
    machine->cpu.threads = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    machine->cpu.usable_threads = usable_threads(context, topology);
    find_caches(topology, machine);
    find_numa(topology, machine);
    find_kinds(topology, machine);
    find_pci(topology, machine);
    if (context->foreign) {
        find_names(topology, machine);
        machine->memory.total_bytes = hwloc_get_root_obj(topology)->total_memory;
        machine->memory.total_known = machine->memory.total_bytes > 0;
        if (machine->memory.total_known) {
            machine->memory.limit_bytes = machine->memory.total_bytes;
            snprintf(machine->memory.limited_by, sizeof machine->memory.limited_by, "physical");
            snprintf(machine->memory.limit_detail, sizeof machine->memory.limit_detail,
                     "the memory of all NUMA nodes of the export");
        }
    }
    why_not->available = true;
}

const struct probe probe_topology = {
    .name = "topology",
    .help = "packages, cores, threads, caches, NUMA nodes, core kinds and PCI devices, through hwloc",
    .look = look,
};
