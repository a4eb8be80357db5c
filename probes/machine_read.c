/* A machine back from its document, which may come from anybody: every count is bounded, a key of the wrong type is
 * named in the error, unknown keys are passed over (fields are only ever added). */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "probes/isa.h"
#include "probes/machine.h"

enum { LIST_LIMIT = 65536, THREAD_LIMIT = 1 << 20 };

static bool wrong(struct error *error, const char *where, const char *key, const char *expected)
{
    return error_set(error, ERROR_INPUT, "%s%s%s: expected %s", where, where[0] ? "." : "", key, expected);
}

static bool get_text(const json_t *object, const char *where, const char *key, char *out, size_t capacity,
                     struct error *error)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return true;
    if (!json_is_string(value))
        return wrong(error, where, key, "text");
    snprintf(out, capacity, "%s", json_string_value(value));
    for (unsigned char *c = (unsigned char *)out; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
    return true;
}

static bool get_int(const json_t *object, const char *where, const char *key, int *out, struct error *error)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return true;
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || number > THREAD_LIMIT)
        return wrong(error, where, key, "a whole number between 0 and 1048576");
    *out = (int)number;
    return true;
}

static bool get_bytes(const json_t *object, const char *where, const char *key, uint64_t *out, bool *known,
                      struct error *error)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return wrong(error, where, key, "a whole number of at least 0");
    *out = (uint64_t)json_integer_value(value);
    if (known)
        *known = true;
    return true;
}

static bool get_real(const json_t *object, const char *where, const char *key, double *out, struct error *error)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return true;
    if (!json_is_number(value) || json_number_value(value) < 0)
        return wrong(error, where, key, "a number of at least 0");
    *out = json_number_value(value);
    return true;
}

static bool get_flag(const json_t *object, const char *where, const char *key, bool *out, struct error *error)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_boolean(value))
        return wrong(error, where, key, "true or false");
    *out = json_is_true(value);
    return true;
}

/* The list under `key`, whose items must be objects; room for them in *items. */
static bool get_list(const json_t *document, const char *key, const json_t **list, void **items, size_t item_size,
                     struct error *error)
{
    *list = json_object_get(document, key);
    if (!*list)
        return true;
    if (!json_is_array(*list) || json_array_size(*list) > LIST_LIMIT)
        return wrong(error, "", key, "a list of at most 65536");
    for (size_t i = 0; i < json_array_size(*list); i++)
        if (!json_is_object(json_array_get(*list, i)))
            return wrong(error, "", key, "a list of objects");
    *items = calloc(json_array_size(*list) + 1, item_size);
    return *items || error_set(error, ERROR_SYSTEM, "out of memory");
}

static bool get_object(const json_t *document, const char *key, const json_t **object, struct error *error)
{
    *object = json_object_get(document, key);
    return !*object || json_is_object(*object) || wrong(error, "", key, "an object");
}

#define TEXT(field, key) get_text(object, where, key, field, sizeof field, error)

static bool read_isa(const json_t *cpu, unsigned *isa, struct error *error)
{
    const json_t *list = json_object_get(cpu, "isa"), *item;
    size_t index;
    if (list && !json_is_array(list))
        return wrong(error, "cpu", "isa", "a list of names");
    json_array_foreach(list, index, item)
    {
        if (!json_is_string(item))
            return wrong(error, "cpu", "isa", "a list of names");
        for (unsigned bit = 0; bit < 32; bit++)
            if (isa_name(1u << bit) && strcmp(isa_name(1u << bit), json_string_value(item)) == 0)
                *isa |= 1u << bit;
    }
    return true;
}

static bool read_kinds(const json_t *cpu_object, struct cpu *cpu, struct error *error)
{
    const char *where = "cpu.kinds";
    const json_t *list, *object;
    size_t index;
    if (!get_list(cpu_object, "kinds", &list, (void **)&cpu->kinds, sizeof *cpu->kinds, error))
        return false;
    json_array_foreach(list, index, object)
    {
        struct core_kind *kind = &cpu->kinds[cpu->kind_count++];
        *kind = (struct core_kind){.efficiency = -1, .max_mhz = NAN, .base_mhz = NAN};
        if (!TEXT(kind->name, "name") || !get_int(object, where, "threads", &kind->threads, error) ||
            !get_int(object, where, "efficiency", &kind->efficiency, error) ||
            !get_real(object, where, "base_mhz", &kind->base_mhz, error) ||
            !get_real(object, where, "max_mhz", &kind->max_mhz, error))
            return false;
    }
    return true;
}

