/* table.h: words and how often they were seen.
 *
 * One table belongs to one task at a time; it has no lock. Counters fill one each, the merge adds them up. */
#ifndef INDEX_TABLE_H
#define INDEX_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* After the block's last byte this many bytes must be writable: a word is read eight bytes at a time. */
#define TABLE_PAD 16

struct word {
    uint64_t head;              /* the first 8 bytes, the first one lowest, zeros behind a shorter word */
    const unsigned char *bytes; /* in the table's arena */
    uint64_t count;
    uint32_t length;
    uint32_t hash;
};

struct arena_chunk;

struct table {
    struct word *words; /* in the order of first sight; table_sort() changes that and ends all adding */
    size_t count, room;
    uint64_t *slots; /* hash in the upper half, 1 + index into words in the lower; 0 is free */
    size_t mask;
    struct arena_chunk *arena; /* newest chunk first */
    uint64_t seen;             /* words counted, with repeats */
};

/* All return 0, or -1 when there is no memory (or 2^32 - 2 different words): the table is then fit for table_free() only. */
int table_init(struct table *table);
int table_count(struct table *table, unsigned char *bytes, size_t n); /* writes zeros into bytes[n .. n + TABLE_PAD) */
int table_merge(struct table *into, struct table *from);              /* moves: `from` is empty afterwards */
void table_sort(struct table *table);                                 /* count descending, then bytes ascending */
uint64_t table_checksum(const struct table *table);                   /* of the sorted table; README.md says of which bytes */
void table_free(struct table *table);

#endif
