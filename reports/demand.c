/* A demand as people write it, "gpt2-124m train f32 b4 >= 500 tokens/s"; see workload.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/parse.h"
#include "models/families/family.h"
#include "reports/workload.h"

#define EXAMPLE "such as \"llama-3-8b decode >= 20 tokens/s\""

/* The word at *at, which moves behind it; false at the end. */
static bool next_word(const char **at, char *word, size_t capacity)
{
    *at += strspn(*at, " ");
    size_t length = strcspn(*at, " ");
    snprintf(word, capacity, "%.*s", (int)length, *at);
    *at += length;
    return length;
}

static bool read_model(const char *word, const char *where, struct demand *demand, struct error *error)
{
    demand->size = family_find_size(word, &demand->family);
    if (demand->size)
        return true;
    char nearest[160];
    family_nearest_sizes(NULL, word, nearest, sizeof nearest);
    return error_set(error, ERROR_INPUT, "%s: no model is called '%.60s'; the nearest are %s", where, word, nearest);
}

static bool read_mode(const char *word, const char *where, struct demand *demand, struct error *error)
{
    char modes[80] = "";
    for (int i = 0; i < MODE_COUNT; i++) {
        if (!family_has_mode(demand->family, demand->size, (enum mode)i))
            continue;
        if (strcasecmp(word, mode_name((enum mode)i)) == 0) {
            demand->mode = (enum mode)i;
            return true;
        }
        snprintf(modes + strlen(modes), sizeof modes - strlen(modes), "%s%s", *modes ? ", " : "",
                 mode_name((enum mode)i));
    }
    return error_set(error, ERROR_INPUT, "%s: '%.40s' is not a mode of %s; these are: %s", where,
                     *word ? word : "nothing", demand->size->name, modes);
}

/* f32, q4_K_M, b8, s512. */
static bool read_shape(const char *word, const char *where, struct demand *demand, struct error *error)
{
    struct model_case one = {0};
    uint64_t value;
    bool batch = *word == 'b' && word[1] >= '0' && word[1] <= '9', context = *word == 's';
    if (batch || context) {
        if (!parse_count(word + 1, where, 1, 1 << 24, &value, error))
            return false;
        *(batch ? &demand->batch : &demand->context) = (int64_t)value;
        return true;
    }
    if (!case_set_dtype(&one, word))
        return error_set(error, ERROR_INPUT, "%s: '%.40s' is neither >= nor one of %s, bN and sN", where, word,
                         case_dtype_names());
    snprintf(demand->dtype, sizeof demand->dtype, "%s", case_dtype_name(&one));
    return true;
}

static bool read_rate(const char *at, const char *where, struct demand *demand, struct error *error)
{
    struct model_case one = case_of_size(demand->family, demand->size, demand->mode);
    char number[40], unit[40], last[40];
    demand->unit = case_unit(&one);
    if (!next_word(&at, number, sizeof number) || !next_word(&at, unit, sizeof unit))
        return error_set(error, ERROR_INPUT, "%s: >= is followed by a number and %s", where, demand->unit);
    if (!parse_number(number, where, 1e-9, 1e15, &demand->least, error))
        return false;
    if (strcasecmp(unit, demand->unit) != 0)
        return error_set(error, ERROR_INPUT, "%s: %s of %s is told in %s, not in '%.30s'", where,
                         mode_name(demand->mode), demand->size->name, demand->unit, unit);
    demand->total = next_word(&at, last, sizeof last);
    if (demand->total && (strcasecmp(last, "total") != 0 || next_word(&at, unit, sizeof unit)))
        return error_set(error, ERROR_INPUT, "%s: after the unit there may be 'total' alone, not '%.30s'", where, last);
    return true;
}

bool demand_parse(const char *text, const char *where, struct demand *demand, struct error *error)
{
    char word[100];
    const char *at = text;
    *demand = (struct demand){0};
    if (strlen(text) >= sizeof demand->text)
        return error_set(error, ERROR_INPUT, "%s: a demand has at most %zu bytes", where, sizeof demand->text - 1);
    snprintf(demand->text, sizeof demand->text, "%s", text);
    if (!next_word(&at, word, sizeof word))
        return error_set(error, ERROR_INPUT, "%s: a demand is a model, a mode and a rate, " EXAMPLE, where);
    if (!read_model(word, where, demand, error))
        return false;
    next_word(&at, word, sizeof word);
    if (!read_mode(word, where, demand, error))
        return false;
    for (;;) {
        if (!next_word(&at, word, sizeof word))
            return error_set(error, ERROR_INPUT, "%s: '%.80s' has no >= with a rate behind it, " EXAMPLE, where, text);
        if (!strcmp(word, ">=") || !strcmp(word, "\u2265"))
            return read_rate(at, where, demand, error);
        if (!read_shape(word, where, demand, error))
            return false;
    }
}

bool demand_is_about(const struct demand *demand, const struct model_case *one)
{
    int64_t batch = demand->batch ? demand->batch : demand->mode == MODE_DECODE ? 1 : one->batch;
    return one->size == demand->size && one->mode == demand->mode && one->batch == batch && !one->layers &&
           (!demand->context || one->context == demand->context) &&
           (!*demand->dtype || !strcmp(demand->dtype, case_dtype_name(one)));
}
