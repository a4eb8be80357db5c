/* The table of raw ceilings: each one is a file in probes/ceilings. */
#include <stddef.h>

#include "probes/probe.h"

extern const struct ceiling_probe ceiling_peak, ceiling_gemm, ceiling_bandwidth, ceiling_gather, ceiling_fork_join;

const struct ceiling_probe *const ceiling_probes[] = {
    &ceiling_peak, &ceiling_gemm, &ceiling_bandwidth, &ceiling_gather, &ceiling_fork_join, NULL,
};
