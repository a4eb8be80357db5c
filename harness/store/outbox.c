#include "harness/store/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/text.h"

/* A database that is away is asked again no sooner: each time may take as long as a connection waits. */
enum { RETRY_S = 60 };

struct outbox {
    struct store *local, *remote; /* remote: NULL while it is away */
    char *address;
    time_t asked; /* when the database was away */
    bool behind;  /* something wasn't delivered */
    char run[TEXT_WORD];
};

/* FNV-1a (Fowler, Noll, Vo): one file an address, whose characters a name can't all have. */
static unsigned hash(const char *text)
{
    unsigned value = 2166136261u;
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 16777619u;
    return value;
}

char *outbox_path(const char *address)
{
    struct text path = {0};
    char host[65] = "";
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    gethostname(host, sizeof host - 1);
    host[strspn(host, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")] = '\0';
    if (state && *state == '/')
        text_append(&path, state);
    else
        text_printf(&path, "%s/.local/state", home && *home ? home : ".");
    char *shown = store_shown_name(address);
    if (shown)
        text_printf(&path, "/benchmark/outbox-%s-%08x.db", *host ? host : "here", hash(shown));
    bool right = shown && !path.failed;
    free(shown);
    if (!right)
        text_free(&path);
    return path.data;
}

struct outbox *outbox_open(struct store *local, const char *address, struct error *error)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);
    if (outbox)
        outbox->address = strdup(address);
    if (outbox && outbox->address) {
        outbox->local = local;
        return outbox;
    }
    error_set(error, ERROR_SYSTEM, "not enough memory to open the outbox");
    free(outbox);
    return NULL;
}

/* Also when it was lost: what it had half of is rolled back there. */
static void lose(struct outbox *outbox)
{
    store_close(outbox->remote);
    outbox->remote = NULL;
    outbox->asked = time(NULL);
    outbox->behind = true;
}

static bool reach(struct outbox *outbox, bool at_once, struct error *error)
{
    if (outbox->remote)
        return true;
    if (!at_once && outbox->asked && time(NULL) - outbox->asked < RETRY_S)
        return false;
    outbox->remote = store_open(outbox->address, STORE_WRITE, error);
    if (!outbox->remote)
        lose(outbox);
    return outbox->remote;
}

static bool deliver_run(struct outbox *outbox, const char *id, struct error *error)
{
    struct run run;
    if (!store_get_run(outbox->local, id, &run, error))
        return false;
    bool right = store_replace_run(outbox->remote, &run, error);
    run_free(&run);
    if (!right)
        lose(outbox);
    return right;
}

bool outbox_deliver(struct outbox *outbox, size_t *left, struct error *error)
{
    char(*ids)[TEXT_WORD];
    size_t count;
    *left = 0;
    if (!store_list_runs(outbox->local, NULL, 0, &ids, &count, error))
        return false;
    *left = count;
    bool right = !count || reach(outbox, true, error);
    for (size_t i = count; right && i-- > 0;) { /* oldest first */
        right = deliver_run(outbox, ids[i], error) && store_delete_run(outbox->local, ids[i], error);
        *left -= right;
    }
    if (right)
        outbox->behind = false;
    free(ids);
    return right;
}

struct store *outbox_remote(struct outbox *outbox)
{
    struct error error = {0};
    return reach(outbox, true, &error) ? outbox->remote : NULL;
}

void outbox_run(struct outbox *outbox, const char *run_id)
{
    struct error error = {0};
    snprintf(outbox->run, sizeof outbox->run, "%s", run_id);
    outbox->behind = !reach(outbox, false, &error) || !deliver_run(outbox, run_id, &error);
}

void outbox_case(struct outbox *outbox, const char *run_id, size_t position, const struct record *record)
{
    struct error error = {0};
    if (outbox->behind || strcmp(outbox->run, run_id) != 0)
        outbox_run(outbox, run_id);
    else if (!reach(outbox, false, &error) || !store_put_case(outbox->remote, run_id, position, record, &error))
        lose(outbox);
}

bool outbox_fetch(struct outbox *outbox, const char *reference, const char *fingerprint, struct error *error)
{
    char id[TEXT_WORD];
    struct run run;
    bool added;
    if (!reach(outbox, true, error) ||
        !(*reference ? store_find_run(outbox->remote, reference, id, error)
                     : store_find_unfinished(outbox->remote, fingerprint, id, error)) ||
        !store_get_run(outbox->remote, id, &run, error))
        return false;
    bool right = store_import_run(outbox->local, &run, &added, error);
    run_free(&run);
    return right;
}

void outbox_close(struct outbox *outbox)
{
    if (!outbox)
        return;
    store_close(outbox->remote);
    free(outbox->address);
    free(outbox);
}
