/* Golden files: what PyTorch computed, written by generate.py (format.py describes the text), read and compared here.
 *
 * A tensor is compared by its stored elements, its sum, and its sum of squares. With the tolerance t and the tensor's
 * root mean square r, an element b may differ by t · max(|b|, r); the sum and the sum of squares by what such
 * differences in every element can add up to. r is never less than golden_case.least_rms, which is 0 unless a test
 * knows that a tensor is what is left of larger ones that cancel. */
#ifndef GOLDEN_GOLDEN_H
#define GOLDEN_GOLDEN_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GOLDEN_NAME_SIZE = 64, GOLDEN_SAMPLES = 32, GOLDEN_PARAMETERS = 32 };

struct golden_tensor {
    char name[GOLDEN_NAME_SIZE];
    int64_t count;
    double sum, squares;
    int samples;
    int64_t indices[GOLDEN_SAMPLES];
    double values[GOLDEN_SAMPLES];
};

struct golden_case {
    char name[GOLDEN_NAME_SIZE];
    struct {
        char key[24], value[72];
    } parameters[GOLDEN_PARAMETERS];
    int parameter_count;
    struct golden_tensor *tensors; /* [tensor_count]; owned */
    int tensor_count;
    double least_rms;
};

struct golden_file {
    struct golden_case *cases; /* owned */
    int count;
};

/* main of a golden test: reads the file that the program is given into *file, and runs each of the NULL-ended `tests`
 * for every case in it, _i. Ends the program with a message when the file can't be read or isn't what format.py writes.
 */
int golden_main(int count, char **arguments, struct golden_file *file, const char *name, double timeout_s,
                const TTest *const *tests);

/* A parameter of the case; ends the program when it has none of that name. */
const char *golden_word(const struct golden_case *one, const char *key);
double golden_number(const struct golden_case *one, const char *key);
bool golden_has(const struct golden_case *one, const char *key);
/* NULL when the case has no such tensor. */
const struct golden_tensor *golden_tensor(const struct golden_case *one, const char *name);

/* How far `ours` is from the golden tensor, in units of what `tolerance` allows: 1 or less is right. Above 1, `message`
 * names the tensor and shows both numbers. */
double golden_compare(const struct golden_case *one, const struct golden_tensor *golden, const float *ours,
                      int64_t count, double tolerance, char *message, size_t capacity);

#endif
