/* handover.c: times the hand-over ALONE: what does it cost to pass one item of the recorded stream to another task?
 *
 *     handover [--rounds N] [--seconds S] [--json FILE] RECORD
 *
 * RECORD is what `index --record` wrote. One producer passes {id, length} of each item, 16 bytes by value, to one consumer
 * that adds them up; no text moves, nothing is counted. The stream is repeated until a round takes about S seconds (0.3).
 *
 * Engines, in the same process, one after the other in every round (A B C A B C ...), so that a busy machine hits all alike:
 *   gort-c-w1      a channel of capacity 64 between two tasks, one worker
 *   gort-c-w2      the same, two workers
 *   pthread-queue  a ring of 64 under a mutex with two condition variables, between two OS threads
 *
 * The queue is written the way one writes it: lock, wait while full, store, unlock, signal. Signalling is skipped when nobody
 * waits, which only helps it. NOT measured: starting tasks and threads (once a round, some microseconds), reading the record.
 * Every round's sums are compared with the ones computed without any queue.
 *
 * Built as a library it gives handover.py its C rounds (handover_round), so that queues of Python and of C take turns in one process. */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <gort.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY 64
#define ROUNDS_MOST 99

struct handed {
    uint64_t id;
    uint64_t length;
};

GORT_CHAN_DEFINE(struct handed, handeds);

struct stream {
    uint32_t *lengths;
    size_t count;
};

/* One round of one engine. */
struct round {
    const struct stream *stream;
    size_t repeats;
    uint64_t sum;    /* written by the consumer */
    int64_t elapsed; /* ns; -1: it failed */
    void *queue;
};

/* What the place-th item adds to the sum: an item lost, doubled, changed or out of order changes it. */
static inline uint64_t weigh(struct handed item, uint64_t place) {
    return ((item.id + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ item.length) * (place + 1);
}

static uint64_t expected(const struct stream *stream, size_t repeats) {
    uint64_t sum = 0, place = 0;
    for (size_t r = 0; r < repeats; r++)
        for (size_t i = 0; i < stream->count; i++) sum += weigh((struct handed){.id = i, .length = stream->lengths[i]}, place++);
    return sum;
}

/* ---- gort ---- */

static void gort_produce(void *arg) {
    struct round *round = arg;
    const struct stream *stream = round->stream;
    for (size_t r = 0; r < round->repeats; r++)
        for (size_t i = 0; i < stream->count; i++)
            if (handeds_send(round->queue, (struct handed){.id = i, .length = stream->lengths[i]}) != GORT_OK) return;
    handeds_close(round->queue);
}

static void gort_consume(void *arg) {
    struct round *round = arg;
    struct handed item;
    uint64_t sum = 0, place = 0;
    while (handeds_recv(round->queue, &item) == GORT_OK) sum += weigh(item, place++);
    round->sum = sum;
}

static int gort_app(void *arg) {
    struct round *round = arg;
    handeds *channel = handeds_new(CAPACITY);
    gort_wg *both = gort_wg_new();
    if (channel == NULL || both == NULL) return 1;
    round->queue = channel;
    int64_t start = gort_now();
    gort_wg_go(both, gort_produce, round);
    gort_wg_go(both, gort_consume, round);
    gort_wg_wait(both);
    round->elapsed = gort_now() - start;
    gort_wg_free(both);
    handeds_release(channel);
    return 0;
}

static void gort_round(struct round *round, int workers) {
    gort_config config;
    gort_config_init(&config);
    config.workers = workers;
    gort_status status = gort_workers_set(workers);
    if (status == GORT_OK) status = gort_run(gort_app, round, &config);
    if (status != GORT_OK) fprintf(stderr, "handover: %s %s\n", gort_status_text(status), gort_last_error());
    if (status != GORT_OK || gort_workers() != workers) round->elapsed = -1;
}

static void gort_one(struct round *round) {
    gort_round(round, 1);
}

static void gort_two(struct round *round) {
    gort_round(round, 2);
}

/* ---- mutex and condition variables ---- */

struct ring {
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;
    /* guarded by lock */
    size_t first, count;
    int closed, takers, givers; /* takers, givers: how many wait */
    struct handed slots[CAPACITY];
};

static void ring_put(struct ring *ring, struct handed item) {
    pthread_mutex_lock(&ring->lock);
    while (ring->count == CAPACITY) {
        ring->givers++;
        pthread_cond_wait(&ring->not_full, &ring->lock);
        ring->givers--;
    }
    ring->slots[(ring->first + ring->count++) % CAPACITY] = item;
    int tell = ring->takers > 0;
    pthread_mutex_unlock(&ring->lock);
    if (tell) pthread_cond_signal(&ring->not_empty);
}

static int ring_take(struct ring *ring, struct handed *item) {
    pthread_mutex_lock(&ring->lock);
    while (ring->count == 0 && !ring->closed) {
        ring->takers++;
        pthread_cond_wait(&ring->not_empty, &ring->lock);
        ring->takers--;
    }
    int have = ring->count > 0, tell = ring->givers > 0;
    if (have) {
        *item = ring->slots[ring->first];
        ring->first = (ring->first + 1) % CAPACITY;
        ring->count--;
    }
    pthread_mutex_unlock(&ring->lock);
    if (have && tell) pthread_cond_signal(&ring->not_full);
    return have;
}

static void ring_close(struct ring *ring) {
    pthread_mutex_lock(&ring->lock);
    ring->closed = 1;
    pthread_mutex_unlock(&ring->lock);
    pthread_cond_broadcast(&ring->not_empty);
}

static void *ring_produce(void *arg) {
    struct round *round = arg;
    const struct stream *stream = round->stream;
    for (size_t r = 0; r < round->repeats; r++)
        for (size_t i = 0; i < stream->count; i++) ring_put(round->queue, (struct handed){.id = i, .length = stream->lengths[i]});
    ring_close(round->queue);
    return NULL;
}

static void *ring_consume(void *arg) {
    struct round *round = arg;
    struct handed item;
    uint64_t sum = 0, place = 0;
    while (ring_take(round->queue, &item)) sum += weigh(item, place++);
    round->sum = sum;
    return NULL;
}

static void pthread_round(struct round *round) {
    struct ring ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .not_empty = PTHREAD_COND_INITIALIZER, .not_full = PTHREAD_COND_INITIALIZER};
    pthread_t consumer, producer;
    round->queue = &ring;
    int64_t start = gort_now();
    round->elapsed = -1;
    if (pthread_create(&consumer, NULL, ring_consume, round) != 0) return;
    int started = pthread_create(&producer, NULL, ring_produce, round) == 0;
    if (started) pthread_join(producer, NULL);
    else ring_close(&ring);
    pthread_join(consumer, NULL);
    if (started) round->elapsed = gort_now() - start;
}

