/* index.c: counts the words of all text files under some directories. The main program: options, the run, the printing.
 *
 *     index [--quiet] [--workers N] [--record FILE] [--block BYTES] [DIR ...]
 *
 * Standard output is a function of the files alone: the same bytes for any number of workers, any block size and in any
 * order of arrival. What depends on the moment (times, MB/s, the bar, complaints) goes to standard error.
 *
 * NOT a search engine: the index is the table of words and counts, and a checksum of it that another program can compute
 * (README.md states every rule; reference.py follows them in thirty lines). */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline.h"
#include "sums.h"

#define TOP 20
/* Readers for each worker. From the page cache one would do; from a cold disk they wait most of the time, and several
 * waiting at once is what makes a disk quick. A task that waits for its turn costs nothing. */
#define READERS 4
#define SHOWN 60 /* a longer word is shown cut; it is hashed whole */
/* Room for guests on our stacks: qsort, realpath and printf of the C library. */
#define STACK ((size_t)256 * 1024)

struct options {
    bool quiet;
    int workers; /* 0: one for each CPU */
    size_t block;
    const char *record;
    char *const *roots;
    size_t root_count;
};

static const char usage_text[] =
    "usage: index [options] [DIR ...]     (without DIR: the current directory)\n"
    "  --quiet          no progress bar and no figures\n"
    "  --workers N      workers of the scheduler, and counting tasks (default: one for each CPU)\n"
    "  --record FILE    write the length of each item handed to a counter, in order, as little-endian 32-bit numbers\n"
    "  --block BYTES    size of a block, from 8192 on (default 131072); changes no result\n";

static int number(const char *text, long least, long most, long *out) {
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno != 0 || *text == '\0' || *end != '\0' || n < least || n > most) return -1;
    *out = n;
    return 0;
}

/* 0: go on. Else the exit status plus one. */
static int parse(struct options *options, int argc, char **argv) {
    static char here[] = ".";
    static char *const here_only[] = {here};
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        long n;
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(name, "--") == 0) {
            i++;
            break;
        }
        if (strcmp(name, "--help") == 0) {
            fputs(usage_text, stdout);
            return 1;
        }
        if (strcmp(name, "--quiet") == 0) {
            options->quiet = true;
            continue;
        }
        i++; /* the others take a value */
        if (value != NULL && strcmp(name, "--workers") == 0 && number(value, 1, 256, &n) == 0) options->workers = (int)n;
        else if (value != NULL && strcmp(name, "--block") == 0 && number(value, BLOCK_LEAST, 1L << 28, &n) == 0) options->block = (size_t)n;
        else if (value != NULL && strcmp(name, "--record") == 0) options->record = value;
        else {
            fprintf(stderr, "index: %s %s: not understood\n%s", name, value == NULL ? "" : value, usage_text);
            return 3;
        }
    }
    options->roots = i < argc ? argv + i : here_only;
    options->root_count = i < argc ? (size_t)(argc - i) : 1;
    return 0;
}

/* ---- printing ---- */

static void print_table(const struct pipeline *line, const struct sums *sums) {
    const struct table *table = &line->total;
    printf("%12s  word\n", "count");
    for (size_t i = 0; i < table->count && i < TOP; i++) {
        const struct word *word = &table->words[i];
        int shown = word->length > SHOWN ? SHOWN : (int)word->length;
        printf("%12llu  %.*s%s\n", (unsigned long long)word->count, shown, (const char *)word->bytes, word->length > SHOWN ? "..." : "");
    }
    printf("\nfiles    %llu text, %llu binary left out, %llu unreadable\n", (unsigned long long)sums->text, (unsigned long long)sums->binary,
           (unsigned long long)sums->faults);
    printf("bytes    %llu\nwords    %llu\ndistinct %llu\n", (unsigned long long)sums->bytes, (unsigned long long)table->seen,
           (unsigned long long)table->count);
    printf("fnv1a64  %016llx\n", (unsigned long long)table_checksum(table));
}

