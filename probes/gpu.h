/* GPUs, from whatever knows of them: each source is one file that adds what it sees, and a card that several sources
 * see is one GPU, told apart by its PCI address. */
#ifndef PROBES_GPU_H
#define PROBES_GPU_H

#include "probes/probe.h"

enum { GPU_LIMIT = 256 };

/* Adds the card, or fills what is still unknown of the one at the same PCI address (or, where a source knows no
 * address, of the same name that this source hasn't claimed yet). A later source's backend counts more when it can
 * compute. Returns its place, -1 when the list is full. */
int gpu_add(struct machine *machine, const struct gpu *seen);
/* "0000:84:00.0" from parts. */
void gpu_write_address(char *out, size_t capacity, unsigned domain, unsigned bus, unsigned device, unsigned function);
/* Whether a display controller of this vendor and device can compute at all: not the framebuffers of servers' remote
 * consoles and of virtual machines. */
bool gpu_can_compute(unsigned vendor_id, unsigned device_id);

void gpu_find_topology(const struct probe_context *context, struct machine *machine);
void gpu_find_drm(const struct probe_context *context, struct machine *machine);
void gpu_find_nvml(const struct probe_context *context, struct machine *machine);
void gpu_find_cuda(const struct probe_context *context, struct machine *machine);
void gpu_find_opencl(const struct probe_context *context, struct machine *machine);

#endif
