/* The machine-readable answer as docs/ describes it, one document. */
#include <stdlib.h>

#include "harness/base/json.h"
#include "reports/format/format.h"
#include "reports/visible.h"

static bool write_json(const struct report *report, struct sink *sink, struct error *error)
{
    char *document = json_write(report->document, true);
    if (!document)
        return error_set(error, ERROR_SYSTEM, "out of memory while writing JSON");
    visible_append_json(&sink->text, document);
    text_append(&sink->text, "\n");
    free(document);
    return true;
}

const struct format format_json = {"json", "application/json", "one document, for programs (the schemas are stable)",
                                   write_json};
