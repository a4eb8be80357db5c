/* A GGUF file of any bytes: read, or refused in one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/catalogue/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct model_file file;
    struct error error = {0};
    bool right = gguf_of_bytes("input", bytes, size, &file, &error);
    if (!right && (!error.message[0] || strchr(error.message, '\n') || error.kind != ERROR_INPUT))
        abort();
    if (right)
        for (size_t i = 0; i < file.tensor_count; i++)
            if (file.tensors[i].offset + file.tensors[i].bytes > size || !file.tensors[i].name[0])
                abort();
    model_file_close(&file);
    return 0;
}
