/* The line on the terminal while a run goes on: what is measured, how far it is, how long it will take. */
#ifndef COMMAND_PROGRESS_H
#define COMMAND_PROGRESS_H

#include <stdbool.h>

#include "harness/run/execute.h"

struct progress_line {
    bool drawn_on; /* stderr is a terminal and progress is wanted */
    bool shown;    /* there is a line on the screen now */
    bool told_busy;
};
void progress_entered(void *line, enum stage stage, long process);
void progress_moved(void *line, const struct progress *progress);
/* Takes the line off the screen. */
void progress_clear(struct progress_line *line);

#endif
