/*
 * map.c: concurrent maps in C: every operation, whose a value is when, keys of every length, counted values under contention, mistakes.
 *
 * What it is NOT: the map's protocol against a model; that is core's tests/map.rs and tests/loom_map.rs.
 */
#include "harness.h"

/* A counted value. */
typedef struct {
    int refs;
    int number;
} counted;

static int alive, arg_seen;

static counted *counted_new(int number) {
    counted *c = (counted *)malloc(sizeof *c);
    if (c == NULL) abort();
    c->refs = 1;
    c->number = number;
    ADD(alive, 1);
    return c;
}

static void counted_drop(void *value, void *arg) {
    counted *c = (counted *)value;
    if (arg == &arg_seen) ADD(arg_seen, 1);
    EXPECT(COUNT(c->refs) > 0);
    if (ADD(c->refs, -1) == 0) {
        c->number = -1;
        free(c);
        ADD(alive, -1);
    }
}

static void counted_retain(void *value, void *arg) {
    counted *c = (counted *)value;
    (void)arg;
    EXPECT(ADD(c->refs, 1) > 1); /* the map's own is there */
}

static gort_map *new_map(int retains) {
    gort_map_options options = GORT_MAP_OPTIONS_INIT;
    options.drop = counted_drop;
    options.retain = retains ? counted_retain : NULL;
    options.arg = &arg_seen;
    return gort_map_new_with(&options);
}

/* Numbers as values: the map follows none. */
static int numbers[8];
#define N(i) ((void *)&numbers[i])

static bool count_and_stop_at_two(const void *key, size_t size, void *value, void *arg) {
    (void)key;
    (void)size;
    (void)value;
    return ++*(int *)arg < 2;
}

static void operations_say_what_was_there(void) {
    gort_map *m = gort_map_new();
    void *v = NULL;
    int seen = 0;
    EXPECT(gort_map_load(m, "a", 1, &v) == 0 && v == NULL);
    EXPECT_OK(gort_map_store(m, "a", 1, N(1)));
    EXPECT(gort_map_load(m, "a", 1, &v) == 1 && v == N(1));
    EXPECT(gort_map_load(m, "a", 1, NULL) == 1 && gort_map_load(m, "b", 1, NULL) == 0);
    EXPECT(gort_map_load_or_store(m, "a", 1, N(2), &v) == 1 && v == N(1));
    EXPECT(gort_map_load_or_store(m, "b", 1, N(2), &v) == 0);
    EXPECT(gort_map_swap(m, "b", 1, N(3), &v) == 1 && v == N(2));
    EXPECT(gort_map_swap(m, "c", 1, N(4), &v) == 0);
    EXPECT(gort_map_len(m) == 3);
    EXPECT(gort_map_compare_and_swap(m, "a", 1, N(5), N(6)) == 0);
    EXPECT(gort_map_compare_and_swap(m, "a", 1, N(1), NULL) == 1);
    EXPECT(gort_map_load(m, "a", 1, &v) == 1 && v == NULL); /* NULL is a value */
    EXPECT(gort_map_compare_and_delete(m, "a", 1, N(1)) == 0);
    EXPECT(gort_map_compare_and_delete(m, "a", 1, NULL) == 1);
    EXPECT(gort_map_delete(m, "a", 1) == 0 && gort_map_delete(m, "b", 1) == 1);
    EXPECT(gort_map_load_and_delete(m, "c", 1, &v) == 1 && v == N(4));
    EXPECT(gort_map_load_and_delete(m, "c", 1, &v) == 0);
    EXPECT(gort_map_len(m) == 0);
    for (int i = 0; i < 100; i++) EXPECT_OK(gort_map_store(m, &i, sizeof i, N(0)));
    EXPECT_OK(gort_map_range(m, count_and_stop_at_two, &seen));
    EXPECT(seen == 2);
    EXPECT_OK(gort_map_clear(m));
    EXPECT(gort_map_len(m) == 0 && gort_map_collect(m) == 1);
    EXPECT_OK(gort_map_free(m));
}

static bool check_long_key(const void *key, size_t size, void *value, void *arg) {
    const char *bytes = (const char *)key;
    EXPECT(value == N(size % 8));
    for (size_t i = 0; i < size; i++) EXPECT(bytes[i] == (char)(i * 7 + size));
    ++*(size_t *)arg;
    return true;
}

