/* The variants of the support vector machine's loops: one for each instruction set. */
#ifndef KERNELS_SVM_VARIANTS_H
#define KERNELS_SVM_VARIANTS_H

#include "models/kernels/svm.h"

#if defined(__x86_64__)
extern const struct svm_kernels svm_kernels_avx2, svm_kernels_avx512;
#elif defined(__aarch64__)
extern const struct svm_kernels svm_kernels_neon;
#endif

#endif
