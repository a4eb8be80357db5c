/* Names of llama.cpp's models in ours. Its description ("llama 7B Q4_K - Medium") is an architecture, a class of sizes
 * that is guessed from the number of layers, and the file's type; the file's name says which model it is. */
#include "harness/store/llama_bench_model.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "models/families/family.h"

/* ---- the type ---- */

/* What follows a type's name in a description, and what files of that recipe are called. */
static const struct {
    const char *after, *recipe;
} suffixes[] = {{" - Small", "_S"}, {" - Medium", "_M"}, {" - Large", "_L"}};

static bool begins_type(const char *at)
{
    static const char *const heads[] = {"Q", "IQ", "TQ", "F", "BF", "MXFP", "NVFP", "all F"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t length = strlen(heads[i]);
        if (strncasecmp(at, heads[i], length) == 0 && at[length] >= '1' && at[length] <= '9')
            return true;
    }
    return false;
}

/* Where in a description the type begins, or its end. */
static const char *find_type(const char *description)
{
    for (const char *at = description; *at; at++)
        if ((at == description || at[-1] == ' ' || at[-1] == '-' || at[-1] == '.' || at[-1] == '_') && begins_type(at))
            return at;
    return description + strlen(description);
}

/* "Q4_K - Medium" is q4_K_M, "IQ2_XXS - 2.0625 bpw" is iq2_XXS, "all F32" is f32: recipes' letters are small up to the
 * first digit. */
static void name_type(const char *label, char *out, size_t size)
{
    if (strncasecmp(label, "all ", 4) == 0)
        label += 4;
    size_t length = strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    const char *suffix = "";
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strncmp(label + length, suffixes[i].after, strlen(suffixes[i].after)) == 0)
            suffix = suffixes[i].recipe;
    snprintf(out, size, "%.*s%s", (int)length, label, suffix);
    bool plain =
        strncasecmp(out, "f", 1) == 0 || strncasecmp(out, "bf", 2) == 0 || strstr(out, "fp") || strstr(out, "FP");
    for (char *at = out; *at && (plain || !isdigit((unsigned char)*at)); at++)
        *at = (char)tolower((unsigned char)*at);
}

/* ---- the model ---- */

/* Parts of a case's name are separated by '/', options begin with '@'; the rest of a foreign name is kept. */
static void clean(const char *from, size_t length, char *out, size_t size)
{
    size_t kept = 0;
    for (size_t i = 0; i < length && kept + 1 < size; i++) {
        unsigned char byte = (unsigned char)from[i];
        out[kept++] = byte <= ' ' || byte == '/' || byte == '@' || byte >= 0x7f ? '-' : (char)tolower(byte);
    }
    while (kept > 0 && strchr("-._", out[kept - 1]))
        kept--;
    out[kept] = '\0';
}

/* The file's name without its folder, its end, its part's number and its type. */
static void name_of_file(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/'), *back = strrchr(path, '\\');
    const char *stem = slash && (!back || slash > back) ? slash + 1 : back ? back + 1 : path;
    size_t length = strlen(stem);
    if (length > 5 && strcasecmp(stem + length - 5, ".gguf") == 0)
        length -= 5;
    if (length > 15 && strncmp(stem + length - 9, "-of-", 4) == 0)
        length -= 15; /* -00001-of-00002 */
    size_t type = (size_t)(find_type(stem) - stem);
    if (type > 1 && type < length)
        length = type - 1;
    clean(stem, length, out, size);
    size_t kept = strlen(out);
    if (kept > 3 && strcmp(out + kept - 3, "-ud") == 0)
        out[kept - 3] = '\0'; /* a maker's name of its recipes */
}

/* Whether a name's last part may be left out: a word ("instruct", "it") or a version ("v1.0"), never a size. */
static bool may_leave_out(const char *part)
{
    bool version = part[0] == 'v' && isdigit((unsigned char)part[1]);
    return version || (*part && !strpbrk(part, "0123456789"));
}

/* The zoo's size of that name or of its beginning: "llama-3.2-3b-instruct", "mistral-7b-instruct-v0.3". */
static const struct family_size *find_beginning(const char *name, const struct family **family)
{
    char shorter[TEXT_NAME];
    snprintf(shorter, sizeof shorter, "%s", name);
    for (;;) {
        const struct family_size *size = family_find_size(shorter, family);
        char *dash = strrchr(shorter, '-');
        if (size || !dash || !may_leave_out(dash + 1))
            return size;
        *dash = '\0';
    }
}

/* Without its publisher before it too: "meta-llama-3.1-8b", "google_gemma-2-9b-it". */
static const struct family_size *find_size(const char *name, const struct family **family)
{
    const struct family_size *size = find_beginning(name, family);
    const char *rest = strpbrk(name, "-_");
    return size || !rest ? size : find_beginning(rest + 1, family);
}

/* A size's parameters as a family's name tells them ("1.1b", "135m"), to refuse a file whose name is another model's.
 */
static double named_parameters(const char *name)
{
    double found = NAN;
    for (const char *at = name; *at; at++) {
        double value;
        char unit;
        if ((at == name || at[-1] == '-') && sscanf(at, "%lf%c", &value, &unit) == 2 && (unit == 'b' || unit == 'm'))
            found = value * (unit == 'b' ? 1e9 : 1e6);
    }
    return found;
}

/* Published counts are rounded, and a file may hold a tied embedding twice. */
static bool agrees(const struct bench_row *row, const char *name)
{
    double named = named_parameters(name);
    return isnan(named) || isnan(row->parameters) || (row->parameters > 0.7 * named && row->parameters < 1.6 * named);
}

void bench_name_model(const struct bench_row *row, struct record *record)
{
    char name[TEXT_NAME] = "";
    const char *type = *row->type ? row->type : find_type(row->model);
    name_type(*type ? type : find_type(row->file), record->dtype, sizeof record->dtype);
    if (!*record->dtype)
        strcpy(record->dtype, "unknown");
    if (*row->file)
        name_of_file(row->file, name, sizeof name);
    if (!*name)
        clean(row->model, *row->type ? strlen(row->model) : (size_t)(find_type(row->model) - row->model), name,
              sizeof name);
    const struct family *family;
    const struct family_size *size = find_size(name, &family);
    if (size && agrees(row, size->name)) {
        snprintf(record->family, sizeof record->family, "%s", family->name);
        snprintf(record->model, sizeof record->model, "%s", size->name);
        snprintf(record->task, sizeof record->task, "%s", family->task);
        return;
    }
    clean(row->model, strcspn(row->model, " "), record->family, sizeof record->family);
    if (!*row->file || !*record->family)
        strcpy(record->family, "other");
    snprintf(record->model, sizeof record->model, "%s", *name ? name : "unknown");
    strcpy(record->task, "nlp");
}
