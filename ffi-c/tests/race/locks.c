/*
 * locks.c: what a mutex orders. A program that the tool watches locks by calls, also what nobody else wants (gort.h); were one
 * of them inline, the right forms here would be reported.
 */
#include "race.h"

static gort_mutex lock, other;

static void unlocked(void) {
    OK(gort_mutex_lock(&lock)); /* it was left unlocked, and is as new */
    OK(gort_mutex_unlock(&lock));
    memset(&lock, 0, sizeof lock);
    memset(&other, 0, sizeof other);
}

/* ---- an unlock comes before the locks after it. Broken: who reads does not lock. */

static void write_locked(void) {
    OK(gort_mutex_lock(&lock));
    write_data();
    mark(0);
    OK(gort_mutex_unlock(&lock));
}
static void write_locked_for_long(void) { /* so that the other one waits, and is woken by the unlock */
    OK(gort_mutex_lock(&lock));
    write_data();
    mark(0);
    (void)gort_sleep(GORT_MS(1));
    OK(gort_mutex_unlock(&lock));
}
static void write_in_a_block(void) {
    GORT_LOCKED(&lock) {
        write_data();
        mark(0);
    }
}
static void read_and_unlock(void) {
    read_data();
    if (!broken) OK(gort_mutex_unlock(&lock));
}
static void lock_and_read(void) {
    await(0);
    if (!broken) OK(gort_mutex_lock(&lock));
    read_and_unlock();
}
static void try_and_read(void) {
    await(0);
    while (!broken && gort_mutex_try_lock(&lock) != GORT_OK) gort_yield();
    read_and_unlock();
}
static void lock_within_and_read(void) {
    await(0);
    if (!broken) OK(gort_mutex_lock_until(&lock, GORT_NEVER, NULL));
    read_and_unlock();
}
static void read_in_a_block(void) {
    await(0);
    if (broken) return read_data();
    GORT_LOCKED(&lock) read_data();
}

/* ---- what orders nothing: an attempt in vain, another mutex, a lock before the unlock. */

static void write_beside_a_lock(void) {
    OK(gort_mutex_lock(&lock));
    write_data();
    mark(0);
    await(1);
    OK(gort_mutex_unlock(&lock));
}
static void try_in_vain_and_read(void) {
    await(0);
    CHECK(gort_mutex_try_lock(&lock) == GORT_WOULD_BLOCK);
    read_data();
    mark(1);
}
static void wait_in_vain_and_read(void) {
    await(0);
    CHECK(gort_mutex_lock_until(&lock, gort_in(GORT_MS(1)), NULL) == GORT_TIMED_OUT);
    read_data();
    mark(1);
}
static void lock_another_and_read(void) {
    await(0);
    OK(gort_mutex_lock(&other));
    read_data();
    OK(gort_mutex_unlock(&other));
    mark(1);
}

#define WRONG(name, first, second) {name, unlocked, first, second, NULL, BROKEN, ANY, ANY, NULL}

/* clang-format off */
RULES(
    ROW("unlock_comes_before_lock", unlocked, write_locked, lock_and_read, NULL),
    ROW("unlock_comes_before_a_lock_that_waits", unlocked, write_locked_for_long, lock_and_read, NULL),
    ROW("unlock_comes_before_try_lock", unlocked, write_locked, try_and_read, NULL),
    ROW("unlock_comes_before_lock_until", unlocked, write_locked, lock_within_and_read, NULL),
    ROW("unlock_comes_before_lock_until_that_waits", unlocked, write_locked_for_long, lock_within_and_read, NULL),
    ROW("blocks_under_one_lock_are_ordered", unlocked, write_in_a_block, read_in_a_block, NULL),
    WRONG("try_lock_in_vain_is_no_order", write_beside_a_lock, try_in_vain_and_read),
    WRONG("lock_that_timed_out_is_no_order", write_beside_a_lock, wait_in_vain_and_read),
    WRONG("another_mutex_is_no_order", write_beside_a_lock, lock_another_and_read)
)
