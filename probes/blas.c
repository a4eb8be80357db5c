#include "probes/blas.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "probes/isa.h"

/* OpenBLAS reserves memory for each thread it might have when it is opened, and tries for ever when it can't. */
static const rlim_t LEAST_ADDRESS_SPACE = (rlim_t)2 << 30;

/* The library, opened once and for good; NULL when it isn't here. The first call isn't made by several threads. */
static void *library(void)
{
    static void *opened;
    struct rlimit limit;
    if (opened || (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur < LEAST_ADDRESS_SPACE))
        return opened;
    if (BLAS_FOLDER[0])
        opened = dlopen(BLAS_FOLDER "/" BLAS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!opened)
        opened = dlopen(BLAS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    return opened;
}

blas_sgemm_function *blas_sgemm(void)
{
    blas_sgemm_function *sgemm = NULL;
    if (library())
        *(void **)&sgemm = dlsym(library(), "cblas_sgemm");
    return sgemm;
}

static enum blas_threading identify_openblas(char *name, char *core)
{
    char *(*configuration)(void), *(*corename)(void);
    int (*parallel)(void);
    *(void **)&configuration = dlsym(library(), "openblas_get_config");
    *(void **)&corename = dlsym(library(), "openblas_get_corename");
    *(void **)&parallel = dlsym(library(), "openblas_get_parallel");
    int threading = parallel ? parallel() : -1;
    const char *told = configuration ? configuration() : "OpenBLAS";
    /* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …": the first two words. */
    size_t length = strcspn(told, " ");
    length += told[length] ? 1 + strcspn(told + length + 1, " ") : 0;
    snprintf(name, NAME_SIZE, "%.*s%s", (int)length, told,
             threading == 2   ? " (OpenMP)"
             : threading == 1 ? " (pthreads)"
             : threading == 0 ? " (one thread)"
                              : "");
    if (corename)
        snprintf(core, NAME_SIZE, "%s", corename());
    return threading == 2   ? BLAS_OPENMP
           : threading == 1 ? BLAS_PTHREADS
           : threading == 0 ? BLAS_SEQUENTIAL
                            : BLAS_THREADING_UNKNOWN;
}

enum blas_threading blas_identify(char name[static NAME_SIZE], char core[static NAME_SIZE])
{
    name[0] = core[0] = '\0';
    if (!library())
        return BLAS_THREADING_UNKNOWN;
    if (dlsym(library(), "openblas_get_config"))
        return identify_openblas(name, core);
    char *(*blis)(void);
    void (*mkl)(char *, int);
    *(void **)&blis = dlsym(library(), "bli_info_get_version_str");
    *(void **)&mkl = dlsym(library(), "mkl_get_version_string");
    if (blis)
        snprintf(name, NAME_SIZE, "BLIS %s", blis());
    else if (mkl)
        mkl(name, NAME_SIZE - 1);
    else
        snprintf(name, NAME_SIZE, "a BLAS that doesn't tell its name");
    return BLAS_THREADING_UNKNOWN;
}

bool blas_core_is_behind(const char *core, unsigned isa)
{
    static const char *const wide[] = {"SkylakeX", "Cooperlake", "Sapphirerapids", "Zen"};
    static const char *const avx2[] = {"Haswell", "Zen", "Excavator", "SkylakeX", "Cooperlake", "Sapphirerapids"};
    const char *const *right = isa & ISA_AVX512F ? wide : avx2;
    size_t count = isa & ISA_AVX512F ? sizeof wide / sizeof *wide : sizeof avx2 / sizeof *avx2;
    if (!core[0] || !(isa & (ISA_AVX2 | ISA_AVX512F)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(core, right[i]) == 0)
            return false;
    return true;
}
