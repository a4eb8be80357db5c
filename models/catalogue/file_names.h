/* What a file calls the weights of a graph, and how it lays them out: publishers' names (transformers' modules), and
 * those of llama.cpp's converter (gguf-py's tensor_mapping.py). */
#ifndef CATALOGUE_FILE_NAMES_H
#define CATALOGUE_FILE_NAMES_H

#include "models/catalogue/model_file.h"
#include "models/graph/dtype.h"

/* A matrix here is rows [outputs, inputs]. */
enum file_layout {
    LAYOUT_ROWS,       /* the same */
    LAYOUT_TRANSPOSED, /* [inputs, outputs] (transformers' Conv1D) */
    LAYOUT_BY_HEAD,    /* each head's query, key and value lie together, head after head */
    LAYOUT_CHANNELS,   /* a convolution's [outputs, channels, height, width]; here channels are last */
};

/* Which rows of the file's matrix, where it has several of the graph's in one. */
enum file_share { SHARE_ALL, SHARE_QUERY, SHARE_KEY, SHARE_VALUE, SHARE_FIRST_HALF, SHARE_SECOND_HALF };

/* Where a weight of the graph is: in `count` tensors of the file, one below another. */
struct file_place {
    uint64_t count;
    enum file_layout layout;
    enum file_share share;
    const char *const *patterns;
    const char *rest; /* "weight", "bias" */
    int layer;
};
/* Of the graph's weight `ours`; count is 0 where the file has none. */
struct file_place file_names_place(const struct model_file *file, const char *ours);
/* NULL where the file lacks it. */
const struct file_tensor *file_names_piece(const struct model_file *file, const struct file_place *place,
                                           uint64_t index);
/* The type of a weight in the file, of several tensors that of most bits; where no kernel runs it, the nearest that one
 * does. A stored_types' type_of: `file` is a model_file. */
bool file_type_of(const void *file, const char *ours, int64_t columns, enum dtype *dtype);

#endif
