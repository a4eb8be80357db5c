/* Where a case's time goes: each op of its step with what it computes and moves, how long it took and how long it
 * should take, and which of the machine's ceilings it sits at. Pure data in, pure data out, as in fitness/fit.h. */
#ifndef REPORTS_EXPLAIN_H
#define REPORTS_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/estimate/known.h"
#include "harness/store/record.h"
#include "models/engine/case.h"
#include "probes/machine.h"
#include "reports/report.h"

/* What there is to go by. */
struct explain_basis {
    const struct machine *machine; /* with its measured ceilings, where there are any */
    const struct record *records;  /* measured cases of this machine, latest first */
    size_t record_count;
    const struct estimator *estimator; /* of all of them, or NULL */
    struct limits limits;
    int threads;
};

/* Nodes that do the same work: one op of a step, or the equal ops of a model's equal layers. */
struct explained_op {
    char op[40], name[96]; /* "linear", "h.*.mlp.fc" */
    enum dtype dtype;
    enum phase phase;
    bool recomputed; /* by gradient checkpointing */
    size_t count;
    double flops, bytes, rows, columns;        /* of one of them */
    double measured_s;                         /* of one, in place within the step; NaN: not measured */
    double estimated_s;                        /* from the cases of other models; NaN: nothing like it was measured */
    double compute_s, bandwidth_s, overhead_s; /* what each ceiling makes the least of one; NaN: unknown ceiling */
    double floor_s;                            /* the largest of them */
    enum bound bound;                          /* that largest one */
};
/* Of one: measured, else estimated, else its floor; NaN where all are unknown. */
double explained_seconds(const struct explained_op *op);

/* A layer, or the equal ones together: "h.*". */
struct explained_layer {
    char name[96];
    enum phase phase;
    size_t count;
    double flops, bytes, seconds; /* of all of them */
};

/* Something that would make the case faster, and by how much: rate after over rate before. */
struct advice {
    char what[480];
    double gain, low, high; /* low and high NaN where it was measured */
    bool measured;
};
enum { MOST_ADVICE = 3 };

struct explanation {
    struct model_case one;
    struct explained_op *ops; /* owned; the longest first */
    size_t op_count;
    struct explained_layer *layers; /* owned; likewise */
    size_t layer_count;
    const struct record *record;             /* the measured one that this rests on, or NULL */
    struct estimate estimate;                /* of the step, from other models' cases */
    double step_s;                           /* measured, else estimated, else the ops' floors; NaN */
    double seconds;                          /* sum over the ops */
    double floor_s;                          /* the same of their floors; NaN unknown */
    double bound_s[3];                       /* of that sum, by enum bound */
    double peak_gflops;                      /* of the case's dtype; NaN unknown */
    double bandwidth_gbs;                    /* of the memory that holds all of the step */
    char bandwidth_name[24];                 /* "memory", "L3" */
    double faster_compute, faster_bandwidth; /* gain from twice the arithmetic; from twice the bandwidth */
    struct advice advice[MOST_ADVICE];
    size_t advice_count;
};

bool explain_case(const struct model_case *one, const struct explain_basis *basis, struct explanation *explanation,
                  struct error *error);
void explanation_free(struct explanation *explanation);
/* Fills explanation->advice from the rest (explain_advice.c). */
bool explain_advise(struct explanation *explanation, const struct explain_basis *basis, struct error *error);

/* The contract's document and the tables, the roofline and the sentences for people (explain_report.c). */
struct report *explain_report(const struct explanation *explanation, const struct explain_basis *basis);

#endif
