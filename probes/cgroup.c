#include "probes/cgroup.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/system_file.h"

enum { PATH_SIZE = 1024 };

/* Where a hierarchy is mounted, and this process's group in it relative to the mount ("" or "/a/b"). */
struct hierarchy {
    bool found;
    char mount[PATH_SIZE], group[PATH_SIZE];
};

/* mountinfo writes space, tab, newline and backslash as \040 and the like. */
static void unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in;) {
        if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' &&
            in[3] <= '7') {
            *out++ = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
            in += 4;
        } else {
            *out++ = *in++;
        }
    }
    *out = '\0';
}

/* Whether the comma-separated list holds the word. */
static bool list_holds(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *item = list; item; item = strchr(item, ',')) {
        item += *item == ',';
        if (strncmp(item, word, length) == 0 && (item[length] == ',' || item[length] == '\0'))
            return true;
    }
    return false;
}

/* One line of mountinfo (proc_pid_mountinfo(5)); true when it is the hierarchy of `controller` (NULL: version 2). */
static bool read_mount(char *line, const char *controller, char *mount_root, char *mount)
{
    char type[64], options[512];
    const char *separator = strstr(line, " - ");
    if (!separator || sscanf(separator, " - %63s %*s %511s", type, options) != 2)
        return false;
    if (controller ? strcmp(type, "cgroup") != 0 || !list_holds(options, controller) : strcmp(type, "cgroup2") != 0)
        return false;
    if (sscanf(line, "%*s %*s %*s %1023s %1023s", mount_root, mount) != 2)
        return false;
    unescape(mount_root);
    unescape(mount);
    return true;
}

static bool find_mount(const char *root, const char *controller, char *mount_root, char *mount)
{
    char *text = system_read(root, "/proc/self/mountinfo"), *position = text, *line;
    bool found = false;
    while (!found && text && (line = strsep(&position, "\n")))
        found = read_mount(line, controller, mount_root, mount);
    free(text);
    if (found)
        return true;
    /* A container may hide mountinfo; the usual places are as good a guess as any. */
    strcpy(mount_root, "/");
    snprintf(mount, PATH_SIZE, "/sys/fs/cgroup%s%s", controller ? "/" : "", controller ? controller : "");
    return system_exists(root, "%s/%s", mount, controller ? "cgroup.procs" : "cgroup.controllers");
}

/* The group's path as /proc/self/cgroup tells it: "0::/path", or "4:cpu,cpuacct:/path". */
static bool find_group(const char *root, const char *controller, char *group)
{
    char *text = system_read(root, "/proc/self/cgroup"), *position = text, *line;
    bool found = false;
    while (!found && text && (line = strsep(&position, "\n"))) {
        char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        found = controller ? list_holds(list + 1, controller) : list[1] == '\0';
        if (found)
            snprintf(group, PATH_SIZE, "%s", path);
    }
    free(text);
    return found;
}

static struct hierarchy find_hierarchy(const char *root, const char *controller)
{
    struct hierarchy hierarchy = {0};
    char mount_root[PATH_SIZE], path[PATH_SIZE] = "";
    hierarchy.found = find_mount(root, controller, mount_root, hierarchy.mount);
    if (!hierarchy.found || !find_group(root, controller, path))
        return hierarchy;
    /* What is mounted may be a group itself: the container's. A path that leads out of it is not visible. */
    size_t length = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);
    bool inside = strncmp(path, mount_root, length) == 0 && (path[length] == '/' || path[length] == '\0');
    if (inside && !strstr(path, "/.."))
        snprintf(hierarchy.group, PATH_SIZE, "%s", path + length);
    if (strcmp(hierarchy.group, "/") == 0)
        hierarchy.group[0] = '\0';
    while (hierarchy.group[0] && !system_exists(root, "%s%s", hierarchy.mount, hierarchy.group))
        *strrchr(hierarchy.group, '/') = '\0';
    return hierarchy;
}

static void take_least(struct cgroup_bound *bound, uint64_t bytes, const char *mount, const char *group,
                       const char *file)
{
    if (bound->known && bound->bytes <= bytes)
        return;
    bound->known = true;
    bound->bytes = bytes;
    snprintf(bound->file, sizeof bound->file, "%.100s%.120s/%s", mount, group, file);
}

static uint64_t field_or_0(const char *text, const char *key)
{
    uint64_t value = 0;
    return text && system_field(text, key, &value) ? value : 0;
}

/* Files of one version: what limits, what is used, what of that would be given up. */
struct version {
    const char *limits[3], *usage, *reclaimable[3];
};

