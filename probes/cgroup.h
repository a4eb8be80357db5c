/* What control groups allow this process: the least over its group and all groups above, of version 1 and 2.
 * Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the Linux kernel. */
#ifndef PROBES_CGROUP_H
#define PROBES_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

struct cgroup_bound {
    bool known;
    uint64_t bytes;
    char file[256]; /* which file says so */
};

struct cgroup_limits {
    struct cgroup_bound memory; /* the least limit */
    struct cgroup_bound room;   /* the least of limit - usage + page cache that would be given up */
    double cpus;                /* the least CPU quota; NaN: none */
    char cpus_file[256];
};

/* Limits of at least `physical` bytes limit nothing and are passed over. */
struct cgroup_limits cgroup_find(const char *root, uint64_t physical);

#endif
