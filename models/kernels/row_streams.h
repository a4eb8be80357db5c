/* How a thread reads its rows of a matrix that is larger than caches: ROW_STREAMS streams, each forward through memory
 * of its own, a row of each at a time. A processor's prefetching follows a few streams, one a page, and loses its way
 * where a place is read a row here, a row there: rows that lie side by side were read at three quarters of the speed.
 */
#ifndef KERNELS_ROW_STREAMS_H
#define KERNELS_ROW_STREAMS_H

#include <stddef.h>

enum { ROW_STREAMS = 4, ROW_STREAM_MULTIPLE = 16 }; /* rows whose f32 results fill a cache line */

/* Stream i begins i · length rows after `first`; the thread's share ends at `end`, the longest stream has `most`. */
struct row_streams {
    size_t first, length, end, most;
};

/* The share of thread `thread` of `threads` in `rows` rows; streams are whole lines of results long, so that no two
 * threads write to one. */
static inline struct row_streams row_streams_of(size_t rows, int thread, int threads)
{
    size_t parts = (size_t)threads * ROW_STREAMS;
    size_t length = ((rows + parts - 1) / parts + ROW_STREAM_MULTIPLE - 1) / ROW_STREAM_MULTIPLE * ROW_STREAM_MULTIPLE;
    size_t first = (size_t)thread * ROW_STREAMS * length, end = first + ROW_STREAMS * length;
    first = first < rows ? first : rows;
    end = end < rows ? end : rows;
    return (struct row_streams){first, length, end, end - first < length ? end - first : length};
}

/* Rows [first, end) by themselves: whole lines of results where `first` begins one. */
static inline struct row_streams row_streams_between(size_t first, size_t end)
{
    struct row_streams streams = row_streams_of(end - first, 0, 1);
    return (struct row_streams){first, streams.length, end, streams.most};
}

/* Row `at` of a stream, counted in the matrix; it may lie past the end of the share, or of the matrix. */
static inline size_t row_streams_row(const struct row_streams *streams, size_t stream, size_t at)
{
    return streams->first + stream * streams->length + at;
}

/* How many of `rows` rows from matrix row `row` on belong to the share. */
static inline size_t row_streams_useful(const struct row_streams *streams, size_t row, size_t rows)
{
    return row >= streams->end ? 0 : streams->end - row < rows ? streams->end - row : rows;
}

#endif
