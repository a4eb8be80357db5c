/* What judges a night of made nights: ours, a plain detector as a yardstick, and an oracle that sees the noise alone
 * and knows its variance, which nothing can do better than. */
#ifndef PEERS_NIGHTS_JUDGES_H
#define PEERS_NIGHTS_JUDGES_H

#include "nights_made.h"

struct judged {
    bool slower[MADE_CASES];
    size_t since[MADE_CASES];
};
struct nights_judge {
    const char *name;
    void (*judge)(const struct made *made, size_t tonight, struct judged *judged);
};
extern const struct nights_judge nights_judge_ours, nights_judge_plain, nights_judge_oracle;

#endif
