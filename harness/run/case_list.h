/* Putting lists of cases together; private to suites.c and selection.c. */
#ifndef RUN_CASE_LIST_H
#define RUN_CASE_LIST_H

#include "harness/run/suites.h"
#include "models/families/family.h"

/* Appends it unless it is there. */
bool case_list_add(struct case_list *list, const struct model_case *one, struct error *error);
/* What a pick takes of one size of a family. */
bool pick_size(const struct pick *pick, const struct family *family, const struct family_size *size,
               struct case_list *list, struct error *error);

#endif
