/* The hardware's fingerprint, stable across boots, software and container limits. */
#ifndef PROBES_FINGERPRINT_H
#define PROBES_FINGERPRINT_H

#include "probes/machine.h"

/* Fills machine->fingerprint from its CPU, caches, memory and GPUs. */
void fingerprint_set(struct machine *machine);
/* The installed size that a reported one belongs to: up to an eighth of the power of two below. */
uint64_t fingerprint_round_memory(uint64_t bytes);

#endif
