/* Running somebody else's program: its output is taken as text, within limits of time and size, and whatever becomes of
 * it is a fate with a reason. No shell is in between. The program and what it started are gone when this returns. */
#ifndef RUN_PROGRAM_H
#define RUN_PROGRAM_H

#include <stdint.h>

#include "harness/base/text.h"
#include "harness/run/supervise.h"
#include "harness/store/record.h"

struct program_call {
    const char *path;             /* of the program; PATH isn't searched */
    const char *const *arguments; /* NULL-ended, its name first: reasons begin with that */
    double timeout_s;
    size_t most_bytes;           /* of output; more is a failure */
    volatile sig_atomic_t *stop; /* or NULL */
    void (*tick)(void *state);   /* at least once a second; or NULL */
    void *state;
};

struct program_end {
    enum fate fate; /* done: it ended with exit code 0 */
    char reason[TEXT_REASON];
    struct text out; /* what it wrote on stdout: the caller's to free, also when it failed */
    double seconds;
    uint64_t peak_bytes; /* resident at the most; BYTES_UNKNOWN */
};

/* False only when it can't be started. */
bool program_run(const struct program_call *call, struct program_end *end, struct error *error);

/* Where a program is that people name as a shell would have it: a path, or a name that is searched for on PATH. False
 * when it isn't there or may not be run. */
bool program_find(const char *name, char *path, size_t size);

#endif
