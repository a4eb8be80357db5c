/* Which family builds the model of a file, and as which size of it: that whose graph has the file's parameters to the
 * last one. */
#ifndef CATALOGUE_FILE_FAMILY_H
#define CATALOGUE_FILE_FAMILY_H

#include "models/catalogue/model_file.h"
#include "models/families/family.h"

/* NULL where none does. Fills size->config; the size's other fields are the caller's, and its name is set. */
const struct family *file_family(const struct model_file *file, struct family_size *size);

#endif
