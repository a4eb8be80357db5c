/* What a model's file says: architecture, configuration, and each tensor's name, shape, type and place, to the byte.
 *
 * Readers: gguf.c (a file, or the parts of a split one), safetensors.c (a file, or an index of shards, and the
 * config.json beside them), config_json.c (a configuration alone: then the tensors are those that its architecture has,
 * and none has a place). Each checks everything that it reads against the file's size before it keeps it, and needs
 * less than 64 MB for any file, however hostile. */
#ifndef CATALOGUE_MODEL_FILE_H
#define CATALOGUE_MODEL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"
#include "models/catalogue/mapping.h"
#include "models/catalogue/outline.h"
#include "models/catalogue/settings.h"
#include "models/catalogue/storage.h"

enum { FILE_RANK = 6 };

/* Together these bound what a hostile file can make a reader keep. */
enum {
    FILE_MOST_TENSORS = 200000,
    FILE_MOST_PARTS = 1 << 12,
    FILE_MOST_NAME = 512,               /* bytes of a tensor's name */
    FILE_MOST_NAMES = 16 * 1000 * 1000, /* bytes of all of them */
};

struct file_tensor {
    const char *name; /* NUL-terminated, clean text; owned by the file */
    const struct storage *storage;
    uint64_t rows, columns; /* of the matrix that its last dimension makes; their product is its elements */
    uint64_t bytes, offset; /* in its part; no offset where the file has no weights */
    uint32_t part;
    uint8_t rank;
    uint64_t dims[FILE_RANK]; /* outermost first */
};

enum file_format { FILE_GGUF, FILE_SAFETENSORS, FILE_CONFIG };

struct model_file {
    enum file_format format;
    struct mapping *parts; /* owned: in order */
    size_t part_count;
    struct settings settings;
    struct file_tensor *tensors; /* owned: part by part, as the file lists them */
    size_t tensor_count, tensor_capacity;
    struct file_index *index; /* owned: by the hash of a name */
    struct outline outline;   /* what its configuration implies; empty where none is known */
    struct name_store *names; /* owned */
    uint64_t name_bytes;      /* in all of them */
    uint64_t parameters;      /* a tied matrix once, buffers not */
    uint64_t tensor_bytes;    /* of all tensors */
    uint64_t file_bytes;      /* of all parts; 0 without weights */
};

/* Does somebody who writes this mean a file: does it end as models' files do, is it a path, or is it there? A model's
 * name that is known is the caller's to ask for first. */
bool model_file_is_meant(const char *text);
/* Opens what is at `path`, whichever of the formats it is, or in that folder (open.c). On failure *file is empty. */
bool model_file_open(const char *path, struct model_file *file, struct error *error);
void model_file_close(struct model_file *file);
const char *file_format_name(enum file_format format);

/* For readers: room for `count` more tensors, and one of that name within it, NULL when names take too much. */
bool model_file_reserve(struct model_file *file, uint64_t count, struct error *error);
struct file_tensor *model_file_add(struct model_file *file, const char *name, uint64_t length, struct error *error);
/* No name twice, no two tensors in the same bytes. Sums up parameters and bytes. */
bool model_file_finish(struct model_file *file, struct error *error);
/* Of a finished file: the tensor of that name, or NULL. */
const struct file_tensor *model_file_find(const struct model_file *file, const char *name);

#endif
