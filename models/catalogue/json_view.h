/* JSON that is looked at where it lies, without a tree: headers of weight files may be a hundred megabytes long, and a
 * tree of hostile ones would take many times that.
 *
 * json_view_of checks the whole text once (RFC 8259, and Python's NaN and Infinity, which configurations contain);
 * what is asked afterwards finds its way in valid text. */
#ifndef CATALOGUE_JSON_VIEW_H
#define CATALOGUE_JSON_VIEW_H

#include "models/catalogue/mapping.h"

enum { JSON_MOST_DEPTH = 64 };

enum json_kind {
    JSON_NOTHING,
    JSON_OBJECT_VIEW,
    JSON_ARRAY_VIEW,
    JSON_TEXT,
    JSON_NUMBER,
    JSON_BOOLEAN,
    JSON_NULL_VIEW
};

/* One value: the bytes from `begin` to before `end`. All zero: none. */
struct json_view {
    const struct mapping *mapping;
    uint64_t begin, end;
};

/* The value that the bytes from `begin` to `end` are, with white space around it. */
bool json_view_of(const struct mapping *mapping, uint64_t begin, uint64_t end, struct json_view *view,
                  struct error *error);
enum json_kind json_view_kind(struct json_view view);

/* Steps through an object's members or an array's elements: zero-initialise a walk, call until false. `key` is a text,
 * JSON_NOTHING in arrays. */
struct json_walk {
    uint64_t at; /* 0: before the first */
    struct json_view key, value;
};
bool json_walk_next(struct json_view container, struct json_walk *walk);
/* The same where values are containers that are walked at once, to their end: walk->value is for that alone, and
 * json_walk_close says with what walk it was done. What is walked through needs no search for its end. */
bool json_walk_open(struct json_view container, struct json_walk *walk);
void json_walk_close(struct json_walk *walk, const struct json_walk *inner);
uint64_t json_view_length(struct json_view container);
/* The member of that name (the last, if there are several); JSON_NOTHING where there is none or `object` is none. */
struct json_view json_view_find(struct json_view object, const char *key);

/* An object's members by name, for objects that are asked often: those whose names are clean text shorter than
 * JSON_MEMBER_NAME. Of several of one name the last counts. */
enum { JSON_MEMBER_NAME = 64, JSON_MOST_MEMBERS = 1 << 16 };
struct json_member {
    char name[JSON_MEMBER_NAME];
    struct json_view value;
};
struct json_members {
    struct json_member *items; /* owned; sorted by name */
    size_t count;
};
/* Anything but an object has none. */
bool json_members_of(struct json_view object, struct json_members *members, struct error *error);
void json_members_free(struct json_members *members);
/* The member of that name, or JSON_NOTHING. */
struct json_view json_members_find(const struct json_members *members, const char *name);

/* Each is false when the value is of another kind or doesn't fit. */
bool json_view_count(struct json_view view, uint64_t *value); /* whole, not negative; 1e3 and 8.0 too */
bool json_view_number(struct json_view view, double *value);  /* finite */
bool json_view_boolean(struct json_view view, bool *value);
/* Decoded and terminated; only clean text (mapping.h) that fits into the capacity. */
bool json_view_text(struct json_view view, char *out, size_t capacity);
/* Is it that text? */
bool json_view_is(struct json_view view, const char *text);

#endif