static double seconds(int64_t from, int64_t to) {
    return (double)(to - from) / 1e9;
}

static void print_figures(const struct pipeline *line, const struct sums *sums) {
    double count = seconds(line->t_walked, line->t_counted), all = seconds(line->t_start, line->t_sorted);
    fprintf(stderr, "walk %.2f s, read and count %.2f s (%.0f MB/s), merge and sort %.2f s, in all %.2f s (%.0f MB/s); %d workers\n",
            seconds(line->t_start, line->t_walked), count, (double)sums->bytes / 1e6 / count, seconds(line->t_counted, line->t_sorted), all,
            (double)sums->bytes / 1e6 / all, line->workers);
}

/* ---- the record ---- */

static int by_seq(const void *pa, const void *pb) {
    const struct mark *a = pa, *b = pb;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* All counters' marks in the order of arrival; NULL when there is no memory. */
static struct mark *gather_marks(const struct pipeline *line, size_t *count) {
    size_t n = 0;
    for (int i = 0; i < line->workers; i++) n += line->counters[i].mark_count;
    struct mark *marks = malloc((n ? n : 1) * sizeof *marks);
    if (marks == NULL) return NULL;
    *count = 0;
    for (int i = 0; i < line->workers; i++)
        for (size_t j = 0; j < line->counters[i].mark_count; j++) marks[(*count)++] = line->counters[i].marks[j];
    qsort(marks, n, sizeof *marks, by_seq);
    return marks;
}

static int write_record(const struct pipeline *line, const char *name) {
    size_t n;
    struct mark *marks = gather_marks(line, &n);
    FILE *file = marks == NULL ? NULL : fopen(name, "wb");
    bool good = file != NULL;
    for (size_t i = 0; good && i < n; i++) {
        uint32_t v = marks[i].length;
        unsigned char le[4] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16), (unsigned char)(v >> 24)};
        good = fwrite(le, sizeof le, 1, file) == 1;
    }
    if (file != NULL && fclose(file) != 0) good = false;
    if (!good) fprintf(stderr, "index: %s: %s\n", name, strerror(errno));
    free(marks);
    return good ? 0 : 1;
}

/* ---- the run ---- */

/* gort's main task. */
static int app(void *arg) {
    return pipeline_run(arg) == GORT_OK ? 0 : 1;
}

static int run(struct pipeline *line) {
    gort_config config;
    gort_config_init(&config);
    config.workers = line->workers;
    config.stack_size = STACK;
    gort_status status = gort_run(app, line, &config);
    if (status != GORT_OK) {
        fprintf(stderr, "index: %s: %s %s\n", gort_status_name(status), gort_status_text(status), gort_last_error());
        return 1;
    }
    int failed = atomic_load(&line->failed);
    if (failed != GORT_OK) fprintf(stderr, "index: %s: %s\n", atomic_load(&line->failed_where), gort_status_text(failed));
    return failed == GORT_OK ? 0 : 1;
}

int main(int argc, char **argv) {
    struct options options = {.block = BLOCK_SIZE};
    int stop = parse(&options, argc, argv);
    if (stop != 0) return stop - 1;
    struct pipeline line = {.roots = options.roots, .root_count = options.root_count, .block_size = options.block};
    line.workers = options.workers ? options.workers : gort_num_cpu();
    line.readers = READERS * line.workers;
    line.record = options.record != NULL;
    line.progress = !options.quiet && isatty(STDERR_FILENO);
    int result = run(&line);
    if (result == 0) {
        struct sums sums = sum_up(&line.walk);
        print_table(&line, &sums);
        if (fflush(stdout) != 0) result = 1;
        print_faults(&line.walk);
        if (!options.quiet) print_figures(&line, &sums);
        if (options.record != NULL && write_record(&line, options.record) != 0) result = 1;
    }
    pipeline_free(&line);
    return result;
}
