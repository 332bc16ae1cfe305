/*
 * context.c: contexts from tasks and threads: what ends one and all below it, what every blocking call says then, values, functions,
 * and who owns what. Cases of Go's context tests keep their names.
 *
 * What it is NOT: a measurement. Deadlines that must not come are an hour away, and those that must have passed are in the past;
 * only what has to wait for one waits.
 */
#include "harness.h"

#define HOUR GORT_SEC(3600)
#define PAST ((int64_t)1)

GORT_CHAN_DEFINE(int, ints);

static int says(const gort_ctx *ctx, const char *text) {
    const char *cause = gort_ctx_cause(ctx);
    return cause != NULL && strcmp(cause, text) == 0;
}

/* Is its done channel closed? */
static int done_closed(gort_ctx *ctx) {
    gort_case c = gort_case_ctx(ctx);
    int chosen = gort_try_select(&c, 1);
    EXPECT(chosen == 0 || chosen == GORT_WOULD_BLOCK);
    return chosen == 0 && c.status == GORT_CLOSED;
}

static void ended(gort_ctx *ctx, gort_status how) {
    EXPECT_IS(gort_ctx_err(ctx), how);
    EXPECT(gort_ctx_is_done(ctx) && done_closed(ctx) && gort_ctx_cause(ctx) != NULL);
}

static void goes_on(gort_ctx *ctx) {
    EXPECT_OK(gort_ctx_err(ctx));
    EXPECT(!gort_ctx_is_done(ctx) && !done_closed(ctx) && gort_ctx_cause(ctx) == NULL);
}

static void test_background_and_todo(void) {
    gort_ctx *both[] = {gort_ctx_background(), gort_ctx_todo()};
    EXPECT(both[0] != both[1]);
    for (int i = 0; i < 2; i++) {
        goes_on(both[i]);
        EXPECT(gort_ctx_deadline(both[i]) == GORT_NEVER && gort_ctx_done(both[i]) == NULL);
        EXPECT(gort_ctx_value(both[i], both) == NULL);
        EXPECT_IS(gort_ctx_cancel(both[i]), GORT_MISUSE);
        EXPECT_OK(gort_ctx_retain(both[i]));
        EXPECT_OK(gort_ctx_release(both[i]));
        EXPECT_OK(gort_ctx_release(both[i]));
        EXPECT_IS(gort_sleep_until(gort_in(GORT_MS(1)), both[i]), GORT_OK);
    }
}

static void test_with_cancel(void) {
    gort_ctx *c = gort_ctx_with_cancel(gort_ctx_background());
    gort_ctx *child = gort_ctx_with_cancel(c), *value = gort_ctx_with_value(child, &c, &c, NULL);
    gort_ctx *free_one = gort_ctx_without_cancel(value), *late;
    goes_on(c), goes_on(child), goes_on(value), goes_on(free_one);
    EXPECT_OK(gort_ctx_cancel_cause(c, "enough"));
    EXPECT_OK(gort_ctx_cancel_cause(c, "too late"));
    EXPECT_OK(gort_ctx_cancel(child));
    ended(c, GORT_CANCELED), ended(child, GORT_CANCELED), ended(value, GORT_CANCELED);
    EXPECT(says(c, "enough") && says(child, "enough") && says(value, "enough"));
    goes_on(free_one);
    EXPECT(gort_ctx_value(free_one, &c) == &c && gort_ctx_value(c, &c) == NULL);
    late = gort_ctx_with_cancel(value);
    ended(late, GORT_CANCELED);
    EXPECT(says(late, "enough"));
    EXPECT_IS(gort_ctx_cancel(value), GORT_MISUSE);
    EXPECT_IS(gort_ctx_cancel(free_one), GORT_MISUSE);
    gort_ctx *all[] = {c, child, value, free_one, late};
    for (int i = 0; i < 5; i++) EXPECT_OK(gort_ctx_release(all[i]));
}

