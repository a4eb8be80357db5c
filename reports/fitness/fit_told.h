/* The rows that a person is told of first. */
#ifndef FITNESS_FIT_TOLD_H
#define FITNESS_FIT_TOLD_H

#include "reports/fitness/fit.h"

/* As fast as people read: about 250 words a minute, of four tokens to three words, is 5 to 6 a second; with some to
 * spare. */
#define FIT_READING_TOKENS_PER_S 8.0

/* The largest model that fits in a mode, over all dtypes; NULL when none does. */
const struct fit_row *fit_largest(const struct fit *fit, enum mode mode);
/* Where that one decodes slower than anyone reads: the largest that isn't slower; or NULL. */
const struct fit_row *fit_readable(const struct fit *fit);

enum { FIT_TOLD = 5 };
/* All of them, each once: how many. */
size_t fit_told(const struct fit *fit, const struct fit_row *rows[FIT_TOLD]);

#endif
