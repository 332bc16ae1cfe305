/* walk.c: from root directories to a frozen, sorted list of regular files.
 *
 * Rules (reference.py follows the same ones):
 *   - a root is resolved (realpath); it may be a directory or one regular file, whatever its name;
 *   - below a root, directories named "target" or ".venv" are left out, and symbolic links are not followed;
 *   - only regular files count: no FIFO, socket or device is ever opened;
 *   - the list is sorted by the bytes of the full path, and a path that two roots reach is there once.
 * NOT parallel: names come out of the kernel's cache at a million a second, reading and counting is the work.
 *
 * It runs as a task on a stack of its own, which does not grow: no recursion, no big local array. No function here calls gort,
 * so errno is safe to use (a task may change its thread only inside a call of gort). */
#define _XOPEN_SOURCE 700
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Directories still to be looked into. Paths are owned by the stack. */
struct todo {
    char **paths;
    size_t count, room;
};

static int grow(void **array, size_t *room, size_t count, size_t size) {
    if (count < *room) return 0;
    size_t more = *room ? *room * 2 : 64;
    void *bigger = realloc(*array, more * size);
    if (bigger == NULL) return ENOMEM;
    *array = bigger;
    *room = more;
    return 0;
}

/* directory + "/" + name, in memory of its own; NULL when there is none. */
static char *joined(const char *directory, const char *name) {
    size_t d = strlen(directory), n = strlen(name);
    if (d == 1 && directory[0] == '/') d = 0;
    char *path = malloc(d + 1 + n + 1);
    if (path == NULL) return NULL;
    memcpy(path, directory, d);
    path[d] = '/';
    memcpy(path + d + 1, name, n + 1);
    return path;
}

/* The three adders take the path over, also when they fail. */
static int add_file(struct walk *walk, char *path, uint64_t size) {
    void *array = walk->files;
    int err = path == NULL ? ENOMEM : grow(&array, &walk->room, walk->count, sizeof *walk->files);
    walk->files = array;
    if (err != 0) {
        free(path);
        return err;
    }
    walk->files[walk->count++] = (struct file){.path = path, .size = size};
    return 0;
}

static int add_blind(struct walk *walk, char *path, int fault) {
    void *array = walk->blind;
    int err = path == NULL ? ENOMEM : grow(&array, &walk->blind_room, walk->blind_count, sizeof *walk->blind);
    walk->blind = array;
    if (err != 0) {
        free(path);
        return err;
    }
    walk->blind[walk->blind_count++] = (struct blind){.path = path, .fault = fault};
    return 0;
}

static int add_todo(struct todo *todo, char *path) {
    void *array = todo->paths;
    int err = path == NULL ? ENOMEM : grow(&array, &todo->room, todo->count, sizeof *todo->paths);
    todo->paths = array;
    if (err != 0) {
        free(path);
        return err;
    }
    todo->paths[todo->count++] = path;
    return 0;
}

static int left_out(const char *name) {
    return strcmp(name, "target") == 0 || strcmp(name, ".venv") == 0;
}

static int add_entry(struct walk *walk, struct todo *todo, int fd, const char *directory, const char *name) {
    struct stat st;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return 0;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return 0; /* gone between the listing and now: as if it had never been */
        return add_blind(walk, joined(directory, name), errno);
    }
    if (S_ISREG(st.st_mode)) return add_file(walk, joined(directory, name), (uint64_t)st.st_size);
    if (S_ISDIR(st.st_mode) && !left_out(name)) return add_todo(todo, joined(directory, name));
    return 0;
}

/* Lists one directory. Takes the path over. */
static int list_directory(struct walk *walk, struct todo *todo, char *path) {
    int err = 0;
    DIR *dir = opendir(path);
    if (dir == NULL) return add_blind(walk, path, errno);
    while (err == 0) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            err = errno;
            break;
        }
        err = add_entry(walk, todo, dirfd(dir), path, entry->d_name);
    }
    closedir(dir);
    if (err != 0 && err != ENOMEM) return add_blind(walk, path, err);
    free(path);
    return err;
}

static int add_root(struct walk *walk, struct todo *todo, const char *root) {
    struct stat st;
    char *path = realpath(root, NULL);
    if (path == NULL) {
        int err = errno;
        char *given = malloc(strlen(root) + 1);
        if (given != NULL) strcpy(given, root);
        return add_blind(walk, given, err);
    }
    if (stat(path, &st) != 0) return add_blind(walk, path, errno);
    if (S_ISDIR(st.st_mode)) return add_todo(todo, path);
    if (S_ISREG(st.st_mode)) return add_file(walk, path, (uint64_t)st.st_size);
    return add_blind(walk, path, FAULT_NOT_REGULAR);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static int blind_by_path(const void *a, const void *b) {
    return strcmp(((const struct blind *)a)->path, ((const struct blind *)b)->path);
}

static void drop_repeats(struct walk *walk) {
    size_t kept = 0, blind = 0;
    for (size_t i = 0; i < walk->count; i++) {
        if (kept > 0 && strcmp(walk->files[kept - 1].path, walk->files[i].path) == 0) free(walk->files[i].path);
        else walk->files[kept++] = walk->files[i];
    }
    for (size_t i = 0; i < walk->blind_count; i++) {
        if (blind > 0 && strcmp(walk->blind[blind - 1].path, walk->blind[i].path) == 0) free(walk->blind[i].path);
        else walk->blind[blind++] = walk->blind[i];
    }
    walk->count = kept;
    walk->blind_count = blind;
}

int walk_roots(struct walk *walk, char *const *roots, size_t n) {
    struct todo todo = {0};
    int err = 0;
    for (size_t i = 0; i < n && err == 0; i++) err = add_root(walk, &todo, roots[i]);
    while (err == 0 && todo.count > 0) {
        char *path = todo.paths[--todo.count];
        err = list_directory(walk, &todo, path);
    }
    while (todo.count > 0) free(todo.paths[--todo.count]);
    free(todo.paths);
    if (err == 0 && walk->count > UINT32_MAX) err = EOVERFLOW; /* a file's number is 32 bits wide on its way */
    if (err != 0) return err;
    if (walk->count > 0) qsort(walk->files, walk->count, sizeof *walk->files, by_path);
    if (walk->blind_count > 0) qsort(walk->blind, walk->blind_count, sizeof *walk->blind, blind_by_path);
    drop_repeats(walk);
    for (size_t i = 0; i < walk->count; i++) walk->size += walk->files[i].size;
    return 0;
}

void walk_free(struct walk *walk) {
    for (size_t i = 0; i < walk->count; i++) free(walk->files[i].path);
    for (size_t i = 0; i < walk->blind_count; i++) free(walk->blind[i].path);
    free(walk->files);
    free(walk->blind);
    *walk = (struct walk){0};
}
