/* The GGUF reader: small files beside what the gguf package finds in them (tests/golden/model_files.py), and hostile
 * ones, which are refused in one line that names the file and the byte. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/catalogue/gguf.h"
#include "tests/suite.h"
#include "tests/unit/model_listing.h"

static void compare(const char *name, const char *listing)
{
    struct model_file file;
    struct error error = {0};
    ck_assert_msg(gguf_open(model_path(name), &file, &error), "%s", error.message);
    compare_listing(&file, listing);
    model_file_close(&file);
}

START_TEST(tensors_are_what_the_gguf_package_finds)
{
    compare("llama.gguf", "llama.gguf.txt");
    compare("types.gguf", "types.gguf.txt");
    compare("split-00001-of-00003.gguf", "split.gguf.txt");
    compare("split-00003-of-00003.gguf", "split.gguf.txt");
}
END_TEST

START_TEST(settings_are_read)
{
    struct model_file file;
    struct error error = {0};
    ck_assert_msg(gguf_open(model_path("llama.gguf"), &file, &error), "%s", error.message);
    const struct settings *settings = &file.settings;
    ck_assert_str_eq(settings->architecture, "llama");
    ck_assert_str_eq(settings->name, "tiny llama");
    ck_assert_str_eq(settings->recipe, "Q4_0");
    ck_assert_uint_eq(settings->layers, 2);
    ck_assert_uint_eq(settings->hidden, 64);
    ck_assert_uint_eq(settings->heads, 4);
    ck_assert_uint_eq(settings->kv_heads, 2);
    ck_assert_uint_eq(settings->kv_heads_of_all_layers, 4);
    ck_assert_uint_eq(settings->head_dim, 16);
    ck_assert_uint_eq(settings->feed_forward, 128);
    ck_assert_uint_eq(settings->vocabulary, 96);
    ck_assert_uint_eq(settings->max_context, 512);
    ck_assert_double_eq(settings->rope_theta, 1e4);
    ck_assert_double_eq_tol(settings->epsilon, 1e-5, 1e-12);
    ck_assert_uint_eq(file.parameters, 86336);
    ck_assert_uint_eq(file.tensor_bytes, 52736);
    ck_assert_uint_eq(file.file_bytes, 55968);
    model_file_close(&file);
}
END_TEST

/* ---- files made here ---- */

struct made {
    uint8_t bytes[4096];
    size_t size;
};

static void put(struct made *made, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        made->bytes[made->size++] = (uint8_t)(value >> 8 * i);
}

static void put_string(struct made *made, const char *string)
{
    put(made, strlen(string), 8);
    memcpy(made->bytes + made->size, string, strlen(string));
    made->size += strlen(string);
}

static void begin(struct made *made, uint64_t version, uint64_t tensors, uint64_t keys)
{
    *made = (struct made){0};
    put(made, 0x46554747, 4);
    put(made, version, 4);
    put(made, tensors, 8);
    put(made, keys + 1, 8);
    put_string(made, "general.architecture");
    put(made, 8, 4);
    put_string(made, "llama");
}

static void put_tensor(struct made *made, const char *name, uint64_t columns, uint64_t rows, uint64_t type,
                       uint64_t offset)
{
    put_string(made, name);
    put(made, 2, 4);
    put(made, columns, 8);
    put(made, rows, 8);
    put(made, type, 4);
    put(made, offset, 8);
}

static void put_data(struct made *made, size_t bytes)
{
    while (made->size % 32)
        put(made, 0, 1);
    made->size += bytes;
}

static bool reads(const struct made *made, struct model_file *file, struct error *error)
{
    *error = (struct error){0};
    return gguf_of_bytes("made.gguf", made->bytes, made->size, file, error);
}

