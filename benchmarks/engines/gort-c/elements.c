/* elements.c - elements of 4 KiB through a channel of 64: by value, and by pointer to a block of malloc's that the receiver
 * frees.
 *
 * The work on a block is the same either way: the producer writes the first word of each cache line, the consumer reads
 * them. So the difference is what it costs to get the block across. By value gort_chan_send is given the block where it
 * lies; pages_send would take it as an argument, one copy more.
 *
 * By pointer the heap keeps what is freed, as it does in a program that has something alive above it: in this one, which has
 * nothing, glibc would give the blocks back to the system and fault them in again, over and over (4 to 5 times the time).
 *
 * Invariants: those of tasks.h, and
 *   E1 Every line that is read was written by the producer for this element: the words run on from element to element.
 */
#include "tasks.h"

#include <malloc.h>

enum { LINES = 64, WORDS = 8, KEEP = 64 << 20 };

typedef struct page {
    uint64_t lines[LINES][WORDS];
} page;
typedef page *page_pointer;

GORT_CHAN_DEFINE(page, pages);
GORT_CHAN_DEFINE(page_pointer, pointers);

typedef struct passing {
    pages *by_value;
    pointers *by_pointer;
    uint64_t n, sum, count, producer_errors, consumer_errors;
} passing;

static inline void write_page(page *p, uint64_t id) {
    for (uint64_t i = 0; i < LINES; i++) p->lines[i][0] = id * LINES + i;
}

/* The sum of what was written. */
static inline uint64_t read_page(const page *p) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < LINES; i++) sum += p->lines[i][0];
    return sum;
}

static void send_values(void *arg) {
    passing *p = arg;
    pages *ch = p->by_value;
    uint64_t n = p->n, errors = 0;
    page block = {{{0}}};
    for (uint64_t id = 0; id < n; id++) {
        write_page(&block, id);
        errors += failed(gort_chan_send(pages_raw(ch), &block));
    }
    p->producer_errors = errors + failed(pages_close(ch));
}

static void take_values(void *arg) {
    passing *p = arg;
    pages *ch = p->by_value;
    uint64_t sum = 0, count = 0, errors = 0;
    gort_status st;
    page block;
    while ((st = pages_recv(ch, &block)) == GORT_OK) {
        sum += read_page(&block);
        errors += block.lines[0][0] != count * LINES;
        count++;
    }
    p->sum = sum, p->count = count, p->consumer_errors = errors + (st != GORT_CLOSED);
}

static void send_pointers(void *arg) {
    passing *p = arg;
    pointers *ch = p->by_pointer;
    uint64_t n = p->n, errors = 0;
    for (uint64_t id = 0; id < n; id++) {
        page *block = malloc(sizeof *block);
        if (block == NULL) bench_die("no memory for", "a block");
        write_page(block, id);
        errors += failed(pointers_send(ch, block));
    }
    p->producer_errors = errors + failed(pointers_close(ch));
}

static void take_pointers(void *arg) {
    passing *p = arg;
    pointers *ch = p->by_pointer;
    uint64_t sum = 0, count = 0, errors = 0;
    gort_status st;
    page *block;
    while ((st = pointers_recv(ch, &block)) == GORT_OK) {
        sum += read_page(block);
        errors += block->lines[0][0] != count * LINES;
        count++;
        free(block);
    }
    p->sum = sum, p->count = count, p->consumer_errors = errors + (st != GORT_CLOSED);
}

static void pass(passing *p, void (*put)(void *), void (*get)(void *), bench_result *out) {
    gort_wg *wg = wg_or_die();
    int64_t t0 = bench_now();
    go_or_die(wg, put, p);
    go_or_die(wg, get, p);
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = p->sum;
    out->errors = errors + p->producer_errors + p->consumer_errors + (p->count != p->n) + failed(gort_wg_free(wg));
}

void elements_4k_copy(uint64_t n, bench_result *out) {
    passing p = {.by_value = pages_new(64), .n = n};
    if (p.by_value == NULL) bench_die("pages_new", gort_last_error());
    pass(&p, send_values, take_values, out);
    pages_release(p.by_value);
}

void elements_4k_pointer(uint64_t n, bench_result *out) {
    if (mallopt(M_TRIM_THRESHOLD, KEEP) != 1) bench_die("mallopt", "M_TRIM_THRESHOLD");
    passing p = {.by_pointer = pointers_new(64), .n = n};
    if (p.by_pointer == NULL) bench_die("pointers_new", gort_last_error());
    pass(&p, send_pointers, take_pointers, out);
    pointers_release(p.by_pointer);
}
