#include "harness/run/process_end.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "harness/base/parse.h"
#include "harness/base/text.h"

unsigned long long process_kills_for_memory(void)
{
    char *text = text_read_file("/proc/vmstat", 1 << 16);
    const char *place = text ? strstr(text, "\noom_kill ") : NULL;
    unsigned long long kills = place ? strtoull(place + 10, NULL, 10) : 0;
    free(text);
    return kills;
}

static void append_said(const char *said, char *reason, size_t size)
{
    size_t length = strlen(said);
    while (length && (said[length - 1] == '\n' || said[length - 1] == ' '))
        length--;
    size_t start = length;
    while (start && said[start - 1] != '\n')
        start--;
    if (start == length)
        return;
    struct error shown;
    error_set(&shown, ERROR_MEASURE, "%s; it said: %.*s", reason, (int)(length - start), said + start);
    snprintf(reason, size, "%.399s", shown.message);
}

enum fate process_end_fate(const char *who, int status, bool killed_for_memory, const char *said, char *reason,
                           size_t size)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && killed_for_memory) {
        snprintf(reason, size, "the system ran out of memory and killed %s", who);
        return FATE_OUT_OF_MEMORY;
    }
    if (WIFSIGNALED(status))
        snprintf(reason, size, "%s was killed by signal %d (%s)", who, WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status))
        snprintf(reason, size, "%s ended with exit code %d", who, WEXITSTATUS(status));
    append_said(said, reason, size);
    return FATE_FAILED;
}

enum fate process_cut_short(bool stopped, double timeout_s, char *reason, size_t size)
{
    char limit[32];
    format_duration(timeout_s, limit, sizeof limit);
    if (stopped)
        snprintf(reason, size, "interrupted");
    else
        snprintf(reason, size, "no end within %s: killed; --timeout allows more", limit);
    return stopped ? FATE_STOPPED : FATE_TIMEOUT;
}
