/* The specification of rows.h in plain C: every sum in double precision. */
#include <math.h>
#include <string.h>

#include "models/kernels/rows_variants.h"

void layer_norm_plain(const float *x, const float *gamma, const float *beta, float *y, float *mean, float *rstd,
                      size_t rows, size_t columns, float epsilon)
{
    for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
        double sum = 0, square = 0;
        for (size_t c = 0; c < columns; c++)
            sum += x[c];
        double centre = sum / (double)columns;
        for (size_t c = 0; c < columns; c++)
            square += (x[c] - centre) * (x[c] - centre);
        double scale = 1 / sqrt(square / (double)columns + epsilon);
        for (size_t c = 0; c < columns; c++)
            y[c] = (float)((x[c] - centre) * scale * (gamma ? gamma[c] : 1) + (beta ? beta[c] : 0));
        if (mean)
            mean[r] = (float)centre;
        if (rstd)
            rstd[r] = (float)scale;
    }
}

void layer_norm_gradient_plain(const float *x, const float *gamma, const float *mean, const float *rstd,
                               const float *dy, const float *dx_add, float *dx, float *dgamma, float *dbeta,
                               size_t rows, size_t columns)
{
    for (size_t c = 0; c < columns; c++) { /* before dx, which may be dy */
        double scale = 0, shift = 0;
        for (size_t r = 0; r < rows; r++) {
            scale += dy[r * columns + c] * ((double)x[r * columns + c] - mean[r]) * rstd[r];
            shift += dy[r * columns + c];
        }
        if (dgamma)
            dgamma[c] += (float)scale;
        if (dbeta)
            dbeta[c] += (float)shift;
    }
    for (size_t r = 0; r < rows; r++) {
        const float *xr = x + r * columns, *dyr = dy + r * columns;
        double mean_g = 0, mean_gx = 0;
        for (size_t c = 0; c < columns; c++) {
            double g = dyr[c] * (gamma ? gamma[c] : 1.0);
            mean_g += g / (double)columns;
            mean_gx += g * ((double)xr[c] - mean[r]) * rstd[r] / (double)columns;
        }
        for (size_t c = 0; c < columns; c++) {
            double g = dyr[c] * (gamma ? gamma[c] : 1.0), normed = ((double)xr[c] - mean[r]) * rstd[r];
            dx[r * columns + c] =
                (float)(rstd[r] * (g - mean_g - normed * mean_gx) + (dx_add ? dx_add[r * columns + c] : 0));
        }
    }
}

void rms_norm_plain(const float *x, const float *gamma, float *y, float *rstd, size_t rows, size_t columns,
                    float epsilon)
{
    for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
        double square = 0;
        for (size_t c = 0; c < columns; c++)
            square += (double)x[c] * x[c];
        double scale = 1 / sqrt(square / (double)columns + epsilon);
        for (size_t c = 0; c < columns; c++)
            y[c] = (float)(x[c] * scale * (gamma ? gamma[c] : 1));
        if (rstd)
            rstd[r] = (float)scale;
    }
}

void rms_norm_gradient_plain(const float *x, const float *gamma, const float *rstd, const float *dy,
                             const float *dx_add, float *dx, float *dgamma, size_t rows, size_t columns)
{
    for (size_t c = 0; c < columns && dgamma; c++) {
        double scale = 0;
        for (size_t r = 0; r < rows; r++)
            scale += (double)dy[r * columns + c] * x[r * columns + c] * rstd[r];
        dgamma[c] += (float)scale;
    }
    for (size_t r = 0; r < rows; r++) {
        const float *xr = x + r * columns, *dyr = dy + r * columns;
        double mean_gx = 0;
        for (size_t c = 0; c < columns; c++)
            mean_gx += dyr[c] * (gamma ? gamma[c] : 1.0) * xr[c] * rstd[r] / (double)columns;
        for (size_t c = 0; c < columns; c++) {
            double g = dyr[c] * (gamma ? gamma[c] : 1.0), normed = (double)xr[c] * rstd[r];
            dx[r * columns + c] = (float)(rstd[r] * (g - normed * mean_gx) + (dx_add ? dx_add[r * columns + c] : 0));
        }
    }
}