static void test_with_deadline(void) {
    gort_ctx *root = gort_ctx_background();
    gort_ctx *far = gort_ctx_with_timeout(root, HOUR), *over = gort_ctx_with_deadline_cause(far, PAST, "yesterday");
    gort_ctx *below = gort_ctx_with_deadline(over, gort_in(HOUR)), *never = gort_ctx_with_timeout(root, GORT_NEVER);
    gort_ctx *later = gort_ctx_with_timeout(far, 2 * HOUR), *none = gort_ctx_with_timeout_cause(root, 0, NULL);
    goes_on(far), goes_on(never), goes_on(later);
    ended(over, GORT_TIMED_OUT), ended(below, GORT_TIMED_OUT), ended(none, GORT_TIMED_OUT);
    EXPECT(says(over, "yesterday") && says(below, "yesterday") && says(none, "the context's deadline passed"));
    EXPECT(gort_ctx_deadline(over) == PAST && gort_ctx_deadline(below) == PAST && gort_ctx_deadline(never) == GORT_NEVER);
    EXPECT(gort_ctx_deadline(later) == gort_ctx_deadline(far));
    gort_ctx *cut = gort_ctx_without_cancel(far);
    EXPECT(gort_ctx_deadline(cut) == GORT_NEVER);
    EXPECT_OK(gort_ctx_cancel(far));
    ended(later, GORT_CANCELED);
    EXPECT(says(later, "the context was cancelled"));
    gort_ctx *all[] = {far, over, below, never, later, none, cut};
    for (int i = 0; i < 7; i++) EXPECT_OK(gort_ctx_release(all[i]));
}

static void a_deadline_ends_the_wait_as_timed_out(void) {
    int value = 0;
    gort_ctx *c = gort_ctx_with_timeout_cause(gort_ctx_background(), GORT_MS(2), "slow");
    ints *ch = ints_new(0);
    int64_t due = gort_ctx_deadline(c);
    EXPECT_IS(ints_recv_until(ch, &value, GORT_NEVER, c), GORT_TIMED_OUT);
    EXPECT(gort_now() >= due && says(c, "slow"));
    ended(c, GORT_TIMED_OUT);
    EXPECT_OK(ints_release(ch));
    EXPECT_OK(gort_ctx_release(c));
}

/* --- every blocking call ------------------------------------------------------------------------------------------------- */

typedef struct {
    gort_ctx *ctx;
    ints *empty, *full;
    gort_wg *wg;
    gort_mutex mutex;
    int waiting, which;
    gort_status got;
} place;

static gort_status again(void *arg, uint64_t attempt) {
    (void)arg, (void)attempt;
    return GORT_WOULD_BLOCK;
}

static int never(void *arg) {
    (void)arg;
    return 0;
}

#define CALLS 14

static gort_status call(place *p, int which) {
    int v = 1;
    int64_t due;
    size_t n;
    gort_status got;
    gort_case c;
    gort_timer *timer;
    gort_ticker *ticker;
    gort_selector *s;
    gort_backoff slow = GORT_BACKOFF_INIT;
    switch (which) {
    case 0: return ints_recv_until(p->empty, &v, GORT_NEVER, p->ctx);
    case 1: return ints_send_until(p->full, 1, GORT_NEVER, p->ctx);
    case 2: return gort_sleep_until(GORT_NEVER, p->ctx);
    case 3: return gort_wg_wait_until(p->wg, GORT_NEVER, p->ctx);
    case 4: c = ints_case_recv(p->empty, &v); return gort_select_until(&c, 1, GORT_NEVER, p->ctx);
    case 5: c = ints_case_recv(p->empty, &v); return gort_select_biased_until(&c, 1, GORT_NEVER, p->ctx);
    case 6: return ints_recv_n_until(p->empty, &v, 1, &n, GORT_NEVER, p->ctx);
    case 7: return ints_send_n_until(p->full, &v, 1, &n, GORT_NEVER, p->ctx);
    case 8:
        timer = gort_timer_new(HOUR);
        got = gort_timer_recv_until(timer, &due, GORT_NEVER, p->ctx);
        EXPECT_OK(gort_timer_free(timer));
        return got;
    case 9:
        ticker = gort_ticker_new(HOUR);
        got = gort_ticker_recv_until(ticker, &due, GORT_NEVER, p->ctx);
        EXPECT_OK(gort_ticker_free(ticker));
        return got;
    case 10:
        s = gort_selector_new();
        EXPECT(gort_selector_add(s, ints_case_recv(p->empty, &v)) == 0);
        got = gort_selector_wait_until(s, NULL, GORT_NEVER, p->ctx);
        EXPECT_OK(gort_selector_free(s));
        return got;
    case 11: return gort_mutex_lock_until(&p->mutex, GORT_NEVER, p->ctx);
    case 12: slow.first = HOUR, slow.longest = HOUR; return gort_retry(&slow, again, NULL, GORT_NEVER, p->ctx);
    default: return gort_poll_until(HOUR, never, NULL, GORT_NEVER, p->ctx);
    }
}