static bool read_cpu(const json_t *document, struct cpu *cpu, struct error *error)
{
    const char *where = "cpu";
    const json_t *object;
    cpu->packages = cpu->cores = -1;
    cpu->quota = cpu->base_mhz = cpu->max_mhz = cpu->current_mhz = NAN;
    if (!get_object(document, "cpu", &object, error))
        return false;
    return TEXT(cpu->model, "model") && TEXT(cpu->vendor, "vendor") && read_isa(object, &cpu->isa, error) &&
           get_int(object, where, "packages", &cpu->packages, error) &&
           get_int(object, where, "cores", &cpu->cores, error) &&
           get_int(object, where, "threads", &cpu->threads, error) &&
           get_int(object, where, "usable_threads", &cpu->usable_threads, error) &&
           get_real(object, where, "quota_cpus", &cpu->quota, error) &&
           get_real(object, where, "base_mhz", &cpu->base_mhz, error) &&
           get_real(object, where, "max_mhz", &cpu->max_mhz, error) &&
           get_real(object, where, "current_mhz", &cpu->current_mhz, error) && read_kinds(object, cpu, error);
}

static bool read_caches(const json_t *document, struct machine *machine, struct error *error)
{
    const char *where = "caches";
    const json_t *list, *object;
    size_t index;
    if (!get_list(document, "caches", &list, (void **)&machine->caches, sizeof *machine->caches, error))
        return false;
    json_array_foreach(list, index, object)
    {
        struct cache *cache = &machine->caches[machine->cache_count++];
        cache->count = 1;
        if (!get_int(object, where, "level", &cache->level, error) || !TEXT(cache->type, "type") ||
            !get_bytes(object, where, "size_bytes", &cache->size_bytes, NULL, error) ||
            !get_int(object, where, "shared_by_threads", &cache->shared_by_threads, error) ||
            !get_int(object, where, "count", &cache->count, error))
            return false;
    }
    return true;
}

static bool read_numa(const json_t *document, struct machine *machine, struct error *error)
{
    const char *where = "numa";
    const json_t *list, *object;
    size_t index;
    if (!get_list(document, "numa", &list, (void **)&machine->numa, sizeof *machine->numa, error))
        return false;
    json_array_foreach(list, index, object)
    {
        struct numa_node *node = &machine->numa[machine->numa_count++];
        if (!get_int(object, where, "id", &node->id, error) ||
            !get_bytes(object, where, "memory_bytes", &node->memory_bytes, &node->memory_known, error) ||
            !get_int(object, where, "threads", &node->threads, error))
            return false;
    }
    return true;
}

static bool read_pci(const json_t *document, struct machine *machine, struct error *error)
{
    const char *where = "pci";
    const json_t *list, *object;
    size_t index;
    if (!get_list(document, "pci", &list, (void **)&machine->pci, sizeof *machine->pci, error))
        return false;
    json_array_foreach(list, index, object)
    {
        struct pci_device *pci = &machine->pci[machine->pci_count++];
        if (!TEXT(pci->address, "address") || !TEXT(pci->name, "name") || !TEXT(pci->class_name, "class") ||
            !get_int(object, where, "vendor_id", (int *)&pci->vendor_id, error) ||
            !get_int(object, where, "device_id", (int *)&pci->device_id, error) ||
            !get_int(object, where, "class_id", (int *)&pci->class_id, error))
            return false;
    }
    return true;
}

static bool read_gpus(const json_t *document, struct machine *machine, struct error *error)
{
    const char *where = "gpus";
    const json_t *list, *object;
    size_t index;
    if (!get_list(document, "gpus", &list, (void **)&machine->gpus, sizeof *machine->gpus, error))
        return false;
    json_array_foreach(list, index, object)
    {
        struct gpu *gpu = &machine->gpus[machine->gpu_count++];
        if (!TEXT(gpu->name, "name") || !TEXT(gpu->backend, "backend") || !TEXT(gpu->driver, "driver") ||
            !TEXT(gpu->pci_address, "pci_address") || !get_flag(object, where, "usable", &gpu->usable, error) ||
            !get_bytes(object, where, "memory_bytes", &gpu->memory_bytes, &gpu->memory_known, error) ||
            !get_bytes(object, where, "free_bytes", &gpu->free_bytes, &gpu->free_known, error))
            return false;
    }
    return true;
}

static bool read_memory(const json_t *document, struct memory *memory, struct error *error)
{
    const char *where = "memory";
    const json_t *object;
    return get_object(document, where, &object, error) &&
           get_bytes(object, where, "total_bytes", &memory->total_bytes, &memory->total_known, error) &&
           get_bytes(object, where, "available_bytes", &memory->available_bytes, &memory->available_known, error) &&
           get_bytes(object, where, "limit_bytes", &memory->limit_bytes, NULL, error) &&
           TEXT(memory->limited_by, "limited_by") && TEXT(memory->limit_detail, "limit_detail") &&
           get_bytes(object, where, "huge_page_bytes", &memory->huge_page_bytes, NULL, error) &&
           get_bytes(object, where, "huge_pages_total", &memory->huge_pages_total, NULL, error) &&
           get_bytes(object, where, "huge_pages_free", &memory->huge_pages_free, NULL, error) &&
           TEXT(memory->transparent_huge_pages, "transparent_huge_pages") &&
           get_bytes(object, where, "swap_total_bytes", &memory->swap_total_bytes, NULL, error);
}

