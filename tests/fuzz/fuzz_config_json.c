/* A config.json of any bytes. */
#include "models/catalogue/config_json.h"
#include "tests/fuzz/model_file_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return try_model_file(config_json_of_bytes, bytes, size);
}