static void caller(void *arg) {
    place *p = (place *)arg;
    p->got = call(p, p->which);
    SET(p->waiting, 2);
}

static void *caller_on_a_thread(void *arg) {
    caller(arg);
    return NULL;
}

static void make_place(place *p) {
    memset(p, 0, sizeof *p);
    p->empty = ints_new(0), p->full = ints_new(0), p->wg = gort_wg_new();
    EXPECT_OK(gort_wg_add(p->wg, 1));
    EXPECT_OK(gort_mutex_lock(&p->mutex));
}

static void leave_place(place *p) {
    EXPECT_OK(gort_mutex_unlock(&p->mutex));
    EXPECT_OK(gort_wg_done(p->wg));
    EXPECT_OK(gort_wg_free(p->wg));
    EXPECT_OK(ints_release(p->empty)), EXPECT_OK(ints_release(p->full));
}

static int every_call_main(void *arg) {
    (void)arg;
    place p;
    make_place(&p);
    for (int i = 0; i < 2 * CALLS; i++) {
        p.which = i / 2;
        p.ctx = gort_ctx_with_cancel(gort_ctx_background());
        gort_ctx *parent = p.ctx, *child = gort_ctx_with_value(parent, &p, &p, NULL);
        p.ctx = child;
        SET(p.waiting, 0);
        /* Cancelled before it waits, and while it does; a context that has ended lets no call wait. */
        if (i % 2) EXPECT_OK(gort_ctx_cancel(parent));
        EXPECT_OK(gort_go(caller, &p));
        EXPECT_OK(gort_sleep(GORT_MS(1)));
        EXPECT(i % 2 || COUNT(p.waiting) == 0);
        EXPECT_OK(gort_ctx_cancel(parent));
        AWAIT_IN_TASK(COUNT(p.waiting) == 2);
        if (!EXPECT_IS(p.got, GORT_CANCELED)) fprintf(stderr, "call %d\n", p.which);
        EXPECT_OK(gort_ctx_release(child));
        EXPECT_OK(gort_ctx_release(parent));
    }
    leave_place(&p);
    return 0;
}

static void every_blocking_call_takes_one(void) {
    in_run(every_call_main, NULL);
}

static void threads_wait_with_one_too(void) {
    place p;
    make_place(&p);
    for (int i = 0; i < CALLS; i++) {
        pthread_t thread;
        p.which = i;
        p.ctx = gort_ctx_with_cancel(gort_ctx_background());
        SET(p.waiting, 0);
        EXPECT(pthread_create(&thread, NULL, caller_on_a_thread, &p) == 0);
        usleep(1000);
        EXPECT_OK(gort_ctx_cancel(p.ctx));
        EXPECT(pthread_join(thread, NULL) == 0);
        if (!EXPECT_IS(p.got, GORT_CANCELED)) fprintf(stderr, "call %d\n", i);
        EXPECT_OK(gort_ctx_release(p.ctx));
    }
    leave_place(&p);
}

/* What is ready goes ahead, also with a context that has ended? No: as a deadline that has passed, it ends waits and not work. */
static void what_is_ready_goes_ahead(void) {
    int v = 0;
    gort_ctx *c = gort_ctx_with_timeout(gort_ctx_background(), 0);
    ints *ch = ints_new(1);
    EXPECT_OK(ints_send_until(ch, 4, GORT_NEVER, c));
    EXPECT_IS(ints_send_until(ch, 5, GORT_NEVER, c), GORT_TIMED_OUT);
    EXPECT_OK(ints_recv_until(ch, &v, GORT_NEVER, c));
    EXPECT(v == 4);
    EXPECT_OK(ints_release(ch)), EXPECT_OK(gort_ctx_release(c));
}

