/*
 * notify.c: being told that there may be something to receive: a descriptor in an epoll loop, and a function that is called.
 * Nothing that arrives is missed, whoever else receives. Compiled as C11 and as C++17.
 *
 * A loop that waits in vain for ten seconds has missed something: that is the only clock in here. What it is NOT: receives.
 */
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>

GORT_CHAN_DEFINE(int, ints);

static ints *unbounded_ints(void) {
    gort_chan_options options = GORT_CHAN_OPTIONS_INIT;
    options.elem_size = sizeof(int);
    options.flags = GORT_CHAN_UNBOUNDED;
    return ints_from(gort_chan_new_with(&options));
}

/* Whether the descriptor is readable now, or becomes so within some time. */
static int readable(int fd, int milliseconds) {
    struct pollfd p;
    p.fd = fd, p.events = POLLIN, p.revents = 0;
    return poll(&p, 1, milliseconds) == 1 && (p.revents & POLLIN) != 0;
}

static void read_counter(int fd) {
    uint64_t count = 0;
    EXPECT(read(fd, &count, sizeof count) == (ssize_t)sizeof count && count > 0);
}

/* --- the descriptor ------------------------------------------------------------------------------------------------ */

static void descriptor_is_readable_once_after_each_would_block(void) {
    ints *c = ints_new(8);
    int fd = gort_chan_notify_fd(ints_raw(c)), v = 0;
    EXPECT(fd >= 0 && gort_chan_notify_fd(ints_raw(c)) == fd);
    EXPECT(!readable(fd, 0));
    for (int round = 0; round < 100; round++) {
        EXPECT_OK(ints_send(c, round));
        EXPECT(readable(fd, 10000));
        EXPECT_OK(ints_send(c, round)); /* told already */
        read_counter(fd);
        EXPECT(!readable(fd, 0));
        for (int i = 0; i < 2; i++) EXPECT_OK(ints_try_recv(c, &v));
        EXPECT(v == round);
        EXPECT_IS(ints_try_recv(c, &v), GORT_WOULD_BLOCK); /* arms */
        EXPECT(!readable(fd, 0));
    }
    EXPECT_OK(ints_close(c));
    EXPECT(readable(fd, 10000));
    read_counter(fd);
    EXPECT_IS(ints_try_recv(c, &v), GORT_CLOSED);
    EXPECT_OK(ints_release(c));
    EXPECT(fcntl(fd, F_GETFD) == -1); /* closed with the channel */
}

static void batch_that_would_block_arms_as_well(void) {
    ints *c = ints_new(100);
    int fd = gort_chan_notify_fd(ints_raw(c)), out[30];
    size_t n = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 50; i++) EXPECT_OK(ints_send(c, i));
        EXPECT(readable(fd, 10000));
        read_counter(fd);
        size_t got = 0;
        while (ints_try_recv_n(c, out, 30, &n) == GORT_OK) got += n;
        EXPECT(got == 50 && !readable(fd, 0));
    }
    EXPECT_OK(ints_release(c));
}

static void what_is_there_already_makes_it_readable(void) {
    ints *full = ints_new(1), *closed = ints_new(0);
    EXPECT_OK(ints_send(full, 1));
    EXPECT_OK(ints_close(closed));
    EXPECT(readable(gort_chan_notify_fd(ints_raw(full)), 10000));
    EXPECT(readable(gort_chan_notify_fd(ints_raw(closed)), 10000));
    EXPECT_OK(ints_release(full));
    EXPECT_OK(ints_release(closed));
}

static int how;

/* Each way to be a sender on an unbuffered channel. */
static void send_in_a_way(void *arg) {
    ints *c = (ints *)arg;
    int v = 5;
    size_t n = 0;
    gort_case cases[2] = {ints_case_send(c, &v), ints_case_recv(NULL, &v)};
    if (how == 0) EXPECT_OK(ints_send(c, v));
    if (how == 1) EXPECT_OK(ints_send_until(c, v, gort_in(GORT_SEC(20)), NULL));
    if (how == 2) EXPECT(gort_select(cases, 2) == 0);
    if (how == 3) EXPECT_OK(ints_send_n(c, &v, 1, &n));
    if (how == 4) {
        gort_selector *s = gort_selector_new();
        EXPECT(gort_selector_add(s, cases[0]) == 0);
        EXPECT(gort_selector_wait(s, NULL) == 0);
        EXPECT_OK(gort_selector_free(s));
    }
}

