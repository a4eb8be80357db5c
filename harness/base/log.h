/* What the program says on stderr besides results: warnings and, with --verbose, what it is doing.
 * The level is the program's only global state; commands set it once from -q and -v. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };

void log_set_level(enum log_level level);
enum log_level log_level(void);
/* One line each, `benchmark: warning: …`; control characters are replaced. */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Shown with --verbose only. */
void log_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
