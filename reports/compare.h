/* Machines beside each other: how fast, for how much money and how much power, and whether they do what is demanded.
 * Pure data in, pure data out. Everything is relative to the first machine.
 *
 * A machine is a run that was made on it, or its data sheet (fitness/sheet_run.h), which is marked wherever it is told.
 * What can't be compared is left out by name and never averaged away: another version's kernels or another engine, a
 * case that was noisy, failed or wasn't run, another dtype, another number of threads (unless both took all that their
 * machine has). A score is the weighted geometric mean over the cases that all compared machines have; its interval is
 * stats/log_median.h's. What a machine tried and couldn't run is counted beside its score, and against its demands. */
#ifndef REPORTS_COMPARE_H
#define REPORTS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"
#include "harness/stats/robust.h"
#include "harness/store/record.h"
#include "reports/report.h"
#include "reports/workload.h"

struct compare_prices {
    double years, kwh_price_usd, utilisation;
};

struct compare_input {
    const struct run *run;
    const char *file;        /* that it was read from, or NULL */
    bool sheet;              /* its times are told by a data sheet */
    double price_usd, watts; /* that the data sheet tells; else NaN */
};

struct compared_run {
    const struct run *run;
    const struct record **by_id; /* owned */
    bool sheet;
    char name[TEXT_ID + TEXT_WORD];
    double price_usd, watts;       /* NaN where not known */
    bool price_given, watts_given; /* else by the data sheet, or measured by the energy counters */
    char left_out[TEXT_REASON];    /* why all of it is; "" when it isn't */
    struct interval speed;         /* over the first run's */
    size_t cases;
    size_t unable; /* cases that others measured and it could not run */
    double tco_usd;
    bool pareto;
    size_t demands_met;
    double machines, machines_most; /* that all `total` demands take together, by the medians and by the low ends; NaN
                                       where one of them can't be met, or there is none */
};

/* One case in every run. */
struct compared_case {
    const char *id, *unit;
    double weight;
    const struct record **records; /* [runs], NULL where there is nothing to compare; owned */
    struct interval *ratios;       /* [runs], over the first run's speed; owned */
    bool scored;                   /* all runs that aren't left out have it, and its weight isn't 0 */
};

struct left_out_case {
    char id[TEXT_ID];
    char why[TEXT_REASON];
};

enum verdict { VERDICT_YES, VERDICT_MAYBE, VERDICT_NO, VERDICT_UNKNOWN };
const char *verdict_name(enum verdict verdict);

/* What one machine says to one demand. */
struct demand_answer {
    enum verdict verdict;
    char basis[TEXT_WORD]; /* "measured", "estimated", "data sheet"; "" unknown */
    char id[TEXT_ID];      /* of the case that it rests on */
    struct interval throughput;
    double machines, machines_most; /* that reach it together */
    char reason[TEXT_REASON];       /* one sentence */
};

struct compared_demand {
    const struct demand *demand;   /* the workload's */
    struct demand_answer *answers; /* [runs]; owned */
};

struct comparison {
    struct compared_run *runs;        /* owned */
    size_t run_count, first_measured; /* the first that isn't a data sheet */
    struct compared_case *cases;      /* owned */
    size_t case_count;
    struct left_out_case *left_out; /* owned */
    size_t left_out_count;
    size_t scored;
    struct compare_prices prices;
    const struct workload *workload; /* the caller's */
    struct compared_demand *demands; /* owned */
    size_t demand_count;
};

/* The names follow CONTRACT: the note's `name=`, the file's stem, the machine's name. One of the inputs must be a run
 * that was measured. The inputs' runs and the workload stay the caller's. */
bool compare_make(const struct compare_input *inputs, size_t count, bool any_software, const struct workload *workload,
                  struct comparison *comparison, struct error *error);
/* compare_speed.c: what the samples say. False without memory. */
bool compare_add_speeds(struct comparison *comparison);
/* compare_money.c. Prices and watts by name (or the beginning of an id), and what follows from them. */
bool compare_price(struct comparison *comparison, const struct named_value *prices, size_t price_count,
                   const struct named_value *watts, size_t watt_count, const struct compare_prices *terms,
                   struct error *error);
/* Dollars for a million units at that rate, the machine at work through all its years as the terms say; NaN without a
 * price. */
double compare_usd_per_million(const struct comparison *comparison, size_t r, double throughput);
/* Takes the answers over: [demands][runs]; and counts what each machine meets, and how many of it are needed. */
bool compare_add_demands(struct comparison *comparison, struct demand_answer *const *answers, struct error *error);
/* Dollars for the work: of as many machines as the demands take together, or of one (of ownership, or its price alone
 * where watts aren't known), or without demands for the first run's speed; NaN where unknown. */
double compare_cost(const struct comparison *comparison, size_t r);
/* The machine to take: of those that meet all demands the one with the least cost (for the work, or of ownership), else
 * the most speed for its money, else the fastest; run_count when none can be told. */
size_t compare_best(const struct comparison *comparison);
void compare_free(struct comparison *comparison);
/* What a record says a second makes; NaN where unknown. */
struct interval compare_throughput(const struct record *record);

/* compare_report.c: schema benchmark.compare/1, tables and the answer. */
struct report *compare_report(const struct comparison *comparison);

#endif
