/* The machine as the document of schema benchmark.machine/1. Reading it back is machine_read.c's. */
#include <math.h>
#include <stdio.h>

#include "harness/base/json.h"
#include "probes/isa.h"
#include "probes/machine.h"

static void put_text(json_t *object, const char *key, const char *value)
{
    if (value[0])
        json_put_string(object, key, value);
}

static void put_positive(json_t *object, const char *key, int value)
{
    if (value >= 0)
        json_put_count(object, key, (uint64_t)value);
}

static json_t *cpu_to_json(const struct cpu *cpu)
{
    json_t *object = json_object(), *isa = json_array(), *kinds = json_array();
    put_text(object, "model", cpu->model);
    put_text(object, "vendor", cpu->vendor);
    for (unsigned bit = 0; bit < 32; bit++)
        if (cpu->isa & 1u << bit && isa_name(1u << bit))
            json_array_append_new(isa, json_string(isa_name(1u << bit)));
    json_put(object, "isa", isa);
    put_positive(object, "packages", cpu->packages);
    put_positive(object, "cores", cpu->cores);
    put_positive(object, "threads", cpu->threads);
    put_positive(object, "usable_threads", cpu->usable_threads);
    json_put_real(object, "quota_cpus", cpu->quota);
    json_put_real(object, "base_mhz", cpu->base_mhz);
    json_put_real(object, "max_mhz", cpu->max_mhz);
    json_put_real(object, "current_mhz", cpu->current_mhz);
    for (size_t i = 0; i < cpu->kind_count; i++) {
        json_t *kind = json_object();
        put_text(kind, "name", cpu->kinds[i].name);
        put_positive(kind, "threads", cpu->kinds[i].threads);
        put_positive(kind, "efficiency", cpu->kinds[i].efficiency);
        json_put_real(kind, "base_mhz", cpu->kinds[i].base_mhz);
        json_put_real(kind, "max_mhz", cpu->kinds[i].max_mhz);
        json_array_append_new(kinds, kind);
    }
    json_put(object, "kinds", kinds);
    return object;
}

