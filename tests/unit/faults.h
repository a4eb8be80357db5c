/* Faults on demand, for tests of what the store does about them: the n-th use of a kind fails, once. */
#ifndef UNIT_FAULTS_H
#define UNIT_FAULTS_H

#include <stdbool.h>

enum fault {
    FAULT_OPEN,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_FULL,
    FAULT_SYNC,
    FAULT_TRUNCATE,
    FAULT_LOCK,
    FAULT_SHARED_MEMORY,
    FAULT_SQLITE_ALLOCATION,
    FAULT_JSON_ALLOCATION,
    FAULT_ALLOCATION,
    FAULT_COUNT
};
extern const char *const fault_names[FAULT_COUNT];

/* Before SQLite and jansson are used. The program is linked with --wrap for malloc, calloc, realloc, strdup and fsync.
 */
void faults_take_over(void);
/* The `place`-th use of that kind from now on fails, and sets fault_struck. */
void fault_arm(enum fault fault, long place);
void fault_disarm(void);
extern bool fault_struck;

#endif
