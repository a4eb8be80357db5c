/* Energy of the processor packages from RAPL, through Linux's powercap (admin-guide/pm/powercap.rst). */
#ifndef RUN_ENERGY_H
#define RUN_ENERGY_H

enum { MOST_PACKAGES = 16 };

struct energy_mark {
    int packages; /* 0: the machine has none that this user may read */
    double joules[MOST_PACKAGES], range_j[MOST_PACKAGES];
};
/* `root`: "" for the live system, or a folder that stands for / (tests). */
struct energy_mark energy_look(const char *root);
/* All packages' joules between two marks; a counter that wrapped once is seen. NaN when there are none. */
double energy_between_j(const struct energy_mark *from, const struct energy_mark *to);

#endif
