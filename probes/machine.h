/* What a machine is, as the probes found it: plain data, filled by the probes, read by everything to their right.
 * Absent is absent: a count of 0 with its `known` flag false, NaN for a figure, NULL or "" for text. */
#ifndef PROBES_MACHINE_H
#define PROBES_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"

enum { NAME_SIZE = 128, REASON_SIZE = 320 };

/* Why something could not be found, and what to do about it. available means it could. */
struct presence {
    bool available;
    char reason[REASON_SIZE];
};

struct core_kind {
    int threads;
    int efficiency;           /* hwloc's rank, higher is faster; -1 unknown */
    char name[NAME_SIZE];     /* CoreType or "" */
    double max_mhz, base_mhz; /* NaN unknown */
};

struct cpu {
    char model[NAME_SIZE], vendor[NAME_SIZE];
    unsigned isa;        /* probes/isa.h's flags */
    int packages, cores; /* -1: hwloc has no such object */
    int threads;         /* processing units that exist */
    int usable_threads;  /* allowed to this process: affinity, cpuset */
    double quota;        /* CPUs that a cgroup quota allows; NaN: none */
    double base_mhz, max_mhz, current_mhz;
    struct core_kind *kinds; /* owned */
    size_t kind_count;
};

struct cache {
    int level;
    char type[16]; /* data, instruction, unified */
    uint64_t size_bytes;
    int shared_by_threads; /* processing units under one such cache */
    int count;             /* how many there are */
};

struct numa_node {
    int id;
    uint64_t memory_bytes; /* 0 with memory_known false */
    bool memory_known;
    int threads;
};

struct pci_device {
    char address[32], name[NAME_SIZE], class_name[64];
    unsigned vendor_id, device_id, class_id;
};

struct gpu {
    char name[NAME_SIZE], backend[32], driver[NAME_SIZE], pci_address[32];
    uint64_t memory_bytes, free_bytes;
    bool memory_known, free_known;
    bool usable; /* a library that could compute on it is here */
};

/* limit_bytes is the least bound (known when limited_by isn't ""), whatever runs beside us; available_bytes is the room
 * at the moment of the look: the least that free memory, control groups and rlimits leave. */
struct memory {
    uint64_t total_bytes, available_bytes, limit_bytes;
    bool total_known, available_known;
    char limited_by[16];            /* cgroup, rlimit, physical: what sets limit_bytes */
    char limit_detail[REASON_SIZE]; /* which file or which limit */
    uint64_t huge_page_bytes, huge_pages_total, huge_pages_free;
    char transparent_huge_pages[32];
    uint64_t swap_total_bytes; /* told, never counted as room */
};

struct software {
    char kernel[NAME_SIZE], libc[NAME_SIZE], compiler[NAME_SIZE], blas[NAME_SIZE], blas_core[NAME_SIZE];
    char governor[64], smt[64], microcode[64], distribution[NAME_SIZE], virtualization[64], container[64];
    char mitigations[512];
    char benchmark[32];
};

struct conditions {
    double load1, steal, temperature_celsius, throttle_count; /* NaN unknown; steal is a share since boot */
};

/* One measured limit; the unit is the end of the name (gemm_f32_gflops, read_gbs, fork_join_s). */
struct ceiling {
    char name[48];
    double value, low, high; /* median and the range of the repetitions */
};

struct machine {
    char fingerprint[33]; /* hex, of the hardware alone */
    char name[NAME_SIZE];
    struct cpu cpu;
    struct cache *caches;
    size_t cache_count;
    struct numa_node *numa;
    size_t numa_count;
    struct pci_device *pci;
    size_t pci_count;
    struct gpu *gpus;
    size_t gpu_count;
    struct presence gpu_presence;
    struct memory memory;
    struct presence counters, energy;
    char counter_names[512];
    struct software software;
    struct conditions conditions;
    struct ceiling *ceilings;
    size_t ceiling_count;
    char **warnings; /* sentences with a remedy; owned */
    size_t warning_count;
    bool foreign; /* read from a file: not the machine this runs on */
};

/* Runs every probe of the table. topology_file, when not NULL, is an hwloc XML export that is described instead of this
 * machine: only what it holds is then filled, and machine->foreign is set. */
bool machine_probe(struct machine *machine, const char *topology_file, struct error *error);
/* Adds the raw ceilings by measuring them (<= 20 s), or those named by the glob `only` when it isn't NULL. */
bool machine_measure_ceilings(struct machine *machine, const char *only, struct error *error);
/* NaN when it isn't there. */
double machine_ceiling(const struct machine *machine, const char *name);
void machine_add_ceiling(struct machine *machine, const char *name, double value, double low, double high);
void machine_warn(struct machine *machine, const char *format, ...) __attribute__((format(printf, 2, 3)));
void machine_free(struct machine *machine);

/* The document of CONTRACT.md, schema benchmark.machine/1, and back from it (untrusted). */
json_t *machine_to_json(const struct machine *machine);
bool machine_from_json(struct machine *machine, const json_t *document, struct error *error);

#endif
