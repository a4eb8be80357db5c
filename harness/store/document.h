/* A run as its JSON document, schema benchmark.run/1 of CONTRACT.md, and back. */
#ifndef STORE_DOCUMENT_H
#define STORE_DOCUMENT_H

#include <jansson.h>

#include "harness/base/error.h"
#include "harness/store/record.h"

json_t *run_to_json(const struct run *run);
/* Untrusted: every field's type and size is judged, and the error says which is wrong and what would be right, after
 * `name`. Fields that this version doesn't know are passed over. On failure *run is empty. */
bool run_from_json(struct run *run, const json_t *document, const char *name, struct error *error);
/* Reads such a document from a file, "-" for stdin; at most 256 MiB. */
bool run_read_file(struct run *run, const char *path, struct error *error);

#endif
