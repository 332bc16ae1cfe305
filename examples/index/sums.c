/* sums.c: see sums.h. */
#define _XOPEN_SOURCE 700
#include "sums.h"

#include <stdio.h>
#include <string.h>

struct sums sum_up(const struct walk *walk) {
    struct sums sums = {.faults = walk->blind_count};
    for (size_t i = 0; i < walk->count; i++) {
        const struct file *file = &walk->files[i];
        sums.text += file->state == FILE_TEXT;
        sums.binary += file->state == FILE_BINARY;
        sums.faults += file->fault != 0;
        sums.bytes += file->bytes;
    }
    return sums;
}

static void print_fault(const char *path, int fault) {
    fprintf(stderr, "index: %s: %s\n", path, fault == FAULT_NOT_REGULAR ? "not a regular file" : strerror(fault));
}

void print_faults(const struct walk *walk) {
    for (size_t i = 0; i < walk->blind_count; i++) print_fault(walk->blind[i].path, walk->blind[i].fault);
    for (size_t i = 0; i < walk->count; i++)
        if (walk->files[i].fault != 0) print_fault(walk->files[i].path, walk->files[i].fault);
}