/* ---- rounds ---- */

double handover_round(const char *name, const uint32_t *lengths, size_t count, size_t repeats);

struct engine {
    const char *name;
    void (*run)(struct round *);
    size_t repeats;
    double ns[ROUNDS_MOST]; /* an item */
    int rounds;
};

static struct engine engines[] = {
    {.name = "gort-c-w1", .run = gort_one},
    {.name = "gort-c-w2", .run = gort_two},
    {.name = "pthread-queue", .run = pthread_round},
};

#define ENGINES (sizeof engines / sizeof engines[0])

/* ns an item, or -1 after saying what went wrong. */
static double measure(struct engine *engine, const struct stream *stream, size_t repeats) {
    struct round round = {.stream = stream, .repeats = repeats, .elapsed = -1};
    engine->run(&round);
    if (round.elapsed < 0) {
        fprintf(stderr, "handover: %s did not run\n", engine->name);
        return -1;
    }
    if (round.sum != expected(stream, repeats)) {
        fprintf(stderr, "handover: %s: wrong sum\n", engine->name);
        return -1;
    }
    return (double)round.elapsed / ((double)stream->count * (double)repeats);
}

/* One round of the engine with that name, for handover.py: ns an item, or -1. */
double handover_round(const char *name, const uint32_t *lengths, size_t count, size_t repeats) {
    struct stream stream = {.lengths = (uint32_t *)(uintptr_t)lengths, .count = count}; /* it is only read */
    for (size_t e = 0; e < ENGINES; e++)
        if (strcmp(engines[e].name, name) == 0) return measure(&engines[e], &stream, repeats);
    fprintf(stderr, "handover: no engine is called %s\n", name);
    return -1;
}

