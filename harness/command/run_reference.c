#include "harness/command/run_reference.h"

#include <string.h>
#include <sys/stat.h>

#include "harness/store/document.h"
#include "harness/store/store.h"
#include "reports/run.h"

/* Ids have neither dots nor slashes; a file without either is taken for one when it is there. */
bool run_is_file(const char *reference)
{
    struct stat file;
    return strpbrk(reference, "./") || !strcmp(reference, "-") ||
           (strncmp(reference, "latest", 6) && stat(reference, &file) == 0 && S_ISREG(file.st_mode));
}

bool run_load(const char *reference, const char *database, struct run *run, struct error *error)
{
    *run = (struct run){0};
    if (run_is_file(reference))
        return run_read_file(run, reference, error);
    struct store *store = store_open(database, STORE_READ, error);
    char id[TEXT_WORD];
    bool right = store && store_find_run(store, reference, id, error) && store_get_run(store, id, run, error);
    store_close(store);
    return right;
}

int run_show(const struct invocation *invocation, struct error *error)
{
    struct run run;
    if (!run_load(invocation->argument_count ? invocation->arguments[0] : "latest", invocation->database, &run, error))
        return (int)error->kind;
    int code = command_write(invocation, run_report(&run), error);
    run_free(&run);
    return code;
}
