/* Runs on their way to a database that may be away. A run is measured into a store of this machine, the outbox, and
 * each case that is finished is delivered from there; what can't be delivered now is with the next case, at the end of
 * the run, or by the next run. Delivering again changes nothing, and a run leaves the outbox when the database has all
 * of it and nothing of it is left to measure. */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include "harness/store/store.h"

/* The outbox for that address: a file below $XDG_STATE_HOME (~/.local/state), named after the host, since home folders
 * are shared between machines and SQLite's files must not be. The caller's to free; NULL without memory. */
char *outbox_path(const char *address);

struct outbox;
/* `local` is the open outbox and stays the caller's. NULL without memory. */
struct outbox *outbox_open(struct store *local, const char *address, struct error *error);
/* The database itself, the outbox's; NULL while it is away. */
struct store *outbox_remote(struct outbox *outbox);
/* Brings a run, by its reference or "" for the latest unfinished one of that machine, from the database into the
 * outbox, where it isn't there: to go on with it. */
bool outbox_fetch(struct outbox *outbox, const char *reference, const char *fingerprint, struct error *error);
/* A run that is in the outbox, as it begins; then its cases, as they are finished. Never fail: what isn't delivered is
 * later. */
void outbox_run(struct outbox *outbox, const char *run_id);
void outbox_case(struct outbox *outbox, const char *run_id, size_t position, const struct record *record);
/* Everything in it, between runs. False, with the reason, when something is left; *left receives how many runs. */
bool outbox_deliver(struct outbox *outbox, size_t *left, struct error *error);
void outbox_close(struct outbox *outbox);

#endif
