/* Runs of several machines beside each other: how fast, for how much money and how much power. Pure data in, pure data
 * out. Everything is relative to the first run.
 *
 * What can't be compared is left out by name and never averaged away: another version's kernels or another engine, a
 * case that was noisy, failed or wasn't run, another dtype, another number of threads (unless both took all that their
 * machine has). A score is the weighted geometric mean over the cases that all compared runs have; its interval is
 * stats/log_median.h's. */
#ifndef REPORTS_COMPARE_H
#define REPORTS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"
#include "harness/stats/robust.h"
#include "harness/store/record.h"
#include "reports/report.h"

/* GLOB=W or NAME=VALUE of the command line, split at the last '='. */
struct compare_value {
    char name[TEXT_ID];
    double value;
};
bool compare_value_parse(const char *text, const char *option, double least, struct compare_value *value,
                         struct error *error);

struct compare_prices {
    double years, kwh_price_usd, utilisation;
};

struct compared_run {
    const struct run *run;
    char name[TEXT_ID + TEXT_WORD];
    double price_usd, watts;    /* NaN where not known */
    bool watts_given;           /* else measured by the energy counters */
    char left_out[TEXT_REASON]; /* why all of it is; "" when it isn't */
    struct interval speed;      /* over the first run's */
    size_t cases;
    double tco_usd;
    bool pareto;
};

/* One case in every run. */
struct compared_case {
    const char *id, *unit;
    double weight;
    const struct record **records; /* [runs], NULL where there is nothing to compare; owned */
    struct interval *ratios;       /* [runs], over the first run's speed; owned */
    bool scored;                   /* all runs that aren't left out have it, and its weight isn't 0 */
};

struct left_out {
    char id[TEXT_ID];
    char why[TEXT_REASON];
};

struct comparison {
    struct compared_run *runs; /* owned */
    size_t run_count;
    struct compared_case *cases; /* owned */
    size_t case_count;
    struct left_out *left_out; /* owned */
    size_t left_out_count;
    size_t scored;
    struct compare_prices prices;
};

/* `files` names each run's file, NULL where it is from the store; the names follow CONTRACT: the note's `name=`, the
 * file's stem, the machine's name. */
bool compare_make(const struct run *runs, const char *const *files, size_t count, bool any_software,
                  const struct compare_value *weights, size_t weight_count, struct comparison *comparison,
                  struct error *error);
/* Prices and watts by name (or the beginning of an id), and what follows from them. */
bool compare_price(struct comparison *comparison, const struct compare_value *prices, size_t price_count,
                   const struct compare_value *watts, size_t watt_count, const struct compare_prices *terms,
                   struct error *error);
void compare_free(struct comparison *comparison);
/* What a record says a second makes; NaN where unknown. */
struct interval compare_throughput(const struct record *record);

/* compare_report.c: schema benchmark.compare/1, tables and the answer. */
struct report *compare_report(const struct comparison *comparison);

#endif