static void keys_of_every_length_are_copied(void) {
    gort_map *m = gort_map_new();
    char key[300];
    size_t n = sizeof key, seen = 0;
    for (size_t size = 0; size < n; size++) {
        for (size_t i = 0; i < size; i++) key[i] = (char)(i * 7 + size);
        EXPECT_OK(gort_map_store(m, size ? key : NULL, size, N(size % 8)));
        memset(key, 0, sizeof key);
    }
    EXPECT(gort_map_len(m) == n);
    EXPECT_OK(gort_map_range(m, check_long_key, &seen));
    EXPECT(seen == n);
    for (size_t size = 0; size < n; size++) {
        for (size_t i = 0; i < size; i++) key[i] = (char)(i * 7 + size);
        EXPECT(gort_map_delete(m, key, size) == 1);
    }
    EXPECT_OK(gort_map_free(m));
}

static void without_retain_what_is_taken_out_is_the_callers(void) {
    gort_map *m = new_map(0);
    void *v = NULL;
    EXPECT_OK(gort_map_store(m, "a", 1, counted_new(1)));
    EXPECT(gort_map_load(m, "a", 1, &v) == 1 && ((counted *)v)->refs == 1); /* borrowed */
    EXPECT(gort_map_swap(m, "a", 1, counted_new(2), &v) == 1);
    counted_drop(v, NULL);
    EXPECT(COUNT(alive) == 1);
    EXPECT(gort_map_load_and_delete(m, "a", 1, &v) == 1 && ((counted *)v)->number == 2);
    EXPECT(gort_map_collect(m) == 1 && COUNT(alive) == 1 && COUNT(arg_seen) == 0);
    counted_drop(v, NULL);
    EXPECT_OK(gort_map_store(m, "b", 1, counted_new(3)));
    EXPECT_OK(gort_map_store(m, "b", 1, counted_new(4))); /* 3 is dropped by the map */
    EXPECT(gort_map_collect(m) == 1 && COUNT(alive) == 1);
    v = counted_new(5);
    EXPECT(gort_map_compare_and_swap(m, "b", 1, v, v) == 0); /* still ours */
    EXPECT(COUNT(alive) == 2 && ((counted *)v)->refs == 1);
    counted_drop(v, NULL);
    EXPECT_OK(gort_map_free(m));
    EXPECT(COUNT(alive) == 0);
}

static bool look(const void *key, size_t size, void *value, void *arg) {
    (void)key;
    (void)size;
    EXPECT(((counted *)value)->number > 0 && ((counted *)value)->refs == 2);
    ++*(int *)arg;
    return true;
}

static void with_retain_what_is_given_out_is_a_reference(void) {
    gort_map *m = new_map(1);
    void *v = NULL, *w = NULL;
    int seen = 0;
    EXPECT_OK(gort_map_store(m, "a", 1, counted_new(1)));
    EXPECT(gort_map_load(m, "a", 1, &v) == 1 && gort_map_load(m, "a", 1, NULL) == 1);
    EXPECT(((counted *)v)->refs == 2);
    EXPECT(gort_map_load_and_delete(m, "a", 1, &w) == 1 && v == w);
    EXPECT(gort_map_collect(m) == 1 && ((counted *)v)->refs == 2); /* the map's is gone */
    counted_drop(v, NULL);
    counted_drop(w, NULL);
    EXPECT(COUNT(alive) == 0);
    for (int i = 1; i < 50; i++) EXPECT_OK(gort_map_store(m, &i, sizeof i, counted_new(i)));
    EXPECT_OK(gort_map_range(m, look, &seen));
    EXPECT(seen == 49);
    EXPECT_OK(gort_map_clear(m));
    EXPECT(gort_map_collect(m) == 1 && COUNT(alive) == 0);
    EXPECT_OK(gort_map_store(m, "z", 1, counted_new(1)));
    EXPECT_OK(gort_map_free(m));
    EXPECT(COUNT(alive) == 0);
}

static gort_map *shared;
static uint64_t seed;
static int workers_started;

static void use_and_delete(void *arg) {
    int rounds = *(int *)arg;
    uint64_t random = seed + (uint64_t)ADD(workers_started, 1) * 1000003;
    for (int i = 0; i < rounds; i++) {
        int key = (int)(next_random(&random) % 20);
        void *v = NULL;
        counted *mine;
        switch (next_random(&random) % 6) {
        case 0: EXPECT_OK(gort_map_store(shared, &key, sizeof key, counted_new(key + 1))); break;
        case 1: (void)gort_map_delete(shared, &key, sizeof key); break;
        case 2:
            if (gort_map_load_and_delete(shared, &key, sizeof key, &v) == 1) {
                EXPECT(((counted *)v)->number == key + 1);
                counted_drop(v, NULL);
            }
            break;
        case 3:
            mine = counted_new(key + 1);
            if (gort_map_load_or_store(shared, &key, sizeof key, mine, &v) == 1) {
                EXPECT(((counted *)v)->number == key + 1);
                counted_drop(v, NULL);
                counted_drop(mine, NULL);
            }
            break;
        default:
            if (gort_map_load(shared, &key, sizeof key, &v) == 1) {
                gort_yield(); /* others delete it */
                EXPECT(((counted *)v)->number == key + 1);
                counted_drop(v, NULL);
            }
        }
    }
}

