/* Figures for a terminal; private to the text format. */
#ifndef FORMAT_TEXT_FIGURES_H
#define FORMAT_TEXT_FIGURES_H

#include "reports/format/format.h"

/* A line in a tone, wrapped (text.c). */
void text_line(struct sink *sink, enum tone tone, const char *string);

void text_bars(struct sink *sink, const struct bars *bars);
void text_roofline(struct sink *sink, const struct roofline *roofline);
void text_topology(struct sink *sink, const struct topology *topology);

#endif
