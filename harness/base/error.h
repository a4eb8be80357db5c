/* An error on its way back to the caller.
 *
 * Functions that can fail return bool and take a `struct error *` as their last argument. Nothing below the commands
 * prints: the message travels up, and the command shows it as one line, `benchmark: MESSAGE`, and exits with the kind.
 * A message says what is wrong, where, and what would be right. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

/* The values are the program's exit codes. */
enum error_kind {
    ERROR_NONE = 0,
    ERROR_INPUT = 2,   /* wrong usage or bad input */
    ERROR_MEASURE = 3, /* could not measure properly */
    ERROR_SYSTEM = 4,  /* a fault of the program or of the system under it */
};

struct error {
    enum error_kind kind;
    char message[500];
};

/* Fills *error and returns false, so that a function can end with `return error_set(...)`.
 * Control characters in the formatted message are replaced, since it may quote untrusted text. NULL is allowed. */
bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts `prefix: ` before the message that is already there, and returns false. */
bool error_prefix(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
