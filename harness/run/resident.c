#include "harness/run/resident.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/text.h"

uint64_t resident_bytes(const char *field)
{
    char *status = text_read_file("/proc/self/status", 1 << 16);
    uint64_t kib = 0;
    size_t length = strlen(field);
    for (const char *line = status, *end; line; line = end ? end + 1 : NULL) {
        end = strchr(line, '\n');
        if (!strncmp(line, field, length) && line[length] == ':') {
            kib = strtoull(line + length + 1, NULL, 10);
            break;
        }
    }
    free(status);
    return kib * 1024;
}

bool resident_reset_peak(void)
{
    int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool done = write(file, "5", 1) == 1;
    close(file);
    return done;
}
