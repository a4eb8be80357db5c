/* The machine's layout through hwloc: packages, cores, threads, caches, NUMA nodes, core kinds, PCI devices.
 * Live, or from an XML export, which is untrusted: it is read in a child process with limits of its own. */
#ifndef PROBES_TOPOLOGY_H
#define PROBES_TOPOLOGY_H

#include <hwloc.h>

#include "probes/probe.h"

/* The running machine, disallowed processing units included; NULL with *error when hwloc fails. */
hwloc_topology_t topology_load_live(struct error *error);
/* From the text of an XML export. */
hwloc_topology_t topology_load_xml(const char *xml, size_t length, struct error *error);

/* Reads and checks the file ("-": stdin), and has `describe` fill *machine from it. Everything wrong with the file is
 * ERROR_INPUT, `FILE: what and where`; nothing is printed. */
bool topology_file_describe(const char *path, void (*describe)(hwloc_topology_t, struct machine *),
                            struct machine *machine, struct error *error);

/* Whether the text is well-formed XML with a <topology> as its root, without a declaration of entities; the error
 * names the line. hwloc itself cannot say where a file is broken. */
bool topology_check_xml(const char *xml, size_t length, struct error *error);

#endif
