/* Which family builds the model of a file, and as which size of it: that whose graph has the file's parameters to the
 * last one. */
#ifndef CATALOGUE_FILE_FAMILY_H
#define CATALOGUE_FILE_FAMILY_H

#include "models/catalogue/model_file.h"
#include "models/families/family.h"

/* NULL where none does. Fills size->config; the size's other fields are the caller's, and its name is set. */
const struct family *file_family(const struct model_file *file, struct family_size *size);

/* The feed-forward's activation as the settings word it: an enum activation; ACTIVATION_NONE where they don't, -1 for
 * one that isn't known here. */
int file_activation(const struct settings *settings);
/* A size of that file's name, without its folders and its ending; `name` is written there and must outlive it. */
void file_size_of(const struct model_file *file, const char *path, char *name, size_t capacity,
                  struct family_size *size);
/* The recipe that the file names, else the type that most of its bytes have: "q4_K_M", "f32", "IQ2_M". */
void file_dtype(const struct model_file *file, char *out, size_t capacity);
/* The same where the family runs it, else the nearest that it does. */
void file_run_dtype(const struct model_file *file, const struct family *family, char *out, size_t capacity);

#endif
