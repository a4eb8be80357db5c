/* The memory that this process holds, as the kernel counts it (proc(5): /proc/PID/status, clear_refs). */
#ifndef RUN_RESIDENT_H
#define RUN_RESIDENT_H

#include <stdbool.h>
#include <stdint.h>

/* A field of /proc/self/status in bytes ("VmRSS", "VmHWM", "VmSize"); 0 when it isn't told. */
uint64_t resident_bytes(const char *field);
/* Sets the high-water mark back to what is resident now; false where the kernel refuses. */
bool resident_reset_peak(void);

#endif
