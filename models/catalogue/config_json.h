/* Hugging Face's config.json: what a model is, with or without its weights beside it. */
#ifndef CATALOGUE_CONFIG_JSON_H
#define CATALOGUE_CONFIG_JSON_H

#include "models/catalogue/model_file.h"

/* A configuration alone: the file's outline has the tensors that it implies, of the type that it names (else F32).
 * On failure *file is empty. A model_type that isn't known is refused: without weights nothing tells its size. */
bool config_json_open(const char *path, struct model_file *file, struct error *error);
bool config_json_of_bytes(const char *name, const void *bytes, uint64_t size, struct model_file *file,
                          struct error *error);
/* Reads the configuration of weights that *file already has: settings, and an outline where the type is known. */
bool config_json_beside(const char *path, struct model_file *file, struct error *error);

#endif
