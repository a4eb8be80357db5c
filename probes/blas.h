/* The BLAS of this system: a shared library that is opened when it is first asked for, so that a process that needs
 * none doesn't hold its memory. Any library that provides cblas will do. */
#ifndef PROBES_BLAS_H
#define PROBES_BLAS_H

#include "probes/machine.h"

/* cblas_sgemm with the constants of its C interface, 32-bit integers. */
enum { BLAS_ROW_MAJOR = 101, BLAS_NO_TRANSPOSE = 111, BLAS_TRANSPOSE = 112 };
typedef void blas_sgemm_function(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                                 const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
/* NULL when there is no such library. */
blas_sgemm_function *blas_sgemm(void);

enum blas_threading { BLAS_THREADING_UNKNOWN, BLAS_SEQUENTIAL, BLAS_PTHREADS, BLAS_OPENMP };

/* name: "OpenBLAS 0.3.21 (OpenMP)", "" when there is none; core: the kernel set that it chose for this CPU, "" when it
 * doesn't tell. */
enum blas_threading blas_identify(char name[static NAME_SIZE], char core[static NAME_SIZE]);
/* Whether that kernel set leaves out vector units that the flags name (AVX2 kernels on an AVX-512 CPU). */
bool blas_core_is_behind(const char *core, unsigned isa);

#endif
