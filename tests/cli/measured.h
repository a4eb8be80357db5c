/* Tests of commands that measure, each in a store of its own that has the machine's ceilings already. How fast or how
 * quiet the machine is decides nothing: a case may be ok or noisy, and a run exit with 0 or 3. */
#ifndef CLI_MEASURED_H
#define CLI_MEASURED_H

#include <check.h>

#include "harness/base/json.h"
#include "program.h"

#define SMALL "rnn/seed-rnn/forward/f32/b1/s5"
#define OTHER "mlp/mlp-1m/forward/f32/b1"

extern char measured_folder[];  /* of this program's tests, for files of their own */
extern char measured_store[64]; /* BENCHMARK_DB; before each test it holds one run of SMALL, whose note is name=first */
void remove_store(void);

/* main: runs the tests that `add` puts into the case. */
int measured_main(const char *name, void (*add)(TCase *tests));
/* The same where each test begins without a store, and nothing was measured before. */
int plain_main(const char *name, void (*add)(TCase *tests));

/* program_run with a formatted line. */
struct answer call(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Exits with `code` and one line that has `part` in it. */
void refuses(const char *line, int code, const char *part);

/* What was written as JSON, the caller's; and a case in a run. */
json_t *document_of(const struct answer *answer);
json_t *case_of(const json_t *document, const char *id);
bool is_measured(const json_t *one);

#endif