static void the_earliest_of_context_and_deadline_counts(void) {
    int v;
    gort_ctx *c = gort_ctx_with_timeout(gort_ctx_background(), HOUR);
    ints *ch = ints_new(0);
    EXPECT_IS(ints_recv_until(ch, &v, gort_in(GORT_MS(1)), c), GORT_TIMED_OUT);
    goes_on(c);
    EXPECT_OK(ints_release(ch)), EXPECT_OK(gort_ctx_cancel(c)), EXPECT_OK(gort_ctx_release(c));
}

/* --- select --------------------------------------------------------------------------------------------------------------- */

static void cancel_it(void *arg) {
    EXPECT_OK(gort_ctx_cancel((gort_ctx *)arg));
}

static int cases_main(void *arg) {
    (void)arg;
    int v = 0;
    ints *ch = ints_new(0);
    gort_ctx *c = gort_ctx_with_cancel(gort_ctx_background());
    gort_case cases[] = {ints_case_recv(ch, &v), gort_case_ctx(c), gort_case_ctx(NULL), gort_case_ctx(gort_ctx_background())};
    EXPECT(gort_try_select(cases, 4) == GORT_WOULD_BLOCK);
    EXPECT_OK(gort_go(cancel_it, c));
    EXPECT(gort_select(cases, 4) == 1 && cases[1].status == GORT_CLOSED);
    EXPECT(gort_select(cases, 4) == 1); /* and it stays so */
    gort_selector *s = gort_selector_new();
    EXPECT(gort_selector_add(s, cases[0]) == 0 && gort_selector_add(s, cases[1]) == 1);
    gort_status status = GORT_OK;
    EXPECT(gort_selector_wait(s, &status) == 1 && status == GORT_CLOSED);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_IS(gort_receiver_recv(gort_ctx_done(c), NULL), GORT_CLOSED);
    EXPECT_OK(gort_ctx_release(c)), EXPECT_OK(ints_release(ch));
    return 0;
}

static void contexts_are_cases(void) {
    in_run(cases_main, NULL);
}

/* --- values, merges --------------------------------------------------------------------------------------------------------- */

static int dropped;

static void drop_one(void *value) {
    ADD(dropped, *(int *)value);
}

static void test_values(void) {
    static char k1, k2, k3;
    int one = 1, two = 20, other = 300;
    gort_ctx *root = gort_ctx_background();
    gort_ctx *a = gort_ctx_with_value(root, &k1, &one, drop_one), *b = gort_ctx_with_value(a, &k2, &two, drop_one);
    gort_ctx *c = gort_ctx_with_value(b, &k1, &other, drop_one), *leaf = gort_ctx_with_cancel(c);
    EXPECT(gort_ctx_value(leaf, &k1) == &other && gort_ctx_value(leaf, &k2) == &two && gort_ctx_value(leaf, &k3) == NULL);
    EXPECT(gort_ctx_value(b, &k1) == &one && gort_ctx_value(root, &k1) == NULL && gort_ctx_value(NULL, &k1) == NULL);
    EXPECT(gort_ctx_with_value(root, NULL, &one, drop_one) == NULL && error_says("the key is NULL"));
    EXPECT(gort_ctx_with_value(NULL, &k1, &one, drop_one) == NULL && dropped == 0);
    /* A child keeps its parents; a value goes with the last that finds it. */
    EXPECT_OK(gort_ctx_release(a)), EXPECT_OK(gort_ctx_release(b)), EXPECT_OK(gort_ctx_release(c));
    EXPECT(dropped == 0 && gort_ctx_value(leaf, &k2) == &two);
    EXPECT_OK(gort_ctx_release(leaf));
    EXPECT(dropped == 321);
}

static void merge_ends_with_either(void) {
    static char key;
    for (int i = 0; i < 2; i++) {
        gort_ctx *a = gort_ctx_with_cancel(gort_ctx_background());
        gort_ctx *b = gort_ctx_with_timeout(gort_ctx_background(), HOUR), *v = gort_ctx_with_value(b, &key, a, NULL);
        gort_ctx *m = gort_ctx_merge(a, v), *child = gort_ctx_with_cancel(m);
        goes_on(child);
        EXPECT(gort_ctx_deadline(m) == gort_ctx_deadline(b) && gort_ctx_value(child, &key) == a);
        EXPECT_OK(gort_ctx_cancel_cause(i ? a : b, i ? "first" : "second"));
        ended(child, GORT_CANCELED);
        EXPECT(says(child, i ? "first" : "second"));
        gort_ctx *all[] = {a, b, v, m, child};
        for (int k = 0; k < 5; k++) EXPECT_OK(gort_ctx_release(all[k]));
    }
    EXPECT(gort_ctx_merge(gort_ctx_background(), NULL) == NULL && error_says("the second context is NULL"));
    EXPECT(gort_ctx_merge(NULL, gort_ctx_background()) == NULL && error_says("the first context is NULL"));
}

