/* A figure with the ends of its interval; NaN where unknown. */
#ifndef FITNESS_RANGE_H
#define FITNESS_RANGE_H

struct range {
    double median, low, high;
};

#endif