static bool read_presence(const json_t *document, const char *where, struct presence *presence, struct error *error)
{
    const json_t *object;
    return get_object(document, where, &object, error) &&
           get_flag(object, where, "available", &presence->available, error) && TEXT(presence->reason, "reason");
}

static bool read_software(const json_t *document, struct software *software, struct error *error)
{
    const char *where = "software";
    const json_t *object;
    return get_object(document, where, &object, error) && TEXT(software->kernel, "kernel") &&
           TEXT(software->libc, "libc") && TEXT(software->compiler, "compiler") && TEXT(software->blas, "blas") &&
           TEXT(software->blas_core, "blas_core") && TEXT(software->benchmark, "benchmark") &&
           TEXT(software->distribution, "distribution") && TEXT(software->governor, "governor") &&
           TEXT(software->smt, "smt") && TEXT(software->microcode, "microcode") &&
           TEXT(software->virtualization, "virtualization") && TEXT(software->container, "container") &&
           TEXT(software->mitigations, "mitigations");
}

static bool read_conditions(const json_t *document, struct conditions *conditions, struct error *error)
{
    const char *where = "conditions";
    const json_t *object;
    *conditions = (struct conditions){NAN, NAN, NAN, NAN};
    return get_object(document, where, &object, error) && get_real(object, where, "load1", &conditions->load1, error) &&
           get_real(object, where, "steal", &conditions->steal, error) &&
           get_real(object, where, "temperature_celsius", &conditions->temperature_celsius, error) &&
           get_real(object, where, "throttle_count", &conditions->throttle_count, error);
}

static bool read_ceilings(const json_t *document, struct machine *machine, struct error *error)
{
    const json_t *values, *ranges, *value;
    const char *name;
    if (!get_object(document, "ceilings", &values, error) || !get_object(document, "ceiling_ranges", &ranges, error))
        return false;
    if (json_object_size(values) > LIST_LIMIT)
        return wrong(error, "", "ceilings", "at most 65536 figures");
    json_object_foreach((json_t *)values, name, value)
    {
        const json_t *range = json_object_get(ranges, name);
        double low = json_number_value(json_array_get(range, 0)), high = json_number_value(json_array_get(range, 1));
        double figure = json_number_value(value);
        if (!json_is_number(value) || figure <= 0)
            return wrong(error, "ceilings", name, "a number above 0");
        bool ranged = low > 0 && low <= figure && figure <= high;
        machine_add_ceiling(machine, name, figure, ranged ? low : NAN, ranged ? high : NAN);
    }
    return true;
}

static bool read_warnings(const json_t *document, struct machine *machine, struct error *error)
{
    const json_t *list = json_object_get(document, "warnings"), *item;
    size_t index;
    if (list && (!json_is_array(list) || json_array_size(list) > 1000))
        return wrong(error, "", "warnings", "a list of at most 1000 sentences");
    json_array_foreach(list, index, item)
    {
        if (!json_is_string(item))
            return wrong(error, "", "warnings", "a list of sentences");
        machine_warn(machine, "%s", json_string_value(item));
    }
    return true;
}

static bool read_fields(const json_t *document, struct machine *machine, struct error *error)
{
    const char *where = "";
    const json_t *object = document, *counters = json_object_get(document, "counters");
    if (!TEXT(machine->fingerprint, "fingerprint") || !TEXT(machine->name, "name") ||
        !get_flag(document, "", "foreign", &machine->foreign, error))
        return false;
    return read_cpu(document, &machine->cpu, error) && read_caches(document, machine, error) &&
           read_memory(document, &machine->memory, error) && read_numa(document, machine, error) &&
           read_gpus(document, machine, error) && read_pci(document, machine, error) &&
           read_presence(document, "gpu", &machine->gpu_presence, error) &&
           read_presence(document, "counters", &machine->counters, error) &&
           get_text(counters, "counters", "names", machine->counter_names, sizeof machine->counter_names, error) &&
           read_presence(document, "energy", &machine->energy, error) &&
           read_software(document, &machine->software, error) &&
           read_conditions(document, &machine->conditions, error) && read_ceilings(document, machine, error) &&
           read_warnings(document, machine, error);
}

bool machine_from_json(struct machine *machine, const json_t *document, struct error *error)
{
    *machine = (struct machine){0};
    const char *schema = json_get_string(document, "schema");
    if (!json_is_object(document) || !schema || strncmp(schema, "benchmark.machine/1", 19) != 0 ||
        (schema[19] && schema[19] != '.'))
        return error_set(error, ERROR_INPUT,
                         "schema: expected \"benchmark.machine/1\", the output of `benchmark probe --json`");
    if (read_fields(document, machine, error))
        return true;
    machine_free(machine);
    return false;
}
