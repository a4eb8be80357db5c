#include "harness/base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* strtod without the locale: digits, one point, an exponent. Returns the end, or the start when there is no number. */
static const char *scan_decimal(const char *string, double *value)
{
    const char *c = string;
    char copy[64];
    size_t length = 0;
    bool digits = false;
    if (*c == '-' || *c == '+')
        copy[length++] = *c++;
    for (bool point = false; length < sizeof copy - 8; c++) {
        if (isdigit((unsigned char)*c))
            digits = true;
        else if (*c == '.' && !point)
            point = true;
        else
            break;
        copy[length++] = *c;
    }
    if (!digits)
        return string;
    long exponent = 0;
    if ((*c == 'e' || *c == 'E') &&
        (isdigit((unsigned char)c[1]) || ((c[1] == '-' || c[1] == '+') && isdigit((unsigned char)c[2])))) {
        char *end;
        exponent = strtol(c + 1, &end, 10);
        c = end;
    }
    copy[length] = '\0';
    /* strtod obeys LC_NUMERIC, which this program never sets: the "C" locale's point holds. */
    *value = strtod(copy, NULL) * pow(10, (double)exponent);
    return c;
}

bool parse_count(const char *string, const char *what, uint64_t least, uint64_t most, uint64_t *value,
                 struct error *error)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = isdigit((unsigned char)*string) ? strtoull(string, &end, 10) : 0;
    if (!end || *end || errno || number < least || number > most) {
        if (most == UINT64_MAX)
            return error_set(error, ERROR_INPUT, "%s: '%s' is not a whole number of at least %llu", what, string,
                             (unsigned long long)least);
        return error_set(error, ERROR_INPUT, "%s: '%s' is not a whole number from %llu to %llu", what, string,
                         (unsigned long long)least, (unsigned long long)most);
    }
    *value = number;
    return true;
}

bool parse_number(const char *string, const char *what, double least, double most, double *value, struct error *error)
{
    double number = 0;
    const char *end = scan_decimal(string, &number);
    if (end == string || *end || !isfinite(number) || number < least || number > most) {
        if (isinf(most))
            return error_set(error, ERROR_INPUT, "%s: '%s' is not a number of at least %g", what, string, least);
        return error_set(error, ERROR_INPUT, "%s: '%s' is not a number from %g to %g", what, string, least, most);
    }
    *value = number;
    return true;
}

bool parse_size(const char *string, const char *what, uint64_t *bytes, struct error *error)
{
    double number = 0, unit = 1;
    const char *end = scan_decimal(string, &number);
    bool right = end != string;
    while (*end == ' ')
        end++;
    if (right && *end) {
        const char *letters = "KMGTPE", *letter = strchr(letters, toupper((unsigned char)*end));
        if (letter) {
            bool decimal = strcasecmp(end + 1, "B") == 0;
            unit = pow(decimal ? 1000 : 1024, (double)(letter - letters + 1));
            right = decimal || end[1] == '\0' || strcasecmp(end + 1, "iB") == 0;
        } else {
            right = strcasecmp(end, "B") == 0;
        }
    }
    double total = number * unit;
    if (!right || !(total >= 1) || total >= 0x1p63)
        return error_set(error, ERROR_INPUT, "%s: '%s' is not a size such as 8GiB or 500MB", what, string);
    *bytes = (uint64_t)total;
    return true;
}

bool parse_duration(const char *string, const char *what, double *seconds, struct error *error)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    double total = 0;
    const char *c = string;
    bool right = *c != '\0';
    while (right && *c) {
        double number = 0;
        const char *end = scan_decimal(c, &number);
        right = end != c && number >= 0;
        if (!right || (*end == '\0' && c == string)) {
            total += number;
            c = end;
            break;
        }
        bool known = false;
        for (size_t i = 0; i < sizeof units / sizeof *units && !known; i++) {
            size_t length = strlen(units[i].unit);
            known = strncmp(end, units[i].unit, length) == 0 && !isalpha((unsigned char)end[length]);
            if (known) {
                total += number * units[i].seconds;
                c = end + length;
            }
        }
        right = known;
    }
    if (!right || *c || !(total > 0) || !(total < 1e9))
        return error_set(error, ERROR_INPUT, "%s: '%s' is not a duration such as 90s, 10m or 2h30m", what, string);
    *seconds = total;
    return true;
}

