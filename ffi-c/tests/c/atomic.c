/*
 * atomic.c: the inline atomics of the header: what each returns, at the ends of its type, and that no add is lost.
 */
#include "harness.h"

/* One type: `top` + 1 is `bottom`. */
#define NUMBER_TEST(name, T, bottom, top)                                                                              \
    static void name##_operations_return_what_gos_do(void) {                                                           \
        T n = 0;                                                                                                       \
        gort_atomic_##name##_store(&n, 5);                                                                             \
        EXPECT(gort_atomic_##name##_load(&n) == 5);                                                                    \
        EXPECT(gort_atomic_##name##_add(&n, 2) == 7); /* the new one */                                                \
        EXPECT(gort_atomic_##name##_swap(&n, 12) == 7);                                                                \
        EXPECT(gort_atomic_##name##_and(&n, 10) == 12); /* the old one */                                              \
        EXPECT(gort_atomic_##name##_or(&n, 3) == 8);                                                                   \
        EXPECT(n == 11);                                                                                               \
        EXPECT(!gort_atomic_##name##_compare_and_swap(&n, 10, 1));                                                     \
        EXPECT(n == 11);                                                                                               \
        EXPECT(gort_atomic_##name##_compare_and_swap(&n, 11, (top)));                                                  \
        EXPECT(gort_atomic_##name##_add(&n, 1) == (bottom));                                                           \
        EXPECT(gort_atomic_##name##_swap(&n, (top)) == (bottom));                                                      \
        EXPECT(gort_atomic_##name##_load(&n) == (top));                                                                \
    }

NUMBER_TEST(i32, int32_t, INT32_MIN, INT32_MAX)
NUMBER_TEST(u32, uint32_t, 0, UINT32_MAX)
NUMBER_TEST(i64, int64_t, INT64_MIN, INT64_MAX)
NUMBER_TEST(u64, uint64_t, 0, UINT64_MAX)

static void negative_numbers_are_subtracted(void) {
    int32_t a = 0;
    int64_t b = 0;
    EXPECT(gort_atomic_i32_add(&a, -3) == -3);
    EXPECT(gort_atomic_i64_add(&b, -3) == -3);
    EXPECT(gort_atomic_i64_and(&b, -4) == -3);
    EXPECT(gort_atomic_i64_load(&b) == -4);
}

static void ptr_operations_return_what_gos_do(void) {
    int x, y;
    void *p = NULL;
    EXPECT(gort_atomic_ptr_load(&p) == NULL);
    gort_atomic_ptr_store(&p, &x);
    EXPECT(gort_atomic_ptr_swap(&p, &y) == &x);
    EXPECT(!gort_atomic_ptr_compare_and_swap(&p, &x, NULL));
    EXPECT(gort_atomic_ptr_compare_and_swap(&p, &y, &x));
    EXPECT(gort_atomic_ptr_load(&p) == &x);
}

typedef struct {
    int32_t small;
    uint64_t large, turns;
    int64_t plain; /* guarded by turns: even is free */
} counters;

static void add_many(void *arg) {
    counters *c = (counters *)arg;
    for (int i = 0; i < 2000; i++) {
        (void)gort_atomic_i32_add(&c->small, 1);
        uint64_t seen = gort_atomic_u64_load(&c->large);
        while (!gort_atomic_u64_compare_and_swap(&c->large, seen, seen + 3)) seen = gort_atomic_u64_load(&c->large);
        while (gort_atomic_u64_or(&c->turns, 1) & 1) gort_yield();
        c->plain++; /* two at once would lose some: the operations order plain memory */
        gort_atomic_u64_store(&c->turns, 0);
        if (i % 64 == 0) gort_yield();
    }
}

static int add_main(void *arg) {
    counters *c = (counters *)arg;
    gort_wg *wg = gort_wg_new();
    for (int i = 0; i < 5; i++) EXPECT_OK(gort_wg_go(wg, add_many, c));
    EXPECT_OK(gort_wg_wait(wg));
    return (int)gort_wg_free(wg);
}

static void no_add_is_lost(void) {
    counters c = {0, 0, 0, 0};
    in_run(add_main, &c);
    EXPECT(gort_atomic_i32_load(&c.small) == 5 * 2000);
    EXPECT(gort_atomic_u64_load(&c.large) == 3 * 5 * 2000);
    EXPECT(c.plain == 5 * 2000);
}

TESTS(CASE(i32_operations_return_what_gos_do), CASE(u32_operations_return_what_gos_do), CASE(i64_operations_return_what_gos_do),
      CASE(u64_operations_return_what_gos_do), CASE(negative_numbers_are_subtracted), CASE(ptr_operations_return_what_gos_do),
      CASE(no_add_is_lost))
