/* OpenCL devices of type GPU or accelerator; a CPU behind OpenCL (PoCL) is the CPU and counts once already.
 * Values from the Khronos OpenCL 3.0 headers' specification and the vendors' extensions: cl_khr_pci_bus_info,
 * cl_nv_device_attribute_query, cl_amd_device_attribute_query. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "probes/gpu.h"

enum {
    DEVICE_TYPE_GPU = 1 << 2,
    DEVICE_TYPE_ACCELERATOR = 1 << 3,
    DEVICE_GLOBAL_MEM_SIZE = 0x101f,
    DEVICE_NAME = 0x102b,
    DRIVER_VERSION = 0x102d,
    DEVICE_BOARD_NAME_AMD = 0x4038,
    DEVICE_TOPOLOGY_AMD = 0x4037,
    DEVICE_PCI_BUS_ID_NV = 0x4008,
    DEVICE_PCI_SLOT_ID_NV = 0x4009,
    DEVICE_PCI_DOMAIN_ID_NV = 0x400a,
    DEVICE_PCI_BUS_INFO_KHR = 0x410f,
    PLATFORM_LIMIT = 16,
    DEVICE_LIMIT = 64,
};

typedef void *cl_handle;

struct opencl {
    int (*platforms)(unsigned, cl_handle *, unsigned *);
    int (*devices)(cl_handle, uint64_t, unsigned, cl_handle *, unsigned *);
    int (*information)(cl_handle, unsigned, size_t, void *, size_t *);
};

static bool load(void *library, struct opencl *opencl)
{
    *(void **)&opencl->platforms = dlsym(library, "clGetPlatformIDs");
    *(void **)&opencl->devices = dlsym(library, "clGetDeviceIDs");
    *(void **)&opencl->information = dlsym(library, "clGetDeviceInfo");
    return opencl->platforms && opencl->devices && opencl->information;
}

static void find_address(const struct opencl *opencl, cl_handle device, struct gpu *gpu)
{
    uint32_t khronos[4], bus, slot, domain = 0;
    unsigned char amd[24] = {0}; /* type, 17 bytes unused, bus, device, function */
    char *out = gpu->pci_address;
    if (opencl->information(device, DEVICE_PCI_BUS_INFO_KHR, sizeof khronos, khronos, NULL) == 0) {
        gpu_write_address(out, sizeof gpu->pci_address, khronos[0], khronos[1], khronos[2], khronos[3]);
    } else if (opencl->information(device, DEVICE_PCI_BUS_ID_NV, sizeof bus, &bus, NULL) == 0 &&
               opencl->information(device, DEVICE_PCI_SLOT_ID_NV, sizeof slot, &slot, NULL) == 0) {
        opencl->information(device, DEVICE_PCI_DOMAIN_ID_NV, sizeof domain, &domain, NULL);
        gpu_write_address(out, sizeof gpu->pci_address, domain, bus, slot >> 3, slot & 7);
    } else if (opencl->information(device, DEVICE_TOPOLOGY_AMD, sizeof amd, amd, NULL) == 0 && amd[0] == 1) {
        gpu_write_address(out, sizeof gpu->pci_address, 0, amd[21], amd[22], amd[23]);
    }
}

static void add_device(const struct opencl *opencl, cl_handle device, struct machine *machine)
{
    struct gpu gpu = {.backend = "opencl", .usable = true};
    uint64_t bytes = 0;
    if (opencl->information(device, DEVICE_BOARD_NAME_AMD, sizeof gpu.name - 1, gpu.name, NULL) != 0 || !gpu.name[0])
        opencl->information(device, DEVICE_NAME, sizeof gpu.name - 1, gpu.name, NULL);
    if (!gpu.name[0])
        snprintf(gpu.name, sizeof gpu.name, "OpenCL GPU");
    opencl->information(device, DRIVER_VERSION, sizeof gpu.driver - 1, gpu.driver, NULL);
    if (opencl->information(device, DEVICE_GLOBAL_MEM_SIZE, sizeof bytes, &bytes, NULL) == 0 && bytes) {
        gpu.memory_known = true;
        gpu.memory_bytes = bytes;
    }
    find_address(opencl, device, &gpu);
    gpu_add(machine, &gpu);
}

void gpu_find_opencl(const struct probe_context *context, struct machine *machine)
{
    struct opencl opencl;
    cl_handle platforms[PLATFORM_LIMIT], devices[DEVICE_LIMIT];
    unsigned platform_count = 0, device_count;
    void *library = context->root[0] ? NULL : dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library || !load(library, &opencl) || opencl.platforms(PLATFORM_LIMIT, platforms, &platform_count) != 0)
        return;
    for (unsigned i = 0; i < platform_count && i < PLATFORM_LIMIT; i++) {
        if (opencl.devices(platforms[i], DEVICE_TYPE_GPU | DEVICE_TYPE_ACCELERATOR, DEVICE_LIMIT, devices,
                           &device_count) != 0)
            continue;
        for (unsigned j = 0; j < device_count && j < DEVICE_LIMIT; j++)
            add_device(&opencl, devices[j], machine);
    }
}
