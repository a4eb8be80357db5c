/* The choice among a kernel's builds, for the one file that makes it: tables of what this build holds, fastest first,
 * with the instructions that each needs, and the two functions that every kernel's header promises. Nothing is written
 * at run time, so threads may ask at once. */
#ifndef KERNELS_VARIANT_TABLE_H
#define KERNELS_VARIANT_TABLE_H

#include <stddef.h>

#include "probes/isa.h"

/* Which builds there are besides plain: VECTOR's are written on vector.h, which NEON has too; TILED's on lanes.h, whose
 * plain build is NEON's on such machines; MATRIX's are TILED's and one on matrix units. */
#if defined(__x86_64__)
#define TILED_BUILDS(prefix) &prefix##avx512, &prefix##avx2,
#define TILED_NEEDS ISA_X86_V4, ISA_X86_V3,
#define MATRIX_BUILDS(prefix) &prefix##amx, TILED_BUILDS(prefix)
#define MATRIX_NEEDS ISA_X86_AMX, TILED_NEEDS
#define VECTOR_BUILDS(prefix) TILED_BUILDS(prefix)
#define VECTOR_NEEDS TILED_NEEDS
#else
#define TILED_BUILDS(prefix)
#define TILED_NEEDS
#define MATRIX_BUILDS(prefix)
#define MATRIX_NEEDS
#if defined(__aarch64__)
#define VECTOR_BUILDS(prefix) &prefix##neon,
#define VECTOR_NEEDS ISA_NEON,
#else
#define VECTOR_BUILDS(prefix)
#define VECTOR_NEEDS
#endif
#endif

/* Defines name_variants(): all that this machine can run, fastest first, plain last, ended by NULL; and type(): the
 * fastest. The builds are the structs prefix##avx512 and so on. */
#define VARIANT_TABLE(builds, type, name, prefix)                                                                      \
    static const struct type *const all_variants[] = {builds##_BUILDS(prefix) & prefix##plain, NULL};                  \
    static const unsigned variant_needs[] = {builds##_NEEDS 0};                                                        \
    const struct type *const *name##_variants(void)                                                                    \
    {                                                                                                                  \
        return all_variants + isa_first(variant_needs);                                                                \
    }                                                                                                                  \
    const struct type *type(void)                                                                                      \
    {                                                                                                                  \
        return *name##_variants();                                                                                     \
    }

#endif
