/* GGUF, versions 2 and 3 (ggml's docs/gguf.md): a file, or all parts of one that was split (…-00001-of-00003.gguf). */
#ifndef CATALOGUE_GGUF_H
#define CATALOGUE_GGUF_H

#include "models/catalogue/model_file.h"

/* Any part of a split file stands for all of them; they are looked for beside it. On failure *file is empty. */
bool gguf_open(const char *path, struct model_file *file, struct error *error);
/* One whole file that is in memory: the bytes are the caller's and stay. */
bool gguf_of_bytes(const char *name, const void *bytes, uint64_t size, struct model_file *file, struct error *error);

#endif
