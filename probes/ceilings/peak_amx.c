/* Tiles: TDPBF16PS and TDPBUSD of AMX (Intel ISE Programming Reference, chapter 3). Four tiles of 16 x 16 sums, two
 * rows of tiles times two columns, as a matrix product would hold them. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/ceilings/peak.h"
#include "probes/isa.h"

struct configuration {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Written out, since GCC 12's _tile_loadconfig doesn't say that it reads memory: the stores before it may be left out.
 */
static void configure(void)
{
    struct configuration configuration = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        configuration.row_bytes[i] = 64;
        configuration.rows[i] = 16;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(configuration));
}

/* Sums start at 0, factors at `pattern` in every lane. */
static void fill(int pattern)
{
    int rows[256];
    for (int i = 0; i < 256; i++)
        rows[i] = pattern;
    __asm__ volatile("" ::"r"(rows) : "memory");
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, rows, 64);
    _tile_loadd(5, rows, 64);
    _tile_loadd(6, rows, 64);
    _tile_loadd(7, rows, 64);
}

static float first_sum(void)
{
    int rows[256];
    _tile_stored(0, rows, 64);
    __asm__ volatile("" ::"r"(rows) : "memory");
    float result = (float)rows[0];
    _tile_release();
    return result;
}

static float run_bf16(long rounds)
{
    configure();
    fill(0x3f803f80);
    for (long i = 0; i < rounds; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    return first_sum();
}

static float run_int8(long rounds)
{
    configure();
    fill(0x01010101);
    for (long i = 0; i < rounds; i++) {
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        _tile_dpbusd(2, 5, 6);
        _tile_dpbusd(3, 5, 7);
    }
    return first_sum();
}

const struct peak_loop peak_amx_bf16 = {
    .name = "amx",
    .kind = PEAK_BF16,
    .isa = ISA_AMX_TILE | ISA_AMX_BF16,
    .operations = 2.0 * 16 * 16 * 32 * 4,
    .run = run_bf16,
};

const struct peak_loop peak_amx_int8 = {
    .name = "amx",
    .kind = PEAK_INT8,
    .isa = ISA_AMX_TILE | ISA_AMX_INT8,
    .operations = 2.0 * 16 * 16 * 64 * 4,
    .run = run_int8,
};
