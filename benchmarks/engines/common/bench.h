/* bench.h - what the two C engines share: the command line, the clock, the result line.
 *
 * Protocol (every engine, in every language, speaks it):
 *     prog WORKLOAD --workers N --n N [--warmup N] [--reps N] [--items FILE]
 *     prog --version            one line of JSON: {"engine": ..., "version": ...}
 *     prog --list               the names of its workloads, one a line
 * The warm-up runs once, is checked for errors and never printed; then each repetition prints ONE line of JSON:
 *     {"workload", "workers", "n", "ns_total", "bytes_total", "checksum", "errors"}
 *
 * It is NOT a measuring harness: no statistics, no judgement. benchmarks/run.py does that, the same for all engines.
 *
 * Invariants
 *   B1 `checksum` comes from the values that arrived, never from the values sent; the runner knows what it must be.
 *   B2 `errors` counts failed calls and values out of order; anything but 0 spoils the row.
 *   B3 `bytes_total` is -1 where the workload measures no memory.
 *   B4 Counters of a task live in its registers and are stored once at its end: no false sharing in the measured loop.
 * Rejected: a library linked into both programs (a header of static functions needs no build rule of its own).
 */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BENCH_PIPELINE_NS 100000 /* the work of one stage on one item */

typedef struct bench_result {
    int64_t ns_total;
    int64_t bytes_total; /* -1: not measured */
    uint64_t checksum;
    uint64_t errors;
} bench_result;

typedef struct bench_workload {
    const char *name;
    void (*run)(uint64_t n, bench_result *out);
} bench_workload;

typedef struct bench_options {
    const bench_workload *workload;
    int workers;
    uint64_t n, warmup, reps;
} bench_options;

/* The recorded stream of the hand-over: byte lengths of the blocks, used round and round. */
static uint32_t *bench_lens;
static uint64_t bench_lens_count;

static inline int64_t bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Work that is the same in every engine: CPU time until `ns` of the monotonic clock have passed. */
static inline void bench_spin(int64_t ns) {
    int64_t end = bench_now() + ns;
    while (bench_now() < end) {
    }
}

/* Resident bytes of this process. */
static inline int64_t bench_rss(void) {
    long size = 0, resident = -1;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL) return -1;
    if (fscanf(f, "%ld %ld", &size, &resident) != 2) resident = -1;
    fclose(f);
    return resident < 0 ? -1 : (int64_t)resident * sysconf(_SC_PAGESIZE);
}

static inline void bench_die(const char *what, const char *which) {
    fprintf(stderr, "%s: %s\n", what, which);
    exit(2);
}

static inline uint64_t bench_number(const char *text) {
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-') bench_die("not a number", text);
    return v;
}

/* A file of little-endian u32, one byte length a block. */
static inline void bench_load_items(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) bench_die("cannot read the items", path);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    bench_lens_count = size < 4 ? 0 : (uint64_t)size / 4;
    if (bench_lens_count == 0) bench_die("no items in", path);
    unsigned char *raw = malloc(bench_lens_count * 4);
    bench_lens = malloc(bench_lens_count * sizeof *bench_lens);
    if (raw == NULL || bench_lens == NULL) bench_die("no memory for", path);
    if (fread(raw, 4, bench_lens_count, f) != bench_lens_count) bench_die("cannot read the items", path);
    for (uint64_t i = 0; i < bench_lens_count; i++) {
        const unsigned char *p = raw + i * 4;
        bench_lens[i] = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
    free(raw);
    fclose(f);
}

static inline const bench_workload *bench_find(const bench_workload *table, const char *name) {
    for (; table->name != NULL; table++)
        if (strcmp(table->name, name) == 0) return table;
    bench_die("this engine has no workload", name);
    return NULL;
}

/* Reads the command line; answers --list and --version itself and ends the program then. */
static inline bench_options bench_parse(int argc, char **argv, const bench_workload *table, const char *engine,
                                        const char *version) {
    bench_options o = {NULL, 1, 0, 0, 1};
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (; table->name != NULL; table++) puts(table->name);
        exit(0);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("{\"engine\": \"%s\", \"version\": \"%s\"}\n", engine, version);
        exit(0);
    }
    if (argc < 2) bench_die("usage", "prog WORKLOAD --workers N --n N [--warmup N] [--reps N] [--items FILE]");
    o.workload = bench_find(table, argv[1]);
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 == argc) bench_die("a value is missing after", argv[i]);
        const char *v = argv[i + 1];
        if (strcmp(argv[i], "--workers") == 0) o.workers = (int)bench_number(v);
        else if (strcmp(argv[i], "--n") == 0) o.n = bench_number(v);
        else if (strcmp(argv[i], "--warmup") == 0) o.warmup = bench_number(v);
        else if (strcmp(argv[i], "--reps") == 0) o.reps = bench_number(v);
        else if (strcmp(argv[i], "--items") == 0) bench_load_items(v);
        else bench_die("unknown option", argv[i]);
    }
    if (o.n == 0) bench_die("needed", "--n");
    if (strcmp(o.workload->name, "handover_items") == 0 && bench_lens == NULL) bench_die("needed", "--items FILE");
    return o;
}

/* The warm-up, then the repetitions. `workers` is what the runtime says it has, not what was asked for. */
static inline int bench_repeat(const bench_options *o, int workers) {
    if (o->warmup > 0) {
        bench_result r = {0, -1, 0, 0};
        o->workload->run(o->warmup, &r);
        if (r.errors != 0) bench_die("errors in the warm-up of", o->workload->name);
    }
    for (uint64_t i = 0; i < o->reps; i++) {
        bench_result r = {0, -1, 0, 0};
        o->workload->run(o->n, &r);
        printf("{\"workload\": \"%s\", \"workers\": %d, \"n\": %" PRIu64 ", \"ns_total\": %" PRId64
               ", \"bytes_total\": %" PRId64 ", \"checksum\": %" PRIu64 ", \"errors\": %" PRIu64 "}\n",
               o->workload->name, workers, o->n, r.ns_total, r.bytes_total, r.checksum, r.errors);
        fflush(stdout);
    }
    return 0;
}

#endif