static json_t *caches_to_json(const struct machine *machine)
{
    json_t *array = json_array();
    for (size_t i = 0; i < machine->cache_count; i++) {
        const struct cache *cache = &machine->caches[i];
        json_t *object = json_object();
        put_positive(object, "level", cache->level);
        put_text(object, "type", cache->type);
        json_put_count(object, "size_bytes", cache->size_bytes);
        put_positive(object, "shared_by_threads", cache->shared_by_threads);
        put_positive(object, "count", cache->count);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *memory_to_json(const struct memory *memory)
{
    json_t *object = json_object();
    if (memory->total_known)
        json_put_count(object, "total_bytes", memory->total_bytes);
    if (memory->available_known)
        json_put_count(object, "available_bytes", memory->available_bytes);
    if (memory->limited_by[0]) {
        json_put_count(object, "limit_bytes", memory->limit_bytes);
        json_put_string(object, "limited_by", memory->limited_by);
        put_text(object, "limit_detail", memory->limit_detail);
    }
    if (memory->huge_page_bytes) {
        json_put_count(object, "huge_page_bytes", memory->huge_page_bytes);
        json_put_count(object, "huge_pages_total", memory->huge_pages_total);
        json_put_count(object, "huge_pages_free", memory->huge_pages_free);
    }
    put_text(object, "transparent_huge_pages", memory->transparent_huge_pages);
    if (memory->swap_total_bytes)
        json_put_count(object, "swap_total_bytes", memory->swap_total_bytes);
    return object;
}

static json_t *numa_to_json(const struct machine *machine)
{
    json_t *array = json_array();
    for (size_t i = 0; i < machine->numa_count; i++) {
        json_t *object = json_object();
        put_positive(object, "id", machine->numa[i].id);
        if (machine->numa[i].memory_known)
            json_put_count(object, "memory_bytes", machine->numa[i].memory_bytes);
        put_positive(object, "threads", machine->numa[i].threads);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *pci_to_json(const struct machine *machine)
{
    json_t *array = json_array();
    for (size_t i = 0; i < machine->pci_count; i++) {
        const struct pci_device *pci = &machine->pci[i];
        json_t *object = json_object();
        put_text(object, "address", pci->address);
        put_text(object, "name", pci->name);
        put_text(object, "class", pci->class_name);
        json_put_count(object, "vendor_id", pci->vendor_id);
        json_put_count(object, "device_id", pci->device_id);
        json_put_count(object, "class_id", pci->class_id);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *gpus_to_json(const struct machine *machine)
{
    json_t *array = json_array();
    for (size_t i = 0; i < machine->gpu_count; i++) {
        const struct gpu *gpu = &machine->gpus[i];
        json_t *object = json_object();
        put_text(object, "name", gpu->name);
        put_text(object, "backend", gpu->backend);
        if (gpu->memory_known)
            json_put_count(object, "memory_bytes", gpu->memory_bytes);
        if (gpu->free_known)
            json_put_count(object, "free_bytes", gpu->free_bytes);
        put_text(object, "driver", gpu->driver);
        put_text(object, "pci_address", gpu->pci_address);
        json_put_bool(object, "usable", gpu->usable);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *presence_to_json(const struct presence *presence)
{
    json_t *object = json_object();
    json_put_bool(object, "available", presence->available);
    put_text(object, "reason", presence->reason);
    return object;
}

static json_t *software_to_json(const struct software *software)
{
    json_t *object = json_object();
    put_text(object, "kernel", software->kernel);
    put_text(object, "blas", software->blas);
    put_text(object, "blas_core", software->blas_core);
    put_text(object, "compiler", software->compiler);
    put_text(object, "libc", software->libc);
    put_text(object, "benchmark", software->benchmark);
    put_text(object, "distribution", software->distribution);
    put_text(object, "governor", software->governor);
    put_text(object, "smt", software->smt);
    put_text(object, "microcode", software->microcode);
    put_text(object, "virtualization", software->virtualization);
    put_text(object, "container", software->container);
    put_text(object, "mitigations", software->mitigations);
    return object;
}

static json_t *conditions_to_json(const struct conditions *conditions)
{
    json_t *object = json_object();
    json_put_real(object, "load1", conditions->load1);
    json_put_real(object, "steal", conditions->steal);
    json_put_real(object, "temperature_celsius", conditions->temperature_celsius);
    json_put_real(object, "throttle_count", conditions->throttle_count);
    return object;
}

static void put_ceilings(json_t *document, const struct machine *machine)
{
    json_t *values = json_object(), *ranges = json_object();
    for (size_t i = 0; i < machine->ceiling_count; i++) {
        const struct ceiling *ceiling = &machine->ceilings[i];
        json_put_real(values, ceiling->name, ceiling->value);
        if (isfinite(ceiling->low) && isfinite(ceiling->high))
            json_put(ranges, ceiling->name, json_pack("[f,f]", ceiling->low, ceiling->high));
    }
    json_put(document, "ceilings", values);
    json_put(document, "ceiling_ranges", ranges);
}

json_t *machine_to_json(const struct machine *machine)
{
    json_t *document = json_object();
    json_put_string(document, "schema", "benchmark.machine/1");
    put_text(document, "fingerprint", machine->fingerprint);
    put_text(document, "name", machine->name);
    json_put(document, "cpu", cpu_to_json(&machine->cpu));
    json_put(document, "caches", caches_to_json(machine));
    json_put(document, "memory", memory_to_json(&machine->memory));
    json_put(document, "numa", numa_to_json(machine));
    json_put(document, "gpus", gpus_to_json(machine));
    json_put(document, "gpu", presence_to_json(&machine->gpu_presence));
    json_put(document, "pci", pci_to_json(machine));
    json_t *counters = presence_to_json(&machine->counters);
    put_text(counters, "names", machine->counter_names);
    json_put(document, "counters", counters);
    json_put(document, "energy", presence_to_json(&machine->energy));
    json_put(document, "software", software_to_json(&machine->software));
    json_put(document, "conditions", conditions_to_json(&machine->conditions));
    put_ceilings(document, machine);
    json_t *warnings = json_array();
    for (size_t i = 0; i < machine->warning_count; i++)
        json_array_append_new(warnings, json_string(machine->warnings[i]));
    json_put(document, "warnings", warnings);
    if (machine->foreign)
        json_put_bool(document, "foreign", true);
    return document;
}
