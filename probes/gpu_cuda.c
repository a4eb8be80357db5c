/* The CUDA driver: which cards a program can compute on. Types and values as in NVIDIA's CUDA Driver API manual. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "probes/gpu.h"

struct cuda {
    int (*start)(unsigned);
    int (*version)(int *);
    int (*count)(int *);
    int (*get)(int *, int);
    int (*name)(char *, int, int);
    int (*memory)(size_t *, int);
    int (*address)(char *, int, int);
};

static bool load(void *library, struct cuda *cuda)
{
    *(void **)&cuda->start = dlsym(library, "cuInit");
    *(void **)&cuda->version = dlsym(library, "cuDriverGetVersion");
    *(void **)&cuda->count = dlsym(library, "cuDeviceGetCount");
    *(void **)&cuda->get = dlsym(library, "cuDeviceGet");
    *(void **)&cuda->name = dlsym(library, "cuDeviceGetName");
    *(void **)&cuda->memory = dlsym(library, "cuDeviceTotalMem_v2");
    *(void **)&cuda->address = dlsym(library, "cuDeviceGetPCIBusId");
    return cuda->start && cuda->version && cuda->count && cuda->get && cuda->name && cuda->memory && cuda->address;
}

static void add_device(const struct cuda *cuda, int index, struct machine *machine)
{
    int device, version = 0;
    size_t bytes = 0;
    struct gpu gpu = {.backend = "cuda", .usable = true};
    if (cuda->get(&device, index) != 0)
        return;
    if (cuda->name(gpu.name, sizeof gpu.name - 1, device) != 0)
        snprintf(gpu.name, sizeof gpu.name, "NVIDIA GPU");
    if (cuda->address(gpu.pci_address, sizeof gpu.pci_address - 1, device) != 0)
        gpu.pci_address[0] = '\0';
    if (cuda->memory(&bytes, device) == 0 && bytes) {
        gpu.memory_known = true;
        gpu.memory_bytes = bytes;
    }
    if (cuda->version(&version) == 0)
        snprintf(gpu.driver, sizeof gpu.driver, "CUDA %d.%d", version / 1000, version % 1000 / 10);
    gpu_add(machine, &gpu);
}

void gpu_find_cuda(const struct probe_context *context, struct machine *machine)
{
    struct cuda cuda;
    int count = 0;
    /* Never closed: the driver starts threads of its own that outlive a dlclose. */
    void *library = context->root[0] ? NULL : dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library || !load(library, &cuda) || cuda.start(0) != 0 || cuda.count(&count) != 0)
        return;
    for (int i = 0; i < count && i < GPU_LIMIT; i++)
        add_device(&cuda, i, machine);
}
