/* What every reader of model files is held to: any bytes are read, or refused in one line; and every tensor that was
 * read has a name and lies within them. */
#ifndef FUZZ_MODEL_FILE_INPUT_H
#define FUZZ_MODEL_FILE_INPUT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/catalogue/model_file.h"

typedef bool model_file_reader(const char *name, const void *bytes, uint64_t size, struct model_file *file,
                               struct error *error);

static inline int try_model_file(model_file_reader *read, const uint8_t *bytes, size_t size)
{
    struct model_file file;
    struct error error = {0};
    bool right = read("input", bytes, size, &file, &error);
    if (!right && (!error.message[0] || strchr(error.message, '\n') || error.kind != ERROR_INPUT))
        abort();
    if (right)
        for (size_t i = 0; i < file.tensor_count; i++)
            if (file.tensors[i].offset + file.tensors[i].bytes > size || !file.tensors[i].name[0])
                abort();
    model_file_close(&file);
    return 0;
}

#endif