static void refused(const struct made *made, const char *why)
{
    struct model_file file;
    struct error error;
    ck_assert_msg(!reads(made, &file, &error), "read, but should be refused: %s", why);
    ck_assert_int_eq(error.kind, ERROR_INPUT);
    ck_assert_msg(strncmp(error.message, "made.gguf: ", 11) == 0 && strstr(error.message, why), "'%s' isn't '%s'",
                  error.message, why);
    ck_assert_ptr_null(file.tensors);
}

START_TEST(both_versions_are_read)
{
    for (uint64_t version = 2; version <= 3; version++) {
        struct made made;
        struct model_file file;
        struct error error;
        begin(&made, version, 2, 0);
        put_tensor(&made, "a", 64, 3, 2, 0);
        put_tensor(&made, "rope_freqs.weight", 8, 1, 0, 128);
        put_data(&made, 160);
        ck_assert_msg(reads(&made, &file, &error), "%s", error.message);
        ck_assert_uint_eq(file.tensors[0].bytes, 108);
        ck_assert_uint_eq(file.parameters, 192); /* the frequencies are none */
        ck_assert_uint_eq(file.tensor_bytes, 140);
        model_file_close(&file);
    }
}
END_TEST

START_TEST(a_wrong_beginning_is_refused)
{
    struct made made;
    begin(&made, 1, 0, 0);
    refused(&made, "byte 4: GGUF version 1; 2 and 3 are read");
    begin(&made, 3, 0, 0);
    made.bytes[0] = 'X';
    refused(&made, "byte 0: doesn't begin with 'GGUF'");
    begin(&made, 0x03000000, 0, 0);
    refused(&made, "byte 4: the file is big-endian");
    begin(&made, 3, UINT64_MAX / 2, 0);
    refused(&made, "byte 8: 9223372036854775807 tensors");
    begin(&made, 3, 0, UINT64_MAX / 2);
    refused(&made, "byte 16: 9223372036854775808 keys");
}
END_TEST

START_TEST(wrong_keys_are_refused)
{
    struct made made;
    begin(&made, 3, 0, 1);
    put_string(&made, "general.architecture");
    put(&made, 4, 4);
    put(&made, 1, 4);
    refused(&made, "key 'general.architecture' is there twice");
    begin(&made, 3, 0, 1);
    put_string(&made, "evil\x1b[2J");
    put(&made, 4, 4);
    put(&made, 1, 4);
    refused(&made, "byte 77: a key of 8 bytes that isn't UTF-8 text");
    begin(&made, 3, 0, 1);
    put_string(&made, "key");
    put(&made, 13, 4);
    put(&made, 1, 8);
    refused(&made, "byte 80: 'key' has type 13; types are 0 to 12");
    begin(&made, 3, 0, 1);
    put_string(&made, "key");
    put(&made, 9, 4);
    put(&made, 10, 4);
    put(&made, UINT64_C(1) << 61, 8);
    refused(&made, "byte 96: an array takes 18446744073709551615 bytes, and the file ends after 0");
    begin(&made, 3, 0, 1);
    put_string(&made, "key");
    put(&made, 9, 4);
    for (int i = 0; i < 9; i++) {
        put(&made, 9, 4);
        put(&made, 1, 8);
    }
    refused(&made, "arrays are nested more than 4 deep");
    begin(&made, 3, 0, 1);
    put_string(&made, "general.alignment");
    put(&made, 4, 4);
    put(&made, 48, 4);
    refused(&made, "general.alignment is 48; a power of two is wanted");
}
END_TEST

/* A file of one tensor and 1024 bytes of data. */
static struct made one_tensor(const char *name, uint64_t columns, uint64_t rows, uint64_t type, uint64_t offset)
{
    struct made made;
    begin(&made, 3, 1, 0);
    put_tensor(&made, name, columns, rows, type, offset);
    put_data(&made, 1024);
    return made;
}