static void *use_on_thread(void *arg) {
    use_and_delete(arg);
    return NULL;
}

static int use_main(void *arg) {
    gort_wg *wg = gort_wg_new();
    for (int i = 0; i < 4; i++) EXPECT_OK(gort_wg_go(wg, use_and_delete, arg));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void counted_values_are_safe_while_others_delete_them(void) {
    int rounds = 5000;
    pthread_t thread;
    seed = seed_of_test();
    shared = new_map(1);
    EXPECT(pthread_create(&thread, NULL, use_on_thread, &rounds) == 0);
    in_run(use_main, &rounds);
    pthread_join(thread, NULL);
    EXPECT_OK(gort_map_clear(shared));
    EXPECT(gort_map_collect(shared) == 1);
    EXPECT(COUNT(alive) == 0);
    EXPECT_OK(gort_map_free(shared));
}

static void mistakes(void) {
    gort_map_options options = GORT_MAP_OPTIONS_INIT;
    gort_map *m = gort_map_new(), *wrong;
    void *v = N(7);
    gort_counter *counter = gort_counter_new();
    EXPECT(gort_map_new_with(NULL) == NULL && error_says("gort_map_options"));
    options.retain = counted_retain;
    EXPECT(gort_map_new_with(&options) == NULL && error_says("without drop"));
    options.retain = NULL;
    options.reserved[1] = 1;
    EXPECT(gort_map_new_with(&options) == NULL && error_says("reserved"));
    options.struct_size = 1;
    EXPECT(gort_map_new_with(&options) == NULL && error_says("struct_size"));
    EXPECT(gort_map_load(NULL, "a", 1, &v) == GORT_INVALID);
    EXPECT(gort_map_load(m, NULL, 1, &v) == GORT_INVALID && v == N(7));
    EXPECT(gort_map_swap(m, "a", 1, v, NULL) == GORT_INVALID && gort_map_load_and_delete(m, "a", 1, NULL) == GORT_INVALID);
    EXPECT(gort_map_load_or_store(m, "a", 1, v, NULL) == GORT_INVALID && gort_map_len(m) == 0);
    EXPECT_IS(gort_map_range(m, NULL, NULL), GORT_INVALID);
    wrong = (gort_map *)(void *)counter;
    EXPECT_IS(gort_map_store(wrong, "a", 1, v), GORT_MISUSE);
    EXPECT(gort_map_load(wrong, "a", 1, &v) == GORT_MISUSE && gort_map_delete(wrong, "a", 1) == GORT_MISUSE);
    EXPECT_IS(gort_map_free(wrong), GORT_MISUSE);
    EXPECT_OK(gort_map_free(m));
    EXPECT_IS(gort_map_store(m, "a", 1, v), GORT_MISUSE);
    EXPECT(gort_map_load(m, "a", 1, &v) == GORT_MISUSE && gort_map_collect(m) == GORT_MISUSE);
    EXPECT_IS(gort_map_clear(m), GORT_MISUSE);
    EXPECT_IS(gort_map_free(m), GORT_MISUSE);
    EXPECT(gort_map_len(m) == 0 && gort_map_len(NULL) == 0);
    EXPECT_OK(gort_map_free(NULL));
    EXPECT_OK(gort_counter_free(counter));
}

static int nothing_main(void *arg) {
    return arg != NULL;
}

static void map_from_before_a_shutdown_is_stale_and_drops_nothing(void) {
    gort_map *m = new_map(0);
    counted *c = counted_new(1);
    EXPECT_OK(gort_map_store(m, "a", 1, c));
    in_run(nothing_main, NULL); /* else there is nothing to shut down */
    EXPECT_OK(gort_shutdown());
    EXPECT_IS(gort_map_store(m, "a", 1, c), GORT_SHUTDOWN);
    EXPECT(COUNT(alive) == 1 && COUNT(arg_seen) == 0);
    counted_drop(c, NULL);
    m = gort_map_new(); /* and it starts again */
    EXPECT_OK(gort_map_store(m, "a", 1, NULL));
    EXPECT_OK(gort_map_free(m));
}

TESTS(CASE(operations_say_what_was_there), CASE(keys_of_every_length_are_copied), CASE(without_retain_what_is_taken_out_is_the_callers),
      CASE(with_retain_what_is_given_out_is_a_reference), CASE(counted_values_are_safe_while_others_delete_them), CASE(mistakes),
      CASE(map_from_before_a_shutdown_is_stale_and_drops_nothing))