/* A merge that goes leaves nothing behind with its second parent, which lives on. */
static void merge_that_goes_leaves_its_parents_alone(void) {
    int value = 1;
    gort_ctx *a = gort_ctx_with_cancel(gort_ctx_background()), *b = gort_ctx_with_cancel(gort_ctx_background());
    dropped = 0;
    for (int i = 0; i < 100; i++) {
        gort_ctx *m = gort_ctx_merge(a, b), *v = gort_ctx_with_value(m, &value, &value, drop_one);
        EXPECT_OK(gort_ctx_release(m));
        EXPECT_OK(gort_ctx_release(v));
    }
    EXPECT(dropped == 100);
    EXPECT_OK(gort_ctx_cancel(b));
    goes_on(a);
    EXPECT_OK(gort_ctx_release(b)), EXPECT_OK(gort_ctx_release(a));
}

/* --- functions ---------------------------------------------------------------------------------------------------------------- */

static int called;

static void count(void *arg) {
    ADD(called, *(int *)arg);
}

static void test_after_func(void) {
    int one = 1, many = 100;
    bool was = true;
    gort_ctx *c = gort_ctx_with_cancel(gort_ctx_background());
    gort_ctx_func *stopped = gort_ctx_after_func(c, count, &many), *runs = gort_ctx_after_func(c, count, &one);
    gort_ctx_func *let_go = gort_ctx_after_func(c, count, &one), *on_root;
    EXPECT_OK(gort_ctx_func_stop(stopped, &was));
    EXPECT(was);
    EXPECT_OK(gort_ctx_func_stop(stopped, &was));
    EXPECT(!was);
    EXPECT_OK(gort_ctx_func_free(let_go)); /* what is set goes on */
    EXPECT_OK(gort_ctx_cancel(c));
    AWAIT(COUNT(called) == 2);
    EXPECT_OK(gort_ctx_func_stop(runs, &was));
    EXPECT(!was);
    gort_ctx_func *late = gort_ctx_after_func(c, count, &one);
    AWAIT(COUNT(called) == 3);
    EXPECT_OK(gort_ctx_func_stop(late, NULL));
    on_root = gort_ctx_after_func(gort_ctx_background(), count, &many);
    EXPECT_OK(gort_ctx_func_stop(on_root, &was));
    EXPECT(!was);
    EXPECT_OK(gort_ctx_func_free(on_root)), EXPECT_OK(gort_ctx_func_free(late));
    EXPECT_OK(gort_ctx_func_free(runs)), EXPECT_OK(gort_ctx_func_free(stopped));
    EXPECT_IS(gort_ctx_func_free(stopped), GORT_MISUSE);
    EXPECT_IS(gort_ctx_func_stop(stopped, &was), GORT_MISUSE);
    EXPECT_IS(gort_ctx_func_stop(NULL, &was), GORT_INVALID);
    EXPECT_OK(gort_ctx_func_free(NULL));
    EXPECT(gort_ctx_after_func(c, NULL, NULL) == NULL && gort_ctx_after_func(NULL, count, &one) == NULL);
    EXPECT_OK(gort_ctx_release(c));
    EXPECT(COUNT(called) == 3);
}

/* The handle of a function keeps its context; without either, nothing is called. */
static void function_of_a_context_that_goes_is_not_called(void) {
    int one = 1;
    called = 0;
    gort_ctx *c = gort_ctx_with_timeout(gort_ctx_background(), HOUR);
    gort_ctx_func *f = gort_ctx_after_func(c, count, &one);
    EXPECT_OK(gort_ctx_release(c));
    goes_on(c); /* by the reference of `f` */
    EXPECT_OK(gort_ctx_func_free(f));
    EXPECT_IS(gort_ctx_err(c), GORT_MISUSE);
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    EXPECT(COUNT(called) == 0);
}