/* How often to repeat the stream for a round of so many seconds: doubled until a trial is long enough to judge by. */
static int calibrate(struct engine *engine, const struct stream *stream, double seconds) {
    double items = (double)stream->count;
    for (size_t repeats = 1;; repeats *= 2) {
        double ns = measure(engine, stream, repeats);
        if (ns < 0) return -1;
        if (ns * items * (double)repeats < seconds * 1e9 / 10) continue;
        double wanted = seconds * 1e9 / (ns * items);
        engine->repeats = wanted < 1 ? 1 : (size_t)(wanted + 0.5);
        return 0;
    }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(const double *sorted, int n) {
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static int all_rounds(const struct stream *stream, int rounds, double seconds) {
    for (size_t e = 0; e < ENGINES; e++)
        if (calibrate(&engines[e], stream, seconds) != 0) return -1;
    for (int r = 0; r < rounds; r++) {
        for (size_t e = 0; e < ENGINES; e++) {
            double ns = measure(&engines[e], stream, engines[e].repeats);
            if (ns < 0) return -1;
            engines[e].ns[engines[e].rounds++] = ns;
        }
    }
    for (size_t e = 0; e < ENGINES; e++) qsort(engines[e].ns, (size_t)rounds, sizeof(double), ascending);
    return 0;
}

static void print_rows(const struct stream *stream, int rounds) {
    const struct engine *queue = &engines[ENGINES - 1];
    printf("hand-over of %zu recorded items, repeated; %d interleaved rounds; ns an item\n\n", stream->count, rounds);
    printf("%-14s %9s %9s   of %s: min, median\n", "engine", "min", "median", queue->name);
    for (size_t e = 0; e < ENGINES; e++) {
        const double *ns = engines[e].ns;
        printf("%-14s %9.1f %9.1f   %.3f %.3f\n", engines[e].name, ns[0], median(ns, rounds), ns[0] / queue->ns[0],
               median(ns, rounds) / median(queue->ns, rounds));
    }
}

static int write_json(const char *name, const struct stream *stream, int rounds) {
    FILE *file = fopen(name, "w");
    if (file == NULL) {
        fprintf(stderr, "handover: %s: %s\n", name, strerror(errno));
        return 1;
    }
    fprintf(file, "{\"title\": \"Handing %zu recorded items over\",\n", stream->count);
    fprintf(file, " \"note\": \"16 bytes an item, capacity %d, one producer, one consumer; %d interleaved rounds; gort %s\",\n", CAPACITY,
            rounds, gort_version_string());
    fprintf(file, " \"rows\": [\n");
    for (size_t e = 0; e < ENGINES; e++)
        fprintf(file,
                "  {\"workload\": \"handover_items\", \"engine\": \"%s\", \"unit\": \"ns/item\", \"min\": %.3f, \"median\": %.3f, "
                "\"n\": %d, \"checksum_ok\": true}%s\n",
                engines[e].name, engines[e].ns[0], median(engines[e].ns, rounds), rounds, e + 1 < ENGINES ? "," : "");
    fprintf(file, "]}\n");
    return fclose(file) == 0 ? 0 : 1;
}

/* ---- the record ---- */

static int read_record(const char *name, struct stream *stream) {
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        fprintf(stderr, "handover: %s: %s\n", name, strerror(errno));
        return -1;
    }
    size_t room = 0;
    unsigned char le[4];
    while (fread(le, sizeof le, 1, file) == 1) {
        if (stream->count == room) {
            room = room ? room * 2 : 4096;
            uint32_t *more = realloc(stream->lengths, room * sizeof *more);
            if (more == NULL) break;
            stream->lengths = more;
        }
        stream->lengths[stream->count++] = (uint32_t)le[0] | (uint32_t)le[1] << 8 | (uint32_t)le[2] << 16 | (uint32_t)le[3] << 24;
    }
    int whole = feof(file) && !ferror(file);
    fclose(file);
    if (!whole || stream->count == 0) {
        fprintf(stderr, "handover: %s: %s\n", name, whole ? "holds no item" : "cannot be read");
        return -1;
    }
    return 0;
}

int main(int argc, char **argv) {
    int rounds = 9, i = 1;
    double seconds = 0.3;
    const char *json = NULL;
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0) rounds = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--seconds") == 0) seconds = atof(argv[i + 1]);
        else if (strcmp(argv[i], "--json") == 0) json = argv[i + 1];
        else break;
    }
    if (i + 1 != argc || rounds < 1 || rounds > ROUNDS_MOST || !(seconds > 0 && seconds <= 10)) {
        fprintf(stderr, "usage: handover [--rounds 1..%d] [--seconds S] [--json FILE] RECORD\n", ROUNDS_MOST);
        return 2;
    }
    struct stream stream = {0};
    int result = read_record(argv[i], &stream);
    if (result == 0) result = all_rounds(&stream, rounds, seconds);
    if (result == 0) {
        print_rows(&stream, rounds);
        if (json != NULL) result = write_json(json, &stream, rounds);
    }
    free(stream.lengths);
    return result == 0 ? 0 : 1;
}
