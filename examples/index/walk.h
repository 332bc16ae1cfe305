/* walk.h: the frozen list of files, and what became of each of them.
 *
 * The list is made once, sorted by the bytes of the full path, and its length and order never change afterwards.
 * Who may touch what:
 *   path, size          written by walk(), read-only afterwards
 *   state, fault, bytes written once by the one reader task that received this file's number, read when all readers are done
 * so no field needs a lock. */
#ifndef INDEX_WALK_H
#define INDEX_WALK_H

#include <stddef.h>
#include <stdint.h>

/* A fault is an errno, or this: the path was a regular file when the list was frozen and is something else now. */
#define FAULT_NOT_REGULAR (-1)

enum file_state { FILE_UNSEEN, FILE_TEXT, FILE_BINARY };

struct file {
    char *path;
    uint64_t size;  /* as the walk saw it: for the progress bar only */
    uint64_t bytes; /* really read (text files) */
    enum file_state state;
    int fault; /* 0, or why it could not be read to its end */
};

/* A place the walk could not look into. */
struct blind {
    char *path;
    int fault;
};

struct walk {
    struct file *files;
    size_t count, room;
    struct blind *blind;
    size_t blind_count, blind_room;
    uint64_t size; /* sum over files */
};

/* Collects the regular files under the roots. Returns 0, or an errno that ended the walk (out of memory).
 * A root or directory that cannot be read is put on the blind list and the walk goes on. */
int walk_roots(struct walk *walk, char *const *roots, size_t n);
void walk_free(struct walk *walk);

#endif