static void sender_that_waits_makes_it_readable(void) {
    ints *c = ints_new(0);
    gort_wg *wg = gort_wg_new();
    int fd = gort_chan_notify_fd(ints_raw(c)), v = 0;
    for (how = 0; how < 5; how++) {
        EXPECT(!readable(fd, 0));
        EXPECT_OK(gort_wg_go(wg, send_in_a_way, c));
        EXPECT(readable(fd, 10000));
        read_counter(fd);
        gort_status status;
        while ((status = ints_try_recv(c, &v)) == GORT_WOULD_BLOCK) { /* it may be about to wait */
            EXPECT(readable(fd, 10000));
            read_counter(fd);
        }
        EXPECT(status == GORT_OK && v == 5);
        EXPECT_OK(gort_wg_wait(wg));
        while ((status = ints_try_recv(c, &v)) != GORT_WOULD_BLOCK) EXPECT_OK(status);
        if (readable(fd, 0)) read_counter(fd); /* for nothing, which is allowed */
        EXPECT_IS(ints_try_recv(c, &v), GORT_WOULD_BLOCK);
    }
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(c));
}

/* --- a loop -------------------------------------------------------------------------------------------------------- */

enum { SENDERS = 4, EACH = 25, USUAL_ROUNDS = 30, DEEP_ROUNDS = 400 };

typedef struct {
    ints *c;
    int64_t sent, taken, sum_sent, sum_taken;
    int round, done, quick;
    int batches, rounds;
} flood;

static flood f;

static void took(int64_t n, int64_t sum) {
    ADD(f.sum_taken, sum);
    ADD(f.taken, n);
}

/* Sends some, and waits until everything that was sent has been taken: so the last of each round has to be told, too. */
static void send_rounds(void *arg) {
    int64_t me = (int64_t)(intptr_t)arg;
    for (int round = 0; round < f.rounds; round++) {
        for (int i = 0; i < EACH; i++) {
            int v = (int)(me * 1000 + i);
            ADD(f.sum_sent, v);
            EXPECT_OK(ints_send(f.c, v));
        }
        if (ADD(f.sent, EACH) % (SENDERS * EACH) == 0) {
            while (COUNT(f.taken) != COUNT(f.sent)) EXPECT_OK(gort_sleep(GORT_US(20)));
            ADD(f.round, 1);
        } else {
            while (COUNT(f.round) <= round) EXPECT_OK(gort_sleep(GORT_US(20)));
        }
    }
    if (ADD(f.done, 1) == SENDERS) EXPECT_OK(ints_close(f.c));
}

/* Receivers beside the loop: values are handed to them, and they leave and come back. */
static void take_some(void *arg) {
    uint64_t random = (uint64_t)(uintptr_t)arg + 77;
    int v = 0;
    gort_status status = GORT_OK;
    while (status != GORT_CLOSED) {
        for (uint64_t n = next_random(&random) % 5; n > 0 && status != GORT_CLOSED; n--) {
            status = ints_recv_until(f.c, &v, gort_in(GORT_US(200)), NULL);
            if (status == GORT_OK) took(1, v);
        }
        gort_yield();
    }
}

/* Everything that is there; false when the channel is closed and drained. */
static int drain(void) {
    int out[7];
    size_t n = 1;
    gort_status status;
    for (;;) {
        status = f.batches ? ints_try_recv_n(f.c, out, 7, &n) : ints_try_recv(f.c, out);
        if (status != GORT_OK) break;
        int64_t sum = 0;
        for (size_t i = 0; i < n; i++) sum += out[i];
        took((int64_t)n, sum);
    }
    EXPECT(status == GORT_WOULD_BLOCK || status == GORT_CLOSED);
    return status == GORT_WOULD_BLOCK;
}

static void start_flood(ints *c, int batches, int others, gort_wg *wg) {
    memset(&f, 0, sizeof f);
    f.c = c, f.batches = batches;
    f.rounds = getenv("GORT_STRESS") != NULL ? DEEP_ROUNDS : USUAL_ROUNDS;
    for (int i = 0; i < SENDERS; i++) EXPECT_OK(gort_wg_go(wg, send_rounds, (void *)(intptr_t)i));
    for (int i = 0; i < others; i++) EXPECT_OK(gort_wg_go(wg, take_some, (void *)(intptr_t)i));
}

