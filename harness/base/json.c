#include "harness/base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"

void json_put(json_t *object, const char *key, json_t *value)
{
    if (value)
        json_object_set_new(object, key, value);
}

void json_put_real(json_t *object, const char *key, double value)
{
    if (isfinite(value))
        json_object_set_new(object, key, json_real(value));
}

void json_put_count(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* A copy in which every byte that is not part of valid UTF-8 is U+FFFD. */
static json_t *string_from_bytes(const char *value)
{
    struct text clean = {0};
    for (const char *c = value; *c;) {
        size_t length = 1;
        while (length <= 4 && c[length - 1]) {
            json_t *one = json_stringn(c, length);
            if (one) {
                json_decref(one);
                break;
            }
            length++;
        }
        bool valid = length <= 4 && c[length - 1];
        text_append_n(&clean, valid ? c : "\xef\xbf\xbd", valid ? length : 3);
        c += valid ? length : 1;
    }
    json_t *string = json_string(text_string(&clean));
    text_free(&clean);
    return string;
}

void json_put_string(json_t *object, const char *key, const char *value)
{
    if (!value)
        return;
    json_t *string = json_string(value);
    json_put(object, key, string ? string : string_from_bytes(value));
}

void json_put_bool(json_t *object, const char *key, bool value)
{
    json_object_set_new(object, key, json_boolean(value));
}

double json_get_real(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

uint64_t json_get_count(const json_t *object, const char *key, uint64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) && json_integer_value(value) >= 0 ? (uint64_t)json_integer_value(value) : otherwise;
}

const char *json_get_string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

json_t *json_parse(const char *bytes, size_t length, const char *name, struct error *error)
{
    json_error_t where;
    json_t *value = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &where);
    if (!value)
        error_set(error, ERROR_INPUT, "%s: line %d, column %d: %s", name, where.line, where.column, where.text);
    return value;
}

/* The shortest decimal form that reads back as the same double, in place: `number` is "%.17g"'s. */
static size_t shorten(char *number, size_t length)
{
    char shorter[40], whole[40];
    if (length >= sizeof whole || !memchr(number, '.', length))
        return length;
    memcpy(whole, number, length);
    whole[length] = '\0';
    double value = strtod(whole, NULL);
    for (int precision = 12; precision <= 16; precision++) {
        snprintf(shorter, sizeof shorter, "%.*g", precision, value);
        if (strtod(shorter, NULL) != value)
            continue;
        if (!strpbrk(shorter, ".e")) /* a real stays one */
            strcat(shorter, ".0");
        size_t count = strlen(shorter);
        if (count > length)
            break;
        memcpy(number, shorter, count);
        return count;
    }
    return length;
}

/* jansson writes a real with as many digits as it is told: 17 keep it, and here those that nobody needs are left out.
 */
char *json_write(const json_t *value, bool indented)
{
    char *text =
        json_dumps(value, (indented ? JSON_INDENT(2) : JSON_COMPACT) | JSON_REAL_PRECISION(17) | JSON_ENCODE_ANY);
    char *out = text;
    bool quoted = false;
    for (const char *c = text; c && *c;) {
        size_t length = quoted ? 0 : strspn(c, "+-.0123456789eE");
        if (length && *c != 'e' && *c != 'E') { /* not of true and false */
            memmove(out, c, length);
            out += shorten(out, length);
            c += length;
            continue;
        }
        if (*c == '"')
            quoted = !quoted;
        if (quoted && *c == '\\')
            *out++ = *c++;
        *out++ = *c++;
    }
    if (out)
        *out = '\0';
    return text;
}
