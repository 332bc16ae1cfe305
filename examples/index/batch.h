/* batch.h: many words and their counts in one piece of memory, for whoever merges elsewhere (index_shared.py).
 *
 * A batch is one malloc. It is owned by whoever holds its pointer: the counter, the channel, the receiver, who gives it to free(). */
#ifndef INDEX_BATCH_H
#define INDEX_BATCH_H

#include <stdint.h>

#include "table.h"

/* So many different words make a counter send; its table stays in the cache meanwhile. */
#define BATCH_WORDS 32768u

struct batch {
    uint64_t words; /* how many */
    uint64_t bytes; /* of text */
    uint64_t counts[];
    /* then the text: each word's bytes and a newline, which is in no word */
};

/* NULL when there is no memory. */
struct batch *batch_of(const struct table *table);

#endif
