/* An XML export of a topology of any bytes. The check that stands before hwloc may not crash, and refuses in one line.
 * What it takes, hwloc reads in a child process, which costs a thousand times as much: one in 256 of those. And the
 * machine that such a child tells, which may be anything, as it may have been overrun. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "probes/machine.h"
#include "probes/topology.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void require_line(const struct error *error)
{
    require(error->kind == ERROR_INPUT && error->message[0] && !strchr(error->message, '\n'));
}

static void describe(hwloc_topology_t topology, struct machine *machine)
{
    machine->cpu.threads = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
}

static void try_file(const uint8_t *bytes, size_t size)
{
    int file = memfd_create("topology", MFD_CLOEXEC);
    char path[64];
    require(file >= 0 && write(file, bytes, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct machine machine = {0};
    struct error error = {0};
    if (!topology_file_describe(path, describe, &machine, &error))
        require_line(&error);
    machine_free(&machine);
    close(file);
}

static void try_machine(const uint8_t *bytes, size_t size)
{
    struct error error = {0};
    json_t *document = json_parse((const char *)bytes, size, "machine", &error);
    struct machine machine = {0};
    if (document && machine_from_json(&machine, document, &error)) {
        json_t *written = machine_to_json(&machine);
        require(written != NULL);
        json_decref(written);
        machine_free(&machine);
    }
    json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    uint32_t hash = 1;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 16777619;
    if (!topology_check_xml((const char *)data, size, &error))
        require_line(&error);
    else if ((hash >> 8 & 255) == 0)
        try_file(data, size);
    try_machine(data, size);
    return 0;
}
