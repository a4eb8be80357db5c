/* A report as one HTML file, in parts; private to the HTML format. Charts are SVG drawn here: positions are percentages
 * of a width that the page decides, so that they fit a phone and a wall without a line of script, and text keeps its
 * size. A charting library would be ten times the page and could not be read without running it. */
#ifndef FORMAT_HTML_H
#define FORMAT_HTML_H

#include "harness/base/text.h"
#include "reports/report.h"

/* report.css with figures.css, and report.js, as they are, and the hashes by which the page's policy admits them
 * (embed.sh). */
extern const char html_style[], html_style_sha256[], html_script[], html_script_sha256[];

/* Text with HTML's own signs escaped, for elements and for quoted attributes. */
void html_escape(struct text *out, const char *string);
/* "good", "warning", "bad", "faint", "strong", "plain": a class. */
const char *html_tone(enum tone tone);
/* <NAME class="CLASS">string</NAME>; no attribute where class is NULL. */
void html_element(struct text *out, const char *name, const char *class, const char *string);

void html_table(struct text *out, const struct table *table);
void html_bars(struct text *out, const struct bars *bars);
void html_roofline(struct text *out, const struct roofline *roofline);
/* `dots`: each value can be pointed at. */
void html_series(struct text *out, const struct series *series, bool dots);
void html_topology(struct text *out, const struct topology *topology);

#endif
