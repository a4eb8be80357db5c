/* GPUs by the kernel's own word: a render node in /sys/class/drm means a driver that runs shaders. AMD's driver tells
 * the memory beside it. A card that only DRM knows is named, but not usable until a library for it is installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probes/gpu.h"
#include "probes/system_file.h"

static unsigned hexadecimal(const char *root, const char *node, const char *file)
{
    char line[32];
    return system_read_line(line, sizeof line, root, "/sys/class/drm/%s/device/%s", node, file)
               ? (unsigned)strtoul(line, NULL, 16)
               : 0;
}

static void name_card(const struct machine *machine, unsigned vendor, unsigned device, struct gpu *gpu)
{
    for (size_t i = 0; i < machine->pci_count; i++)
        if (strcasecmp(machine->pci[i].address, gpu->pci_address) == 0 && machine->pci[i].name[0])
            memcpy(gpu->name, machine->pci[i].name, sizeof gpu->name);
    if (!gpu->name[0])
        snprintf(gpu->name, sizeof gpu->name, "%s GPU %04x:%04x",
                 vendor == 0x10de   ? "NVIDIA"
                 : vendor == 0x8086 ? "Intel"
                                    : "AMD",
                 vendor, device);
}

static void add_node(const char *root, const char *node, struct machine *machine)
{
    struct gpu gpu = {.backend = "drm"};
    unsigned vendor = hexadecimal(root, node, "vendor"), device = hexadecimal(root, node, "device");
    /* A virtual function is a share of a card that is there already. */
    if (!gpu_can_compute(vendor, device) || system_exists(root, "/sys/class/drm/%s/device/physfn", node))
        return;
    char *event = system_read(root, "/sys/class/drm/%s/device/uevent", node);
    system_field_text(event, "PCI_SLOT_NAME", gpu.pci_address, sizeof gpu.pci_address);
    system_field_text(event, "DRIVER", gpu.driver, sizeof gpu.driver);
    free(event);
    uint64_t used;
    gpu.memory_known =
        system_read_count(&gpu.memory_bytes, root, "/sys/class/drm/%s/device/mem_info_vram_total", node) &&
        gpu.memory_bytes;
    gpu.free_known = gpu.memory_known &&
                     system_read_count(&used, root, "/sys/class/drm/%s/device/mem_info_vram_used", node) &&
                     used <= gpu.memory_bytes;
    if (gpu.free_known)
        gpu.free_bytes = gpu.memory_bytes - used;
    name_card(machine, vendor, device, &gpu);
    gpu_add(machine, &gpu);
}

void gpu_find_drm(const struct probe_context *context, struct machine *machine)
{
    char **nodes = system_list(context->root, "/sys/class/drm", "renderD");
    for (size_t i = 0; nodes && nodes[i]; i++)
        add_node(context->root, nodes[i], machine);
    system_free_names(nodes);
}
