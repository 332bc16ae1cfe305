/*
 * pool.c: pools of objects in C: made, kept, dropped; with and without the two functions; from many tasks; mistakes.
 */
#include "harness.h"

typedef struct {
    int users;
} object;

static int made, dropped, refuses;

static void *make(void *arg) {
    object *o;
    if (COUNT(refuses)) return NULL;
    o = (object *)calloc(1, sizeof *o);
    ADD(*(int *)arg, 1);
    return o;
}

static void drop(void *o, void *arg) {
    (void)arg;
    ADD(dropped, 1);
    free(o);
}

static gort_pool *new_pool(size_t max_idle) {
    gort_pool_options options = GORT_POOL_OPTIONS_INIT;
    options.make = make;
    options.drop = drop;
    options.arg = &made;
    options.max_idle = max_idle;
    return gort_pool_new(&options);
}

static void kept_are_given_before_new_ones_are_made(void) {
    gort_pool *p = new_pool(2);
    void *a = NULL, *b = NULL, *c = NULL, *again = NULL;
    EXPECT_OK(gort_pool_get(p, &a));
    EXPECT_OK(gort_pool_get(p, &b));
    EXPECT_OK(gort_pool_get(p, &c));
    EXPECT(COUNT(made) == 3 && gort_pool_idle(p) == 0);
    EXPECT_OK(gort_pool_put(p, a));
    EXPECT(gort_pool_idle(p) == 1);
    EXPECT_OK(gort_pool_get(p, &again));
    EXPECT(again == a && COUNT(made) == 3);
    EXPECT_OK(gort_pool_put(p, a));
    EXPECT_OK(gort_pool_put(p, b));
    EXPECT(COUNT(dropped) == 0);
    EXPECT_OK(gort_pool_put(p, c)); /* enough are kept */
    EXPECT(COUNT(dropped) == 1 && gort_pool_idle(p) == 2);
    EXPECT_OK(gort_pool_clear(p));
    EXPECT(COUNT(dropped) == 3 && gort_pool_idle(p) == 0);
    EXPECT_OK(gort_pool_get(p, &a));
    EXPECT_OK(gort_pool_put(p, a));
    EXPECT_OK(gort_pool_put(p, NULL));
    EXPECT_OK(gort_pool_free(p));
    EXPECT(COUNT(made) == 4 && COUNT(dropped) == 4);
}

static void without_functions_it_gives_and_refuses(void) {
    gort_pool_options options = GORT_POOL_OPTIONS_INIT;
    int x = 0;
    void *o = &x;
    gort_pool *p;
    options.max_idle = 1;
    p = gort_pool_new(&options);
    EXPECT_IS(gort_pool_get(p, &o), GORT_WOULD_BLOCK);
    EXPECT(o == &x);
    EXPECT_OK(gort_pool_put(p, &x));
    EXPECT_IS(gort_pool_put(p, &x), GORT_LIMIT);
    EXPECT_OK(gort_pool_get(p, &o));
    EXPECT(o == &x);
    EXPECT_OK(gort_pool_free(p));
    p = new_pool(0);
    SET(refuses, 1);
    EXPECT_IS(gort_pool_get(p, &o), GORT_NO_MEMORY);
    SET(refuses, 0);
    EXPECT_OK(gort_pool_free(p));
}

static gort_pool *shared;

static void use(void *arg) {
    int rounds = *(int *)arg;
    for (int i = 0; i < rounds; i++) {
        void *v = NULL;
        object *o;
        EXPECT_OK(gort_pool_get(shared, &v));
        o = (object *)v;
        EXPECT(ADD(o->users, 1) == 1);
        if (i % 32 == 0) gort_yield();
        ADD(o->users, -1);
        EXPECT_OK(gort_pool_put(shared, o));
    }
}

static int use_main(void *arg) {
    gort_wg *wg = gort_wg_new();
    for (int i = 0; i < 6; i++) EXPECT_OK(gort_wg_go(wg, use, arg));
    EXPECT_OK(gort_wg_wait(wg));
    return (int)gort_wg_free(wg);
}

static void each_object_has_one_user(void) {
    int rounds = 2000;
    shared = new_pool(3);
    in_run(use_main, &rounds);
    EXPECT(gort_pool_idle(shared) <= 3);
    EXPECT(COUNT(made) == COUNT(dropped) + (int)gort_pool_idle(shared));
    EXPECT_OK(gort_pool_free(shared));
    EXPECT(COUNT(made) == COUNT(dropped));
}

static void mistakes(void) {
    gort_pool_options options = GORT_POOL_OPTIONS_INIT;
    gort_pool *p = new_pool(1);
    void *o = NULL;
    EXPECT(gort_pool_new(NULL) == NULL && error_says("gort_pool_options"));
    options.max_idle = SIZE_MAX;
    EXPECT(gort_pool_new(&options) == NULL);
    options.max_idle = 0;
    options.reserved[0] = 1;
    EXPECT(gort_pool_new(&options) == NULL && error_says("reserved"));
    EXPECT_IS(gort_pool_get(NULL, &o), GORT_INVALID);
    EXPECT_IS(gort_pool_get(p, NULL), GORT_INVALID);
    EXPECT_IS(gort_pool_put(NULL, o), GORT_INVALID);
    EXPECT_IS(gort_pool_clear(NULL), GORT_INVALID);
    EXPECT_IS(gort_pool_free(NULL), GORT_OK);
    EXPECT_OK(gort_pool_free(p));
    EXPECT_IS(gort_pool_get(p, &o), GORT_MISUSE);
    EXPECT_IS(gort_pool_put(p, &options), GORT_MISUSE);
    EXPECT_IS(gort_pool_free(p), GORT_MISUSE);
    EXPECT(gort_pool_idle(p) == 0 && gort_pool_idle(NULL) == 0);
}

TESTS(CASE(kept_are_given_before_new_ones_are_made), CASE(without_functions_it_gives_and_refuses), CASE(each_object_has_one_user), CASE(mistakes))
