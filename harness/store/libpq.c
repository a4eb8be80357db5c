#include "harness/store/libpq.h"

#include <dlfcn.h>
#include <string.h>

const struct libpq *libpq_open(struct error *error)
{
    static struct libpq library;
    static bool opened;
    if (opened)
        return &library;
    void *file = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (!file) {
        error_set(error, ERROR_SYSTEM,
                  "--db: PostgreSQL's client library (libpq.so.5) isn't on this machine; Debian has it in libpq5");
        return NULL;
    }
    /* memcpy: C knows no conversion from void * to a function's address. */
#define FIND(result, name, parameters)                                                                                 \
    {                                                                                                                  \
        void *found = dlsym(file, #name);                                                                              \
        if (!found) {                                                                                                  \
            error_set(error, ERROR_SYSTEM, "--db: libpq.so.5 has no %s; version 14 or later has", #name);              \
            dlclose(file);                                                                                             \
            return NULL;                                                                                               \
        }                                                                                                              \
        memcpy(&library.name, &found, sizeof found);                                                                   \
    }
    LIBPQ_FUNCTIONS(FIND)
#undef FIND
    opened = true;
    return &library;
}