static const struct version version_2 = {
    {"memory.max", "memory.high", NULL}, "memory.current", {"inactive_file", "active_file", "slab_reclaimable"}};
static const struct version version_1 = {
    {"memory.limit_in_bytes", NULL, NULL}, "memory.usage_in_bytes", {"total_inactive_file", "total_active_file", NULL}};

static uint64_t used_bytes(const char *root, const struct version *version, const char *mount, const char *group,
                           const char *statistics)
{
    uint64_t usage = 0, reclaimable = 0;
    if (!system_read_count(&usage, root, "%s%s/%s", mount, group, version->usage))
        return 0;
    for (int i = 0; i < 3 && version->reclaimable[i]; i++)
        reclaimable += field_or_0(statistics, version->reclaimable[i]);
    return usage > reclaimable ? usage - reclaimable : 0;
}

/* One group's own limit, and the room that it leaves. */
static void memory_of_group(const char *root, const struct version *version, const char *mount, const char *group,
                            uint64_t physical, struct cgroup_limits *limits)
{
    char *statistics = system_read(root, "%s%s/memory.stat", mount, group);
    uint64_t used = used_bytes(root, version, mount, group, statistics), limit;
    for (int i = 0; version->limits[i]; i++) {
        if (!system_read_count(&limit, root, "%s%s/%s", mount, group, version->limits[i]) || limit >= physical)
            continue;
        take_least(&limits->memory, limit, mount, group, version->limits[i]);
        take_least(&limits->room, limit > used ? limit - used : 0, mount, group, version->limits[i]);
    }
    /* Version 1 tells the least limit above even when those groups are not visible; their usage isn't known, so this
     * group's own is the least that is used. */
    if (version == &version_1 && statistics && system_field(statistics, "hierarchical_memory_limit", &limit) &&
        limit < physical) {
        take_least(&limits->memory, limit, mount, group, "memory.stat");
        take_least(&limits->room, limit > used ? limit - used : 0, mount, group, "memory.stat");
    }
    free(statistics);
}

/* "200000 100000" or "max 100000" of version 2; two files of version 1. */
static double quota_of_group(const char *root, bool second, const char *mount, const char *group)
{
    uint64_t quota, period = 100000;
    char line[64];
    if (!second)
        return system_read_count(&quota, root, "%s%s/cpu.cfs_quota_us", mount, group) &&
                       system_read_count(&period, root, "%s%s/cpu.cfs_period_us", mount, group) && period && quota
                   ? (double)quota / (double)period
                   : NAN;
    if (!system_read_line(line, sizeof line, root, "%s%s/cpu.max", mount, group) || line[0] < '0' || line[0] > '9')
        return NAN;
    char *rest;
    quota = strtoull(line, &rest, 10);
    unsigned long long told = strtoull(rest, NULL, 10);
    period = told ? told : period;
    return quota ? (double)quota / (double)period : NAN;
}

static void quota_least(struct cgroup_limits *limits, double cpus, const char *mount, const char *group, bool second)
{
    if (!isfinite(cpus) || (isfinite(limits->cpus) && limits->cpus <= cpus))
        return;
    limits->cpus = cpus;
    snprintf(limits->cpus_file, sizeof limits->cpus_file, "%.100s%.120s/%s", mount, group,
             second ? "cpu.max" : "cpu.cfs_quota_us");
}

/* From this process's group up to the mount; each may limit. */
static void walk(const char *root, struct hierarchy *hierarchy, bool second, bool memory, bool cpu, uint64_t physical,
                 struct cgroup_limits *limits)
{
    for (bool last = !hierarchy->found; !last;) {
        if (memory)
            memory_of_group(root, second ? &version_2 : &version_1, hierarchy->mount, hierarchy->group, physical,
                            limits);
        if (cpu)
            quota_least(limits, quota_of_group(root, second, hierarchy->mount, hierarchy->group), hierarchy->mount,
                        hierarchy->group, second);
        char *slash = strrchr(hierarchy->group, '/');
        last = !slash;
        if (slash)
            *slash = '\0';
    }
}

struct cgroup_limits cgroup_find(const char *root, uint64_t physical)
{
    struct cgroup_limits limits = {.cpus = NAN};
    struct hierarchy unified = find_hierarchy(root, NULL);
    struct hierarchy memory = find_hierarchy(root, "memory"), cpu = find_hierarchy(root, "cpu");
    walk(root, &unified, true, true, true, physical, &limits);
    walk(root, &memory, false, true, false, physical, &limits);
    walk(root, &cpu, false, false, true, physical, &limits);
    return limits;
}
