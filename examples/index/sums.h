/* sums.h: what the files of a run add up to, and the complaints about them. For the main programs, when all readers are done. */
#ifndef INDEX_SUMS_H
#define INDEX_SUMS_H

#include "walk.h"

struct sums {
    uint64_t text, binary, faults, bytes;
};

struct sums sum_up(const struct walk *walk);
void print_faults(const struct walk *walk); /* one line for each place that could not be read, to standard error */

#endif