/* --- trees, and who owns what ------------------------------------------------------------------------------------------------- */

static void test_layers_cancel(void) {
    enum { N = 2000 };
    gort_ctx **all = (gort_ctx **)calloc(N, sizeof *all);
    uint64_t random = seed_of_test();
    all[0] = gort_ctx_with_cancel(gort_ctx_background());
    for (int i = 1; i < N; i++) {
        gort_ctx *parent = all[next_random(&random) % (uint64_t)i];
        all[i] = i % 3 == 0   ? gort_ctx_with_timeout(parent, HOUR)
                 : i % 3 == 1 ? gort_ctx_with_cancel(parent)
                              : gort_ctx_with_value(parent, all, all, NULL);
    }
    for (int i = 0; i < N; i += 7) EXPECT(!gort_ctx_is_done(all[i]));
    EXPECT_OK(gort_ctx_cancel_cause(all[0], "all"));
    for (int i = 0; i < N; i++) EXPECT(gort_ctx_err(all[i]) == GORT_CANCELED && says(all[i], "all"));
    for (int i = 0; i < N; i++) EXPECT_OK(gort_ctx_release(all[i]));
    free(all);
}

static int wins;

static void *cancel_thread(void *arg) {
    gort_ctx **all = (gort_ctx **)arg;
    for (int i = 0; i < 200; i++) EXPECT_OK(gort_ctx_cancel_cause(all[i], "mine"));
    ADD(wins, 1);
    return NULL;
}

static void test_simultaneous_cancels(void) {
    gort_ctx *all[200];
    pthread_t threads[4];
    for (int i = 0; i < 200; i++) all[i] = gort_ctx_with_cancel(i ? all[(i - 1) / 2] : gort_ctx_background());
    for (int i = 0; i < 4; i++) EXPECT(pthread_create(&threads[i], NULL, cancel_thread, all) == 0);
    for (int i = 0; i < 4; i++) EXPECT(pthread_join(threads[i], NULL) == 0);
    EXPECT(COUNT(wins) == 4);
    for (int i = 0; i < 200; i++) {
        ended(all[i], GORT_CANCELED);
        EXPECT_OK(gort_ctx_release(all[i]));
    }
}

static void mistakes_are_told(void) {
    gort_ctx *stale = gort_ctx_with_cancel(gort_ctx_background());
    gort_chan *ch = gort_chan_new(sizeof(int), 1);
    int v = 0;
    EXPECT_OK(gort_ctx_release(stale));
    gort_ctx *none[] = {stale, (gort_ctx *)(void *)ch};
    for (int i = 0; i < 2; i++) {
        EXPECT_IS(gort_ctx_err(none[i]), GORT_MISUSE);
        EXPECT(error_says("ctx is no live context"));
        EXPECT(gort_ctx_is_done(none[i]) && gort_ctx_cause(none[i]) == NULL && gort_ctx_deadline(none[i]) == GORT_NEVER);
        EXPECT_IS(gort_ctx_cancel(none[i]), GORT_MISUSE);
        EXPECT_IS(gort_ctx_retain(none[i]), GORT_MISUSE);
        EXPECT_IS(gort_ctx_release(none[i]), GORT_MISUSE);
        EXPECT(gort_ctx_with_cancel(none[i]) == NULL && error_says("the parent context"));
        EXPECT(gort_ctx_with_deadline(none[i], 5) == NULL && gort_ctx_without_cancel(none[i]) == NULL);
        EXPECT(gort_ctx_merge(gort_ctx_background(), none[i]) == NULL && gort_ctx_after_func(none[i], count, &v) == NULL);
        EXPECT(gort_ctx_value(none[i], &v) == NULL);
        EXPECT_IS(gort_chan_recv_until(ch, &v, GORT_NEVER, none[i]), GORT_MISUSE);
        EXPECT_IS(gort_sleep_until(GORT_NEVER, none[i]), GORT_MISUSE);
    }
    gort_case c = gort_case_ctx(stale);
    EXPECT(gort_try_select(&c, 1) == GORT_MISUSE);
    EXPECT(gort_ctx_with_cancel(NULL) == NULL && error_says("the parent context is NULL"));
    EXPECT(gort_ctx_with_timeout(NULL, 5) == NULL && gort_ctx_without_cancel(NULL) == NULL);
    EXPECT_IS(gort_ctx_cancel(NULL), GORT_INVALID);
    EXPECT_IS(gort_ctx_retain(NULL), GORT_INVALID);
    EXPECT_OK(gort_ctx_release(NULL));
    EXPECT(gort_ctx_err(NULL) == GORT_OK && !gort_ctx_is_done(NULL) && gort_ctx_done(NULL) == NULL);
    EXPECT_OK(gort_chan_release(ch));
}

