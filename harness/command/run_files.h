/* The models of `run --model` that are files. */
#ifndef COMMAND_RUN_FILES_H
#define COMMAND_RUN_FILES_H

#include "harness/run/suites.h"

/* Opens those of the names that no family lists and that are there as files; none of them is an error. With `weights`
 * their cases run with what the files hold. */
struct file_wishes {
    bool weights;
    const char *tokens, *output; /* that are read, and where what is computed goes; or NULL */
};
bool run_files_open(const char *const *models, const struct file_wishes *wishes, struct selection *selection,
                    struct error *error);
void run_files_close(void);

#endif
