/* stages.c: what the tasks of the pipeline do: walk, read, count, merge. The wiring is in pipeline.c.
 *
 * Every stage has the same shape: receive until the channel is closed, work, send on. None knows how many of the others
 * there are. */
#include <stdlib.h>
#include <string.h>

#include "pipeline.h"
#include "words.h"

/* ---- walk ---- */

void stage_walk(void *arg) {
    struct pipeline *line = arg;
    if (walk_roots(&line->walk, line->roots, line->root_count) != 0) {
        pipeline_fail(line, GORT_NO_MEMORY, "listing the files");
        return;
    }
    line->t_walked = gort_now();
    atomic_store(&line->bytes_todo, line->walk.size);
    for (size_t i = 0; i < line->walk.count; i++)
        if (!pipeline_goes_on(line, paths_send(line->paths, (uint32_t)i), "handing out files")) return;
    paths_close(line->paths);
}

/* ---- read ---- */

/* A reader between two calls: the block it fills and how much of it is filled. */
struct reader {
    struct pipeline *line;
    struct block *block;
    size_t filled;
};

static bool take_blank(struct reader *reader) {
    reader->block = NULL;
    reader->filled = 0;
    return pipeline_goes_on(reader->line, blanks_recv(reader->line->blanks, &reader->block), "waiting for a block");
}

static bool hand_over(struct reader *reader, struct block *block, uint32_t number, size_t length) {
    struct item item = {.block = block, .file = number, .length = (uint32_t)length};
    return pipeline_goes_on(reader->line, items_send(reader->line->items, item), "handing a block over");
}

/* The block is full and the file goes on: send it up to the last word's start and carry that word into a fresh block.
 * A block that is one single word grows instead. A fault of the file comes back in *fault. */
static bool cut(struct reader *reader, uint32_t number, int *fault) {
    struct block *full = reader->block;
    size_t length = reader->filled, border = word_border(full->bytes, length), tail = length - border;
    if (border == 0) {
        *fault = block_reserve(full, full->room * 2);
        return true;
    }
    if (!take_blank(reader)) return false;
    *fault = block_reserve(reader->block, tail * 2); /* nothing to do but for a very long word */
    if (*fault == 0) {
        memcpy(reader->block->bytes, full->bytes + border, tail);
        reader->filled = tail;
    }
    return hand_over(reader, full, number, border);
}

static bool is_text(const unsigned char *bytes, size_t n) {
    return n == 0 || memchr(bytes, 0, n) == NULL;
}

/* Reads one open file to its end. What was read before a fault counts. False: the pipeline is ending.
 * The first read is only what the text rule looks at: most bytes of a library tree are in files that are not text. */
static bool read_open(struct reader *reader, uint32_t number, int fd) {
    struct file *file = &reader->line->walk.files[number];
    reader->filled = 0;
    for (;;) {
        struct block *block = reader->block;
        bool first = file->state == FILE_UNSEEN;
        size_t want = first ? TEXT_LOOK : block->room - reader->filled, got;
        int fault = source_fill(fd, block->bytes + reader->filled, want, &got);
        reader->filled += got;
        if (fault != 0) file->fault = fault;
        if (first && fault != 0 && got == 0) return true; /* nobody can say what it is */
        if (first) file->state = is_text(block->bytes, reader->filled) ? FILE_TEXT : FILE_BINARY;
        if (file->state == FILE_BINARY) return true;
        file->bytes += got;
        bool more = fault == 0 && got == want;
        if (more && reader->filled == block->room && !cut(reader, number, &fault)) return false;
        if (fault != 0) file->fault = fault;
        if (more && fault == 0) continue;
        if (reader->filled == 0) return true;
        return hand_over(reader, reader->block, number, reader->filled) && take_blank(reader);
    }
}

static bool read_file(struct reader *reader, uint32_t number) {
    struct file *file = &reader->line->walk.files[number];
    int fd;
    file->fault = source_open(file->path, &fd);
    bool go_on = true;
    if (file->fault == 0) {
        go_on = read_open(reader, number, fd);
        source_close(fd);
    }
    /* Bytes that no counter will see still move the bar to its end. */
    if (file->bytes < file->size) atomic_fetch_add_explicit(&reader->line->bytes_done, file->size - file->bytes, memory_order_relaxed);
    return go_on;
}

void stage_read(void *arg) {
    struct reader reader = {.line = arg};
    uint32_t number;
    if (!take_blank(&reader)) return;
    while (pipeline_goes_on(reader.line, paths_recv(reader.line->paths, &number), "waiting for a file"))
        if (!read_file(&reader, number)) return;
}

/* ---- count ---- */

static int add_mark(struct counter *counter, uint32_t length) {
    if (counter->mark_count == counter->mark_room) {
        size_t room = counter->mark_room ? counter->mark_room * 2 : 1024;
        struct mark *marks = realloc(counter->marks, room * sizeof *marks);
        if (marks == NULL) return -1;
        counter->marks = marks;
        counter->mark_room = room;
    }
    uint64_t seq = atomic_fetch_add_explicit(&counter->line->next_seq, 1, memory_order_relaxed);
    counter->marks[counter->mark_count++] = (struct mark){.seq = seq, .length = length};
    return 0;
}

/* All words of a counter's table go out as one batch; the table is empty then. False: the pipeline is ending. */
static bool send_batch(struct counter *counter) {
    struct pipeline *line = counter->line;
    if (counter->table.count == 0) return true;
    struct batch *batch = batch_of(&counter->table);
    table_free(&counter->table);
    if (batch == NULL || table_init(&counter->table) != 0) {
        free(batch);
        pipeline_fail(line, GORT_NO_MEMORY, "making a batch");
        return false;
    }
    gort_status status = gort_chan_send(line->shared, &batch);
    if (status == GORT_OK) return true;
    free(batch);                                          /* a failed send leaves it ours */
    pipeline_fail(line, status, "handing a batch over"); /* CLOSED too: the receiver closed it, and no stage here has failed */
    return false;
}

void stage_count(void *arg) {
    struct counter *counter = arg;
    struct pipeline *line = counter->line;
    struct item item;
    while (pipeline_goes_on(line, items_recv(line->items, &item), "waiting for a block of text")) {
        if (line->record && add_mark(counter, item.length) != 0) {
            pipeline_fail(line, GORT_NO_MEMORY, "recording");
            return;
        }
        if (table_count(&counter->table, item.block->bytes, item.length) != 0) {
            pipeline_fail(line, GORT_NO_MEMORY, "counting");
            return;
        }
        atomic_fetch_add_explicit(&line->bytes_done, item.length, memory_order_relaxed);
        block_shrink(item.block, line->block_size);
        if (!pipeline_goes_on(line, blanks_send(line->blanks, item.block), "giving a block back")) return;
        if (line->shared != NULL && counter->table.count >= BATCH_WORDS && !send_batch(counter)) return;
    }
    if (line->shared != NULL) send_batch(counter);
    else pipeline_goes_on(line, tables_send(line->tables, &counter->table), "handing a table over");
}

/* ---- merge ---- */

void stage_merge(void *arg) {
    struct pipeline *line = arg;
    struct table *table;
    while (pipeline_goes_on(line, tables_recv(line->tables, &table), "waiting for a table")) {
        if (table_merge(&line->total, table) != 0) {
            pipeline_fail(line, GORT_NO_MEMORY, "merging");
            return;
        }
    }
    if (atomic_load(&line->failed) != GORT_OK) return;
    table_sort(&line->total);
    line->t_sorted = gort_now();
}