/* The last reference while a call waits with it: refused, and nothing changes. */
static void a_context_that_is_waited_with_stays(void) {
    place p;
    make_place(&p);
    pthread_t thread;
    p.which = 0;
    p.ctx = gort_ctx_with_cancel(gort_ctx_background());
    EXPECT(pthread_create(&thread, NULL, caller_on_a_thread, &p) == 0);
    gort_status s = GORT_OK;
    usleep(20000);
    s = gort_ctx_release(p.ctx);
    EXPECT_IS(s, GORT_MISUSE);
    goes_on(p.ctx);
    EXPECT_OK(gort_ctx_cancel(p.ctx));
    EXPECT(pthread_join(thread, NULL) == 0);
    EXPECT_IS(p.got, GORT_CANCELED);
    EXPECT_OK(gort_ctx_release(p.ctx));
    leave_place(&p);
}

static void shutdown_makes_them_stale(void) {
    int v;
    gort_ctx *c = gort_ctx_with_timeout(gort_ctx_background(), HOUR);
    gort_ctx_func *f = gort_ctx_after_func(c, count, &v);
    EXPECT(gort_ctx_done(c) != NULL);
    EXPECT_OK(gort_shutdown());
    EXPECT_IS(gort_ctx_err(c), GORT_SHUTDOWN);
    EXPECT(gort_ctx_is_done(c));
    EXPECT_IS(gort_ctx_cancel(c), GORT_SHUTDOWN);
    EXPECT_IS(gort_ctx_release(c), GORT_SHUTDOWN);
    EXPECT_IS(gort_ctx_func_free(f), GORT_SHUTDOWN);
    EXPECT_IS(gort_sleep_until(GORT_NEVER, c), GORT_SHUTDOWN);
    EXPECT(gort_ctx_with_cancel(c) == NULL);
    c = gort_ctx_with_cancel(gort_ctx_background());
    goes_on(c);
    EXPECT_OK(gort_ctx_cancel(c)), EXPECT_OK(gort_ctx_release(c));
}

