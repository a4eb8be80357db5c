/* Main memory as the kernel tells it: total, available, huge pages, swap (told, never counted as room). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/probe.h"
#include "probes/system_file.h"

static bool kibibytes(const char *text, const char *key, uint64_t *bytes)
{
    uint64_t value;
    if (!system_field(text, key, &value) || value > UINT64_MAX / 1024)
        return false;
    *bytes = value * 1024;
    return true;
}

/* Before Linux 3.14 there is no MemAvailable: free memory and the page cache that isn't shared memory. */
static bool available_by_parts(const char *text, uint64_t *bytes)
{
    uint64_t unused, cached = 0, buffers = 0, shared = 0;
    if (!kibibytes(text, "MemFree:", &unused))
        return false;
    kibibytes(text, "Cached:", &cached);
    kibibytes(text, "Buffers:", &buffers);
    kibibytes(text, "Shmem:", &shared);
    *bytes = unused + buffers + (cached > shared ? cached - shared : 0);
    return true;
}

/* "always [madvise] never" -> "madvise" */
static void chosen_word(const char *line, char *out, size_t capacity)
{
    const char *open = strchr(line, '['), *close = open ? strchr(open, ']') : NULL;
    if (close)
        snprintf(out, capacity, "%.*s", (int)(close - open - 1), open + 1);
}

static void look(const struct probe_context *context, struct machine *machine, struct presence *why_not)
{
    struct memory *memory = &machine->memory;
    char *text = system_read(context->root, "/proc/meminfo");
    memory->total_known = kibibytes(text, "MemTotal:", &memory->total_bytes);
    memory->available_known = kibibytes(text, "MemAvailable:", &memory->available_bytes) ||
                              available_by_parts(text ? text : "", &memory->available_bytes);
    kibibytes(text, "Hugepagesize:", &memory->huge_page_bytes);
    system_field(text, "HugePages_Total:", &memory->huge_pages_total);
    system_field(text, "HugePages_Free:", &memory->huge_pages_free);
    kibibytes(text, "SwapTotal:", &memory->swap_total_bytes);
    free(text);
    char line[128];
    if (system_read_line(line, sizeof line, context->root, "/sys/kernel/mm/transparent_hugepage/enabled"))
        chosen_word(line, memory->transparent_huge_pages, sizeof memory->transparent_huge_pages);
    why_not->available = memory->total_known;
    if (!memory->total_known)
        snprintf(why_not->reason, sizeof why_not->reason, "/proc/meminfo cannot be read: mount /proc");
}

const struct probe probe_memory = {
    .name = "memory",
    .help = "total and available memory, huge pages, swap",
    .live_only = true,
    .look = look,
};
