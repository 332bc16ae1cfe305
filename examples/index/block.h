/* block.h: the pieces of files that travel, and the files they are read from. No call of gort in here.
 *
 * A block is owned by whoever holds its pointer: the free list, a reader, a channel, a counter, in this circle. */
#ifndef INDEX_BLOCK_H
#define INDEX_BLOCK_H

#include <stddef.h>

#define BLOCK_SIZE (128u * 1024u)
#define BLOCK_LEAST 8192u /* a first block must hold all that the text rule looks at */
#define TEXT_LOOK 8192u   /* a file is text when its first 8 KiB (or all of it) hold no NUL */

struct block {
    unsigned char *bytes; /* room + TABLE_PAD of them */
    size_t room;
};

/* Room for at least so many bytes, contents kept. 0, or ENOMEM (the block is as before), or EFBIG (no word may pass 2 GiB). */
int block_reserve(struct block *block, size_t room);
/* After a very long word: back to the usual size. */
void block_shrink(struct block *block, size_t room);
void block_free(struct block *block);

/* Opens a regular file for reading: a descriptor in *fd and 0, or a fault (walk.h). Never waits for a FIFO's other end. */
int source_open(const char *path, int *fd);
/* Reads until n bytes are there or the file ends or fails. *got bytes were read also in case of a fault. */
int source_fill(int fd, unsigned char *bytes, size_t n, size_t *got);
void source_close(int fd);

#endif
