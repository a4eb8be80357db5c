/* Names for files that are compiled once for each instruction set: with -DVARIANT=avx2, VARIANT_NAME(x) is x_avx2. */
#ifndef KERNELS_VARIANT_H
#define KERNELS_VARIANT_H

#ifndef VARIANT
#error "compile with -DVARIANT=plain, avx2 or avx512"
#endif

#define VARIANT_PASTE(name, variant) name##_##variant
#define VARIANT_EXPAND(name, variant) VARIANT_PASTE(name, variant)
#define VARIANT_NAME(name) VARIANT_EXPAND(name, VARIANT)
#define VARIANT_QUOTE(variant) #variant
#define VARIANT_STRING_OF(variant) VARIANT_QUOTE(variant)
#define VARIANT_STRING VARIANT_STRING_OF(VARIANT)

#endif
