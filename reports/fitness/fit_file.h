/* A model's file as rows of the fitness table: as a size of a family where one builds exactly that configuration, else
 * from its tensors alone. */
#ifndef FITNESS_FIT_FILE_H
#define FITNESS_FIT_FILE_H

#include "models/catalogue/model_file.h"
#include "models/families/family.h"
#include "reports/fitness/fit.h"

struct fit_file {
    struct model_file file;    /* owned */
    struct family family;      /* a stand-in where no family builds it */
    struct family_size size;   /* what rows point to: it outlives them */
    const struct family *same; /* the family that builds exactly this, or NULL */
    char name[80], dtype[24];
};

/* `path` is the caller's, for as long as the file is open. */
bool fit_file_open(const char *path, struct fit_file *file, struct error *error);
void fit_file_close(struct fit_file *file);
/* Appends the file's rows: those of the family's modes that are asked for, or one of decode from the tensors. */
bool fit_file_add(struct fit *fit, const struct fit_file *file, const struct fit_demands *demands,
                  const struct fit_machine *machine, struct error *error);

#endif
