/* Suites: named lists of cases, described by what they pick from the families, so that a new family or size comes in
 * by itself. And the way from what a person asks for to the cases that are run. */
#ifndef RUN_SUITES_H
#define RUN_SUITES_H

#include <stddef.h>

#include "harness/base/error.h"
#include "models/engine/case.h"

/* Cases of every family: the first `sizes` of its runnable sizes from the smallest up, in these modes and dtypes, at
 * the first of the sizes' default batches and contexts. 0 stands for all. */
struct pick {
    unsigned modes;     /* 1 << MODE_… */
    const char *dtypes; /* "f32 bf16"; one that a family doesn't run is passed over */
    size_t sizes, batches, contexts;
};

struct suite {
    const char *name, *help;
    double budget_s; /* unless --budget says otherwise */
    int rounds;
    const struct pick *picks;
    size_t pick_count;
    const char *const *named; /* cases besides, of sizes that are there by name only; NULL-ended, or NULL */
};

extern const struct suite suites[];
extern const size_t suite_count;
const struct suite *suite_find(const char *name);

struct case_list {
    struct model_case *cases; /* owned */
    size_t count;
};
void case_list_free(struct case_list *list);
/* The suite's cases, each once, in the order of families, sizes, modes. */
bool suite_cases(const struct suite *suite, struct case_list *list, struct error *error);

/* A model that a file describes, as a size of the family that builds it. */
struct file_model {
    const char *path;
    const struct family *family;
    const struct family_size *size; /* which knows the path as its file */
    char dtype[24];                 /* of the file's weights, or the nearest that is run */
    unsigned modes;                 /* 1 << MODE_…: in which it is run */
};

/* What a person asks for; each list is NULL-ended, or NULL. */
struct selection {
    const char *suites; /* "quick", "train,gpt2/gpt2-124m/decode/f32/b1": names of suites and families, and cases */
    const char *const *models, *const *filters, *const *excludes;
    const struct file_model *files; /* those of the models that are files */
    size_t file_count;
};
/* What is asked for, in a list without repetitions. Unknown names and filters that leave nothing are errors.
 * *suite receives the first suite that was named, for its budget and rounds: "all" when none was. */
bool selection_cases(const struct selection *selection, struct case_list *list, const struct suite **suite,
                     struct error *error);

#endif
