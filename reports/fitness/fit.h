/* Which model sizes fit this machine: for each model, mode and dtype the memory as planned, the verdict, and the speed,
 * measured where there is a record and otherwise estimated. Pure data in, pure data out: the store, the probes and the
 * calibration are the command's business. */
#ifndef FITNESS_FIT_H
#define FITNESS_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/estimate/engine_profile.h"
#include "harness/estimate/estimate.h"
#include "harness/store/record.h"
#include "models/engine/case.h"
#include "reports/fitness/fit_limits.h"
#include "reports/fitness/fit_solve.h"
#include "reports/fitness/fit_transfer.h"
#include "reports/fitness/fit_tuning.h"
#include "reports/fitness/range.h"
#include "reports/report.h"

enum { FIT_DTYPES = 16 };

/* What the user asks for. Zero, NULL or NaN: not asked. */
struct fit_demands {
    const char *const *models; /* names, NULL-ended; NULL or empty: the whole ladder */
    const char *task;
    unsigned modes;                 /* 1 << MODE_…; 0: all that the family has */
    const char *dtypes[FIT_DTYPES]; /* as case_dtype_name names them; none: the usual ones of each mode */
    size_t dtype_count;
    int64_t context, batch;
    int kv_dtype;  /* enum dtype of the cache, or -1: the usual */
    int optimizer; /* -1: the family's own */
    bool checkpointing;
    double min_throughput, max_latency_s;
    int threads;
    bool every_row;  /* people are shown the whole table, however long */
    bool shown_only; /* no document is asked for: batches and contexts are solved for the rows that people are shown */
};

/* What there is to fit into and to go by. */
struct fit_machine {
    const char *name, *cpu;       /* the machine's own name; its processor */
    uint64_t available_bytes;     /* after the reserve */
    uint64_t drift_bytes;         /* what the machine's free memory moved by while it was watched */
    uint64_t runtime_bytes;       /* what a process of this program holds besides its plan */
    const struct record *records; /* measured cases of this machine, latest first */
    size_t record_count;
    const struct estimator *estimator;           /* or NULL: no op was measured on it */
    const struct fit_transfer *transfer;         /* what other machines' ops say of it; or NULL */
    const struct fit_limits *limits;             /* what its speed is told by without an estimator; or NULL */
    const struct fit_tuning *tuning;             /* what was tried on it; or NULL */
    double read_gbs;                             /* measured; NaN unknown */
    const char *engine;                          /* whose speed is asked for; NULL: this program's own */
    const struct engine_profile *engine_profile; /* of it; NULL: none of its results is known */
    int engine_threads;                          /* that it has; 0: as many as its results had */
};

/* What a plan may take beside the process itself. */
uint64_t fit_room(const struct fit_machine *machine);

/* No batch beyond this is asked of the planner. */
enum { FIT_MOST_BATCH = 1 << 20, FIT_ADVICE = 6, FIT_WIDTHS = 8 };

enum fits { FITS_YES, FITS_TIGHT, FITS_NO };
const char *fits_name(enum fits fits);

struct fit_row {
    struct model_case one;
    uint64_t parameters, active_parameters; /* all; those that a token meets */
    uint64_t weights_bytes, kv_cache_bytes, activations_bytes, gradients_bytes, optimizer_bytes, workspace_bytes,
        runtime_bytes, total_bytes;
    uint64_t file_weights_bytes; /* what a file of the row's dtype has of weights; 0: what is planned */
    const char *machine;         /* the name of the machine that it is about */
    uint64_t available_bytes;    /* of that machine */
    int64_t max_batch;           /* largest that fits at this context; 0: not even 1 */
    int64_t max_context;         /* in the modes with a cache: longest that fits at this batch; 0: not even 1 */
    enum fits fits;
    struct range throughput, latency_s;
    char bound[TEXT_WORD];           /* "" unknown */
    bool measured, estimated, sheet; /* what the speed rests on: none of them where it isn't known */
    const char *engine;              /* whose speed it is; NULL: this program's own */
    const char *memory_of;           /* whose memory it is, and of which version; NULL: this program's own */
    char reason[200];                /* one sentence */
    char advice[FIT_ADVICE][320];    /* what would help, and by how much (fit_advice.h) */
    size_t advice_count;
    const char *dtype; /* of a file's weights; NULL: as the case names it */
    bool tensors_only; /* of a file that no family builds: activations and workspace aren't known */
    bool shown;        /* to people */
};
const char *fit_row_dtype(const struct fit_row *row);

struct fit {
    struct fit_row *rows; /* owned; the order in which they are to be shown */
    size_t row_count;
    size_t answer;                   /* the row of the recommendation; row_count when there is none */
    size_t nearest;                  /* the answer, or the row that comes nearest to being one */
    bool asks;                       /* there are demands beyond memory */
    bool machines;                   /* rows are of several machines: which of them runs the model */
    bool ladder;                     /* shown are only the rungs between which the machine stands */
    char why[512];                   /* why that one: one sentence; or what would have to change */
    struct width widths[FIT_WIDTHS]; /* the widest model of each family that fits */
    size_t width_count;
};

/* For rows that aren't of the zoo (fit_file.h). A row of this case, with weights of so many bytes where it isn't 0;
 * a row that is already filled; its verdict; and, when all rows are there, their order and the recommendation. */
bool fit_add_row(struct fit *fit, const struct model_case *one, const struct fit_demands *demands,
                 const struct fit_machine *machine, uint64_t weights_bytes, struct error *error);
bool fit_append(struct fit *fit, const struct fit_row *row, struct error *error);
void fit_judge(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine);
void fit_conclude(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine);
/* All that is known of the row's case, which is filled in: but the most that fits of it where only shown rows are to
 * have that, which fit_solve_row finds. */
bool fit_fill_row(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine,
                  uint64_t weights_bytes, struct error *error);
bool fit_solve_row(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine,
                   struct error *error);

/* Where the family stands in that order: smaller comes first. */
int fit_turn_of(const struct family *family);
/* Marks the rows that people are shown (fit_shown.c). */
void fit_choose_shown(struct fit *fit, const struct fit_demands *demands);

/* The rows that are asked for, not filled: which cases it will be about. The caller frees the fit. */
bool fit_list_rows(struct fit *fit, const struct fit_demands *demands, struct error *error);
/* Of each model that is asked for on the machine the row that fits best, appended: to be concluded when all are there.
 */
bool fit_add_machine(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                     struct error *error);
bool fit_make(const struct fit_demands *demands, const struct fit_machine *machine, struct fit *fit,
              struct error *error);
void fit_free(struct fit *fit);

/* The contract's document and the table and sentences that a person reads (fit_report.c). `machine_document` is taken
 * over. */
struct report *fit_report(const struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                          json_t *machine_document);

#endif
