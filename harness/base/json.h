/* JSON through jansson, with this program's rules: absent is absent (NaN, infinity and NULL are left out, never
 * written as 0 or null), keys keep the order in which they are put, text is valid UTF-8. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "harness/base/error.h"

/* Each puts a value under `key`; the object takes it over. */
void json_put(json_t *object, const char *key, json_t *value);     /* a NULL value is left out */
void json_put_real(json_t *object, const char *key, double value); /* left out unless finite */
void json_put_count(json_t *object, const char *key, uint64_t value);
void json_put_string(json_t *object, const char *key,
                     const char *value); /* left out when NULL; bytes that aren't UTF-8 become U+FFFD */
void json_put_bool(json_t *object, const char *key, bool value);

/* Reading: NaN, `otherwise` or NULL where the key is absent or of another type. */
double json_get_real(const json_t *object, const char *key);
uint64_t json_get_count(const json_t *object, const char *key, uint64_t otherwise);
const char *json_get_string(const json_t *object, const char *key);

/* Parses untrusted text; duplicate keys and nesting beyond jansson's limit are refused. `name` opens the error. */
json_t *json_parse(const char *bytes, size_t length, const char *name, struct error *error);
/* Compact or indented (2); the caller frees it with free(). */
char *json_write(const json_t *value, bool indented);

#endif
