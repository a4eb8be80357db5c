/* The catalogue of public models: every row builds a graph of exactly the parameters that its publisher counts, finds
 * its publisher's name, and is there once. data/parameters.tsv is a second source of the counts. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/case.h"
#include "models/families/family.h"
#include "tests/suite.h"

static struct graph *build(const struct family *family, const struct family_size *size)
{
    struct error error = {0};
    struct model_case one = case_of_size(family, size, (enum mode)__builtin_ctz(family->modes));
    case_name(&one);
    struct graph *graph = case_build(&one, &error);
    ck_assert_msg(graph != NULL, "%s: %s", size->name, error.message);
    return graph;
}

START_TEST(rows_have_the_published_parameters)
{
    const struct family_size *size;
    int wrong = 0;
    for (size_t f = 0; families[f]; f++)
        for (size_t s = 0; (size = family_size_at(families[f], s)); s++) {
            struct graph *graph = build(families[f], size);
            if (size->published && graph_parameters(graph) != size->published) {
                fprintf(stderr, "%s has %llu parameters, not %llu\n", size->name,
                        (unsigned long long)graph_parameters(graph), (unsigned long long)size->published);
                wrong++;
            }
            graph_free(graph);
        }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* By the publishers' names; a model that is missing here is counted, so that none goes unseen. */
START_TEST(publishers_names_lead_to_their_counts)
{
    FILE *file = fopen(UNIT_DATA "/parameters.tsv", "r");
    ck_assert_ptr_nonnull(file);
    char line[512];
    int wrong = 0;
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#')
            continue;
        char *rest = line, *name = strsep(&rest, "\t"), *count = strsep(&rest, "\t"), *active = strsep(&rest, "\t");
        const struct family *family;
        const struct family_size *size = family_find_size(name, &family);
        if (!size) {
            fprintf(stderr, "there is no %s\n", name);
            wrong++;
            continue;
        }
        struct graph *graph = build(family, size);
        uint64_t all = graph_parameters(graph), met = graph_active_parameters(graph);
        if (all != strtoull(count, NULL, 10) || met != strtoull(*active ? active : count, NULL, 10)) {
            fprintf(stderr, "%s has %llu parameters and %llu active ones, not %s and %s\n", name,
                    (unsigned long long)all, (unsigned long long)met, count, *active ? active : "as many");
            wrong++;
        }
        graph_free(graph);
    }
    fclose(file);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* Each name and alias leads to its own row: none stands for two models. */
START_TEST(names_are_unique)
{
    const struct family_size *size;
    for (size_t f = 0; families[f]; f++)
        for (size_t s = 0; (size = family_size_at(families[f], s)); s++) {
            ck_assert_msg(family_find_size(size->name, NULL) == size, "%s is another model's name", size->name);
            for (size_t a = 0; size->aliases && size->aliases[a]; a++)
                ck_assert_msg(family_find_size(size->aliases[a], NULL) == size, "%s is another model's name",
                              size->aliases[a]);
        }
}
END_TEST

START_TEST(names_are_found_as_publishers_write_them)
{
    static const char *const rows[][2] = {{"gpt2-medium", "gpt2-355m"},
                                          {"openai-community/gpt2-xl", "gpt2-1.5b"},
                                          {"Qwen2.5-7B-Instruct", "qwen2.5-7b"},
                                          {"Qwen/Qwen2.5-7B-Instruct-GGUF", "qwen2.5-7b"},
                                          {"meta-llama/Meta-Llama-3-8B-Instruct", "llama-3-8b"},
                                          {"meta-llama/Llama-2-7b-chat-hf", "llama-2-7b"},
                                          {"google/gemma-2-9b-it", "gemma-2-9b"},
                                          {"ResNet50", "resnet-50"},
                                          {"vit_b_16", "vit-base"},
                                          {"mobilenet_v2", "mobilenet-v2"},
                                          {"openai/whisper-large-v3", "whisper-large-v3"},
                                          {"sentence-transformers/all-MiniLM-L6-v2", "minilm-l6-v2"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct family_size *size = family_find_size(rows[i][0], NULL);
        ck_assert_msg(size != NULL, "%s is not found", rows[i][0]);
        ck_assert_str_eq(size->name, rows[i][1]);
    }
    static const char *const none[] = {"", "/", "-", "-instruct", "llama", "qwen2.5-7", "gpt2-124m-small"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_msg(family_find_size(none[i], NULL) == NULL, "'%s' is found", none[i]);
}
END_TEST

START_TEST(unknown_names_get_the_nearest)
{
    char nearest[160];
    family_nearest_sizes(NULL, "qwen2.5-8b", nearest, sizeof nearest);
    ck_assert_msg(strstr(nearest, "qwen2.5-7b") != NULL, "%s", nearest);
    family_nearest_sizes(family_find("gpt2"), "gpt-medium", nearest, sizeof nearest);
    ck_assert_msg(strstr(nearest, "gpt2-medium") != NULL, "%s", nearest);
}
END_TEST

int main(void)
{
    return suite_run("public models", 60,
                     SUITE(ONCE(rows_have_the_published_parameters), ONCE(publishers_names_lead_to_their_counts),
                           ONCE(names_are_unique), ONCE(names_are_found_as_publishers_write_them),
                           ONCE(unknown_names_get_the_nearest)));
}