START_TEST(wrong_tensors_are_refused)
{
    struct made made = one_tensor("a", 33, 1, 2, 0);
    refused(&made, "byte 98: tensor 'a': rows of 33 elements aren't whole blocks of Q4_0, which have 32");
    made = one_tensor("a", 32, 1, 31, 0);
    refused(&made, "byte 98: tensor 'a' has type Q4_0_4_4: ggml has dropped it");
    made = one_tensor("a", 32, 1, 99, 0);
    refused(&made, "byte 98: tensor 'a' has type 99, which ggml doesn't have");
    made = one_tensor("a", 32, 1, 0, 16);
    refused(&made, "byte 102: tensor 'a' begins at 16, which isn't a multiple of the alignment of 32");
    made = one_tensor("a", 32, 9, 0, 0);
    refused(&made, "byte 128: tensor 'a' has 1152 bytes here, and the file has 1152 in all");
    made = one_tensor("a", 32, 1, 0, UINT64_MAX - 31);
    refused(&made, "tensor 'a' has 128 bytes here");
    made = one_tensor("a", UINT64_C(1) << 40, UINT64_C(1) << 40, 0, 0);
    refused(&made, "byte 90: tensor 'a': its elements overflow 63 bits");
    made = one_tensor("\x1b]0;x", 32, 1, 0, 0);
    refused(&made, "byte 77: a tensor's name of 5 bytes that isn't UTF-8 text");
    made = one_tensor("\xc3", 32, 1, 0, 0);
    refused(&made, "byte 77: a tensor's name of 1 bytes that isn't UTF-8 text");
    made = one_tensor("", 32, 1, 0, 0);
    refused(&made, "byte 77: a tensor's name of 0 bytes");
    begin(&made, 3, 2, 0);
    put_tensor(&made, "a", 32, 1, 0, 0);
    put_tensor(&made, "a", 32, 1, 0, 128);
    put_data(&made, 256);
    refused(&made, "two tensors are called 'a'");
    begin(&made, 3, 2, 0);
    put_tensor(&made, "a", 32, 2, 0, 0);
    put_tensor(&made, "b", 32, 1, 0, 128);
    put_data(&made, 256);
    refused(&made, "tensor 'b' begins inside 'a', which ends at byte");
}
END_TEST

/* Whatever is cut off is missed. */
START_TEST(every_cut_is_noticed)
{
    struct mapping whole;
    struct error error = {0};
    ck_assert_msg(mapping_open(model_path("llama.gguf"), &whole, &error), "%s", error.message);
    for (uint64_t size = 1; size < whole.size; size += size < 4000 ? 1 : 997) {
        struct model_file file;
        error = (struct error){0};
        /* A copy of its own, so that the sanitizer sees a read beyond it. */
        uint8_t *copy = malloc(size);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, whole.bytes, size);
        ck_assert_msg(!gguf_of_bytes("cut.gguf", copy, size, &file, &error), "read with %llu bytes",
                      (unsigned long long)size);
        ck_assert_msg(strncmp(error.message, "cut.gguf: byte ", 15) == 0, "%s", error.message);
        free(copy);
    }
    mapping_close(&whole);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    struct model_file file;
    struct error error = {0};
    ck_assert(!gguf_open("/dev/null", &file, &error));
    ck_assert_str_eq(error.message, "/dev/null: is no regular file; a model's file is wanted");
    ck_assert(!gguf_open("/", &file, &error));
    ck_assert_str_eq(error.message, "/: is a directory; a model's file is wanted");
    ck_assert(!gguf_open("missing-00001-of-00002.gguf", &file, &error));
    ck_assert_str_eq(error.message, "missing-00001-of-00002.gguf: No such file or directory");
}
END_TEST

int main(void)
{
    return suite_run("gguf", 60,
                     SUITE(ONCE(tensors_are_what_the_gguf_package_finds), ONCE(settings_are_read),
                           ONCE(both_versions_are_read), ONCE(a_wrong_beginning_is_refused),
                           ONCE(wrong_keys_are_refused), ONCE(wrong_tensors_are_refused), ONCE(every_cut_is_noticed),
                           ONCE(what_is_no_file_is_refused)));
}
