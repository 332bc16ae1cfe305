/* Native work for test_capi.py: tasks that send and receive int64, and calls that block whoever makes them. As a library of its own it is linked with -lgort or with the extension
 * module; ext.c includes it and goes through the table of the capsule. */

#ifndef GORT_PYTHON_H
#include <gort.h>
#endif
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define API __attribute__((visibility("default")))

struct work {
    gort_chan *in, *out;
    int64_t first, n;
    int64_t delay; /* ns */
};

static int start(void (*fn)(void *), gort_chan *in, gort_chan *out, int64_t first, int64_t n, int64_t delay) {
    struct work w = {in, out, first, n, delay};
    if (in != NULL) gort_chan_retain(in);
    if (out != NULL) gort_chan_retain(out);
    return gort_go_copy(fn, &w, sizeof w);
}

static void done(struct work *w) {
    if (w->in != NULL) gort_chan_release(w->in);
    if (w->out != NULL) gort_chan_release(w->out);
}

/* Sends first, first + 1, ... n times. */
static void produce(void *arg) {
    struct work *w = arg;
    if (w->delay > 0) gort_sleep(w->delay);
    for (int64_t i = 0; i < w->n; i++) {
        int64_t v = w->first + i;
        if (gort_chan_send(w->out, &v) != GORT_OK) break;
    }
    done(w);
}

/* Doubles what comes until the channel is closed, then closes its own. */
static void twice(void *arg) {
    struct work *w = arg;
    int64_t v;
    while (gort_chan_recv(w->in, &v) == GORT_OK) {
        v *= 2;
        if (gort_chan_send(w->out, &v) != GORT_OK) break;
    }
    gort_chan_close(w->out);
    done(w);
}

/* Receives until the channel is closed and sends the sum. */
static void add_up(void *arg) {
    struct work *w = arg;
    int64_t v, sum = 0;
    while (gort_chan_recv(w->in, &v) == GORT_OK) sum += v;
    gort_chan_send(w->out, &sum);
    done(w);
}

API int start_produce(gort_chan *out, int64_t first, int64_t n, int64_t delay_ms) {
    return start(produce, NULL, out, first, n, delay_ms * 1000000);
}
API int start_twice(gort_chan *in, gort_chan *out) { return start(twice, in, out, 0, 0, 0); }
API int start_add_up(gort_chan *in, gort_chan *out) { return start(add_up, in, out, 0, 0, 0); }

/* n elements, each into a variable of this stack frame. */
API int recv_here(gort_chan *ch, int64_t n, int64_t *sum) {
    *sum = 0;
    for (int64_t i = 0; i < n; i++) {
        volatile int64_t before = 0x5a5a5a5a, after = 0x5a5a5a5a;
        int64_t x = -1;
        int s = gort_chan_recv(ch, &x);
        if (before != 0x5a5a5a5a || after != 0x5a5a5a5a) abort();
        if (s != GORT_OK) return s;
        *sum += x;
    }
    return GORT_OK;
}

API int recv_within(gort_chan *ch, int64_t ms, int64_t *out) { return gort_chan_recv_until(ch, out, gort_in(ms * 1000000), NULL); }

API int send_here(gort_chan *ch, int64_t first, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        int64_t v = first + i;
        int s = gort_chan_send(ch, &v);
        if (s != GORT_OK) return s;
    }
    return GORT_OK;
}

/* The same in a thread that Python has never seen. */
static void *thread_main(void *arg) {
    struct work *w = arg;
    struct timespec pause = {w->delay / 1000000000, w->delay % 1000000000};
    int64_t v, sum = 0;
    nanosleep(&pause, NULL);
    if (w->in != NULL) {
        while (gort_chan_recv(w->in, &v) == GORT_OK) sum += v;
        gort_chan_send(w->out, &sum);
    } else {
        for (int64_t i = 0; i < w->n; i++) {
            v = w->first + i;
            if (gort_chan_send(w->out, &v) != GORT_OK) break;
        }
    }
    done(w);
    free(w);
    return NULL;
}

API int start_thread(gort_chan *in, gort_chan *out, int64_t first, int64_t n, int64_t delay_ms) {
    pthread_t id;
    struct work *w = malloc(sizeof *w);
    *w = (struct work){in, out, first, n, delay_ms * 1000000};
    if (in != NULL) gort_chan_retain(in);
    if (out != NULL) gort_chan_retain(out);
    if (pthread_create(&id, NULL, thread_main, w) != 0) return GORT_OS;
    return pthread_detach(id);
}

static void pause_and_end(void *arg) { gort_sleep(*(int64_t *)arg); }
static void *pause_and_return(void *arg) {
    gort_sleep(GORT_MS(20));
    return arg;
}
static int run_main(void *arg) {
    gort_sleep(GORT_MS(5));
    return *(int *)arg + 1;
}

/* Every other call that may block, one after the other; the number of the first that fails, or 0. `runs`: a run is allowed here. */
API int try_all(int runs) {
    int64_t ns = GORT_MS(20), t0 = gort_now();
    int seven = 7;
    void *result = NULL;
    gort_task *task = NULL;
    gort_wg *wg = gort_wg_new();
    gort_yield();
    if (gort_sleep(ns) != GORT_OK || gort_now() - t0 < ns) return 1;
    if (gort_wg_go(wg, pause_and_end, &ns) != GORT_OK) return 2;
    if (gort_wg_wait(wg) != GORT_OK) return 3;
    if (gort_wg_free(wg) != GORT_OK) return 4;
    if (gort_spawn(NULL, pause_and_return, &seven, &task) != GORT_OK) return 5;
    if (gort_task_join_until(task, &result, gort_in(GORT_MS(1)), NULL) != GORT_TIMED_OUT) return 6;
    if (gort_task_join(task, &result) != GORT_OK || result != &seven) return 7;
    if (gort_task_release(task) != GORT_OK) return 8;
    gort_blocking_enter();
    gort_blocking_leave();
    if (gort_shield_begin() != GORT_MISUSE) return 9;
    int s = gort_run(run_main, &seven, NULL);
    if (runs ? s != GORT_OK || gort_run_result() != 8 : s != GORT_MISUSE) return 10;
    return 0;
}

/* Calls back, as a library with events does. */
API int call_back(int (*fn)(int), int n) {
    int sum = 0;
    for (int i = 0; i < n; i++) {
        volatile char frame[512];
        memset((void *)frame, i, sizeof frame);
        sum += fn(i);
        for (size_t k = 0; k < sizeof frame; k++)
            if (frame[k] != (char)i) abort();
    }
    return sum;
}
