/* Judges tonight: many cases' figures night by night, and which of them have changed.
 *
 * In this order: the drift that all cases share is taken off (shared_drift.h); what the cases' noise has in common is
 * learned (noise_law.h); each case's last nights are held against those before (change_evidence.h); and what that
 * evidence is worth among so many cases is told (false_discovery.h). A night on which everything moved is a finding
 * about the machine. */
#ifndef STATS_NIGHTS_H
#define STATS_NIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"

struct night_panel {
    const double *values; /* [case][night], logarithms of the figures, NaN where missing; tonight is the last */
    size_t cases, nights;
    bool shares_drift; /* whether it is looked for; memory has none */
};

struct night_options {
    double threshold; /* 0.01: a change by less never counts */
    double alpha;     /* 0.01: share of quiet nights on which anything is called */
    size_t baseline;  /* 40 nights */
    double floor;     /* least scale of a night's noise */
};
struct night_options night_defaults(void);

enum night_verdict {
    NIGHT_SAME,
    NIGHT_SLOWER, /* larger: worse, for times and bytes */
    NIGHT_FASTER,
    NIGHT_UNSURE,  /* it looks like it, and another night will tell */
    NIGHT_NEW,     /* too few nights to be judged */
    NIGHT_MISSING, /* not measured tonight */
};

struct night_finding {
    enum night_verdict verdict;
    double change, low, high; /* ratio of now to before, with its 95 % interval; NaN where absent */
    double p;                 /* after correction for the number of cases; NaN where absent */
    size_t since; /* the first changed night, as an index of the panel's nights; tonight when nothing changed */
    bool creep;
    double scale; /* of a night's noise, as a logarithm; NaN where absent */
};

/* What all cases did together. */
struct shared_shift {
    bool moved;     /* tonight isn't where the nights before were */
    bool confirmed; /* and last night wasn't either */
    double change;  /* ratio */
    size_t since;
};

/* Fills findings[cases] and *shift. */
bool nights_judge(const struct night_panel *panel, const struct night_options *options, struct night_finding *findings,
                  struct shared_shift *shift, struct error *error);

#endif
