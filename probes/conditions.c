#include "probes/conditions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/probe.h"
#include "probes/system_file.h"

struct cpu_times conditions_read_times(const char *root)
{
    char line[256];
    double field[8] = {0};
    if (!system_read_line(line, sizeof line, root, "/proc/stat") || strncmp(line, "cpu ", 4) != 0)
        return (struct cpu_times){0};
    char *position = line + 4;
    int count = 0;
    for (char *end; count < 8; count++, position = end) {
        field[count] = strtod(position, &end);
        if (end == position)
            break;
    }
    /* user nice system idle iowait irq softirq steal */
    return (struct cpu_times){.busy = field[0] + field[1] + field[2] + field[5] + field[6],
                              .idle = field[3] + field[4],
                              .steal = field[7],
                              .known = count >= 4};
}

static double share(const struct cpu_times *before, const struct cpu_times *after, double part)
{
    double all = after->busy + after->idle + after->steal - before->busy - before->idle - before->steal;
    return before->known && after->known && all > 0 && part >= 0 ? part / all : NAN;
}

double conditions_steal_share(const struct cpu_times *before, const struct cpu_times *after)
{
    return share(before, after, after->steal - before->steal);
}

double conditions_busy_share(const struct cpu_times *before, const struct cpu_times *after)
{
    return share(before, after, after->busy - before->busy);
}

double conditions_read_throttles(const char *root)
{
    double sum = NAN;
    char **names = system_list(root, "/sys/devices/system/cpu", "cpu");
    for (size_t i = 0; names && names[i]; i++) {
        uint64_t count;
        if (system_read_count(&count, root, "/sys/devices/system/cpu/%s/thermal_throttle/core_throttle_count",
                              names[i]))
            sum = (isfinite(sum) ? sum : 0) + (double)count;
    }
    system_free_names(names);
    return sum;
}

static void hotter(double *hottest, uint64_t millidegrees)
{
    double degrees = (double)millidegrees / 1000;
    if (degrees > 0 && degrees < 150 && (!isfinite(*hottest) || degrees > *hottest))
        *hottest = degrees;
}

/* Only sensors of the CPU: a disk or a network card may be hot without slowing anything here. */
double conditions_read_temperature(const char *root)
{
    static const char *const chips[] = {"coretemp", "k10temp", "zenpower", "cpu_thermal"};
    double hottest = NAN;
    uint64_t value;
    char name[64];
    char **folders = system_list(root, "/sys/class/hwmon", "hwmon");
    for (size_t i = 0; folders && folders[i]; i++) {
        bool cpu = false;
        system_read_line(name, sizeof name, root, "/sys/class/hwmon/%s/name", folders[i]);
        for (size_t j = 0; j < sizeof chips / sizeof *chips; j++)
            cpu |= strcmp(name, chips[j]) == 0;
        for (int sensor = 1; cpu && sensor <= 256; sensor++)
            if (system_read_count(&value, root, "/sys/class/hwmon/%s/temp%d_input", folders[i], sensor))
                hotter(&hottest, value);
    }
    system_free_names(folders);
    char **zones = system_list(root, "/sys/class/thermal", "thermal_zone");
    for (size_t i = 0; zones && zones[i]; i++) {
        system_read_line(name, sizeof name, root, "/sys/class/thermal/%s/type", zones[i]);
        if ((strstr(name, "cpu") || strcmp(name, "x86_pkg_temp") == 0) &&
            system_read_count(&value, root, "/sys/class/thermal/%s/temp", zones[i]))
            hotter(&hottest, value);
    }
    system_free_names(zones);
    return hottest;
}

static void look(const struct probe_context *context, struct machine *machine, struct presence *why_not)
{
    struct conditions *conditions = &machine->conditions;
    char line[128];
    if (system_read_line(line, sizeof line, context->root, "/proc/loadavg"))
        conditions->load1 = strtod(line, NULL);
    struct cpu_times boot = {.known = true}, now = conditions_read_times(context->root);
    conditions->steal = conditions_steal_share(&boot, &now);
    conditions->temperature_celsius = conditions_read_temperature(context->root);
    conditions->throttle_count = conditions_read_throttles(context->root);
    why_not->available = true;
}

const struct probe probe_conditions = {
    .name = "conditions",
    .help = "load, steal, temperature, throttling",
    .live_only = true,
    .look = look,
};
