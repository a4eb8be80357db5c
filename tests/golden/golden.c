#include "tests/golden/golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"

enum { MOST_BYTES = 4 << 20 };

static void refuse(const char *path, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", path, line, what);
    exit(2);
}

static void *grown(void *array, int count, size_t size)
{
    void *moved = realloc(array, (size_t)(count + 1) * size);
    if (!moved) {
        fprintf(stderr, "out of memory for golden files\n");
        exit(2);
    }
    return memset((char *)moved + (size_t)count * size, 0, size), moved;
}

static bool read_case(struct golden_case *one, char *words)
{
    char *word = strsep(&words, " ");
    snprintf(one->name, sizeof one->name, "%s", word);
    while ((word = strsep(&words, " "))) {
        char *equals = strchr(word, '=');
        if (!equals || one->parameter_count == GOLDEN_PARAMETERS)
            return false;
        *equals = '\0';
        int n = one->parameter_count++;
        snprintf(one->parameters[n].key, sizeof one->parameters[n].key, "%s", word);
        snprintf(one->parameters[n].value, sizeof one->parameters[n].value, "%s", equals + 1);
    }
    return true;
}

static bool read_tensor(struct golden_tensor *tensor, const char *words)
{
    long long count;
    int read =
        sscanf(words, "%63s %lld %lf %lf %d", tensor->name, &count, &tensor->sum, &tensor->squares, &tensor->samples);
    tensor->count = count;
    return read == 5 && tensor->samples >= 1 && tensor->samples <= GOLDEN_SAMPLES;
}

static bool read_samples(struct golden_tensor *tensor, const char *words)
{
    for (int i = 0; i < tensor->samples; i++) {
        int used = 0;
        long long index;
        if (sscanf(words, "%lld %lf%n", &index, &tensor->values[i], &used) != 2 || index >= tensor->count)
            return false;
        tensor->indices[i] = index;
        words += used;
    }
    return true;
}

static struct golden_file load(const char *path)
{
    struct golden_file file = {0};
    char *text = path ? text_read_file(path, MOST_BYTES) : NULL, *rest = text, *line;
    if (!text)
        refuse(path ? path : "no golden file", 0, "can't be read");
    for (int number = 1; (line = strsep(&rest, "\n")); number++) {
        struct golden_case *last = file.count ? &file.cases[file.count - 1] : NULL;
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (strncmp(line, "case ", 5) == 0) {
            file.cases = grown(file.cases, file.count, sizeof *file.cases);
            if (!read_case(&file.cases[file.count++], line + 5))
                refuse(path, number, "not a case with KEY=VALUE parameters");
        } else if (last && strncmp(line, "tensor ", 7) == 0) {
            last->tensors = grown(last->tensors, last->tensor_count, sizeof *last->tensors);
            if (!read_tensor(&last->tensors[last->tensor_count++], line + 7))
                refuse(path, number, "not a tensor's name, count, sum, squares and samples");
        } else if (!last || !last->tensor_count || !read_samples(&last->tensors[last->tensor_count - 1], line)) {
            refuse(path, number, "not as many samples as the tensor says");
        }
    }
    free(text);
    return file;
}

static void release(struct golden_file *file)
{
    for (int i = 0; i < file->count; i++)
        free(file->cases[i].tensors);
    free(file->cases);
    *file = (struct golden_file){0};
}

static const char *find(const struct golden_case *one, const char *key)
{
    for (int i = 0; i < one->parameter_count; i++)
        if (strcmp(one->parameters[i].key, key) == 0)
            return one->parameters[i].value;
    return NULL;
}

bool golden_has(const struct golden_case *one, const char *key)
{
    return find(one, key) != NULL;
}

const char *golden_word(const struct golden_case *one, const char *key)
{
    const char *value = find(one, key);
    if (!value) {
        fprintf(stderr, "golden case %s has no %s\n", one->name, key);
        exit(2);
    }
    return value;
}

double golden_number(const struct golden_case *one, const char *key)
{
    return strtod(golden_word(one, key), NULL);
}

const struct golden_tensor *golden_tensor(const struct golden_case *one, const char *name)
{
    for (int i = 0; i < one->tensor_count; i++)
        if (strcmp(one->tensors[i].name, name) == 0)
            return &one->tensors[i];
    return NULL;
}

/* The worst difference so far, and what it is of. */
struct worst {
    double excess, ours, golden, allowed;
    char of[48];
};

static void weigh(struct worst *worst, const char *of, double ours, double golden, double allowed)
{
    double difference = fabs(ours - golden), excess = difference / allowed;
    if (difference == 0)
        return; /* where nothing may differ, nothing did */
    if (!(excess <= worst->excess)) {
        *worst = (struct worst){isnan(excess) ? INFINITY : excess, ours, golden, allowed, ""};
        snprintf(worst->of, sizeof worst->of, "%s", of);
    }
}

double golden_compare(const struct golden_case *one, const struct golden_tensor *golden, const float *ours,
                      int64_t count, double tolerance, char *message, size_t capacity)
{
    if (count != golden->count) {
        snprintf(message, capacity, "%s: %s has %lld elements, golden %lld", one->name, golden->name, (long long)count,
                 (long long)golden->count);
        return INFINITY;
    }
    double rms = fmax(sqrt(golden->squares / (double)count), one->least_rms), sum = 0, squares = 0;
    struct worst worst = {0};
    for (int i = 0; i < golden->samples; i++) {
        char of[48];
        snprintf(of, sizeof of, "[%lld]", (long long)golden->indices[i]);
        double value = golden->values[i], magnitude = fabs(value) > rms ? fabs(value) : rms;
        weigh(&worst, of, (double)ours[golden->indices[i]], value, tolerance * magnitude);
    }
    for (int64_t i = 0; i < count; i++) {
        sum += (double)ours[i];
        squares += (double)ours[i] * (double)ours[i];
    }
    weigh(&worst, " sum", sum, golden->sum, tolerance * rms * (double)count);
    weigh(&worst, " sum of squares", squares, golden->squares, 2 * tolerance * rms * rms * (double)count);
    if (worst.excess > 1)
        snprintf(message, capacity, "%s: %s%s is %.9g, golden %.9g: differs by %.3g, allowed %.3g", one->name,
                 golden->name, worst.of, worst.ours, worst.golden, fabs(worst.ours - worst.golden), worst.allowed);
    return worst.excess;
}

int golden_main(int count, char **arguments, struct golden_file *file, const char *name, double timeout_s,
                const TTest *const *tests)
{
    *file = load(count > 1 ? arguments[1] : NULL);
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create(name);
    tcase_set_timeout(cases, timeout_s);
    for (; *tests; tests++)
        tcase_add_loop_test(cases, *tests, 0, file->count);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    release(file);
    return failed != 0;
}