static void end_flood(gort_wg *wg) {
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    EXPECT(COUNT(f.taken) == (int64_t)SENDERS * EACH * f.rounds && COUNT(f.sum_taken) == COUNT(f.sum_sent));
    EXPECT_OK(ints_release(f.c));
}

static void epoll_until_closed(ints *c, int batches, int others) {
    gort_wg *wg = gort_wg_new();
    int loop = epoll_create1(0), fd = gort_chan_notify_fd(ints_raw(c));
    struct epoll_event event, got;
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN;
    event.data.fd = fd;
    EXPECT(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0);
    start_flood(c, batches, others, wg);
    do {
        if (!EXPECT(epoll_wait(loop, &got, 1, 10000) == 1)) break; /* missed */
        read_counter(got.data.fd);
    } while (drain());
    close(loop);
    end_flood(wg);
}

static void epoll_loop_misses_nothing(void) {
    for (int batches = 0; batches < 2; batches++) {
        epoll_until_closed(ints_new(0), batches, 0);
        epoll_until_closed(ints_new(1), batches, 0);
        epoll_until_closed(ints_new(64), batches, 0);
        epoll_until_closed(unbounded_ints(), batches, 0);
    }
}

static void epoll_loop_misses_nothing_beside_other_receivers(void) {
    for (int batches = 0; batches < 2; batches++) {
        epoll_until_closed(ints_new(0), batches, 2);
        epoll_until_closed(ints_new(1), batches, 2);
        epoll_until_closed(unbounded_ints(), batches, 2);
    }
}

/* Several channels in one loop. */
enum { CHANNELS = 8 };

static void send_hundred(void *arg) {
    for (int i = 1; i <= 100; i++) {
        EXPECT_OK(ints_send((ints *)arg, i));
        if (i % 10 == 0) EXPECT_OK(gort_sleep(GORT_US(100)));
    }
    EXPECT_OK(ints_close((ints *)arg));
}

static void one_loop_serves_several_channels(void) {
    ints *c[CHANNELS];
    int open = CHANNELS, sum = 0, v = 0;
    int loop = epoll_create1(0);
    gort_wg *wg = gort_wg_new();
    for (uint32_t i = 0; i < CHANNELS; i++) {
        struct epoll_event event;
        memset(&event, 0, sizeof event);
        event.events = EPOLLIN;
        event.data.u32 = i;
        c[i] = ints_new(i % 3);
        EXPECT(epoll_ctl(loop, EPOLL_CTL_ADD, gort_chan_notify_fd(ints_raw(c[i])), &event) == 0);
        EXPECT_OK(gort_wg_go(wg, send_hundred, c[i]));
    }
    while (open > 0) {
        struct epoll_event got[CHANNELS];
        int n = epoll_wait(loop, got, CHANNELS, 10000);
        if (!EXPECT(n > 0)) break;
        for (int k = 0; k < n; k++) {
            ints *from = c[got[k].data.u32];
            gort_status status;
            read_counter(gort_chan_notify_fd(ints_raw(from)));
            while ((status = ints_try_recv(from, &v)) == GORT_OK) sum += v;
            open -= status == GORT_CLOSED;
        }
    }
    EXPECT(sum == CHANNELS * 5050);
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    for (int i = 0; i < CHANNELS; i++) EXPECT_OK(ints_release(c[i]));
    close(loop);
}

/* --- a function that is called ---------------------------------------------------------------------------------------- */

static int calls;

static void count_call(void *arg) {
    (void)arg;
    ADD(calls, 1);
}

static void on_ready_is_called_once_for_each_call(void) {
    ints *c = ints_new(4);
    SET(calls, 0);
    EXPECT_OK(gort_chan_on_ready(ints_raw(c), count_call, NULL));
    usleep(20000);
    EXPECT(COUNT(calls) == 0);
    EXPECT_OK(ints_send(c, 1));
    AWAIT(COUNT(calls) == 1);
    EXPECT_OK(ints_send(c, 2)); /* nobody asked */
    usleep(20000);
    EXPECT(COUNT(calls) == 1);
    EXPECT_OK(gort_chan_on_ready(ints_raw(c), count_call, NULL)); /* ready already */
    AWAIT(COUNT(calls) == 2);
    EXPECT(ints_len(c) == 2); /* nothing was taken */
    EXPECT_OK(ints_release(c));
    c = ints_new(0);
    for (int i = 0; i < 5; i++) EXPECT_OK(gort_chan_on_ready(ints_raw(c), count_call, NULL)); /* five of them */
    usleep(5000);
    EXPECT_OK(ints_close(c)); /* tells all */
    AWAIT(COUNT(calls) == 7);
    EXPECT_OK(gort_chan_on_ready(ints_raw(c), count_call, NULL)); /* closed is ready */
    AWAIT(COUNT(calls) == 8);
    EXPECT_OK(ints_release(c));
}

