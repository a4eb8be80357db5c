#include "models/catalogue/json_view.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/* ---- checking ---- */

struct scan {
    const struct mapping *mapping;
    uint64_t at, end;
    struct error *error;
};

static bool wrong(const struct scan *scan, const char *wanted)
{
    if (scan->at >= scan->end)
        return mapping_error(scan->mapping, scan->at, scan->error, "the JSON text ends here; %s is wanted", wanted);
    uint8_t byte = scan->mapping->bytes[scan->at];
    if (byte < 0x20 || byte >= 0x7f)
        return mapping_error(scan->mapping, scan->at, scan->error, "a byte 0x%02x in JSON; %s is wanted", byte, wanted);
    return mapping_error(scan->mapping, scan->at, scan->error, "'%c' in JSON; %s is wanted", byte, wanted);
}

static inline int peek(const struct scan *scan)
{
    return scan->at < scan->end ? scan->mapping->bytes[scan->at] : -1;
}

static inline void skip_space(struct scan *scan)
{
    int c;
    while ((c = peek(scan)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        scan->at++;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_hexadecimal(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Eight bytes at once: the top bit of each that is below 0x20, a quote or a backslash; of the lowest such byte surely,
 * of those above it perhaps wrongly. */
static inline uint64_t text_ends(uint64_t eight)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x80 * ones;
    uint64_t quote = eight ^ '"' * ones, backslash = eight ^ '\\' * ones;
    return (((eight - 0x20 * ones) & ~eight) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & tops;
}

/* To the next byte of a text that ends it or that begins an escape, or that may not stand in one. */
static inline void skip_plain(struct scan *scan)
{
    const uint8_t *bytes = scan->mapping->bytes;
    for (uint64_t eight; scan->at + 8 <= scan->end; scan->at += 8) {
        memcpy(&eight, bytes + scan->at, 8);
        if (text_ends(eight))
            break;
    }
    while (scan->at < scan->end && bytes[scan->at] >= 0x20 && bytes[scan->at] != '"' && bytes[scan->at] != '\\')
        scan->at++;
}

static bool check_text(struct scan *scan)
{
    if (peek(scan) != '"')
        return wrong(scan, "a string");
    for (scan->at++;; scan->at++) {
        skip_plain(scan);
        int c = peek(scan);
        if (c == '"')
            break;
        if (c < 0x20)
            return wrong(scan, "the end of a string");
        if (c != '\\')
            continue;
        scan->at++;
        c = peek(scan);
        if (c < 0 || !strchr("\"\\/bfnrtu", c))
            return wrong(scan, "an escape that JSON has");
        for (int i = 0; c == 'u' && i < 4; i++) {
            scan->at++;
            if (!is_hexadecimal(peek(scan)))
                return wrong(scan, "a hexadecimal digit");
        }
    }
    scan->at++;
    return true;
}

static bool take_word(struct scan *scan, const char *word)
{
    size_t length = strlen(word);
    if (scan->end - scan->at < length || memcmp(scan->mapping->bytes + scan->at, word, length) != 0)
        return false;
    scan->at += length;
    return true;
}

static bool check_digits(struct scan *scan)
{
    if (!is_digit(peek(scan)))
        return wrong(scan, "a digit");
    while (is_digit(peek(scan)))
        scan->at++;
    return true;
}

static bool check_number(struct scan *scan)
{
    if (peek(scan) == '-')
        scan->at++;
    if (take_word(scan, "Infinity") || take_word(scan, "NaN"))
        return true;
    if (peek(scan) == '0') {
        scan->at++;
    } else if (!is_digit(peek(scan))) {
        return wrong(scan, "a value");
    } else {
        check_digits(scan);
    }
    if (peek(scan) == '.') {
        scan->at++;
        if (!check_digits(scan))
            return false;
    }
    if (peek(scan) == 'e' || peek(scan) == 'E') {
        scan->at++;
        if (peek(scan) == '+' || peek(scan) == '-')
            scan->at++;
        return check_digits(scan);
    }
    return true;
}

static bool check_value(struct scan *scan, int depth);

/* An object or an array. */
static bool check_container(struct scan *scan, int depth)
{
    bool object = peek(scan) == '{';
    int close = object ? '}' : ']';
    if (depth == JSON_MOST_DEPTH)
        return mapping_error(scan->mapping, scan->at, scan->error, "JSON is nested more than %d deep", JSON_MOST_DEPTH);
    scan->at++;
    skip_space(scan);
    if (peek(scan) == close) {
        scan->at++;
        return true;
    }
    for (;;) {
        skip_space(scan);
        if (object) {
            if (!check_text(scan))
                return false;
            skip_space(scan);
            if (peek(scan) != ':')
                return wrong(scan, "':'");
            scan->at++;
        }
        if (!check_value(scan, depth + 1))
            return false;
        skip_space(scan);
        if (peek(scan) == close)
            break;
        if (peek(scan) != ',')
            return wrong(scan, object ? "',' or '}'" : "',' or ']'");
        scan->at++;
    }
    scan->at++;
    return true;
}

static bool check_value(struct scan *scan, int depth)
{
    skip_space(scan);
    int c = peek(scan);
    if (c == '{' || c == '[')
        return check_container(scan, depth);
    if (c == '"')
        return check_text(scan);
    return take_word(scan, "true") || take_word(scan, "false") || take_word(scan, "null") || check_number(scan);
}

bool json_view_of(const struct mapping *mapping, uint64_t begin, uint64_t end, struct json_view *view,
                  struct error *error)
{
    struct scan scan = {.mapping = mapping, .at = begin, .end = end, .error = error};
    skip_space(&scan);
    *view = (struct json_view){.mapping = mapping, .begin = scan.at};
    if (!check_value(&scan, 0))
        return false;
    view->end = scan.at;
    skip_space(&scan);
    return scan.at == end || wrong(&scan, "the end of the JSON text");
}

/* ---- looking, in text that was checked ---- */

enum json_kind json_view_kind(struct json_view view)
{
    if (!view.mapping)
        return JSON_NOTHING;
    switch (view.mapping->bytes[view.begin]) {
    case '{':
        return JSON_OBJECT_VIEW;
    case '[':
        return JSON_ARRAY_VIEW;
    case '"':
        return JSON_TEXT;
    case 't':
    case 'f':
        return JSON_BOOLEAN;
    case 'n':
        return JSON_NULL_VIEW;
    default:
        return JSON_NUMBER;
    }
}

/* Over a string in valid text. */
static void skip_text(struct scan *scan)
{
    const uint8_t *bytes = scan->mapping->bytes;
    scan->at++;
    for (skip_plain(scan); scan->at < scan->end && bytes[scan->at] != '"'; skip_plain(scan))
        scan->at += 1 + (bytes[scan->at] == '\\');
    scan->at++;
}

/* Over an object or an array in valid text. */
static void skip_container(struct scan *scan)
{
    const uint8_t *bytes = scan->mapping->bytes;
    int depth = 0;
    do {
        uint8_t c = scan->at < scan->end ? bytes[scan->at] : 0;
        if (c == '"') {
            skip_text(scan);
            continue;
        }
        /* Brackets differ from braces in one bit, and nothing else in valid JSON has the others. */
        depth += (c | 0x20) == '{';
        depth -= (c | 0x20) == '}';
        scan->at++;
    } while (depth > 0 && scan->at < scan->end);
}

/* Over a number or a word, which go on to what can't be in one. */
static void skip_word(struct scan *scan)
{
    const uint8_t *bytes = scan->mapping->bytes;
    while (scan->at < scan->end && bytes[scan->at] > ' ' && bytes[scan->at] != ',' && (bytes[scan->at] | 0x20) != '}')
        scan->at++;
}

static struct json_view take_view(struct scan *scan)
{
    skip_space(scan);
    struct json_view view = {.mapping = scan->mapping, .begin = scan->at};
    int first = peek(scan);
    if (first == '"')
        skip_text(scan);
    else if (first == '{' || first == '[')
        skip_container(scan);
    else
        skip_word(scan);
    view.end = scan->at;
    return view;
}

static bool step(struct json_view container, struct json_walk *walk, bool opens)
{
    int bracket = container.mapping ? container.mapping->bytes[container.begin] : 0;
    if (bracket != '{' && bracket != '[')
        return false;
    struct scan scan = {
        .mapping = container.mapping, .at = walk->at ? walk->at : container.begin, .end = container.end};
    skip_space(&scan); /* at the opening bracket, a comma, or the closing one */
    if (walk->at && peek(&scan) != ',')
        return false;
    scan.at++;
    skip_space(&scan);
    if (peek(&scan) == '}' || peek(&scan) == ']')
        return false;
    walk->key = (struct json_view){0};
    if (bracket == '{') {
        walk->key = take_view(&scan);
        skip_space(&scan);
        scan.at++; /* the colon */
    }
    skip_space(&scan);
    int first = scan.mapping->bytes[scan.at];
    if (opens && (first == '{' || first == '['))
        walk->value = (struct json_view){.mapping = scan.mapping, .begin = scan.at, .end = scan.end};
    else
        walk->value = take_view(&scan);
    walk->at = scan.at;
    return true;
}

bool json_walk_next(struct json_view container, struct json_walk *walk)
{
    return step(container, walk, false);
}

bool json_walk_open(struct json_view container, struct json_walk *walk)
{
    return step(container, walk, true);
}

void json_walk_close(struct json_walk *walk, const struct json_walk *inner)
{
    enum json_kind kind = json_view_kind(walk->value);
    if (kind != JSON_OBJECT_VIEW && kind != JSON_ARRAY_VIEW)
        return;
    struct scan scan = {
        .mapping = walk->value.mapping, .at = inner->at ? inner->at : walk->value.begin + 1, .end = walk->value.end};
    skip_space(&scan); /* to the closing bracket */
    walk->at = scan.at + 1;
}

uint64_t json_view_length(struct json_view container)
{
    struct json_walk walk = {0};
    uint64_t count = 0;
    while (json_walk_next(container, &walk))
        count++;
    return count;
}

struct json_view json_view_find(struct json_view object, const char *key)
{
    struct json_walk walk = {0};
    struct json_view found = {0};
    while (json_view_kind(object) == JSON_OBJECT_VIEW && json_walk_next(object, &walk))
        if (json_view_is(walk.key, key))
            found = walk.value;
    return found;
}

/* ---- scalars ---- */

bool json_view_number(struct json_view view, double *value)
{
    if (json_view_kind(view) != JSON_NUMBER)
        return false;
    json_t *number = json_loadb((const char *)view.mapping->bytes + view.begin, view.end - view.begin, JSON_DECODE_ANY,
                                NULL); /* NULL for NaN, Infinity and what overflows */
    bool right = json_is_number(number);
    if (right)
        *value = json_number_value(number);
    json_decref(number);
    return right && isfinite(*value);
}

bool json_view_count(struct json_view view, uint64_t *value)
{
    double number;
    uint64_t whole = 0;
    if (json_view_kind(view) != JSON_NUMBER)
        return false;
    for (uint64_t i = view.begin; i < view.end; i++) {
        uint8_t digit = view.mapping->bytes[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, digit, &whole)) {
            if (!json_view_number(view, &number) || number < 0 || number > 0x1p53 || number != floor(number))
                return false;
            *value = (uint64_t)number;
            return true;
        }
    }
    *value = whole;
    return true;
}

bool json_view_boolean(struct json_view view, bool *value)
{
    if (json_view_kind(view) != JSON_BOOLEAN)
        return false;
    *value = view.mapping->bytes[view.begin] == 't';
    return true;
}

static bool decode(struct json_view view, char *out, size_t capacity)
{
    json_t *text =
        json_loadb((const char *)view.mapping->bytes + view.begin, view.end - view.begin, JSON_DECODE_ANY, NULL);
    size_t length = json_string_length(text);
    bool right = text && length < capacity && text_is_clean(json_string_value(text), length);
    if (right)
        memcpy(out, json_string_value(text), length + 1);
    json_decref(text);
    return right;
}

bool json_view_text(struct json_view view, char *out, size_t capacity)
{
    *out = '\0';
    if (json_view_kind(view) != JSON_TEXT)
        return false;
    const char *bytes = (const char *)view.mapping->bytes + view.begin + 1;
    uint64_t length = view.end - view.begin - 2;
    if (length > 6 * (uint64_t)capacity) /* an escape takes at most six bytes for one */
        return false;
    if (memchr(bytes, '\\', length))
        return decode(view, out, capacity);
    if (length >= capacity || !text_is_clean(bytes, length))
        return false;
    memcpy(out, bytes, length);
    out[length] = '\0';
    return true;
}

bool json_view_is(struct json_view view, const char *text)
{
    char decoded[256];
    size_t length = strlen(text);
    if (json_view_kind(view) != JSON_TEXT)
        return false;
    const char *bytes = (const char *)view.mapping->bytes + view.begin + 1;
    if (view.end - view.begin - 2 == length && memcmp(bytes, text, length) == 0)
        return true;
    return memchr(bytes, '\\', view.end - view.begin - 2) && json_view_text(view, decoded, sizeof decoded) &&
           strcmp(decoded, text) == 0;
}
