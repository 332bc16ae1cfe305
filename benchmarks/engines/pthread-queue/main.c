/* pthread-queue - the peer every C programmer has at hand: OS threads and a bounded queue of one mutex and two
 * condition variables.
 *
 * It is NOT a task runtime: each "task" here is a pthread, so only the workloads that pass messages through a buffer
 * are comparable. A rendezvous (pingpong_cap0) is left out: a queue of capacity 1 would be another thing under the
 * same name. `--workers` is taken and ignored: the kernel spreads the threads over all CPUs.
 *
 * Invariants
 *   Q1 All fields of a queue are guarded by its mutex; the mutex stands in a cache line that nothing else uses.
 *   Q2 A condition is signalled only if somebody waits on it. This and the adaptive mutex (it spins a little before it
 *      sleeps) make the queue about as quick as the design can be: a peer is shown at its best.
 *   Q3 The element size is a constant at every call, so that memcpy becomes plain moves.
 * Rejected, each after a measurement: a default mutex (1.8 times the time on 4x4), signalling after the unlock (2.5
 * times on 4x4: a waiter is waked into a queue that others have drained), a semaphore pair (two more atomics).
 */
#include "../common/bench.h"

#include <gnu/libc-version.h>
#include <pthread.h>

typedef struct queue {
    _Alignas(64) pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;
    size_t head, len, cap;
    unsigned getters, putters; /* threads that wait */
    int closed;
    unsigned char *ring;
} queue;

typedef struct item {
    uint64_t id, len;
} item;

static queue *queue_new(size_t cap, size_t size) {
    queue *q = aligned_alloc(64, (sizeof *q + 63) / 64 * 64);
    if (q == NULL) bench_die("no memory for", "a queue");
    memset(q, 0, sizeof *q);
    q->ring = malloc(cap * size);
    if (q->ring == NULL) bench_die("no memory for", "a ring");
    q->cap = cap;
    pthread_mutexattr_t adaptive;
    pthread_mutexattr_init(&adaptive);
    pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&q->lock, &adaptive);
    pthread_mutexattr_destroy(&adaptive);
    pthread_cond_init(&q->not_empty, NULL);
    pthread_cond_init(&q->not_full, NULL);
    return q;
}

static void queue_free(queue *q) {
    pthread_cond_destroy(&q->not_full);
    pthread_cond_destroy(&q->not_empty);
    pthread_mutex_destroy(&q->lock);
    free(q->ring);
    free(q);
}

static inline void queue_put(queue *q, const void *v, size_t size) {
    pthread_mutex_lock(&q->lock);
    while (q->len == q->cap) {
        q->putters++;
        pthread_cond_wait(&q->not_full, &q->lock);
        q->putters--;
    }
    size_t tail = q->head + q->len;
    if (tail >= q->cap) tail -= q->cap;
    memcpy(q->ring + tail * size, v, size);
    q->len++;
    if (q->getters > 0) pthread_cond_signal(&q->not_empty);
    pthread_mutex_unlock(&q->lock);
}

/* 0 when the queue is closed and drained. */
static inline int queue_get(queue *q, void *v, size_t size) {
    pthread_mutex_lock(&q->lock);
    while (q->len == 0 && !q->closed) {
        q->getters++;
        pthread_cond_wait(&q->not_empty, &q->lock);
        q->getters--;
    }
    if (q->len == 0) {
        pthread_mutex_unlock(&q->lock);
        return 0;
    }
    memcpy(v, q->ring + q->head * size, size);
    if (++q->head == q->cap) q->head = 0;
    q->len--;
    if (q->putters > 0) pthread_cond_signal(&q->not_full);
    pthread_mutex_unlock(&q->lock);
    return 1;
}

static void queue_close(queue *q) {
    pthread_mutex_lock(&q->lock);
    q->closed = 1;
    pthread_mutex_unlock(&q->lock);
    pthread_cond_broadcast(&q->not_empty);
}