bool glob_match(const char *pattern, const char *string)
{
    /* Linear backtracking: only the last star can need to take more, so no pattern is exponential. */
    const char *star = NULL, *resume = NULL;
    while (*string) {
        if (*pattern == '*') {
            star = pattern++;
            resume = string;
        } else if (*pattern == '?' ||
                   (*pattern && tolower((unsigned char)*pattern) == tolower((unsigned char)*string))) {
            pattern++;
            string++;
        } else if (star) {
            pattern = star + 1;
            string = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* Three significant digits, without a point that nothing follows. */
static int significant(double value, char *out, size_t capacity)
{
    int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    return snprintf(out, capacity, "%.*f", decimals, value);
}

void format_size(uint64_t bytes, char *out, size_t capacity)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    if (unit == 0) {
        snprintf(out, capacity, "%llu B", (unsigned long long)bytes);
        return;
    }
    char number[32];
    significant(value, number, sizeof number);
    snprintf(out, capacity, "%s %s", number, units[unit]);
}

void format_duration(double seconds, char *out, size_t capacity)
{
    char number[32];
    if (seconds >= 3599.5) {
        long minutes = lround(seconds / 60);
        snprintf(out, capacity, "%ld h %ld min", minutes / 60, minutes % 60);
    } else if (seconds >= 99.5) {
        long whole = lround(seconds);
        snprintf(out, capacity, "%ld min %ld s", whole / 60, whole % 60);
    } else {
        const char *unit = seconds >= 0.9995 ? "s" : seconds >= 0.9995e-3 ? "ms" : seconds >= 0.9995e-6 ? "µs" : "ns";
        double scale = seconds >= 0.9995 ? 1 : seconds >= 0.9995e-3 ? 1e3 : seconds >= 0.9995e-6 ? 1e6 : 1e9;
        significant(seconds * scale, number, sizeof number);
        snprintf(out, capacity, "%s %s", number, unit);
    }
}

void format_count(double count, char *out, size_t capacity)
{
    static const char *const units[] = {"", "k", "M", "B", "T"};
    size_t unit = 0;
    while (count >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        count /= 1000;
        unit++;
    }
    if (unit == 0 && count == floor(count)) {
        snprintf(out, capacity, "%.0f", count);
        return;
    }
    char number[32];
    significant(count, number, sizeof number);
    snprintf(out, capacity, "%s%s", number, units[unit]);
}

/* Levenshtein distance, case ignored, over at most 63 characters of each. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[64], length = strnlen(b, 63);
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] && i < 64; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t above = row[j];
            size_t cost = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            size_t least = above + 1 < row[j - 1] + 1 ? above + 1 : row[j - 1] + 1;
            row[j] = cost < least ? cost : least;
            diagonal = above;
        }
    }
    return row[length];
}

/* What a name lacks to be the other: the edits, less the letters that both begin with, since people err at the end. */
static size_t unlikeness(const char *name, const char *other)
{
    size_t common = 0;
    while (name[common] && tolower((unsigned char)name[common]) == tolower((unsigned char)other[common]))
        common++;
    return edit_distance(name, other) + 64 - (common < 64 ? common : 64);
}

void nearest_names(const char *name, const char *const *names, size_t count, size_t most, char *out, size_t capacity)
{
    size_t chosen[8], chosen_count = 0;
    if (most > 8)
        most = 8;
    while (chosen_count < most && chosen_count < count) {
        size_t best = count, best_distance = SIZE_MAX;
        for (size_t i = 0; i < count; i++) {
            bool taken = false;
            for (size_t j = 0; j < chosen_count; j++)
                taken |= chosen[j] == i;
            size_t distance = taken ? SIZE_MAX : unlikeness(name, names[i]);
            if (distance < best_distance) {
                best = i;
                best_distance = distance;
            }
        }
        chosen[chosen_count++] = best;
    }
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < chosen_count && used < capacity; i++)
        used += (size_t)snprintf(out + used, capacity - used, "%s%s",
                                 i == 0                  ? ""
                                 : i + 1 == chosen_count ? " or "
                                                         : ", ",
                                 names[chosen[i]]);
}