static void one_from_before_a_fork_is_shutdown(void) {
    gort_ctx *c = gort_ctx_with_timeout(gort_ctx_background(), HOUR);
    EXPECT(gort_ctx_done(c) != NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        EXPECT_IS(gort_ctx_err(c), GORT_SHUTDOWN);
        EXPECT_IS(gort_ctx_cancel(c), GORT_SHUTDOWN);
        EXPECT_IS(gort_sleep_until(GORT_NEVER, c), GORT_SHUTDOWN);
        gort_ctx *own = gort_ctx_with_cancel(gort_ctx_background());
        EXPECT_OK(gort_ctx_cancel(own));
        ended(own, GORT_CANCELED);
        EXPECT_OK(gort_ctx_release(own));
        fflush(NULL);
        _exit(COUNT(test_failures) != 0);
    }
    int status = -1;
    EXPECT(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    goes_on(c);
    EXPECT_OK(gort_ctx_cancel(c)), EXPECT_OK(gort_ctx_release(c));
}

/* --- contexts of the program's own ------------------------------------------------------------------------------------------- */

typedef struct {
    gort_chan *done;
    gort_status how;
    int64_t deadline;
    int dropped;
} mine;

static int64_t my_deadline(void *arg) {
    return ((mine *)arg)->deadline;
}

static gort_receiver *my_done(void *arg) {
    return gort_chan_receiver(((mine *)arg)->done);
}

static gort_status my_err(void *arg) {
    return ((mine *)arg)->how;
}

static void *my_value(void *arg, const void *key) {
    return key == (const void *)&called ? arg : NULL;
}

static void my_drop(void *arg) {
    ADD(((mine *)arg)->dropped, 1);
}

static gort_ctx *own_of(mine *m, gort_status how) {
    gort_ctx_functions f = GORT_CTX_FUNCTIONS_INIT;
    m->done = gort_chan_new(0, 0), m->how = how, m->deadline = gort_in(HOUR), m->dropped = 0;
    f.deadline = my_deadline, f.done = my_done, f.err = my_err, f.value = my_value, f.drop = my_drop;
    return gort_ctx_own(&f, m);
}

static void own_contexts_are_parents(void) {
    gort_status how[] = {GORT_CANCELED, GORT_TIMED_OUT};
    for (int i = 0; i < 2; i++) {
        mine m;
        place p;
        gort_ctx *own = own_of(&m, how[i]), *child = gort_ctx_with_cancel(own);
        goes_on(own), goes_on(child);
        EXPECT(gort_ctx_deadline(child) == m.deadline && gort_ctx_value(child, &called) == &m);
        EXPECT(gort_ctx_value(child, &m) == NULL);
        make_place(&p);
        p.ctx = child;
        pthread_t thread;
        EXPECT(pthread_create(&thread, NULL, caller_on_a_thread, &p) == 0);
        usleep(1000);
        EXPECT_OK(gort_chan_close(m.done));
        EXPECT(pthread_join(thread, NULL) == 0);
        EXPECT_IS(p.got, how[i]);
        ended(child, how[i]), ended(own, how[i]);
        leave_place(&p);
        EXPECT_OK(gort_ctx_release(own));
        EXPECT(m.dropped == 0);
        EXPECT_OK(gort_ctx_release(child));
        AWAIT(COUNT(m.dropped) == 1); /* the task that ended it may have it a little longer */
        EXPECT_OK(gort_chan_release(m.done));
    }
}

/* One that goes takes its observer along; a value on its channel ends it as the end of the channel would; one that has ended is so. */
static void own_contexts_come_and_go(void) {
    mine m;
    for (int i = 0; i < 100; i++) {
        gort_ctx *own = own_of(&m, GORT_CANCELED);
        if (i % 3 == 0) EXPECT_OK(gort_chan_close(m.done));
        if (i % 3 == 1) EXPECT_OK(gort_ctx_cancel(own));
        EXPECT_OK(gort_ctx_release(own));
        AWAIT(COUNT(m.dropped) == 1);
        if (i % 3 == 2) EXPECT_OK(gort_chan_close(m.done));
        EXPECT_OK(gort_chan_release(m.done));
    }
    gort_ctx_functions f = GORT_CTX_FUNCTIONS_INIT;
    f.done = my_done, f.drop = my_drop;
    m.done = gort_chan_new(0, 1), m.dropped = 0;
    EXPECT_OK(gort_chan_send(m.done, NULL));
    gort_ctx *over = gort_ctx_own(&f, &m);
    ended(over, GORT_CANCELED);
    EXPECT(gort_ctx_deadline(over) == GORT_NEVER && gort_ctx_value(over, &called) == NULL);
    EXPECT_OK(gort_ctx_release(over));
    EXPECT_OK(gort_chan_release(m.done));
    EXPECT(m.dropped == 1);
    EXPECT(gort_ctx_own(&f, &m) == NULL && m.dropped == 1); /* a stale channel */
    EXPECT(gort_ctx_own(NULL, &m) == NULL && error_says("functions is NULL"));
    f.struct_size = 3;
    EXPECT(gort_ctx_own(&f, &m) == NULL && error_says("struct_size"));
}

TESTS(CASE(own_contexts_are_parents), CASE(own_contexts_come_and_go), CASE(test_background_and_todo), CASE(test_with_cancel), CASE(test_with_deadline), CASE(a_deadline_ends_the_wait_as_timed_out),
      CASE(every_blocking_call_takes_one), CASE(threads_wait_with_one_too), CASE(what_is_ready_goes_ahead),
      CASE(the_earliest_of_context_and_deadline_counts), CASE(contexts_are_cases), CASE(test_values), CASE(merge_ends_with_either),
      CASE(merge_that_goes_leaves_its_parents_alone), CASE(test_after_func), CASE(function_of_a_context_that_goes_is_not_called),
      CASE(test_layers_cancel), CASE(test_simultaneous_cancels), CASE(mistakes_are_told), CASE(a_context_that_is_waited_with_stays),
      CASE(shutdown_makes_them_stale), CASE(one_from_before_a_fork_is_shutdown))
