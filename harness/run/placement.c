#include "harness/run/placement.h"

#include <hwloc.h>
#include <stdlib.h>

/* The CPU's place among its core's: 0 for the first. */
static unsigned rank_in_core(hwloc_topology_t topology, hwloc_obj_t cpu)
{
    hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, cpu);
    unsigned rank = 0;
    for (hwloc_obj_t one = NULL;
         core && (one = hwloc_get_next_obj_inside_cpuset_by_type(topology, core->cpuset, HWLOC_OBJ_PU, one)) &&
         one != cpu;)
        rank++;
    return rank;
}

static bool list_cpus(hwloc_topology_t topology, int **cpus, size_t *count)
{
    int total = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    *cpus = total > 0 ? malloc((size_t)total * sizeof **cpus) : NULL;
    *count = 0;
    if (!*cpus)
        return false;
    for (unsigned rank = 0; *count < (size_t)total; rank++)
        for (int i = 0; i < total; i++) {
            hwloc_obj_t cpu = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, (unsigned)i);
            if (rank_in_core(topology, cpu) == rank)
                (*cpus)[(*count)++] = (int)cpu->os_index;
        }
    return true;
}

bool placement_find(const char *synthetic, int **cpus, size_t *count, struct error *error)
{
    hwloc_topology_t topology;
    *cpus = NULL;
    if (hwloc_topology_init(&topology))
        return error_set(error, ERROR_SYSTEM, "hwloc can't be started: not enough memory");
    /* Only what the affinity and cpuset of this process allow is in the topology: INCLUDE_DISALLOWED isn't set, and
     * a binding narrower than the cpuset is asked for. */
    hwloc_topology_set_flags(
        topology, synthetic ? 0 : HWLOC_TOPOLOGY_FLAG_RESTRICT_TO_CPUBINDING | HWLOC_TOPOLOGY_FLAG_IS_THISSYSTEM);
    bool right = (!synthetic || !hwloc_topology_set_synthetic(topology, synthetic)) && !hwloc_topology_load(topology) &&
                 list_cpus(topology, cpus, count);
    hwloc_topology_destroy(topology);
    return right || error_set(error, ERROR_SYSTEM, "hwloc finds no CPU that this process may use");
}
