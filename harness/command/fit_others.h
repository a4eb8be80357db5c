/* What the store knows of machines other than the one that is asked about. */
#ifndef COMMAND_FIT_OTHERS_H
#define COMMAND_FIT_OTHERS_H

#include "harness/estimate/known.h"
#include "reports/fitness/fit_limits.h"
#include "reports/fitness/fit_transfer.h"

struct others {
    struct known known[TRANSFER_MACHINES];
    char fingerprints[TRANSFER_MACHINES][TEXT_WORD];
    struct fit_transfer transfer;
};

/* Of those whose limits and ops were measured, the latest; `limits` are those of the machine that is asked about. */
bool others_load(const char *database, const struct fit_limits *limits, struct others *others, struct error *error);
void others_free(struct others *others);

#endif
