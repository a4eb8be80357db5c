/* Text on its way into a report; see report.h. */
#ifndef REPORTS_VISIBLE_H
#define REPORTS_VISIBLE_H

#include <stdarg.h>

#include "harness/base/text.h"

/* A copy as valid UTF-8 in which controls are visible, so that no format can pass one on. NULL without memory. */
char *visible(const char *format, va_list arguments);
char *visible_string(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Appends JSON text, in whose strings such characters may still stand as they are: those are escaped as JSON has it, so
 * that the document says the same and is harmless on a terminal. */
void visible_append_json(struct text *out, const char *json);

#endif