/* Σ exp(x − shift), with shift the largest x so that nothing overflows, or 0 where all are −infinity */
static double exp_sum(const float *x, size_t columns, double *shift)
{
    double max = -INFINITY, sum = 0;
    for (size_t c = 0; c < columns; c++)
        max = x[c] > max ? x[c] : max;
    *shift = max > -INFINITY ? max : 0;
    for (size_t c = 0; c < columns; c++)
        sum += exp(x[c] - *shift);
    return sum;
}

static void softmax(const float *x, float *y, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
        double shift, sum = exp_sum(x, columns, &shift);
        for (size_t c = 0; c < columns; c++)
            y[c] = (float)(exp(x[c] - shift) / sum);
    }
}

static void softmax_gradient(const float *y, const float *dy, float *dx, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, y += columns, dy += columns, dx += columns) {
        double dot = 0;
        for (size_t c = 0; c < columns; c++)
            dot += (double)dy[c] * y[c];
        for (size_t c = 0; c < columns; c++)
            dx[c] = (float)(y[c] * (dy[c] - dot));
    }
}

static void cross_entropy(const float *x, const int32_t *target, float *loss, float *log_sum, size_t rows,
                          size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns) {
        double shift, sum = exp_sum(x, columns, &shift), whole = shift + log(sum);
        log_sum[r] = (float)whole;
        if (target[r] < 0)
            loss[r] = 0;
        else
            loss[r] = (size_t)target[r] < columns ? (float)(whole - x[target[r]]) : NAN;
    }
}

static void cross_entropy_gradient(const float *x, const int32_t *target, const float *log_sum, float scale, float *dx,
                                   size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns, dx += columns) {
        if (target[r] < 0) {
            memset(dx, 0, columns * sizeof *dx);
            continue;
        }
        for (size_t c = 0; c < columns; c++)
            dx[c] = (float)(scale * (exp((double)x[c] - log_sum[r]) - (c == (size_t)target[r])));
    }
}

void column_sums_plain(const float *x, float *sum, size_t rows, size_t columns, size_t row_stride)
{
    for (size_t c = 0; c < columns; c++) {
        double total = 0;
        for (size_t r = 0; r < rows; r++)
            total += x[r * row_stride + c];
        sum[c] += (float)total;
    }
}

void column_moments_plain(const float *x, const float *shift, float *sum, float *square, size_t rows, size_t columns)
{
    for (size_t c = 0; c < columns; c++) {
        double first = 0, second = 0, centre = shift ? shift[c] : 0;
        for (size_t r = 0; r < rows; r++) {
            double value = x[r * columns + c] - centre;
            first += value;
            second += value * value;
        }
        sum[c] += (float)first;
        square[c] += (float)second;
    }
}

void column_products_plain(const float *a, const float *b, float *sum, size_t rows, size_t columns)
{
    for (size_t c = 0; c < columns; c++) {
        double total = 0;
        for (size_t r = 0; r < rows; r++)
            total += (double)a[r * columns + c] * b[r * columns + c];
        sum[c] += (float)total;
    }
}

void column_affine_plain(const float *x, const float *scale, const float *shift, int relu, float *y, size_t rows,
                         size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns, y += columns)
        for (size_t c = 0; c < columns; c++) {
            float value = x[c] * scale[c] + shift[c];
            y[c] = relu && value < 0 ? 0 : value;
        }
}

const struct row_kernels row_kernels_plain = {
    .name = "plain",
    .layer_norm = layer_norm_plain,
    .layer_norm_gradient = layer_norm_gradient_plain,
    .rms_norm = rms_norm_plain,
    .rms_norm_gradient = rms_norm_gradient_plain,
    .softmax = softmax,
    .softmax_gradient = softmax_gradient,
    .cross_entropy = cross_entropy,
    .cross_entropy_gradient = cross_entropy_gradient,
    .column_sums = column_sums_plain,
    .column_moments = column_moments_plain,
    .column_products = column_products_plain,
    .column_affine = column_affine_plain,
};
