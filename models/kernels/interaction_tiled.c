/* The dot products of all pairs of a sample's vectors, on register tiles: see recommender.h.
 *
 * The vectors are gathered into a matrix V [count, columns] and its transpose; V·Vᵀ is made for blocks of rows, only as
 * many vectors of columns wide as the lower triangle needs there. Backward, dV = S·V with the symmetric matrix S of the
 * pairs' gradients, whose diagonal is 0. */
#include "models/kernels/layout.h"
#include "models/kernels/recommender_variants.h"
#include "models/kernels/tile.h"
#include "models/kernels/variant.h"

/* Where a workspace's matrices start, in floats. */
struct layout {
    size_t vectors, transposed, square, line, total;
    size_t row, square_row; /* floats of a row of V, and of its transpose and the square */
};

static struct layout layout_of(size_t count, size_t columns)
{
    struct layout l = {.row = round_up(columns, LANES), .square_row = round_up(count, LANES)};
    l.vectors = reserve(&l.total, l.square_row * l.row);
    l.transposed = reserve(&l.total, l.row * l.square_row);
    l.square = reserve(&l.total, count * l.square_row);
    l.line = reserve(&l.total, round_up(interaction_width(count, columns), LANES) + LANES);
    return l;
}

size_t VARIANT_NAME(interaction_workspace)(size_t count, size_t columns)
{
    return layout_of(count, columns).total;
}

static void gather(const struct interaction *v, const struct layout *l, size_t sample, float *workspace)
{
    size_t element = v->dtype == DTYPE_F32 ? 4 : 2;
    for (size_t i = 0; i < v->count; i++)
        pack_rows((const char *)v->vectors[i] + sample * v->columns * element, v->dtype, v->columns, 1, 1, v->columns,
                  workspace + l->vectors + i * l->row, l->row);
}

/* The square's lower triangle behind one another. Whole vectors are stored: the next row overwrites what was too much.
 */
static void collect_pairs(const struct layout *l, size_t count, const float *square, float *to)
{
    for (size_t i = 1; i < count; to += i, i++)
        for (size_t j = 0; j < i; j += LANES)
            lanes_store(to + j, lanes_load(square + i * l->square_row + j));
}

void VARIANT_NAME(interact)(const struct interaction *v, void *y, float *workspace)
{
    const struct layout l = layout_of(v->count, v->columns);
    size_t width = interaction_width(v->count, v->columns), element = v->dtype == DTYPE_F32 ? 4 : 2;
    float *vectors = workspace + l.vectors, *transposed = workspace + l.transposed;
    float *square = workspace + l.square, *line = workspace + l.line;
    memset(vectors, 0, l.square_row * l.row * sizeof(float));
    for (size_t s = v->first; s < v->last; s++) {
        gather(v, &l, s, workspace);
        transpose(vectors, l.row, l.square_row, v->columns, 1, transposed, l.square_row);
        for (size_t i = 0, rows; i < v->count; i += rows) {
            rows = least(TILE_ROWS, v->count - i);
            product_by_row(rows, (i + rows + LANES - 1) / LANES, vectors + i * l.row, l.row, transposed, l.square_row,
                           v->columns, square + i * l.square_row, l.square_row, false);
        }
        pack_rows(vectors, DTYPE_F32, l.row, 1, 1, v->columns, line, l.row);
        collect_pairs(&l, v->count, square, line + v->columns);
        unpack_row(line, 1, (char *)y + s * width * element, v->dtype, width);
    }
}

/* S from a sample's dy. */
static void spread_pairs(const struct layout *l, size_t count, const float *pairs, float *square)
{
    for (size_t i = 0; i < count; pairs += i, i++) {
        square[i * l->square_row + i] = 0;
        for (size_t j = 0; j < i; j++)
            square[i * l->square_row + j] = square[j * l->square_row + i] = pairs[j];
    }
}

void VARIANT_NAME(interact_gradient)(const struct interaction *v, const void *dy, void *const *dvectors,
                                     float *workspace)
{
    const struct layout l = layout_of(v->count, v->columns);
    size_t width = interaction_width(v->count, v->columns), element = v->dtype == DTYPE_F32 ? 4 : 2;
    float *vectors = workspace + l.vectors, *square = workspace + l.square, *line = workspace + l.line;
    float *results = workspace + l.transposed; /* [count, row]: in the transpose's room */
    for (size_t s = v->first; s < v->last; s++) {
        gather(v, &l, s, workspace);
        pack_rows((const char *)dy + s * width * element, v->dtype, width, 1, 1, width, line, round_up(width, LANES));
        spread_pairs(&l, v->count, line + v->columns, square);
        product_by_row(v->count, l.row / LANES, square, l.square_row, vectors, l.row, v->count, results, l.row, false);
        for (size_t c = 0; c < v->columns; c++)
            results[c] += line[c];
        for (size_t i = 0; i < v->count; i++)
            unpack_row(results + i * l.row, 1, (char *)dvectors[i] + s * v->columns * element, v->dtype, v->columns);
    }
}