/* One thread's part in a stream: where it starts, its stride, what it found. */
typedef struct side {
    pthread_t thread;
    queue *q;
    uint64_t n, first, step;
    uint64_t sum, count, errors;
} side;

static void start(side *s, void *(*fn)(void *)) {
    if (pthread_create(&s->thread, NULL, fn, s) != 0) bench_die("cannot start", "a thread");
}

static void *put_numbers(void *arg) {
    side *s = arg;
    for (uint64_t i = s->first; i < s->n; i += s->step) {
        int64_t v = (int64_t)i;
        queue_put(s->q, &v, sizeof v);
    }
    return NULL;
}

static void *get_in_order(void *arg) {
    side *s = arg;
    uint64_t sum = 0, count = 0, errors = 0;
    int64_t v;
    while (queue_get(s->q, &v, sizeof v)) {
        sum += (uint64_t)v;
        errors += (uint64_t)v != count;
        count++;
    }
    s->sum = sum, s->count = count, s->errors = errors;
    return NULL;
}

static void *get_any(void *arg) {
    side *s = arg;
    uint64_t sum = 0, count = 0;
    int64_t v;
    while (queue_get(s->q, &v, sizeof v)) {
        sum += (uint64_t)v;
        count++;
    }
    s->sum = sum, s->count = count;
    return NULL;
}

static void *put_items(void *arg) {
    side *s = arg;
    for (uint64_t id = 0, k = 0; id < s->n; id++) {
        item it = {id, bench_lens[k]};
        queue_put(s->q, &it, sizeof it);
        if (++k == bench_lens_count) k = 0;
    }
    return NULL;
}

static void *get_items(void *arg) {
    side *s = arg;
    uint64_t sum = 0, count = 0, errors = 0;
    item it;
    while (queue_get(s->q, &it, sizeof it)) {
        sum += (it.id + 1) * it.len;
        errors += it.id != count;
        count++;
    }
    s->sum = sum, s->count = count, s->errors = errors;
    return NULL;
}

/* `pairs` producers and consumers on one queue; closes it when the producers are through. */
static void stream(uint64_t n, size_t cap, size_t size, int pairs, void *(*put)(void *), void *(*get)(void *),
                   bench_result *out) {
    side in[4], to[4];
    queue *q = queue_new(cap, size);
    uint64_t count = 0;
    int64_t t0 = bench_now();
    for (int i = 0; i < pairs; i++) {
        side s = {.q = q, .n = n, .first = (uint64_t)i, .step = (uint64_t)pairs};
        in[i] = to[i] = s;
        start(&in[i], put);
        start(&to[i], get);
    }
    for (int i = 0; i < pairs; i++) pthread_join(in[i].thread, NULL);
    queue_close(q);
    for (int i = 0; i < pairs; i++) pthread_join(to[i].thread, NULL);
    out->ns_total = bench_now() - t0;
    for (int i = 0; i < pairs; i++) {
        out->checksum += to[i].sum;
        out->errors += to[i].errors;
        count += to[i].count;
    }
    out->errors += count != n;
    queue_free(q);
}

static void spsc(uint64_t n, bench_result *out) {
    stream(n, 1024, sizeof(int64_t), 1, put_numbers, get_in_order, out);
}

static void mpmc(uint64_t n, bench_result *out) {
    stream(n, 1024, sizeof(int64_t), 4, put_numbers, get_any, out);
}

static void handover(uint64_t n, bench_result *out) {
    stream(n, 64, sizeof(item), 1, put_items, get_items, out);
}

static const bench_workload workloads[] = {
    {"spsc_cap1024", spsc},
    {"mpmc4x4_cap1024", mpmc},
    {"handover_items", handover},
    {NULL, NULL},
};

int main(int argc, char **argv) {
    char version[64];
    snprintf(version, sizeof version, "glibc %s", gnu_get_libc_version());
    bench_options o = bench_parse(argc, argv, workloads, "pthread-queue", version);
    return bench_repeat(&o, o.workers);
}
