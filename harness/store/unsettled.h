/* Which of a machine's cases are in doubt: noisy from run to run, or moved lately. A run whose budget is too small for
 * all measures these first. */
#ifndef STORE_UNSETTLED_H
#define STORE_UNSETTLED_H

#include "harness/store/store.h"

struct unsettled {
    char id[TEXT_ID];
    double doubt; /* the larger, the more there is to find out; above 0 */
};
/* Over the last `most` runs of that fingerprint, most doubtful first. The caller frees *cases. */
bool store_list_unsettled(struct store *store, const char *fingerprint, size_t most, struct unsettled **cases,
                          size_t *count, struct error *error);

/* The doubt about a case from its medians, latest first, and whether the latest was noisy: how much the last two differ
 * from those before, and how much those differ among each other, each where it is more than 2 %; 0: none. */
double unsettled_doubt(const double *medians_s, size_t count, bool noisy);

#endif
