#include "probes/gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void gpu_write_address(char *out, size_t capacity, unsigned domain, unsigned bus, unsigned device, unsigned function)
{
    snprintf(out, capacity, "%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff, device & 0x1f, function & 7);
}

bool gpu_can_compute(unsigned vendor_id, unsigned device_id)
{
    /* AMD's server-console chips: ES1000 and the Rage XL before it. */
    static const unsigned console_chips[] = {0x515e, 0x5969, 0x4752, 0x4754, 0x5159};
    if (vendor_id == 0x10de || vendor_id == 0x8086)
        return true;
    if (vendor_id != 0x1002 && vendor_id != 0x1022)
        return false;
    for (size_t i = 0; i < sizeof console_chips / sizeof *console_chips; i++)
        if (console_chips[i] == device_id)
            return false;
    return true;
}

static void fill(struct gpu *gpu, const struct gpu *seen)
{
    if (!gpu->name[0])
        memcpy(gpu->name, seen->name, sizeof gpu->name);
    if (!gpu->driver[0])
        memcpy(gpu->driver, seen->driver, sizeof gpu->driver);
    if (!gpu->pci_address[0])
        memcpy(gpu->pci_address, seen->pci_address, sizeof gpu->pci_address);
    if (seen->memory_known && !gpu->memory_known) {
        gpu->memory_known = true;
        gpu->memory_bytes = seen->memory_bytes;
    }
    if (seen->free_known && !gpu->free_known) {
        gpu->free_known = true;
        gpu->free_bytes = seen->free_bytes;
    }
    /* The first source that computes names the backend: CUDA before OpenCL for the same card. */
    if (!gpu->backend[0] || (seen->usable && !gpu->usable))
        memcpy(gpu->backend, seen->backend, sizeof gpu->backend);
    gpu->usable |= seen->usable;
}

static struct gpu *same_card(struct machine *machine, const struct gpu *seen)
{
    for (size_t i = 0; i < machine->gpu_count; i++) {
        struct gpu *gpu = &machine->gpus[i];
        if (seen->pci_address[0] && strcasecmp(gpu->pci_address, seen->pci_address) == 0)
            return gpu;
        bool addressed = seen->pci_address[0] && gpu->pci_address[0];
        if (!addressed && strcasecmp(gpu->name, seen->name) == 0 && strcmp(gpu->backend, seen->backend) != 0)
            return gpu;
    }
    return NULL;
}

int gpu_add(struct machine *machine, const struct gpu *seen)
{
    struct gpu *gpu = same_card(machine, seen);
    if (!gpu) {
        if (machine->gpu_count == GPU_LIMIT)
            return -1;
        struct gpu *grown = realloc(machine->gpus, (machine->gpu_count + 1) * sizeof *grown);
        if (!grown)
            return -1;
        machine->gpus = grown;
        gpu = &grown[machine->gpu_count++];
        memset(gpu, 0, sizeof *gpu);
    }
    fill(gpu, seen);
    return (int)(gpu - machine->gpus);
}

/* Cards on the bus that could compute but that nothing drives: a sentence for gpu_presence. */
static size_t cards_without_driver(const struct machine *machine, const char **first)
{
    size_t count = 0;
    for (size_t i = 0; i < machine->pci_count; i++) {
        const struct pci_device *pci = &machine->pci[i];
        bool display = pci->class_id >> 8 == 0x03 || pci->class_id >> 8 == 0x12, known = false;
        for (size_t j = 0; j < machine->gpu_count; j++)
            known |= strcasecmp(machine->gpus[j].pci_address, pci->address) == 0;
        if (!display || known || !gpu_can_compute(pci->vendor_id, pci->device_id))
            continue;
        if (!count++)
            *first = pci->name[0] ? pci->name : pci->address;
    }
    return count;
}

static void look(const struct probe_context *context, struct machine *machine, struct presence *why_not)
{
    gpu_find_topology(context, machine);
    if (!context->foreign) {
        gpu_find_nvml(context, machine);
        gpu_find_cuda(context, machine);
        gpu_find_opencl(context, machine);
        gpu_find_drm(context, machine);
    }
    why_not->available = machine->gpu_count > 0;
    const char *first = "";
    size_t idle = cards_without_driver(machine, &first);
    if (idle && context->foreign)
        snprintf(
            why_not->reason, sizeof why_not->reason,
            "%zu more card%s on the PCI bus (%s) that no CUDA, OpenCL, NVML or DRM device of the export stands for",
            idle, idle == 1 ? "" : "s", first);
    else if (idle)
        snprintf(
            why_not->reason, sizeof why_not->reason,
            "%zu card%s on the PCI bus (%s) that no driver makes usable: install the vendor's driver, and pass the "
            "device into the container if this is one",
            idle, idle == 1 ? "" : "s", first);
    else if (!machine->gpu_count)
        snprintf(why_not->reason, sizeof why_not->reason,
                 context->foreign ? "the export names no GPU"
                                  : "no GPU: nothing on the PCI bus, and neither NVML, CUDA nor OpenCL shows one");
}

const struct probe probe_gpu = {
    .name = "gpu",
    .help = "graphics cards that can compute: NVML, CUDA, OpenCL, DRM, or those of a topology file",
    .look = look,
};
