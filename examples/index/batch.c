/* batch.c: see batch.h. */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

struct batch *batch_of(const struct table *table) {
    size_t bytes = 0;
    for (size_t i = 0; i < table->count; i++) bytes += table->words[i].length + 1u;
    struct batch *batch = malloc(sizeof *batch + table->count * sizeof batch->counts[0] + bytes);
    if (batch == NULL) return NULL;
    batch->words = table->count;
    batch->bytes = bytes;
    unsigned char *text = (unsigned char *)&batch->counts[table->count];
    for (size_t i = 0; i < table->count; i++) {
        const struct word *word = &table->words[i];
        batch->counts[i] = word->count;
        memcpy(text, word->bytes, word->length);
        text += word->length;
        *text++ = '\n';
    }
    return batch;
}
