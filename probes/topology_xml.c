/* Checks an XML export before hwloc sees it: hwloc refuses a broken file without saying where, and its own reader
 * trusts what it reads. This one knows as much of XML 1.0 as tells well-formed elements from broken ones: tags nest,
 * attributes are quoted, the root is <topology>, nothing declares an entity. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "probes/topology.h"

enum { NESTING_LIMIT = 256, TAG_LIMIT = 64 };

struct scan {
    const char *at, *end, *start;
    struct error *error;
    struct {
        char name[TAG_LIMIT];
        const char *place;
    } open[NESTING_LIMIT];
    size_t depth, roots;
};

static size_t line_of(const struct scan *scan, const char *place)
{
    size_t line = 1;
    for (const char *p = scan->start; p < place; p++)
        line += *p == '\n';
    return line;
}

static bool broken(const struct scan *scan, const char *place, const char *what)
{
    return error_set(scan->error, ERROR_INPUT, "line %zu: %s", line_of(scan, place), what);
}

static const char *find(const struct scan *scan, const char *needle)
{
    return memmem(scan->at, (size_t)(scan->end - scan->at), needle, strlen(needle));
}

static bool starts(const struct scan *scan, const char *word)
{
    size_t length = strlen(word);
    return (size_t)(scan->end - scan->at) >= length && memcmp(scan->at, word, length) == 0;
}

static bool name_character(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == ':' || c == '.';
}

static bool read_name(struct scan *scan, char *name)
{
    size_t length = 0;
    while (scan->at < scan->end && name_character(*scan->at) && length + 1 < TAG_LIMIT)
        name[length++] = *scan->at++;
    name[length] = '\0';
    return length > 0;
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end && isspace((unsigned char)*scan->at))
        scan->at++;
}

/* Passes over `<!-- … -->`, `<? … ?>`, `<!DOCTYPE …>`. */
static bool skip_declaration(struct scan *scan)
{
    const char *opening = scan->at;
    const char *closing = starts(scan, "<!--") ? "-->" : starts(scan, "<?") ? "?>" : ">";
    const char *end = find(scan, closing);
    if (!end)
        return broken(scan, opening, "this declaration or comment never ends");
    if (closing[0] == '>' && memchr(opening, '[', (size_t)(end - opening)))
        return broken(scan, opening, "a document type with declarations of its own is refused");
    scan->at = end + strlen(closing);
    return true;
}

static bool close_tag(struct scan *scan)
{
    const char *opening = scan->at;
    char name[TAG_LIMIT];
    scan->at += 2;
    if (!read_name(scan, name))
        return broken(scan, opening, "a closing tag without a name");
    skip_space(scan);
    if (scan->at >= scan->end || *scan->at++ != '>')
        return broken(scan, opening, "a closing tag that isn't finished");
    if (!scan->depth || strcmp(scan->open[scan->depth - 1].name, name) != 0)
        return error_set(scan->error, ERROR_INPUT, "line %zu: </%s> closes what isn't open", line_of(scan, opening),
                         name);
    scan->depth--;
    return true;
}

static bool read_attributes(struct scan *scan, const char *opening)
{
    char name[TAG_LIMIT];
    for (;;) {
        skip_space(scan);
        if (scan->at >= scan->end)
            return broken(scan, opening, "this tag is never finished: the file is cut off");
        if (*scan->at == '>' || *scan->at == '/')
            return true;
        if (!read_name(scan, name))
            return broken(scan, scan->at, "no attribute can start here");
        skip_space(scan);
        if (scan->at >= scan->end || *scan->at != '=')
            return broken(scan, opening, "an attribute without a value");
        scan->at++;
        skip_space(scan);
        if (scan->at >= scan->end || (*scan->at != '"' && *scan->at != '\''))
            return broken(scan, opening, "an attribute's value that isn't in quotes");
        const char *quote = memchr(scan->at + 1, *scan->at, (size_t)(scan->end - scan->at - 1));
        if (!quote)
            return broken(scan, opening, "an attribute's value that never ends");
        scan->at = quote + 1;
    }
}

static bool open_tag(struct scan *scan)
{
    const char *opening = scan->at++;
    if (scan->depth == NESTING_LIMIT)
        return broken(scan, opening, "elements are nested more than 256 deep");
    char *name = scan->open[scan->depth].name;
    if (!read_name(scan, name))
        return broken(scan, opening, "'<' that starts no element");
    if (!scan->depth && (scan->roots++ || strcmp(name, "topology") != 0))
        return error_set(scan->error, ERROR_INPUT, "line %zu: <%s> where one <topology> is expected: not hwloc's XML",
                         line_of(scan, opening), name);
    if (!read_attributes(scan, opening))
        return false;
    scan->open[scan->depth].place = opening;
    if (*scan->at == '>') {
        scan->at++;
        scan->depth++;
        return true;
    }
    if (++scan->at >= scan->end || *scan->at++ != '>')
        return broken(scan, opening, "'/' inside of a tag");
    return true;
}

static bool step(struct scan *scan)
{
    if (*scan->at != '<') {
        const char *next = memchr(scan->at, '<', (size_t)(scan->end - scan->at));
        const char *stop = next ? next : scan->end;
        for (const char *p = scan->at; !scan->depth && p < stop; p++)
            if (!isspace((unsigned char)*p))
                return broken(scan, p, "text outside of <topology>: not hwloc's XML");
        scan->at = stop;
        return true;
    }
    if (starts(scan, "<!") || starts(scan, "<?"))
        return skip_declaration(scan);
    return starts(scan, "</") ? close_tag(scan) : open_tag(scan);
}

bool topology_check_xml(const char *xml, size_t length, struct error *error)
{
    struct scan scan = {.at = xml, .start = xml, .end = xml + length, .error = error};
    if (!length)
        return error_set(error, ERROR_INPUT, "the file is empty: expected an XML export of hwloc's lstopo");
    const char *zero = memchr(xml, 0, length);
    if (zero)
        return broken(&scan, zero, "a zero byte: not an XML file");
    if (length >= 3 && memcmp(xml, "\xef\xbb\xbf", 3) == 0)
        scan.at += 3;
    while (scan.at < scan.end)
        if (!step(&scan))
            return false;
    if (scan.depth)
        return error_set(error, ERROR_INPUT, "line %zu: <%s> is never closed: the file is cut off",
                         line_of(&scan, scan.open[scan.depth - 1].place), scan.open[scan.depth - 1].name);
    if (!scan.roots)
        return error_set(error, ERROR_INPUT, "no <topology> in it: expected an XML export of hwloc's lstopo");
    return true;
}
