/* LayerNorm and RMSNorm and their gradients on vectors; built once for each instruction set. Formulas in rows.h.
 * A row is read from memory once: what follows its sums finds it in the first-level cache. */
#include "models/kernels/rows_variants.h"
#include "models/kernels/vector.h"

/* Σ x, or Σ (x − centre)² when `squared` */
VECTOR_INLINE float row_sum(const float *x, size_t columns, int squared, float centre)
{
    const vector centres = vector_set(centre);
    vector part[4] = {vector_zero(), vector_zero(), vector_zero(), vector_zero()};
    size_t c = 0;
    for (; c + 4 * VECTOR_LANES <= columns; c += 4 * VECTOR_LANES)
        for (size_t j = 0; j < 4; j++) {
            vector value = vector_load(x + c + j * VECTOR_LANES) - centres;
            part[j] = vector_fma(value, squared ? value : vector_set(1), part[j]);
        }
    for (; c < columns; c += VECTOR_LANES) {
        size_t n = vector_take(columns - c);
        vector value = vector_select(vector_first(n), vector_load_up_to(x + c, n) - centres, vector_zero());
        part[0] = vector_fma(value, squared ? value : vector_set(1), part[0]);
    }
    return vector_sum((part[0] + part[1]) + (part[2] + part[3]));
}

void VECTOR_NAME(layer_norm)(const float *x, const float *gamma, const float *beta, float *y, float *mean, float *rstd,
                             size_t rows, size_t columns, float epsilon)
{
    for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
        float centre = row_sum(x, columns, 0, 0) / (float)columns;
        float variance = row_sum(x, columns, 1, centre) / (float)columns;
        float scale = 1 / sqrtf(variance + epsilon);
        const vector centres = vector_set(centre), scales = vector_set(scale);
        for (size_t c = 0; c < columns; c += VECTOR_LANES) {
            size_t left = columns - c;
            vector normed = (vector_load_up_to(x + c, left) - centres) * scales;
            vector factor = gamma ? vector_load_up_to(gamma + c, left) : vector_set(1);
            vector offset = beta ? vector_load_up_to(beta + c, left) : vector_zero();
            vector_store_up_to(y + c, vector_fma(normed, factor, offset), left);
        }
        if (mean)
            mean[r] = centre;
        if (rstd)
            rstd[r] = scale;
    }
}

void VECTOR_NAME(rms_norm)(const float *x, const float *gamma, float *y, float *rstd, size_t rows, size_t columns,
                           float epsilon)
{
    for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
        float scale = 1 / sqrtf(row_sum(x, columns, 1, 0) / (float)columns + epsilon);
        const vector scales = vector_set(scale);
        for (size_t c = 0; c < columns; c += VECTOR_LANES) {
            size_t left = columns - c;
            vector normed = vector_load_up_to(x + c, left) * scales;
            vector factor = gamma ? vector_load_up_to(gamma + c, left) : vector_set(1);
            vector_store_up_to(y + c, normed * factor, left);
        }
        if (rstd)
            rstd[r] = scale;
    }
}

/* Rows whose gradients are taken together, so that dgamma and dbeta are loaded and stored once for all of them. */
enum { GROUP = 4 };

struct norm_gradient {
    const float *x, *gamma, *mean, *rstd, *dy, *dx_add; /* mean is NULL for RMSNorm */
    float *dx, *dgamma, *dbeta;
    size_t columns;
};

/* mean(g) and rstd · mean(g · x̂) of row r, for g = dy · gamma */
VECTOR_INLINE void gradient_means(const struct norm_gradient *norm, size_t r, float *mean_g, float *mean_gx)
{
    const float *x = norm->x + r * norm->columns, *dy = norm->dy + r * norm->columns;
    const vector centre = vector_set(norm->mean ? norm->mean[r] : 0);
    vector g_sum[2] = {vector_zero(), vector_zero()}, gx_sum[2] = {vector_zero(), vector_zero()};
    for (size_t c = 0; c < norm->columns; c += 2 * VECTOR_LANES)
        for (size_t j = 0; j < 2 && c + j * VECTOR_LANES < norm->columns; j++) {
            size_t at = c + j * VECTOR_LANES, left = norm->columns - at;
            vector g = vector_load_up_to(dy + at, left); /* 0 beyond the row, and so in both sums */
            if (norm->gamma)
                g *= vector_load_up_to(norm->gamma + at, left);
            g_sum[j] += g;
            gx_sum[j] = vector_fma(g, vector_load_up_to(x + at, left) - centre, gx_sum[j]);
        }
    *mean_g = vector_sum(g_sum[0] + g_sum[1]) / (float)norm->columns;
    *mean_gx = norm->rstd[r] * vector_sum(gx_sum[0] + gx_sum[1]) / (float)norm->columns;
}

VECTOR_INLINE void gradient_of_rows(const struct norm_gradient *norm, size_t first, size_t group)
{
    float mean_g[GROUP], mean_gx[GROUP];
    for (size_t i = 0; i < group; i++)
        gradient_means(norm, first + i, &mean_g[i], &mean_gx[i]);
    for (size_t c = 0; c < norm->columns; c += VECTOR_LANES) {
        size_t left = norm->columns - c;
        vector factor = norm->gamma ? vector_load_up_to(norm->gamma + c, left) : vector_set(1);
        vector scale_sum = vector_zero(), shift_sum = vector_zero();
        for (size_t i = 0; i < group; i++) {
            size_t r = first + i, at = r * norm->columns + c;
            const vector rstd = vector_set(norm->rstd[r]), centre = vector_set(norm->mean ? norm->mean[r] : 0);
            vector dy = vector_load_up_to(norm->dy + at, left);
            vector normed = (vector_load_up_to(norm->x + at, left) - centre) * rstd;
            scale_sum = vector_fma(dy, normed, scale_sum);
            shift_sum += dy;
            vector dx = vector_fma(-normed, vector_set(mean_gx[i]), dy * factor);
            if (norm->mean)
                dx -= vector_set(mean_g[i]);
            vector add = norm->dx_add ? vector_load_up_to(norm->dx_add + at, left) : vector_zero();
            vector_store_up_to(norm->dx + at, vector_fma(rstd, dx, add), left);
        }
        if (norm->dgamma)
            vector_store_up_to(norm->dgamma + c, vector_load_up_to(norm->dgamma + c, left) + scale_sum, left);
        if (norm->dbeta)
            vector_store_up_to(norm->dbeta + c, vector_load_up_to(norm->dbeta + c, left) + shift_sum, left);
    }
}

static void gradient_of_all(const struct norm_gradient *norm, size_t rows)
{
    size_t r = 0;
    for (; r + GROUP <= rows; r += GROUP)
        gradient_of_rows(norm, r, GROUP);
    for (; r < rows; r++)
        gradient_of_rows(norm, r, 1);
}

void VECTOR_NAME(layer_norm_gradient)(const float *x, const float *gamma, const float *mean, const float *rstd,
                                      const float *dy, const float *dx_add, float *dx, float *dgamma, float *dbeta,
                                      size_t rows, size_t columns)
{
    const struct norm_gradient norm = {x, gamma, mean, rstd, dy, dx_add, dx, dgamma, dbeta, columns};
    gradient_of_all(&norm, rows);
}

void VECTOR_NAME(rms_norm_gradient)(const float *x, const float *gamma, const float *rstd, const float *dy,
                                    const float *dx_add, float *dx, float *dgamma, size_t rows, size_t columns)
{
    const struct norm_gradient norm = {x, gamma, NULL, rstd, dy, dx_add, dx, dgamma, NULL, columns};
    gradient_of_all(&norm, rows);
}
