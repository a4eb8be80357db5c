/* Changes of a machine's cases that its keeper knows of: they aren't told again. */
#ifndef STORE_ACCEPTED_H
#define STORE_ACCEPTED_H

#include "harness/store/store.h"

struct accepted_change {
    char id[TEXT_ID];         /* of the case */
    char quantity[TEXT_WORD]; /* "time_s" */
    char run[TEXT_WORD];      /* the first that is changed */
};

/* Again, a change that is known already is none. One transaction. */
bool store_accept(struct store *store, const char *fingerprint, const struct accepted_change *changes, size_t count,
                  struct error *error);
/* All of that machine's. The caller frees *changes. */
bool store_get_accepted(struct store *store, const char *fingerprint, struct accepted_change **changes, size_t *count,
                        struct error *error);

#endif
