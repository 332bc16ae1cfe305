/* shared.c: the half of the job that stays in C when Python merges (index_shared.py): libindex_shared.so, for ctypes.
 *
 * It is linked with -lgort and loaded after `import gort`: the extension module has libgort's soname, so these calls bind to the runtime
 * of the module, and the channel that Python made is a gort_chan * here. The tasks are native: they hold no interpreter.
 *
 * Ownership: shared_start() takes references of its own (the channel's, copies of the roots); shared_wait() gives all back. */
#define _XOPEN_SOURCE 700
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline.h"
#include "sums.h"

#define READERS 4 /* for each worker; see index.c */
#define STACK ((size_t)256 * 1024)

struct shared {
    struct pipeline line;
    gort_task *task;
    char **roots;
    gort_status status;
};

static void *job(void *arg) {
    struct shared *shared = arg;
    shared->status = pipeline_run(&shared->line);
    gort_chan_close(shared->line.shared); /* it is closed already, unless nothing could be started at all */
    return NULL;
}

static void shared_free(struct shared *shared) {
    if (shared->task != NULL) gort_task_release(shared->task);
    gort_chan_release(shared->line.shared);
    pipeline_free(&shared->line);
    for (size_t i = 0; shared->roots != NULL && i < shared->line.root_count; i++) free(shared->roots[i]);
    free(shared->roots);
    free(shared);
}

static char **copied(const char *const *roots, size_t n) {
    char **copies = calloc(n ? n : 1, sizeof *copies);
    for (size_t i = 0; copies != NULL && i < n; i++)
        if ((copies[i] = strdup(roots[i])) == NULL) {
            while (i-- > 0) free(copies[i]);
            free(copies);
            return NULL;
        }
    return copies;
}

/* Starts the tasks, which send pointers to batches on `out` and close it at their end. Does not block. NULL: gort_last_error() says why. */
struct shared *shared_start(gort_chan *out, const char *const *roots, size_t n, int workers, int progress) {
    struct shared *shared = calloc(1, sizeof *shared);
    if (shared == NULL) return NULL;
    if (gort_chan_elem_size(out) != sizeof(struct batch *) || gort_chan_retain(out) != GORT_OK) {
        free(shared);
        return NULL;
    }
    struct pipeline *line = &shared->line;
    line->shared = out;
    line->root_count = n;
    line->block_size = BLOCK_SIZE;
    line->workers = workers;
    line->readers = READERS * workers;
    line->progress = progress != 0;
    line->roots = shared->roots = copied(roots, n);
    gort_spawn_options options = GORT_SPAWN_OPTIONS_INIT;
    options.name = "index";
    options.stack_size = STACK;
    if (shared->roots == NULL || gort_spawn(&options, job, shared, &shared->task) != GORT_OK) {
        shared_free(shared);
        return NULL;
    }
    return shared;
}

/* Blocks until the tasks have ended, prints what could not be read, and gives everything back. A gort_status. */
int32_t shared_wait(struct shared *shared, struct sums *sums) {
    gort_status status = gort_task_join(shared->task, NULL);
    if (status == GORT_OK) status = shared->status;
    const char *where = atomic_load(&shared->line.failed_where);
    if (status != GORT_OK) fprintf(stderr, "index: %s: %s\n", where ? where : "waiting for the tasks", gort_status_text(status));
    *sums = sum_up(&shared->line.walk);
    if (status == GORT_OK) print_faults(&shared->line.walk);
    shared_free(shared);
    return status;
}

void batch_free(struct batch *batch) {
    free(batch);
}
