/* The software that speed depends on: kernel, C library, BLAS, compiler, and how the kernel is set up. */
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "harness/base/text.h"
#include "probes/blas.h"
#include "probes/probe.h"
#include "probes/system_file.h"
#include "probes/virtualization.h"

static void find_kernel(const char *root, char *out, size_t capacity)
{
    struct utsname names;
    char release[64];
    if (root[0]) {
        if (system_read_line(release, sizeof release, root, "/proc/sys/kernel/osrelease"))
            snprintf(out, capacity, "Linux %.50s", release);
    } else if (uname(&names) == 0) {
        snprintf(out, capacity, "%.40s %.64s", names.sysname, names.release);
    }
}

static void find_distribution(const char *root, char *out, size_t capacity)
{
    char *text = system_read(root, "/etc/os-release"), quoted[NAME_SIZE];
    if (system_field_text(text, "PRETTY_NAME", quoted, sizeof quoted)) {
        const char *start = quoted + (quoted[0] == '"');
        snprintf(out, capacity, "%.*s", (int)strcspn(start, "\""), start);
    }
    free(text);
}

static void find_compiler(char *out, size_t capacity)
{
#if defined(__clang__)
    snprintf(out, capacity, "clang %d.%d.%d", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
    snprintf(out, capacity, "gcc %d.%d.%d", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

static void find_smt(const char *root, char *out, size_t capacity)
{
    uint64_t active;
    if (system_read_count(&active, root, "/sys/devices/system/cpu/smt/active"))
        snprintf(out, capacity, "%s", active ? "on" : "off");
}

/* "spectre_v2: Retpolines; meltdown: not affected …" as the files say, without those that don't concern this CPU. */
static void find_mitigations(const char *root, char *out, size_t capacity)
{
    struct text text = {0};
    char **names = system_list(root, "/sys/devices/system/cpu/vulnerabilities", "");
    for (size_t i = 0; names && names[i]; i++) {
        char line[128];
        if (!system_read_line(line, sizeof line, root, "/sys/devices/system/cpu/vulnerabilities/%s", names[i]) ||
            strncmp(line, "Not affected", 12) == 0)
            continue;
        const char *what = strncmp(line, "Mitigation: ", 12) == 0 ? line + 12 : line;
        text_printf(&text, "%s%s: %.*s", text.length ? "; " : "", names[i], (int)strcspn(what, ";,"), what);
    }
    system_free_names(names);
    snprintf(out, capacity, "%s", text_string(&text));
    text_free(&text);
}

static void look(const struct probe_context *context, struct machine *machine, struct presence *why_not)
{
    struct software *software = &machine->software;
    const char *root = context->root;
    find_kernel(root, software->kernel, sizeof software->kernel);
    snprintf(software->libc, sizeof software->libc, "glibc %s", gnu_get_libc_version());
    find_compiler(software->compiler, sizeof software->compiler);
    blas_identify(software->blas, software->blas_core);
    snprintf(software->benchmark, sizeof software->benchmark, "%s", BENCHMARK_VERSION);
    find_distribution(root, software->distribution, sizeof software->distribution);
    system_read_line(software->governor, sizeof software->governor, root,
                     "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    find_smt(root, software->smt, sizeof software->smt);
    char *information = system_read(root, "/proc/cpuinfo");
    system_field_text(information, "microcode", software->microcode, sizeof software->microcode);
    free(information);
    virtualization_find(root, software->virtualization, sizeof software->virtualization);
    container_find(root, software->container, sizeof software->container);
    find_mitigations(root, software->mitigations, sizeof software->mitigations);
    why_not->available = true;
}

const struct probe probe_software = {
    .name = "software",
    .help = "kernel, C library, BLAS, compiler, governor, SMT, mitigations, microcode, container, virtual machine",
    .live_only = true,
    .look = look,
};
