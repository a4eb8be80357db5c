/* A GGUF file of any bytes. */
#include "models/catalogue/gguf.h"
#include "tests/fuzz/model_file_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return try_model_file(gguf_of_bytes, bytes, size);
}
