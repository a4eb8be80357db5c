/* The safetensors reader: small files beside what the safetensors package finds in them, and hostile ones, which are
 * refused in one line that names the file and the byte. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/catalogue/safetensors.h"
#include "tests/suite.h"
#include "tests/unit/model_listing.h"

START_TEST(tensors_are_what_the_package_finds)
{
    struct model_file file;
    struct error error = {0};
    ck_assert_msg(safetensors_open(model_path("mixed.safetensors"), &file, &error), "%s", error.message);
    compare_listing(&file, "mixed.safetensors.txt");
    uint64_t parameters = file.parameters, bytes = file.tensor_bytes;
    /* scalar, norm, embedding, up, convolution, packed, half; not the running mean and the batch counter */
    ck_assert_uint_eq(parameters, 1 + 8 + 96 + 128 + 24 + 15 + 16);
    model_file_close(&file);
    ck_assert_msg(safetensors_open_index(model_path("shard.safetensors.index.json"), &file, &error), "%s",
                  error.message);
    compare_listing(&file, "shard.safetensors.txt");
    ck_assert_uint_eq(file.parameters, parameters);
    ck_assert_uint_eq(file.tensor_bytes, bytes);
    ck_assert_uint_eq(file.part_count, 2);
    model_file_close(&file);
}
END_TEST

/* ---- files made here ---- */

/* A file of that header and so many bytes of data; false with the error when it is refused. */
static bool reads(const char *header, size_t data, struct model_file *file, struct error *error)
{
    size_t length = strlen(header);
    uint8_t *bytes = calloc(1, 8 + length + data);
    ck_assert_ptr_nonnull(bytes);
    bytes[0] = (uint8_t)length;
    bytes[1] = (uint8_t)(length >> 8);
    memcpy(bytes + 8, header, length);
    *error = (struct error){0};
    bool right = safetensors_of_bytes("made.safetensors", bytes, 8 + length + data, file, error);
    if (right)
        file->parts[0].bytes = NULL;
    free(bytes);
    return right;
}

static const struct {
    const char *header;
    size_t data;
    const char *why;
} hostile[] = {
    {"", 0, "byte 8: the header isn't a JSON object"},
    {"[]", 0, "byte 8: the header isn't a JSON object"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", 8, "the JSON text ends here; ',' or '}' is"},
    {"{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
     "byte 22: tensor 'a' has type 'F33', which safetensors doesn't have"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
     "byte 55: tensor 'a' has a place of 4 bytes, and takes 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4,
     "tensor 'a' ends at 8 of the data, and the file has 4 of them; is it cut short?"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "9 bytes of data, and the tensors take 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "byte 13: tensor 'a' isn't {\"dtype\""},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,9]}}", 8, "tensor 'a' isn't {\"dtype\""},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "byte 37: tensor 'a': its dimensions"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", 8,
     "byte 48: tensor 'a': its dimensions"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, "tensor 'a'"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, "has more than 6 dimensions"},
    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "tensor 'a' isn't {\"dtype\""},
    {"{\"a\":7}", 0, "byte 13: tensor 'a' isn't {\"dtype\""},
    {"{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "byte 9: a tensor's name isn't UTF-8"},
    {"{\"\\u001b[2J\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "byte 9: a tensor's name isn't"},
    {"{\"\x1b\":{}}", 0, "byte 10: a byte 0x1b in JSON; the end of a string is wanted"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
     2, "two tensors are called 'a'"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
     4, "tensor 'b' begins inside 'a'"},
};

START_TEST(hostile_headers_are_refused)
{
    struct model_file file;
    struct error error;
    ck_assert_msg(!reads(hostile[_i].header, hostile[_i].data, &file, &error), "%s", hostile[_i].header);
    ck_assert_int_eq(error.kind, ERROR_INPUT);
    ck_assert_msg(strncmp(error.message, "made.safetensors: ", 18) == 0 && strstr(error.message, hostile[_i].why),
                  "'%s' isn't '%s'", error.message, hostile[_i].why);
    ck_assert_ptr_null(file.tensors);
}
END_TEST

START_TEST(nesting_has_a_limit)
{
    char header[400] = "{\"a\":";
    struct model_file file;
    struct error error;
    memset(header + 5, '[', 300);
    ck_assert(!reads(header, 0, &file, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "byte 76: JSON is nested more than 64 deep"));
}
END_TEST

START_TEST(a_long_header_is_refused_unread)
{
    const uint8_t bytes[16] = {0, 0, 0, 0, 1, 0, 0, 0, '{'};
    struct model_file file;
    struct error error = {0};
    ck_assert(!safetensors_of_bytes("long", bytes, sizeof bytes, &file, &error));
    ck_assert_str_eq(error.message, "long: byte 0: a header of 4294967296 bytes; safetensors allows 100000000 at most");
    ck_assert(!safetensors_of_bytes("short", bytes, 7, &file, &error));
    ck_assert_str_eq(error.message, "short: byte 0: a file of 7 bytes is too short for safetensors");
}
END_TEST

/* An index reaches no file but those beside it, and each of its tensors is in one of them. */
START_TEST(wrong_indexes_are_refused)
{
    static const struct {
        const char *text, *why;
    } indexes[] = {
        {"{}", "byte 0: an index of shards has an object 'weight_map'"},
        {"{\"weight_map\":{}}", "byte 14: 0 tensors"},
        {"{\"weight_map\":{\"a\":\"../etc/passwd\"}}", "byte 19: a shard isn't the name of a file beside the index"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "byte 19: a shard isn't the name"},
        {"{\"weight_map\":{\"a\":7}}", "byte 19: a shard isn't the name"},
        {"{\"weight_map\":{\"a\":\"none.safetensors\"}}", "none.safetensors: No such file or directory"},
    };
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        char path[] = "/tmp/index-XXXXXX";
        int descriptor = mkstemp(path);
        struct model_file file;
        struct error error = {0};
        ck_assert_int_ge(descriptor, 0);
        ck_assert_int_eq(write(descriptor, indexes[i].text, strlen(indexes[i].text)), (ssize_t)strlen(indexes[i].text));
        close(descriptor);
        ck_assert(!safetensors_open_index(path, &file, &error));
        ck_assert_msg(strstr(error.message, indexes[i].why), "'%s' isn't '%s'", error.message, indexes[i].why);
        unlink(path);
    }
}
END_TEST

int main(void)
{
    return suite_run("safetensors", 60,
                     SUITE(ONCE(tensors_are_what_the_package_finds),
                           LOOP(hostile_headers_are_refused, sizeof hostile / sizeof *hostile),
                           ONCE(nesting_has_a_limit), ONCE(a_long_header_is_refused_unread),
                           ONCE(wrong_indexes_are_refused)));
}
