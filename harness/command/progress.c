#include "harness/command/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/log.h"
#include "harness/base/parse.h"
#include "harness/base/text.h"
#include "reports/format/format.h"

/* Cut to the terminal, since a line that wraps can't be taken off again. */
static void draw(struct progress_line *line, const char *text)
{
    if (!line->drawn_on)
        return;
    int columns = terminal_columns(STDERR_FILENO);
    char shown[256];
    snprintf(shown, sizeof shown, "%s", text);
    while (columns > 0 && *shown && text_columns(shown) >= (size_t)columns)
        shown[strlen(shown) - 1] = '\0';
    fprintf(stderr, "\r\033[K%s", shown);
    fflush(stderr);
    line->shown = true;
}

void progress_clear(struct progress_line *line)
{
    if (line->shown)
        fputs("\r\033[K", stderr);
    line->shown = false;
}

void progress_entered(void *state, enum stage stage, long process)
{
    struct progress_line *line = state;
    switch (stage) {
    case STAGE_WAITING:
        progress_clear(line);
        log_warning("another run (process %ld) is measuring: waiting for it to end", process);
        break;
    case STAGE_BUSY:
        if (!line->told_busy)
            log_warning("other programs are at work: waiting for a quiet machine");
        line->told_busy = true;
        break;
    case STAGE_LOOKING:
        draw(line, "looking at the machine");
        break;
    case STAGE_CEILINGS:
        draw(line, "measuring what the machine can do (once)");
        break;
    case STAGE_CASES:
        draw(line, "planning the cases");
        break;
    }
}

/* With --verbose, and no less readable in a file: a line a visit. */
static void tell(struct progress_line *line, const struct record *record)
{
    if (log_level() != LOG_VERBOSE)
        return;
    progress_clear(line);
    char time[32];
    format_duration(record->time.median, time, sizeof time);
    if (status_is_measured(record->status))
        log_detail("%s: %s ±%.1f %%, %zu samples, %s", record->id, time, 100 * stats_relative_error(&record->time),
                   record->sample_count, status_name(record->status));
    else
        log_detail("%s: %s: %s", record->id, status_name(record->status), record->reason);
}

void progress_moved(void *state, const struct progress *progress)
{
    struct progress_line *line = state;
    if (progress->last)
        tell(line, progress->last);
    char left[32], text[256];
    format_duration(progress->left_s < 1 ? 1 : ceil(progress->left_s), left, sizeof left);
    snprintf(text, sizeof text, "[%zu/%zu] about %s left  %s", progress->settled, progress->count, left,
             progress->id ? progress->id : "");
    draw(line, text);
}
