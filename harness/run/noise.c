/* Steal and run-queue delay; see noise.h. Formats: proc(5) /proc/stat, and the kernel's scheduler/sched-stats.rst. */
#include "harness/run/noise.h"

#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/text.h"
#include "harness/run/clock.h"

static bool is_among(int cpu, const int *cpus, size_t cpu_count)
{
    for (size_t i = 0; i < cpu_count; i++)
        if (cpus[i] == cpu)
            return true;
    return cpu_count == 0;
}

double noise_parse_steal(const char *stat, const int *cpus, size_t cpu_count)
{
    double total = NAN;
    for (const char *line = stat, *end; line; line = end ? end + 1 : NULL) {
        end = strchr(line, '\n');
        int cpu;
        double steal;
        /* user nice system idle iowait irq softirq steal */
        if (sscanf(line, "cpu%d %*s %*s %*s %*s %*s %*s %*s %lf", &cpu, &steal) == 2 && is_among(cpu, cpus, cpu_count))
            total = (isnan(total) ? 0 : total) + steal;
    }
    return total;
}

double noise_parse_delay_s(const char *schedstat)
{
    double delay_ns;
    return sscanf(schedstat, "%*s %lf", &delay_ns) == 1 ? delay_ns * 1e-9 : NAN;
}

static double delay_of_threads_s(void)
{
    DIR *tasks = opendir("/proc/self/task");
    double total = NAN;
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        char path[300];
        snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", task->d_name);
        char *text = *task->d_name == '.' ? NULL : text_read_file(path, 256);
        double delay = text ? noise_parse_delay_s(text) : NAN;
        if (!isnan(delay))
            total = (isnan(total) ? 0 : total) + delay;
        free(text);
    }
    if (tasks)
        closedir(tasks);
    return total;
}

struct noise_mark noise_look(const int *cpus, size_t cpu_count)
{
    struct noise_mark mark = {.time_s = clock_now_s(), .steal_s = NAN, .delay_s = delay_of_threads_s()};
    char *stat = text_read_file("/proc/stat", 4 << 20);
    if (stat)
        mark.steal_s = noise_parse_steal(stat, cpus, cpu_count) / (double)sysconf(_SC_CLK_TCK);
    free(stat);
    return mark;
}

static double share(double part_s, double whole_s)
{
    return whole_s > 0 ? fmin(1, fmax(0, part_s / whole_s)) : NAN;
}

double noise_steal(const struct noise_mark *from, const struct noise_mark *to, size_t cpu_count)
{
    double part = to->steal_s - from->steal_s;
    return isnan(part) ? NAN : share(part, (to->time_s - from->time_s) * (double)cpu_count);
}

double noise_delay(const struct noise_mark *from, const struct noise_mark *to, int threads)
{
    double part = to->delay_s - from->delay_s;
    return isnan(part) ? NAN : share(part, (to->time_s - from->time_s) * threads);
}
