/* safetensors (the format of the crate of that name): a file, or an index of shards
 * (model.safetensors.index.json) with the shards beside it. */
#ifndef CATALOGUE_SAFETENSORS_H
#define CATALOGUE_SAFETENSORS_H

#include "models/catalogue/model_file.h"

/* On failure *file is empty. Settings are not read: they are in a config.json (config_json.h). */
bool safetensors_open(const char *path, struct model_file *file, struct error *error);
bool safetensors_open_index(const char *path, struct model_file *file, struct error *error);
/* One whole file that is in memory: the bytes are the caller's and stay. */
bool safetensors_of_bytes(const char *name, const void *bytes, uint64_t size, struct model_file *file,
                          struct error *error);

#endif
