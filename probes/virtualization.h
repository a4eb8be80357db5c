/* Whether this is a virtual machine or a container, and whose. "" when it is neither or can't be told. */
#ifndef PROBES_VIRTUALIZATION_H
#define PROBES_VIRTUALIZATION_H

#include <stddef.h>

void virtualization_find(const char *root, char *out, size_t capacity);
void container_find(const char *root, char *out, size_t capacity);

#endif
