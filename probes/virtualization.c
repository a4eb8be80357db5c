#include "probes/virtualization.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/system_file.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* CPUID leaf 0x40000000 holds the hypervisor's signature: Intel and AMD leave it to them. */
static const char *hypervisor_by_cpuid(void)
{
    static const struct {
        const char *signature, *name;
    } known[] = {{"KVMKVMKVM", "KVM"},          {"Microsoft Hv", "Hyper-V"},   {"VMwareVMware", "VMware"},
                 {"XenVMMXenVMM", "Xen"},       {"TCGTCGTCGTCG", "QEMU"},      {"bhyve bhyve ", "bhyve"},
                 {"prl hyperv  ", "Parallels"}, {"VBoxVBoxVBox", "VirtualBox"}};
    unsigned a, words[4] = {0};
    __cpuid(0x40000000, a, words[0], words[1], words[2]);
    (void)a;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp((const char *)words, known[i].signature, strlen(known[i].signature)) == 0)
            return known[i].name;
    return "hypervisor";
}
#else
static const char *hypervisor_by_cpuid(void)
{
    return "hypervisor";
}
#endif

void virtualization_find(const char *root, char *out, size_t capacity)
{
    static const char *const vendors[] = {
        "QEMU", "KVM", "VMware", "VirtualBox", "Xen", "Bochs", "Amazon EC2", "Google Compute Engine", "OpenStack"};
    char flags[8192], line[128];
    out[0] = '\0';
    char *text = system_read(root, "/proc/cpuinfo");
    bool virtual = system_field_text(text, "flags", flags, sizeof flags) && strstr(flags, " hypervisor");
    free(text);
    if (virtual) {
        snprintf(out, capacity, "%s", root[0] ? "hypervisor" : hypervisor_by_cpuid());
        return;
    }
    if (system_read_line(line, sizeof line, root, "/sys/hypervisor/type")) {
        snprintf(out, capacity, "%s", line);
        return;
    }
    static const char *const files[] = {"product_name", "sys_vendor", "board_vendor"};
    for (size_t i = 0; i < 3; i++) {
        system_read_line(line, sizeof line, root, "/sys/class/dmi/id/%s", files[i]);
        for (size_t j = 0; j < sizeof vendors / sizeof *vendors; j++)
            /* EC2's bare-metal machines say so in their product's name. */
            if (strstr(line, vendors[j]) && !strstr(line, "metal")) {
                snprintf(out, capacity, "%s", vendors[j]);
                return;
            }
    }
}

void container_find(const char *root, char *out, size_t capacity)
{
    static const struct {
        const char *in_cgroup, *name;
    } known[] = {{"/docker", "docker"},
                 {"/kubepods", "kubernetes"},
                 {"/libpod", "podman"},
                 {"/lxc", "lxc"},
                 {"/machine.slice/systemd-nspawn", "systemd-nspawn"}};
    char line[512];
    out[0] = '\0';
    if (system_exists(root, "/run/.containerenv"))
        snprintf(out, capacity, "podman");
    else if (system_exists(root, "/.dockerenv"))
        snprintf(out, capacity, "docker");
    else if (system_read_line(line, sizeof line, root, "/run/systemd/container"))
        snprintf(out, capacity, "%s", line);
    if (out[0])
        return;
    char *text = system_read(root, "/proc/self/cgroup");
    for (size_t i = 0; text && i < sizeof known / sizeof *known; i++)
        if (strstr(text, known[i].in_cgroup)) {
            snprintf(out, capacity, "%s", known[i].name);
            break;
        }
    free(text);
}