/* Arms it again when it has taken all, for as long as there is more to come. */
static void drain_and_arm(void *arg) {
    int blocks_too = f.quick++ % 7 == 0;
    if (blocks_too) EXPECT_OK(gort_sleep(GORT_US(50))); /* it is a task: it may do anything */
    if (drain()) EXPECT_OK(gort_chan_on_ready(ints_raw(f.c), drain_and_arm, arg));
    else EXPECT_OK(gort_wg_done((gort_wg *)arg));
}

static void on_ready_until_closed(ints *c, int batches, int others) {
    gort_wg *wg = gort_wg_new();
    EXPECT_OK(gort_wg_add(wg, 1)); /* the loop */
    start_flood(c, batches, others, wg);
    EXPECT_OK(gort_chan_on_ready(ints_raw(c), drain_and_arm, wg));
    end_flood(wg);
}

static void on_ready_armed_again_misses_nothing(void) {
    for (int batches = 0; batches < 2; batches++) {
        on_ready_until_closed(ints_new(0), batches, 0);
        on_ready_until_closed(ints_new(1), batches, 0);
        on_ready_until_closed(unbounded_ints(), batches, 0);
        on_ready_until_closed(ints_new(0), batches, 2);
        on_ready_until_closed(ints_new(64), batches, 2);
    }
}

/* A loop that has a way to be told: a pipe. */
static int pipe_ends[2];

static void poke(void *arg) {
    EXPECT(write(pipe_ends[1], arg, 1) == 1);
}

