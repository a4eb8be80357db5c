/* What of a machine differs between two runs: software, hardware, its settings. Figures that differ from moment to
 * moment (free memory, load, clock) aren't looked at. */
#ifndef REPORTS_MACHINE_CHANGES_H
#define REPORTS_MACHINE_CHANGES_H

#include <jansson.h>
#include <stdbool.h>

/* Of two benchmark.machine documents: an array of {"field":"software.kernel","before":"…","after":"…"}, owned by the
 * caller; a side that hasn't the field is left out. NULL without memory. */
json_t *machine_changes(const json_t *before, const json_t *after);

#endif
