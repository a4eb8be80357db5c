/* One offline file: the answer on top, then the report's blocks. It asks nothing of anywhere: style and script are
 * inside, admitted by their hashes, and the content security policy forbids everything else. */
#include <string.h>

#include "reports/format/format.h"
#include "reports/format/html.h"

/* More values than this are drawn as lines only, so that a page of hundreds of histories stays small. */
enum { MOST_DOTS = 4000 };

void html_escape(struct text *out, const char *string)
{
    for (const char *c = string; *c;) {
        size_t plain = strcspn(c, "&<>\"'");
        text_append_n(out, c, plain);
        c += plain;
        if (*c)
            text_append(out, *c == '&'   ? "&amp;"
                             : *c == '<' ? "&lt;"
                             : *c == '>' ? "&gt;"
                             : *c == '"' ? "&quot;"
                                         : "&#39;");
        c += *c != '\0';
    }
}

const char *html_tone(enum tone tone)
{
    static const char *const names[] = {"plain", "good", "warning", "bad", "faint", "strong"};
    return names[tone];
}

void html_element(struct text *out, const char *name, const char *class, const char *string)
{
    if (class)
        text_printf(out, "<%s class=\"%s\">", name, class);
    else
        text_printf(out, "<%s>", name);
    html_escape(out, string);
    text_printf(out, "</%s>", name);
}

static void write_head(struct text *out, const struct report *report)
{
    text_printf(out,
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-%s'; "
                "script-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n"
                "<meta name=\"generator\" content=\"benchmark %s\">\n",
                html_style_sha256, html_script_sha256, BENCHMARK_VERSION);
    html_element(out, "title", NULL, report->title);
    text_printf(out, "\n<style>%s</style>\n</head>\n", html_style);
}

/* Fills for what was estimated: stripes in the colour that the part has where it was measured. */
static void write_patterns(struct text *out)
{
    text_append(out, "<svg class=\"patterns\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>");
    for (int i = 0; i < BAR_PARTS; i++)
        text_printf(out,
                    "<pattern id=\"stripes%d\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
                    "patternTransform=\"rotate(45)\"><rect class=\"part%d pale\" width=\"6\" height=\"6\"/>"
                    "<rect class=\"part%d\" width=\"2.5\" height=\"6\"/></pattern>",
                    i, i, i);
    text_append(out, "</defs></svg>\n");
}

/* The sentence that is the answer; of a report that names none, the first that stands out, or else the first. */
static const struct block *find_answer(const struct report *report)
{
    const struct block *first = NULL, *strong = NULL;
    for (size_t i = 0; i < report->block_count; i++) {
        const struct block *block = &report->blocks[i];
        if (block->kind != BLOCK_SENTENCE)
            continue;
        bool stands_out = block->tone == TONE_STRONG || block->tone == TONE_GOOD || block->tone == TONE_BAD;
        if (report->answer && strcmp(block->text, report->answer) == 0)
            return block;
        strong = !strong && stands_out ? block : strong;
        first = first ? first : block;
    }
    return strong ? strong : first;
}

static void write_top(struct text *out, const struct report *report, const struct block *answer)
{
    text_append(out, "<body>\n");
    write_patterns(out);
    text_append(out, "<header>\n");
    html_element(out, "h1", NULL, report->title);
    text_append(out, "\n");
    if (answer) {
        char class[32] = "answer ";
        strncat(class, html_tone(answer->tone), sizeof class - strlen(class) - 1);
        html_element(out, "p", class, answer->text);
    }
    text_append(out, "\n</header>\n<main>\n");
}

static void write_block(struct text *out, const struct block *block, bool dots)
{
    switch (block->kind) {
    case BLOCK_HEADING:
        html_element(out, "h2", NULL, block->text);
        break;
    case BLOCK_SENTENCE:
        html_element(out, "p", html_tone(block->tone), block->text);
        break;
    case BLOCK_TABLE:
        html_table(out, &block->table);
        break;
    case BLOCK_SERIES:
        html_series(out, &block->series, dots);
        break;
    case BLOCK_BARS:
        html_bars(out, &block->bars);
        break;
    case BLOCK_ROOFLINE:
        html_roofline(out, &block->roofline);
        break;
    case BLOCK_TOPOLOGY:
        html_topology(out, &block->topology);
        break;
    }
    text_append(out, "\n");
}

static bool write_html(const struct report *report, struct sink *sink, struct error *error)
{
    (void)error;
    struct text *out = &sink->text;
    const struct block *answer = find_answer(report);
    size_t values = 0;
    for (size_t i = 0; i < report->block_count; i++)
        values += report->blocks[i].series.count;
    write_head(out, report);
    write_top(out, report, answer);
    for (size_t i = 0; i < report->block_count; i++)
        if (&report->blocks[i] != answer)
            write_block(out, &report->blocks[i], values <= MOST_DOTS);
    text_printf(out,
                "</main>\n<footer><p>Made by benchmark %s from measurements of the machine it names. This file is "
                "complete in itself and asks nothing of the network.</p></footer>\n<script>%s</script>\n</body>\n"
                "</html>\n",
                BENCHMARK_VERSION, html_script);
    return true;
}

const struct format format_html = {"html", "text/html; charset=utf-8",
                                   "one file with tables and charts to hand on; needs no network", write_html};