static void on_ready_tells_a_loop_elsewhere(void) {
    static char byte = 'x';
    gort_wg *wg = gort_wg_new();
    EXPECT(pipe(pipe_ends) == 0);
    start_flood(ints_new(3), 1, 1, wg);
    do {
        EXPECT_OK(gort_chan_on_ready(ints_raw(f.c), poke, &byte));
        if (!EXPECT(readable(pipe_ends[0], 10000))) break; /* missed */
        char got;
        EXPECT(read(pipe_ends[0], &got, 1) == 1 && got == 'x');
    } while (drain());
    end_flood(wg);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

/* --- how it ends without a call ----------------------------------------------------------------------------------------- */

static int leave_it_waiting(void *arg) {
    ints *c = ints_new(0);
    EXPECT_OK(gort_chan_on_ready(ints_raw(c), count_call, NULL));
    if (arg != NULL) EXPECT_OK(gort_sleep(GORT_MS(2))); /* it waits; else it may not even have begun */
    EXPECT_OK(ints_release(c));                         /* the task's own is left */
    return 0;
}

static void end_of_the_run_ends_it_without_a_call(void) {
    int yes = 1;
    gort_config config = GORT_CONFIG_INIT;
    config.grace = GORT_SEC(10); /* a busy machine must not have it given up */
    SET(calls, 0);
    for (int i = 0; i < 20; i++) {
        EXPECT_OK(gort_run(leave_it_waiting, i % 2 ? &yes : NULL, &config));
        EXPECT(strcmp(gort_run_report(), "") == 0);
    }
    EXPECT(COUNT(calls) == 0);
}

/* In a process of its own, which ends without the look at what is left: a machine that is busy may not let the task end before
 * gort_shutdown() gives it up. */
static void shut_down_while_it_waits(void) {
    ints *c = ints_new(0);
    int fd = gort_chan_notify_fd(ints_raw(c));
    EXPECT(fd >= 0);
    EXPECT_OK(gort_chan_on_ready(ints_raw(c), count_call, NULL));
    usleep(5000);
    gort_status status = gort_shutdown();
    EXPECT(status == GORT_OK || status == GORT_TIMED_OUT); /* its threads may be late as well */
    if (status == GORT_OK) EXPECT(fcntl(fd, F_GETFD) == -1);
    EXPECT(COUNT(calls) == 0);
    EXPECT_IS(gort_chan_on_ready(ints_raw(c), count_call, NULL), GORT_SHUTDOWN);
    EXPECT_IS(gort_chan_notify_fd(ints_raw(c)), GORT_SHUTDOWN);
}

static void shutdown_ends_it_without_a_call(void) {
    int status = -1;
    SET(calls, 0);
    pid_t child = fork_among_threads();
    if (child == 0) {
        alarm(20);
        shut_down_while_it_waits();
        fflush(NULL);
        _exit(COUNT(test_failures) != 0);
    }
    EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static int one_task_only(void *arg) {
    ints *c = ints_new(0);
    EXPECT_IS(gort_chan_on_ready(ints_raw(c), count_call, arg), GORT_LIMIT);
    EXPECT_OK(ints_release(c)); /* the last reference: the refused call gave its own back */
    gort_metrics_t m = GORT_METRICS_INIT;
    EXPECT_OK(gort_metrics(&m));
    EXPECT(m.channels == 0);
    return 0;
}

static void refused_call_gives_its_reference_back(void) {
    gort_config config = GORT_CONFIG_INIT;
    config.max_tasks = 1;
    SET(calls, 0);
    EXPECT_OK(gort_run(one_task_only, NULL, &config));
    EXPECT(COUNT(calls) == 0);
}

static void mistakes_are_statuses(void) {
    ints *c = ints_new(1), *stale = ints_new(1);
    EXPECT_OK(ints_release(stale));
    EXPECT_IS(gort_chan_notify_fd(NULL), GORT_INVALID);
    EXPECT(error_says("the channel is NULL"));
    EXPECT_IS(gort_chan_notify_fd(ints_raw(stale)), GORT_MISUSE);
    EXPECT_IS(gort_chan_on_ready(NULL, count_call, NULL), GORT_INVALID);
    EXPECT_IS(gort_chan_on_ready(ints_raw(c), NULL, NULL), GORT_INVALID);
    EXPECT(error_says("fn is NULL"));
    EXPECT_IS(gort_chan_on_ready(ints_raw(stale), count_call, NULL), GORT_MISUSE);
    EXPECT_OK(ints_release(c));
}

/* No descriptor is left: a status with errno's words, and all is well when there is one again. */
static void no_descriptor_left_is_os(void) {
    ints *c = ints_new(1), *warm = ints_new(1);
    int taken[64], n = 0;
    struct rlimit usual, low;
    EXPECT(pipe(pipe_ends) == 0);
    EXPECT_OK(ints_send(warm, 1)); /* the runtime has what it needs */
    EXPECT(getrlimit(RLIMIT_NOFILE, &usual) == 0);
    low = usual, low.rlim_cur = 64;
    EXPECT(setrlimit(RLIMIT_NOFILE, &low) == 0);
    while (n < 64 && (taken[n] = dup(pipe_ends[0])) >= 0) n++;
    EXPECT_IS(gort_chan_notify_fd(ints_raw(c)), GORT_OS);
    EXPECT(error_says("eventfd"));
    while (n > 0) close(taken[--n]);
    EXPECT(setrlimit(RLIMIT_NOFILE, &usual) == 0);
    EXPECT(gort_chan_notify_fd(ints_raw(c)) >= 0);
    EXPECT_OK(ints_release(c));
    EXPECT_OK(ints_release(warm));
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

TESTS(CASE(descriptor_is_readable_once_after_each_would_block), CASE(batch_that_would_block_arms_as_well),
      CASE(what_is_there_already_makes_it_readable), CASE(sender_that_waits_makes_it_readable),
      SLOW_CASE(epoll_loop_misses_nothing, 120), SLOW_CASE(epoll_loop_misses_nothing_beside_other_receivers, 120),
      CASE(one_loop_serves_several_channels), CASE(on_ready_is_called_once_for_each_call),
      SLOW_CASE(on_ready_armed_again_misses_nothing, 120), SLOW_CASE(on_ready_tells_a_loop_elsewhere, 60),
      CASE(end_of_the_run_ends_it_without_a_call), CASE(shutdown_ends_it_without_a_call),
      CASE(refused_call_gives_its_reference_back), CASE(mistakes_are_statuses), CASE(no_descriptor_left_is_os))
