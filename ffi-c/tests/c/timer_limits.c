/*
 * timer_limits.c: timers at their limits: the ends of time, handles that are none, descriptors and functions of event loops,
 * cancellation, deadlock, fork. Compiled as C11 and as C++17.
 *
 * What it is NOT: the usual life of timers (timer.c), and what readers see of changes (timer_readers.c). No bound here is broken by a slow machine.
 */
#include "timer.h"

#include <poll.h>

static gort_chan *chan_of(gort_receiver *r) {
    return (gort_chan *)(void *)r;
}

static int resets_at(gort_timer *t, int64_t when) {
    bool was = false;
    EXPECT_OK(gort_timer_reset_at(t, when, &was));
    return was;
}

/* In no form is there anything to receive. */
static void expect_nothing(gort_timer *t) {
    int64_t due = -7;
    gort_case c = gort_case_timer(t, &due);
    EXPECT_IS(gort_timer_try_recv(t, &due), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_timer_recv_until(t, &due, gort_in(GORT_US(100)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_timer_recv_until(t, &due, INT64_MIN, NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_receiver_try_recv(gort_timer_receiver(t), &due), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_try_select(&c, 1), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_select_until(&c, 1, gort_in(GORT_US(100)), NULL), GORT_TIMED_OUT);
    EXPECT(due == -7 && gort_chan_len(c.chan) == 0 && gort_chan_cap(c.chan) == 0);
}

/* --- the ends of time ---------------------------------------------------------------------------------------------- */

static int saturation_body(void *arg) {
    (void)arg;
    static const int64_t never[] = {GORT_NEVER, GORT_NEVER - 1, GORT_NEVER - GORT_SEC(1)};
    static const int64_t past[] = {0, -1, -GORT_SEC(1), INT64_MIN + 1, INT64_MIN};
    for (int i = 0; i < 3; i++) {
        gort_timer *t = gort_timer_new(never[i]);
        expect_nothing(t);
        EXPECT(!stops(t)); /* it would come after the end of time: it was not set */
        EXPECT_OK(gort_timer_reset(t, never[i], NULL));
        expect_nothing(t);
        EXPECT(!stops(t));
        gort_ticker *k = gort_ticker_new(never[i]);
        EXPECT_IS(gort_ticker_try_recv(k, NULL), GORT_WOULD_BLOCK);
        EXPECT_OK(gort_ticker_reset(k, never[i]));
        EXPECT_IS(gort_ticker_recv_until(k, NULL, gort_in(GORT_US(100)), NULL), GORT_TIMED_OUT);
        EXPECT_OK(gort_ticker_free(k));
        EXPECT_OK(gort_timer_free(t));
    }
    for (int i = 0; i < 5; i++) {
        int64_t due = GORT_NEVER;
        gort_timer *t = gort_timer_new(past[i]);
        EXPECT_OK(gort_timer_recv(t, &due));
        EXPECT(due <= gort_now());
        EXPECT_OK(gort_timer_reset(t, past[i], NULL));
        EXPECT(stops(t)); /* due, and not received */
        expect_nothing(t);
        EXPECT(!resets_at(t, past[i]));
        EXPECT_OK(gort_timer_try_recv(t, &due));
        EXPECT(due == past[i]); /* the time it was due, as it was said */
        EXPECT_OK(gort_timer_free(t));
    }
    gort_timer *t = gort_timer_new_at(GORT_NEVER - 1);
    expect_nothing(t);
    EXPECT(stops(t)); /* far away, and set */
    EXPECT_OK(gort_timer_free(t));
    return 0;
}

static void times_saturate(void) {
    on_both(saturation_body, NULL);
}

/* The first tick that was missed, then the next one in phase: one is pending at most. */
static int phase_body(void *arg) {
    (void)arg;
    const int64_t period = GORT_MS(2);
    int64_t first = 0, due = 0, last;
    gort_ticker *k = gort_ticker_new(period);
    EXPECT_OK(gort_ticker_recv(k, &first));
    last = first;
    for (int i = 0; i < 5; i++) {
        int64_t taken_by = gort_now(); /* whenever that was, the next tick comes within a period of it */
        EXPECT_OK(gort_sleep_until(taken_by + 4 * period, NULL));
        int64_t before = gort_now();
        EXPECT_OK(gort_ticker_try_recv(k, &due)); /* due for long */
        EXPECT((due - first) % period == 0 && due > last && due <= taken_by + period);
        EXPECT_OK(gort_ticker_recv(k, &last));
        EXPECT((last - first) % period == 0 && last > before && last <= gort_now());
    }
    EXPECT_OK(gort_ticker_stop(k, NULL));
    EXPECT_IS(gort_ticker_try_recv(k, &due), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_ticker_free(k));
    return 0;
}

static void slow_reader_loses_ticks_and_keeps_the_phase(void) {
    on_both(phase_body, NULL);
}

/* --- functions --------------------------------------------------------------------------------------------------------- */

typedef struct {
    gort_wg *wg;
    int left;
} chain;

static void next_link(void *arg) {
    chain *c = (chain *)arg;
    if (--c->left > 0) EXPECT_OK(gort_func_timer_free(gort_after_func(0, next_link, c)));
    else EXPECT_OK(gort_wg_done(c->wg));
}

static int chain_body(void *arg) {
    (void)arg;
    chain c = {gort_wg_new(), 100};
    EXPECT_OK(gort_wg_add(c.wg, 1));
    EXPECT_OK(gort_func_timer_free(gort_after_func(INT64_MIN, next_link, &c)));
    EXPECT_OK(gort_wg_wait(c.wg));
    EXPECT(c.left == 0);
    EXPECT_OK(gort_wg_free(c.wg));
    return 0;
}

static void functions_make_functions(void) {
    on_both(chain_body, NULL);
}

static int inside, left;

static void meet_another(void *arg) {
    ADD(inside, 1);
    AWAIT_IN_TASK(COUNT(inside) == *(int *)arg);
    ADD(left, 1);
}

static int beside_body(void *arg) {
    (void)arg;
    int both = 2;
    bool was = true;
    SET(inside, 0);
    SET(left, 0);
    gort_func_timer *t = gort_after_func(0, meet_another, &both);
    AWAIT_IN_TASK(COUNT(inside) == 1);
    EXPECT_OK(gort_func_timer_stop(t, &was));
    EXPECT(!was); /* it runs, and is not waited for */
    EXPECT_OK(gort_func_timer_reset(t, 0, &was));
    EXPECT(!was);
    AWAIT_IN_TASK(COUNT(left) == 2);
    EXPECT_OK(gort_func_timer_free(t));
    return 0;
}

static void function_runs_beside_itself_after_a_reset(void) {
    on_both(beside_body, NULL);
}

static gort_func_timer *kept;

static int keep_one_main(void *arg) {
    kept = gort_after_func(FAR, meet_another, arg);
    return 0;
}

/* The handle outlives the run; it says that it was stopped, and can not be set any more. */
static void function_of_a_run_that_is_over_stays_stopped(void) {
    bool was = true;
    SET(inside, 0);
    in_run(keep_one_main, NULL);
    EXPECT_OK(gort_func_timer_stop(kept, &was));
    EXPECT(!was);
    EXPECT_OK(gort_func_timer_reset(kept, 0, &was));
    EXPECT(!was);
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    EXPECT(COUNT(inside) == 0);
    EXPECT_OK(gort_func_timer_free(kept));
    EXPECT_IS(gort_func_timer_free(kept), GORT_MISUSE);
}

/* --- handles that are none ------------------------------------------------------------------------------------------------ */

static gort_status as_timer(void *p) {
    int64_t due = 42;
    bool was = true;
    gort_timer *t = (gort_timer *)p;
    gort_status s = gort_timer_recv(t, &due);
    EXPECT_IS(gort_timer_try_recv(t, &due), s);
    EXPECT_IS(gort_timer_recv_until(t, &due, GORT_NEVER, NULL), s);
    EXPECT_IS(gort_timer_stop(t, &was), s);
    EXPECT_IS(gort_timer_reset(t, 1, &was), s);
    EXPECT_IS(gort_timer_reset_at(t, 1, &was), s);
    EXPECT_IS(gort_timer_free(t), p ? s : GORT_OK); /* as free(NULL) */
    EXPECT_IS(gort_ticker_recv((gort_ticker *)p, &due), s);
    EXPECT_IS(gort_ticker_stop((gort_ticker *)p, &was), s);
    EXPECT_IS(gort_ticker_reset((gort_ticker *)p, 1), s);
    EXPECT_IS(gort_ticker_free((gort_ticker *)p), p ? s : GORT_OK);
    EXPECT_IS(gort_func_timer_stop((gort_func_timer *)p, &was), s);
    EXPECT_IS(gort_func_timer_reset((gort_func_timer *)p, 1, &was), s);
    EXPECT_IS(gort_func_timer_free((gort_func_timer *)p), p ? s : GORT_OK);
    EXPECT(due == 42 && was);
    return s;
}

/* As a case. It is refused, whatever the thing would be as a channel. */
static void expect_no_case(void *p, gort_status s) {
    int64_t due[2] = {42, 43};
    gort_selector *sel = gort_selector_new();
    gort_case cases[2] = {gort_case_timer((gort_timer *)p, due), gort_case_ticker((gort_ticker *)p, due)};
    for (int i = 0; i < 2; i++) {
        EXPECT_IS(gort_try_select(&cases[i], 1), s);
        EXPECT_IS(gort_select_until(&cases[i], 1, gort_in(GORT_MS(1)), NULL), s);
        EXPECT_IS(gort_selector_add(sel, cases[i]), s);
    }
    EXPECT(due[0] == 42 && due[1] == 43);
    EXPECT_OK(gort_selector_free(sel));
}

static void what_is_no_timer_is_misuse(void) {
    char big[64] = {0};
    gort_chan *ch = gort_chan_new(sizeof big, 1); /* larger than a time */
    gort_wg *wg = gort_wg_new();
    gort_timer *t = gort_timer_new(0), *used = gort_timer_new(0);
    gort_ticker *k = gort_ticker_new(1);
    gort_receiver *of_t = gort_timer_receiver(used);
    EXPECT_OK(gort_timer_free(t));
    EXPECT_OK(gort_ticker_free(k));
    EXPECT_OK(gort_timer_free(used));
    EXPECT_OK(gort_chan_send(ch, big));
    void *bad[] = {ch, wg, t, k, used, of_t};
    for (int i = 0; i < 6; i++) {
        EXPECT_IS(as_timer(bad[i]), GORT_MISUSE);
        expect_no_case(bad[i], GORT_MISUSE);
    }
    EXPECT(gort_chan_len(ch) == 1); /* nothing was taken from it */
    gort_func_timer *f = gort_after_func(FAR, meet_another, NULL);
    expect_no_case(f, GORT_MISUSE);
    EXPECT_OK(gort_func_timer_stop(f, NULL));
    EXPECT_OK(gort_func_timer_free(f));
    EXPECT_OK(gort_chan_release(ch));
    EXPECT_OK(gort_wg_free(wg));
}

static void null_is_a_case_that_is_never_ready(void) {
    int64_t due = 42;
    gort_case cases[2] = {gort_case_timer(NULL, &due), gort_case_ticker(NULL, NULL)};
    EXPECT_IS(gort_try_select(cases, 2), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_select_until(cases, 2, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(as_timer(NULL), GORT_INVALID);
}

/* The channel of a timer, bent into what it is not. */
static void channel_of_a_timer_survives_what_is_done_to_it(void) {
    int64_t v = 5;
    gort_timer *t = gort_timer_new(0);
    gort_receiver *r = gort_timer_receiver(t);
    EXPECT_IS(gort_chan_try_send(chan_of(r), &v), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_timer_recv(t, &v));
    EXPECT_OK(gort_timer_reset(t, 0, NULL));
    EXPECT_OK(gort_receiver_abandon(r));
    EXPECT(gort_timer_try_recv(t, &v) <= 0); /* whatever it says */
    EXPECT_OK(gort_timer_reset(t, 0, NULL));
    EXPECT_OK(gort_timer_stop(t, NULL));
    EXPECT_IS(gort_timer_recv(t, &v), GORT_CLOSED);
    EXPECT_OK(gort_timer_free(t));
}

/* --- event loops -------------------------------------------------------------------------------------------------------- */

static int readable(int fd, int milliseconds) {
    struct pollfd p;
    p.fd = fd, p.events = POLLIN, p.revents = 0;
    return poll(&p, 1, milliseconds) == 1 && (p.revents & POLLIN) != 0;
}

static void descriptor_of_a_timer_becomes_readable(void) {
    int64_t due = 0, when;
    uint64_t count;
    gort_timer *t = gort_timer_new(FAR);
    int fd = gort_receiver_notify_fd(gort_timer_receiver(t));
    EXPECT(fd >= 0);
    for (int i = 0; i < 20; i++) {
        gort_status s;
        EXPECT_IS(gort_timer_try_recv(t, &due), GORT_WOULD_BLOCK); /* arms */
        when = gort_in(GORT_US(300));
        EXPECT_OK(gort_timer_reset_at(t, when, NULL));
        do {
            EXPECT(readable(fd, 10000));
            EXPECT(read(fd, &count, sizeof count) == (ssize_t)sizeof count);
        } while ((s = gort_timer_try_recv(t, &due)) == GORT_WOULD_BLOCK);
        EXPECT(s == GORT_OK && due == when);
    }
    EXPECT_OK(gort_timer_free(t));
}

static int told;

static void be_told(void *arg) {
    int64_t due;
    EXPECT_OK(gort_timer_try_recv((gort_timer *)arg, &due));
    ADD(told, 1);
}

static void function_is_called_when_a_timer_is_due(void) {
    gort_timer *t = gort_timer_new(FAR);
    SET(told, 0);
    for (int i = 1; i <= 10; i++) {
        EXPECT_OK(gort_receiver_on_ready(gort_timer_receiver(t), be_told, t));
        EXPECT_OK(gort_timer_reset(t, i % 2 ? 0 : GORT_US(300), NULL));
        AWAIT(COUNT(told) == i);
    }
    EXPECT_OK(gort_timer_free(t));
}

/* --- what ends a wait ------------------------------------------------------------------------------------------------------ */

static void *read_in_vain(void *arg) {
    int64_t due = 42;
    gort_status s = gort_timer_recv((gort_timer *)arg, &due);
    EXPECT(due == 42);
    return (void *)(intptr_t)s;
}

static int cancel_body(void *arg) {
    (void)arg;
    void *result = NULL;
    gort_task *task = NULL;
    gort_timer *t = gort_timer_new(FAR);
    EXPECT_OK(gort_spawn(NULL, read_in_vain, t, &task));
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    EXPECT_OK(gort_task_cancel(task));
    EXPECT_OK(gort_task_join(task, &result));
    EXPECT_IS((gort_status)(intptr_t)result, GORT_CANCELED);
    EXPECT_OK(gort_task_release(task));
    EXPECT(stops(t)); /* nothing was taken */
    EXPECT_OK(gort_timer_free(t));
    return 0;
}

static void cancelled_reader_takes_nothing(void) {
    on_both(cancel_body, NULL);
}

static int free_body(void *arg) {
    (void)arg;
    void *result = NULL;
    gort_task *task = NULL;
    gort_timer *t = gort_timer_new(FAR);
    EXPECT_OK(gort_spawn(NULL, read_in_vain, t, &task));
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    EXPECT_OK(gort_timer_free(t));
    EXPECT_OK(gort_task_join(task, &result));
    gort_status s = (gort_status)(intptr_t)result;
    EXPECT(s == GORT_CLOSED || s == GORT_MISUSE); /* it waited already, or not yet */
    EXPECT_OK(gort_task_release(task));
    return 0;
}

static void reader_of_a_timer_that_is_freed_is_told(void) {
    on_both(free_body, NULL);
}

static int deadlock_main(void *arg) {
    EXPECT_IS(gort_timer_recv((gort_timer *)arg, NULL), GORT_DEADLOCK);
    return 0;
}

static void reader_of_a_timer_that_is_not_set_is_a_deadlock(void) {
    gort_timer *t = gort_timer_new(GORT_NEVER);
    EXPECT_IS(gort_run(deadlock_main, t, NULL), GORT_DEADLOCK);
    EXPECT_OK(gort_timer_free(t));
}

/*
 * Not under AddressSanitizer: its allocator stays locked in the child if a thread of the parent was inside it at the fork, and
 * already the text of a failure allocates.
 */
#if defined(__SANITIZE_ADDRESS__)
enum { CHILD_MAY_ALLOCATE = 0 };
#else
enum { CHILD_MAY_ALLOCATE = 1 };
#endif

/* --- fork --------------------------------------------------------------------------------------------------------------------- */

static void handle_from_before_a_fork_is_shutdown(void) {
    int64_t due = 0;
    if (!CHILD_MAY_ALLOCATE) {
        snprintf(test_note, sizeof test_note, "not under AddressSanitizer");
        return;
    }
    gort_timer *t = gort_timer_new(FAR);
    gort_ticker *k = gort_ticker_new(FAR);
    gort_func_timer *f = gort_after_func(FAR, meet_another, NULL);
    gort_receiver *r = gort_after(FAR), *of_k = gort_ticker_receiver(k);
    gort_case made = gort_case_ticker(k, &due);
    EXPECT_OK(gort_sleep(GORT_MS(1)));
    fflush(NULL);
    pid_t child = fork_among_threads();
    if (child == 0) {
        alarm(20);
        EXPECT_IS(as_timer(t), GORT_SHUTDOWN);
        EXPECT_IS(as_timer(k), GORT_SHUTDOWN);
        EXPECT_IS(as_timer(f), GORT_SHUTDOWN);
        EXPECT_IS(gort_receiver_recv(r, &due), GORT_SHUTDOWN);
        EXPECT_IS(gort_receiver_recv(of_k, &due), GORT_SHUTDOWN);
        EXPECT_IS(gort_try_select(&made, 1), GORT_SHUTDOWN);
        made = gort_case_timer(t, &due);
        EXPECT_IS(gort_try_select(&made, 1), GORT_SHUTDOWN);
        expect_no_case(t, GORT_SHUTDOWN);
        expect_no_case(k, GORT_SHUTDOWN);
        t = gort_timer_new(GORT_US(100));
        EXPECT_OK(gort_timer_recv(t, &due));
        EXPECT_OK(gort_timer_free(t));
        functions_make_functions();
        fflush(NULL);
        _exit(COUNT(test_failures) != 0);
    }
    int status = -1;
    EXPECT(child > 0 && waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT(stops(t)); /* the parent noticed nothing */
    EXPECT_OK(gort_timer_free(t));
    EXPECT_OK(gort_ticker_free(k));
    EXPECT_OK(gort_receiver_release(r));
    EXPECT_OK(gort_func_timer_stop(f, NULL));
    EXPECT_OK(gort_func_timer_free(f));
}

TESTS(CASE(times_saturate), CASE(slow_reader_loses_ticks_and_keeps_the_phase), CASE(functions_make_functions),
      CASE(function_runs_beside_itself_after_a_reset), CASE(function_of_a_run_that_is_over_stays_stopped),
      CASE(what_is_no_timer_is_misuse), CASE(null_is_a_case_that_is_never_ready),
      CASE(channel_of_a_timer_survives_what_is_done_to_it), CASE(descriptor_of_a_timer_becomes_readable),
      CASE(function_is_called_when_a_timer_is_due), CASE(cancelled_reader_takes_nothing),
      CASE(reader_of_a_timer_that_is_freed_is_told), CASE(reader_of_a_timer_that_is_not_set_is_a_deadlock),
      CASE(handle_from_before_a_fork_is_shutdown))
