/* pipeline.c: builds the pipeline of pipeline.h, runs it, takes it down.
 *
 * Order of the ends: walk closes paths; the readers run out, `reading` falls to zero and a small task closes items; the
 * counters run out, `counting` falls to zero and another closes tables (or `shared`); the merge runs out. So nobody closes a channel that
 * somebody may still send on, except pipeline_fail(), which means to.
 *
 * Rejected: the last reader closes items by an atomic count. It saves a task and hides the rule in a reader. */
#include "pipeline.h"

#include <stdlib.h>

#define PATHS_CAP 64
#define ITEMS_CAP 32

static void close_all(struct pipeline *line) {
    paths_close(line->paths);
    items_close(line->items);
    blanks_close(line->blanks);
    tables_close(line->tables);
    if (line->shared != NULL) gort_chan_close(line->shared);
}

void pipeline_fail(struct pipeline *line, gort_status status, const char *where) {
    int none = GORT_OK;
    if (atomic_compare_exchange_strong(&line->failed, &none, status)) atomic_store(&line->failed_where, where);
    close_all(line); /* a second close gives CLOSED, which is what was wanted */
}

bool pipeline_goes_on(struct pipeline *line, gort_status status, const char *where) {
    if (status == GORT_OK) return true;
    if (status != GORT_CLOSED) pipeline_fail(line, status, where);
    return false;
}

static void close_items(void *arg) {
    struct pipeline *line = arg;
    gort_status status = gort_wg_wait(line->reading);
    if (pipeline_goes_on(line, status, "waiting for the readers")) items_close(line->items);
}

static void close_tables(void *arg) {
    struct pipeline *line = arg;
    gort_status status = gort_wg_wait(line->counting);
    if (!pipeline_goes_on(line, status, "waiting for the counters")) return;
    line->t_counted = gort_now();
    if (line->shared != NULL) gort_chan_close(line->shared);
    tables_close(line->tables);
}

/* Blocks to be: those in `items`, one in each counter's hands, and two for each reader (a full one and the next). */
static bool make_blocks(struct pipeline *line) {
    line->block_count = ITEMS_CAP + (size_t)line->workers + 2 * (size_t)line->readers;
    line->blocks = calloc(line->block_count, sizeof *line->blocks);
    if (line->blocks == NULL) return false;
    line->blanks = blanks_new(line->block_count);
    if (line->blanks == NULL) return false;
    for (size_t i = 0; i < line->block_count; i++) {
        if (block_reserve(&line->blocks[i], line->block_size) != 0) return false;
        if (blanks_send(line->blanks, &line->blocks[i]) != GORT_OK) return false;
    }
    return true;
}

static bool make_counters(struct pipeline *line) {
    line->counters = calloc((size_t)line->workers, sizeof *line->counters);
    if (line->counters == NULL) return false;
    for (int i = 0; i < line->workers; i++) {
        line->counters[i].line = line;
        if (table_init(&line->counters[i].table) != 0) return false;
    }
    return table_init(&line->total) == 0;
}

static bool make_channels(struct pipeline *line) {
    line->paths = paths_new(PATHS_CAP);
    line->items = items_new(ITEMS_CAP);
    line->tables = tables_new((size_t)line->workers);
    line->bell = bell_new(0);
    line->reading = gort_wg_new();
    line->counting = gort_wg_new();
    line->all = gort_wg_new();
    return line->paths && line->items && line->tables && line->bell && line->reading && line->counting && line->all;
}

static void start(struct pipeline *line, gort_wg *group, void (*stage)(void *), void *arg, const char *what) {
    gort_status status = gort_wg_go(group, stage, arg);
    if (status != GORT_OK) pipeline_fail(line, status, what);
}

/* The groups are complete before their closers start, so a closer cannot see zero too early. */
static void start_all(struct pipeline *line) {
    for (int i = 0; i < line->readers; i++) start(line, line->reading, stage_read, line, "starting a reader");
    for (int i = 0; i < line->workers; i++) start(line, line->counting, stage_count, &line->counters[i], "starting a counter");
    start(line, line->all, close_items, line, "starting a task");
    start(line, line->all, close_tables, line, "starting a task");
    if (line->shared == NULL) start(line, line->all, stage_merge, line, "starting the merge");
    start(line, line->all, stage_walk, line, "starting the walk");
}

gort_status pipeline_run(struct pipeline *line) {
    line->t_start = gort_now();
    if (!make_channels(line) || !make_blocks(line) || !make_counters(line)) {
        atomic_store(&line->failed, GORT_NO_MEMORY);
        atomic_store(&line->failed_where, "building the pipeline");
        return GORT_NO_MEMORY;
    }
    gort_wg *bar = line->progress ? gort_wg_new() : NULL;
    bool drawn = bar != NULL && gort_wg_go(bar, stage_progress, line) == GORT_OK;
    start_all(line);
    /* Readers and counters first: after a failed start the closers may be missing. */
    gort_status ends[] = {gort_wg_wait(line->reading), gort_wg_wait(line->counting), gort_wg_wait(line->all)};
    for (int i = 0; i < 3; i++) pipeline_goes_on(line, ends[i], "waiting for the end");
    bell_close(line->bell);
    if (drawn) gort_wg_wait(bar);
    if (bar != NULL) gort_wg_free(bar);
    return atomic_load(&line->failed);
}

void pipeline_free(struct pipeline *line) {
    if (line->paths) paths_release(line->paths);
    if (line->items) items_release(line->items);
    if (line->blanks) blanks_release(line->blanks);
    if (line->tables) tables_release(line->tables);
    if (line->bell) bell_release(line->bell);
    gort_wg *groups[] = {line->reading, line->counting, line->all};
    for (int i = 0; i < 3; i++)
        if (groups[i] != NULL) gort_wg_free(groups[i]);
    for (size_t i = 0; line->blocks != NULL && i < line->block_count; i++) block_free(&line->blocks[i]);
    for (int i = 0; line->counters != NULL && i < line->workers; i++) {
        table_free(&line->counters[i].table);
        free(line->counters[i].marks);
    }
    free(line->blocks);
    free(line->counters);
    table_free(&line->total);
    walk_free(&line->walk);
}
