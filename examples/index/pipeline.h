/* pipeline.h: the tasks of the job and the channels between them.
 *
 *     walk ──paths──▶ readers ──items──▶ counters ──tables──▶ merge
 *                        ▲                  │
 *                        └─────blanks───────┘
 *
 * paths   numbers of files in the frozen list; closed by walk when all are handed out
 * items   pieces of text that end at a word's end; closed by a task that waits for all readers
 * tables  one word table from each counter; closed by a task that waits for all counters
 * blanks  used blocks on their way back; never closed in good times. There are as many blocks as it holds, so a counter never
 *         waits here, and a reader that holds one block can wait for a second: the counters always give theirs back.
 *
 * All are bounded, so the slowest stage sets the pace and memory stays at `blocks` blocks, whatever the size of the input.
 *
 * Ending: by closing, from the front to the back. When a stage cannot go on (no memory, a status from gort), it calls
 * pipeline_fail(): the first cause is kept and every channel is closed, so that every other stage runs out at its next call.
 * An unreadable file is no such cause: it is noted on the file and the reader takes the next one.
 *
 * With `shared` set there is no merge: whoever receives there does it. The counters send their words as batches (batch.h) on that one
 * channel as soon as they have enough, and it is closed when they are done. */
#ifndef INDEX_PIPELINE_H
#define INDEX_PIPELINE_H

#include <gort.h>
#include <stdatomic.h>
#include <stdint.h>

#include "batch.h"
#include "block.h"
#include "table.h"
#include "walk.h"

struct item {
    struct block *block;
    uint32_t file;
    uint32_t length;
};

GORT_CHAN_DEFINE(uint32_t, paths);
GORT_CHAN_DEFINE(struct item, items);
GORT_CHAN_DEFINE(struct block *, blanks);
GORT_CHAN_DEFINE(struct table *, tables);
GORT_CHAN_DEFINE(char, bell); /* nothing is sent: it is closed, and that ends the progress bar */

/* What a counter received, in the order of the whole pipeline: seq is drawn when the item arrives. */
struct mark {
    uint64_t seq;
    uint32_t length;
};

struct counter {
    struct pipeline *line;
    struct table table;
    struct mark *marks; /* only if line->record */
    size_t mark_count, mark_room;
};

struct pipeline {
    /* set before the first task starts */
    char *const *roots;
    size_t root_count;
    size_t block_size;
    int workers, readers;
    bool record, progress;
    gort_chan *shared; /* of pointers to batches; NULL: tables go to the merge task */
    struct block *blocks;
    size_t block_count;
    struct counter *counters; /* one for each worker; each is touched by its own task until the counters are done */
    paths *paths;
    items *items;
    blanks *blanks;
    tables *tables;
    bell *bell;
    gort_wg *reading, *counting, *all;

    /* written by one task, read by others after a wait group */
    struct walk walk;   /* walk task, then see walk.h */
    struct table total; /* merge task */
    int64_t t_start, t_walked, t_counted, t_sorted;

    /* shared, atomic */
    _Atomic uint64_t bytes_todo, bytes_done; /* for the bar */
    _Atomic uint64_t next_seq;
    _Atomic int failed;                /* first gort_status that stopped the job */
    const char *_Atomic failed_where;
};

/* Runs the whole job; called inside a task or on a plain thread. The result is in walk, total, counters and the times. */
gort_status pipeline_run(struct pipeline *line);
void pipeline_free(struct pipeline *line);

/* For the stages. */
void pipeline_fail(struct pipeline *line, gort_status status, const char *where);
/* GORT_OK: go on. GORT_CLOSED: the regular end, or another stage failed: leave. All else is a failure of its own. */
bool pipeline_goes_on(struct pipeline *line, gort_status status, const char *where);

/* The stages: tasks. */
void stage_walk(void *pipeline);
void stage_read(void *pipeline);
void stage_count(void *counter);
void stage_merge(void *pipeline);
void stage_progress(void *pipeline);

#endif
