/* GPUs of a topology export: hwloc's OS devices CUDA, OpenCL, NVML, RSMI, LevelZero and DRM, and the PCI device above
 * each. On the live system the libraries are asked themselves, so this is for files alone. */
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/gpu.h"

static const char *information(hwloc_obj_t object, const char *name)
{
    return hwloc_obj_get_info_by_name(object, name);
}

static hwloc_obj_t pci_above(hwloc_obj_t object)
{
    while (object && object->type != HWLOC_OBJ_PCI_DEVICE)
        object = object->parent;
    return object;
}

/* Which library an OS device is of: in the subtype, or in old exports in one of two pieces of information. */
static const char *subtype_of(hwloc_obj_t object)
{
    const char *subtype = object->subtype ? object->subtype : information(object, "CoProcType");
    subtype = subtype ? subtype : information(object, "Backend");
    return subtype ? subtype : "";
}

/* The library's name, or NULL for a device that is no GPU that computes. hwloc's versions differ in the type that they
 * give a library's device (GPU, co-processor or both), not in the subtype. */
static const char *backend_of(hwloc_obj_t object, hwloc_obj_t pci)
{
    static const struct {
        const char *subtype, *backend;
    } libraries[] = {
        {"CUDA", "cuda"}, {"OpenCL", "opencl"}, {"NVML", "nvml"}, {"RSMI", "rsmi"}, {"LevelZero", "level-zero"}};
    enum hwloc_obj_osdev_type_e type = object->attr->osdev.type;
    const char *subtype = subtype_of(object);
    const char *device = information(object, "OpenCLDeviceType");
    if (device && strcmp(device, "CPU") == 0)
        return NULL;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        if (strcmp(subtype, libraries[i].subtype) == 0)
            return libraries[i].backend;
    if (type == HWLOC_OBJ_OSDEV_COPROC)
        return "coprocessor";
    /* Left are the kernel's own devices (card0, renderD128), and X screens, which are no cards. */
    if (type != HWLOC_OBJ_OSDEV_GPU || strcmp(subtype, "Display") == 0)
        return NULL;
    return pci && gpu_can_compute(pci->attr->pcidev.vendor_id, pci->attr->pcidev.device_id) ? "drm" : NULL;
}

static bool is_virtual_function(hwloc_obj_t pci)
{
    const char *name = pci ? information(pci, "PCIDevice") : NULL;
    return name && strstr(name, "Virtual Function");
}

/* hwloc writes memory in KiB: "11796032", or "11796032KiB" of newer ones. */
static void read_memory(hwloc_obj_t object, struct gpu *gpu)
{
    static const char *const keys[] = {"CUDAGlobalMemorySize", "OpenCLGlobalMemorySize", "RSMIVRAMSize",
                                       "LevelZeroHBMSize", "LevelZeroDDRSize"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = information(object, keys[i]);
        unsigned long long kibibytes = value ? strtoull(value, NULL, 10) : 0;
        if (kibibytes && kibibytes < UINT64_MAX / 1024) {
            gpu->memory_known = true;
            gpu->memory_bytes = kibibytes * 1024;
            return;
        }
    }
}

static void name_gpu(hwloc_obj_t object, hwloc_obj_t pci, struct gpu *gpu)
{
    const char *name = information(object, "GPUModel");
    if (!name && pci)
        name = information(pci, "PCIDevice");
    if (!name && object->name)
        name = object->name;
    snprintf(gpu->name, sizeof gpu->name, "%s", name ? name : "GPU");
}

void gpu_find_topology(const struct probe_context *context, struct machine *machine)
{
    if (!context->foreign || !context->topology)
        return;
    for (hwloc_obj_t object = NULL; (object = hwloc_get_next_osdev(context->topology, object));) {
        hwloc_obj_t pci = pci_above(object);
        const char *backend = backend_of(object, pci);
        if (!backend || is_virtual_function(pci))
            continue;
        struct gpu gpu = {.usable = strcmp(backend, "cuda") == 0 || strcmp(backend, "opencl") == 0};
        snprintf(gpu.backend, sizeof gpu.backend, "%s", backend);
        if (pci)
            gpu_write_address(gpu.pci_address, sizeof gpu.pci_address, pci->attr->pcidev.domain, pci->attr->pcidev.bus,
                              pci->attr->pcidev.dev, pci->attr->pcidev.func);
        name_gpu(object, pci, &gpu);
        read_memory(object, &gpu);
        gpu_add(machine, &gpu);
    }
}
