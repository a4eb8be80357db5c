/* Which BLAS this program runs with: looked up by name, so that any library that provides cblas links. */
#ifndef PROBES_BLAS_H
#define PROBES_BLAS_H

#include "probes/machine.h"

enum blas_threading { BLAS_THREADING_UNKNOWN, BLAS_SEQUENTIAL, BLAS_PTHREADS, BLAS_OPENMP };

/* name: "OpenBLAS 0.3.21 (OpenMP)"; core: the kernel set that it chose for this CPU, "" when it doesn't tell. */
enum blas_threading blas_identify(char name[static NAME_SIZE], char core[static NAME_SIZE]);
/* Whether that kernel set leaves out vector units that the flags name (AVX2 kernels on an AVX-512 CPU). */
bool blas_core_is_behind(const char *core, unsigned isa);

#endif
