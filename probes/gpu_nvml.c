/* NVIDIA's management library: names, memory and what of it is free, without making a context.
 * Types and values as in NVIDIA's NVML API Reference Guide. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "probes/gpu.h"

struct nvml_memory {
    unsigned long long total, free, used;
};

struct nvml_pci {
    char legacy_bus_id[16];
    unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
};

typedef void *nvml_device;

struct nvml {
    int (*start)(void), (*stop)(void);
    int (*count)(unsigned *);
    int (*handle)(unsigned, nvml_device *);
    int (*name)(nvml_device, char *, unsigned);
    int (*memory)(nvml_device, struct nvml_memory *);
    int (*pci)(nvml_device, struct nvml_pci *);
    int (*driver)(char *, unsigned);
};

static bool load(void *library, struct nvml *nvml)
{
    *(void **)&nvml->start = dlsym(library, "nvmlInit_v2");
    *(void **)&nvml->stop = dlsym(library, "nvmlShutdown");
    *(void **)&nvml->count = dlsym(library, "nvmlDeviceGetCount_v2");
    *(void **)&nvml->handle = dlsym(library, "nvmlDeviceGetHandleByIndex_v2");
    *(void **)&nvml->name = dlsym(library, "nvmlDeviceGetName");
    *(void **)&nvml->memory = dlsym(library, "nvmlDeviceGetMemoryInfo");
    *(void **)&nvml->pci = dlsym(library, "nvmlDeviceGetPciInfo_v3");
    *(void **)&nvml->driver = dlsym(library, "nvmlSystemGetDriverVersion");
    return nvml->start && nvml->stop && nvml->count && nvml->handle && nvml->name && nvml->memory && nvml->pci &&
           nvml->driver;
}

static void add_device(const struct nvml *nvml, unsigned index, struct machine *machine)
{
    nvml_device device;
    struct gpu gpu = {.backend = "nvml"};
    struct nvml_pci pci = {0};
    struct nvml_memory memory = {0};
    if (nvml->handle(index, &device) != 0)
        return;
    if (nvml->pci(device, &pci) == 0)
        gpu_write_address(gpu.pci_address, sizeof gpu.pci_address, pci.domain, pci.bus, pci.device, 0);
    if (nvml->name(device, gpu.name, sizeof gpu.name - 1) != 0)
        snprintf(gpu.name, sizeof gpu.name, "NVIDIA GPU");
    /* A card that shares the CPU's memory has none of its own, and NVML says so. */
    if (nvml->memory(device, &memory) == 0 && memory.total) {
        gpu.memory_known = gpu.free_known = true;
        gpu.memory_bytes = memory.total;
        gpu.free_bytes = memory.free;
    }
    nvml->driver(gpu.driver, sizeof gpu.driver - 1);
    gpu_add(machine, &gpu);
}

void gpu_find_nvml(const struct probe_context *context, struct machine *machine)
{
    struct nvml nvml;
    unsigned count = 0;
    void *library = context->root[0] ? NULL : dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return;
    if (load(library, &nvml) && nvml.start() == 0) {
        if (nvml.count(&count) == 0)
            for (unsigned i = 0; i < count && i < GPU_LIMIT; i++)
                add_device(&nvml, i, machine);
        nvml.stop();
    }
    dlclose(library);
}
