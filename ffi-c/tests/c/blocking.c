/*
 * blocking.c: C tasks that block or hog their OS thread without saying so, while others go on: they run again within 50 ms
 * (Go's promise for system calls and for loops). Each test counts the rounds of pairs that play ping-pong and the longest
 * gap between two of them, and prints both.
 *
 * What it is NOT: a benchmark. The machine may be busy with other things, so a plain thread measures at the same time for
 * how long it is not let run when it should be, and the bound asserted grows with that. Both numbers are printed.
 */
#include "harness.h"

#include <time.h>

GORT_CHAN_DEFINE(int, ints);

enum { PAIRS = 2, TOLERATED_MS = 250 };

typedef struct {
    ints *there, *back;
    int64_t until, longest_gap, rounds;
} pair;

static void serve(void *arg) {
    pair *p = (pair *)arg;
    int value;
    while (ints_recv(p->there, &value) == GORT_OK) EXPECT_OK(ints_send(p->back, value + 1));
}

static void play(void *arg) {
    pair *p = (pair *)arg;
    int64_t last = gort_now();
    int value = 0;
    while (last < p->until) {
        EXPECT_OK(ints_send(p->there, (int)p->rounds));
        EXPECT_OK(ints_recv(p->back, &value));
        EXPECT(value == (int)p->rounds + 1);
        p->rounds++;
        int64_t now = gort_now();
        if (now - last > p->longest_gap) p->longest_gap = now - last;
        last = now;
    }
    EXPECT_OK(ints_close(p->there));
}

/* What the hogs do, and how many there are. */
typedef struct {
    void (*hog)(void *);
    int hogs;
} scene;

static int64_t hog_until;
static int hogs_ended;

/* The longest time by which a plain thread's sleep of half a millisecond came late: the machine's own doing. */
static int64_t machine_gap;

static void *watch_the_machine(void *arg) {
    (void)arg;
    int64_t last = gort_now();
    while (last < hog_until) {
        usleep(500);
        int64_t now = gort_now();
        if (now - last > machine_gap) machine_gap = now - last;
        last = now;
    }
    return NULL;
}

static int scene_main(void *arg) {
    const scene *s = (const scene *)arg;
    pair pairs[PAIRS];
    gort_wg *wg = gort_wg_new();
    int64_t rounds = INT64_MAX, gap = 0;
    SET(hogs_ended, 0);
    hog_until = gort_in(GORT_SEC(1));
    machine_gap = 0;
    pthread_t watcher;
    EXPECT(pthread_create(&watcher, NULL, watch_the_machine, NULL) == 0);
    for (int i = 0; i < PAIRS; i++) {
        pairs[i].there = ints_new(0);
        pairs[i].back = ints_new(0);
        pairs[i].until = hog_until;
        pairs[i].longest_gap = pairs[i].rounds = 0;
        EXPECT_OK(gort_wg_go(wg, serve, &pairs[i]));
        EXPECT_OK(gort_wg_go(wg, play, &pairs[i]));
    }
    for (int i = 0; i < s->hogs; i++) EXPECT_OK(gort_wg_go(wg, s->hog, NULL));
    EXPECT_OK(gort_wg_wait(wg));
    pthread_join(watcher, NULL);
    for (int i = 0; i < PAIRS; i++) {
        if (pairs[i].rounds < rounds) rounds = pairs[i].rounds;
        if (pairs[i].longest_gap > gap) gap = pairs[i].longest_gap;
        EXPECT_OK(ints_release(pairs[i].there));
        EXPECT_OK(ints_release(pairs[i].back));
    }
    EXPECT_OK(gort_wg_free(wg));
    EXPECT(COUNT(hogs_ended) == s->hogs);
    EXPECT(rounds > 100);
    EXPECT(gap < GORT_MS(TOLERATED_MS) + 5 * machine_gap);
    snprintf(test_note, sizeof test_note, "longest gap %.1f ms (of a plain thread %.1f), at least %lld rounds a pair",
             (double)gap / 1e6, (double)machine_gap / 1e6, (long long)rounds);
    return 0;
}

static void play_scene(void (*hog)(void *), int hogs) {
    scene s = {hog, hogs};
    in_run(scene_main, &s);
}

static void sleep_in_the_system(void *arg) {
    (void)arg;
    while (gort_now() < hog_until) usleep(250000);
    ADD(hogs_ended, 1);
}

static void spin(void *arg) {
    (void)arg;
    volatile uint64_t turns = 0;
    struct timespec now, start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do { /* no gort call: nobody can ask it to stop */
        for (int i = 0; i < 10000; i++) turns++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec * 1000000000LL + now.tv_nsec < hog_until);
    ADD(hogs_ended, 1);
}

static void call_gort_without_waiting(void *arg) {
    (void)arg;
    ints *c = ints_new(1);
    int value = 0;
    while (gort_now() < hog_until) { /* operations that never park */
        EXPECT_OK(ints_send(c, 1));
        EXPECT_OK(ints_recv(c, &value));
    }
    EXPECT_OK(ints_release(c));
    ADD(hogs_ended, 1);
}

static int role;

static void sleep_or_spin(void *arg) {
    if (ADD(role, 1) % 2) {
        sleep_in_the_system(arg);
    } else {
        spin(arg);
    }
}

static void one_sleeper_starves_nobody(void) {
    play_scene(sleep_in_the_system, 1);
}

static void eight_sleepers_starve_nobody(void) {
    play_scene(sleep_in_the_system, 8);
}

static void one_spinner_starves_nobody(void) {
    play_scene(spin, 1);
}

static void sleeper_and_spinner_starve_nobody(void) {
    play_scene(sleep_or_spin, 2);
}

static void loop_of_operations_starves_nobody(void) {
    play_scene(call_gort_without_waiting, 2);
}

TESTS(CASE(one_sleeper_starves_nobody), CASE(eight_sleepers_starve_nobody), CASE(one_spinner_starves_nobody),
      CASE(sleeper_and_spinner_starve_nobody), CASE(loop_of_operations_starves_nobody))
