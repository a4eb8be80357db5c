/* From what a person asks for to the cases that are run; see suites.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/parse.h"
#include "harness/run/case_list.h"

enum { NAMES = 256 };

/* Everything that a family offers at a size. */
static const struct pick whole = {~0u, "f32 bf16 f16 q8_0 q4_0 q4_K q6_K", 0, 0, 0};

static bool add_all(struct case_list *list, const struct case_list *more, struct error *error)
{
    bool right = true;
    for (size_t i = 0; right && i < more->count; i++)
        right = case_list_add(list, &more->cases[i], error);
    return right;
}

static bool add_suite(struct case_list *list, const struct suite *suite, struct error *error)
{
    struct case_list more;
    if (!suite_cases(suite, &more, error))
        return false;
    bool right = add_all(list, &more, error);
    case_list_free(&more);
    return right;
}

static bool add_family(struct case_list *list, const struct family *family, struct error *error)
{
    bool right = true;
    for (size_t s = 0; right && s < family->size_count; s++)
        if (family->sizes[s].runnable)
            right = pick_size(&whole, family, &family->sizes[s], list, error);
    return right;
}

static bool unknown_suite(const char *name, struct error *error)
{
    const char *names[NAMES];
    char near[160];
    size_t count = 0;
    for (size_t i = 0; i < suite_count && count < NAMES; i++)
        names[count++] = suites[i].name;
    for (size_t f = 0; families[f] && count < NAMES; f++)
        names[count++] = families[f]->name;
    nearest_names(name, names, count, 3, near, sizeof near);
    return error_set(error, ERROR_INPUT,
                     "--suite: '%s' is no suite, family or case; near it are %s; see 'benchmark list suites'", name,
                     near);
}

static bool add_named(struct case_list *list, const char *name, const struct suite **first, struct error *error)
{
    const struct suite *suite = suite_find(name);
    if (suite) {
        *first = *first ? *first : suite;
        return add_suite(list, suite, error);
    }
    const struct family *family = family_find(name);
    if (family)
        return add_family(list, family, error);
    struct model_case one;
    if (!strchr(name, '/'))
        return unknown_suite(name, error);
    return case_parse(name, &one, error) && case_list_add(list, &one, error);
}

static bool add_suites(struct case_list *list, const char *names, const struct suite **first, struct error *error)
{
    char *copy = strdup(names), *rest = copy, *name;
    if (!copy)
        return error_set(error, ERROR_SYSTEM, "not enough memory to list the cases");
    bool right = true;
    while (right && (name = strsep(&rest, ",")))
        right = *name ? add_named(list, name, first, error)
                      : error_set(error, ERROR_INPUT, "--suite: '%s' has an empty name between its commas", names);
    free(copy);
    return right;
}

static bool find_model(const char *name, const struct family **family, const struct family_size **size,
                       struct error *error)
{
    *size = family_find_size(name, family);
    if (*size)
        return true;
    char near[160];
    family_nearest_sizes(NULL, name, near, sizeof near);
    return error_set(error, ERROR_INPUT, "--model: there is no model '%s'; near it are %s", name, near);
}

static const struct file_model *find_file(const struct selection *selection, const char *path)
{
    for (size_t i = 0; i < selection->file_count; i++)
        if (strcmp(selection->files[i].path, path) == 0)
            return &selection->files[i];
    return NULL;
}

/* Without a suite, everything that is offered of the models; with one, its cases of those models. Of a file, with the
 * weights' type that it has. */
static bool add_models(struct case_list *list, const struct selection *selection, struct error *error)
{
    bool right = true;
    for (size_t m = 0; right && selection->models[m]; m++) {
        const struct file_model *file = find_file(selection, selection->models[m]);
        const struct family *family;
        const struct family_size *size;
        struct pick pick = whole;
        if (file) {
            pick.dtypes = file->dtype;
            pick.modes = file->modes;
            right = pick_size(&pick, file->family, file->size, list, error);
        } else {
            right =
                find_model(selection->models[m], &family, &size, error) && pick_size(&whole, family, size, list, error);
        }
    }
    return right;
}

static bool has_any(const char *const *list)
{
    return list && list[0];
}

static bool is_of_models(const struct model_case *one, const struct selection *selection)
{
    for (size_t m = 0; selection->models[m]; m++) {
        const struct file_model *file = find_file(selection, selection->models[m]);
        if ((file ? file->size : family_find_size(selection->models[m], NULL)) == one->size)
            return true;
    }
    return false;
}

static bool matches_any(const char *id, const char *const *globs)
{
    for (size_t i = 0; globs && globs[i]; i++)
        if (glob_match(globs[i], id))
            return true;
    return false;
}

static bool is_wanted(const struct model_case *one, const struct selection *selection)
{
    return (!has_any(selection->models) || is_of_models(one, selection)) &&
           (!has_any(selection->filters) || matches_any(one->id, selection->filters)) &&
           !matches_any(one->id, selection->excludes);
}

static bool check_models(const struct selection *selection, struct error *error)
{
    for (size_t m = 0; selection->models && selection->models[m]; m++) {
        const struct family *family;
        const struct family_size *size;
        if (!find_file(selection, selection->models[m]) && !find_model(selection->models[m], &family, &size, error))
            return false;
    }
    return true;
}

static bool gather(const struct selection *selection, struct case_list *list, const struct suite **suite,
                   struct error *error)
{
    *suite = NULL;
    if (!check_models(selection, error))
        return false;
    bool right;
    if (selection->suites)
        right = add_suites(list, selection->suites, suite, error);
    else if (has_any(selection->models))
        right = add_models(list, selection, error);
    else
        right = add_named(list, "all", suite, error);
    *suite = *suite ? *suite : suite_find("all");
    return right;
}

bool selection_cases(const struct selection *selection, struct case_list *list, const struct suite **suite,
                     struct error *error)
{
    *list = (struct case_list){0};
    bool right = gather(selection, list, suite, error);
    size_t kept = 0, offered = list->count;
    for (size_t i = 0; right && i < offered; i++)
        if (is_wanted(&list->cases[i], selection))
            list->cases[kept++] = list->cases[i];
    list->count = kept;
    if (right && !kept)
        right =
            error_set(error, ERROR_INPUT,
                      "--filter, --exclude and --model leave none of %zu cases; see 'benchmark list cases'", offered);
    if (!right)
        case_list_free(list);
    return right;
}
