/* What a buyer wants done: which cases count and how much, and what a machine must be able to do. A file (schema
 * benchmark.workload/1) says it under a name, options of the command line say it beside that.
 *
 *     {"schema": "benchmark.workload/1", "name": "chat",
 *      "cases": ["llama*decode*", "gpt2*train*"], "weights": {"*train*": 2},
 *      "demands": ["llama-3-8b decode >= 20 tokens/s", "gpt2-124m train >= 50000 tokens/s total"]}
 *
 * A demand is MODEL MODE [DTYPE] [bN] [sN] >= NUMBER UNIT [total]. With `total` the rate may be shared by as many
 * machines as it takes; without, each machine must reach it. Without bN a model decodes one sequence at a time. */
#ifndef REPORTS_WORKLOAD_H
#define REPORTS_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"
#include "harness/store/record.h"
#include "models/engine/case.h"

/* GLOB=W or NAME=VALUE of the command line, split at the last '='. */
struct named_value {
    char name[TEXT_ID];
    double value;
};
bool named_value_parse(const char *text, const char *option, double least, struct named_value *value,
                       struct error *error);

struct demand {
    char text[TEXT_ID]; /* as it was asked */
    const struct family *family;
    const struct family_size *size;
    enum mode mode;
    char dtype[TEXT_WORD];  /* "": any */
    int64_t batch, context; /* 0: any, or the usual */
    double least;           /* of `unit` */
    const char *unit;       /* "tokens/s" */
    bool total;             /* by all machines together */
};
/* `where` opens the error. Untrusted text. */
bool demand_parse(const char *text, const char *where, struct demand *demand, struct error *error);
/* Whether a measured case of that name is one that the demand is about. */
bool demand_is_about(const struct demand *demand, const struct model_case *one);

struct workload {
    char name[TEXT_NAME];   /* "" without a file */
    char (*cases)[TEXT_ID]; /* globs; owned; none: all count */
    size_t case_count;
    struct named_value *weights; /* by glob, the last that matches counts; owned */
    size_t weight_count;
    struct demand *demands; /* owned */
    size_t demand_count;
};
/* At most 1 MiB; every mistake is one line that says where in the file it is and what would be right. */
bool workload_read_file(const char *path, struct workload *workload, struct error *error);
/* What options add; false without memory. */
bool workload_add_weight(struct workload *workload, const struct named_value *weight);
bool workload_add_demand(struct workload *workload, const struct demand *demand);
/* 1 unless a weight says otherwise; NaN: the workload isn't about that case. */
double workload_weight(const struct workload *workload, const char *id);
void workload_free(struct workload *workload);

#endif
