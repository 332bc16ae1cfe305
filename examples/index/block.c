/* block.c: buffers, and reading files into them.
 *
 * Why this is a file of its own: a C task of gort may go on with another OS thread after any call of gort, and a compiler
 * is free to compute the address of errno once in a function. So errno is read only in functions that call no gort, in a
 * file with none: these. They hand it back as a plain number.
 *
 * read() of a cold file blocks the OS thread. That is allowed: gort's monitor gives the processor to another thread meanwhile.
 * Wrapping each read in gort_blocking_enter/leave was rejected: nearly all of them are copies out of the page cache that
 * take some microseconds, less than handing a processor over and back. */
#define _XOPEN_SOURCE 700
#include "block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "table.h"
#include "walk.h"

#define ROOM_MOST ((size_t)1 << 31) /* lengths travel as 32 bits */

int block_reserve(struct block *block, size_t room) {
    if (room <= block->room) return 0;
    if (room > ROOM_MOST) return EFBIG;
    unsigned char *bytes = realloc(block->bytes, room + TABLE_PAD);
    if (bytes == NULL) return ENOMEM;
    block->bytes = bytes;
    block->room = room;
    return 0;
}

void block_shrink(struct block *block, size_t room) {
    if (block->room <= room) return;
    unsigned char *bytes = realloc(block->bytes, room + TABLE_PAD);
    if (bytes == NULL) return; /* too large is still right */
    block->bytes = bytes;
    block->room = room;
}

void block_free(struct block *block) {
    free(block->bytes);
    *block = (struct block){0};
}

int source_open(const char *path, int *fd) {
    struct stat st;
    int opened = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (opened < 0) return errno == ELOOP || errno == ENXIO ? FAULT_NOT_REGULAR : errno;
    int fault = fstat(opened, &st) != 0 ? errno : S_ISREG(st.st_mode) ? 0 : FAULT_NOT_REGULAR;
    if (fault != 0) close(opened);
    else *fd = opened;
    return fault;
}

int source_fill(int fd, unsigned char *bytes, size_t n, size_t *got) {
    size_t have = 0;
    int fault = 0;
    while (have < n) {
        ssize_t more = read(fd, bytes + have, n - have);
        if (more == 0) break;
        if (more > 0) have += (size_t)more;
        else if (errno != EINTR) {
            fault = errno;
            break;
        }
    }
    *got = have;
    return fault;
}

void source_close(int fd) {
    close(fd);
}
