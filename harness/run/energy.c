#include "harness/run/energy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/text.h"

static double read_microjoules(const char *root, int package, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/sys/class/powercap/intel-rapl:%d/%s", root, package, name);
    char *text = text_read_file(path, 64);
    double value = text && *text >= '0' && *text <= '9' ? strtod(text, NULL) : NAN;
    free(text);
    return value;
}

struct energy_mark energy_look(const char *root)
{
    struct energy_mark mark = {0};
    for (int package = 0; package < MOST_PACKAGES; package++) {
        double energy = read_microjoules(root, package, "energy_uj");
        if (isnan(energy))
            break;
        mark.joules[package] = energy * 1e-6;
        mark.range_j[package] = read_microjoules(root, package, "max_energy_range_uj") * 1e-6;
        mark.packages = package + 1;
    }
    return mark;
}

double energy_between_j(const struct energy_mark *from, const struct energy_mark *to)
{
    if (!from->packages || from->packages != to->packages)
        return NAN;
    double total = 0;
    for (int i = 0; i < from->packages; i++) {
        double more = to->joules[i] - from->joules[i];
        total += more < 0 ? more + to->range_j[i] : more;
    }
    return total;
}
