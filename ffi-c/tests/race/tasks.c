/*
 * tasks.c: what the start of a task, its end, a group, a run and a cancellation order.
 */
#include "race.h"

/* ---- the start of a task: what its maker did before is seen by its first line. Broken: the write comes after the start. */

static gort_wg *made;

static void make_group(void) {
    made = gort_wg_new();
    CHECK(made != NULL);
}
static void end_group(void) {
    OK(gort_wg_wait(made));
    OK(gort_wg_free(made));
}

static void read_at_once(void *arg) {
    (void)arg;
    if (broken) await(0);
    read_data();
    OK(gort_wg_done(made));
}
static void *read_at_once_and_return(void *arg) {
    read_at_once(arg);
    return NULL;
}
static void write_around(void (*starts)(void)) {
    OK(gort_wg_add(made, 1));
    if (!broken) write_data();
    starts();
    if (broken) write_data();
    mark(0);
}
static void start_by_go(void) { OK(gort_go(read_at_once, NULL)); }
static void start_by_go_copy(void) { OK(gort_go_copy(read_at_once, &numbers, sizeof numbers)); }
static void start_by_group(void) { OK(gort_wg_go(made, read_at_once, NULL)); }
static void start_by_spawn(void) {
    gort_task *t;
    OK(gort_spawn(NULL, read_at_once_and_return, NULL, &t));
    OK(gort_task_release(t));
}
static void start_pinned(void) {
    gort_spawn_options o = GORT_SPAWN_OPTIONS_INIT;
    gort_task *t;
    o.affinity = GORT_AFFINITY_THREAD;
    OK(gort_spawn(&o, read_at_once_and_return, NULL, &t));
    OK(gort_task_release(t));
}
static void go(void) { write_around(start_by_go); }
static void go_copy(void) { write_around(start_by_go_copy); }
static void wg_go(void) { write_around(start_by_group); }
static void spawn(void) { write_around(start_by_spawn); }
static void spawn_pinned(void) { write_around(start_pinned); }
static void nothing(void) {}

/* ---- the end of a task: what it did is seen after its join. Broken: the reader does not join before it reads. */

static gort_task *child;

static void *write_and_end(void *arg) {
    write_data();
    mark(0);
    return arg;
}
static void spawn_child(void) { OK(gort_spawn(NULL, write_and_end, NULL, &child)); }
static void release_child(void) {
    OK(gort_task_join(child, NULL));
    OK(gort_task_release(child));
}
static void join(void) {
    if (broken) {
        await(0);
    } else {
        OK(gort_task_join(child, NULL));
    }
    read_data();
}
static void try_join(void) {
    if (broken) {
        await(0);
    } else {
        gort_status s;
        while ((s = gort_task_try_join(child, NULL)) == GORT_WOULD_BLOCK) gort_yield();
        OK(s);
    }
    read_data();
}
static void join_until(void) {
    if (broken) {
        await(0);
    } else {
        OK(gort_task_join_until(child, NULL, gort_in(GORT_SEC(30)), NULL));
    }
    read_data();
}
static void join_twice(void) {
    if (broken) {
        await(0);
    } else {
        OK(gort_task_join(child, NULL));
        OK(gort_task_join(child, NULL));
    }
    read_data();
}

/* ---- a group: what was done before done is seen after wait. Broken: done comes first. */

static void group_of_1(void) {
    wg = gort_wg_new();
    CHECK(wg != NULL);
    OK(gort_wg_add(wg, 1));
}
static void write_and_done(void) {
    if (!broken) write_data();
    OK(gort_wg_done(wg));
    if (broken) {
        write_data();
        mark(0);
    }
}
static void wait_and_read(void) {
    OK(gort_wg_wait(wg));
    if (broken) await(0);
    read_data();
}
static void try_wait_and_read(void) {
    gort_status s;
    while ((s = gort_wg_try_wait(wg)) == GORT_WOULD_BLOCK) gort_yield();
    OK(s);
    if (broken) await(0);
    read_data();
}
static void wait_until_and_read(void) {
    OK(gort_wg_wait_until(wg, gort_in(GORT_SEC(30)), NULL));
    if (broken) await(0);
    read_data();
}

/* The done that is not the last one counts as well; the last one is the reader's own. */
static void group_of_2(void) {
    group_of_1();
    OK(gort_wg_add(wg, 1));
}
static void done_and_wait(void) {
    if (broken) {
        await(1);
        read_data();
    }
    OK(gort_wg_done(wg));
    OK(gort_wg_wait(wg));
    if (!broken) read_data();
}
static void write_and_done_first(void) {
    write_data();
    OK(gort_wg_done(wg));
    mark(1);
}

/* A task of wg_go is counted out by its end. Broken: it is counted out by hand, and goes on. */
static void write_in_a_task(void *arg) {
    (void)arg;
    if (broken) OK(gort_wg_done(wg));
    write_data();
    mark(0);
}
static void empty_group(void) {
    wg = gort_wg_new();
    CHECK(wg != NULL);
    if (broken) {
        make_group();
        OK(gort_wg_add(wg, 1));
        OK(gort_wg_go(made, write_in_a_task, NULL));
    } else {
        OK(gort_wg_go(wg, write_in_a_task, NULL));
    }
}
static void give_groups_back(void) {
    if (broken) end_group();
    give_back();
}

/* A group that is used again: the second round's done, not the first one's. */
static void done_again(void) {
    OK(gort_wg_done(wg));
    await(0);
    OK(gort_wg_add(wg, 1));
    mark(1);
    write_and_done();
    mark(2);
}
static void wait_again(void) {
    OK(gort_wg_wait(wg));
    mark(0);
    await(1);
    OK(gort_wg_wait(wg));
    if (broken) await(2);
    read_data();
}

/* ---- cancellation: what was done before it is seen after CANCELED. Broken: a shield, so no call says CANCELED. */

static void *wait_for_ever(void *arg) {
    (void)arg;
    mark(0);
    CHECK(gort_sleep(GORT_NEVER) == GORT_CANCELED);
    read_data();
    return NULL;
}
static void *be_shielded(void *arg) {
    (void)arg;
    OK(gort_shield_begin());
    mark(0);
    await(1);
    OK(gort_sleep(GORT_US(10)));
    read_data();
    OK(gort_shield_end());
    return NULL;
}
static void *run_until_canceled(void *arg) {
    (void)arg;
    gort_status s;
    mark(0);
    while ((s = gort_sleep(GORT_US(1))) == GORT_OK) gort_yield();
    CHECK(s == GORT_CANCELED);
    read_data();
    return NULL;
}
static void *find_itself_canceled(void *arg) {
    (void)arg;
    int v;
    mark(0);
    await(1); /* canceled by now, and told by nobody but the call */
    CHECK(gort_chan_recv(chan, &v) == GORT_CANCELED);
    read_data();
    return NULL;
}
static void *wait_for_a_channel(void *arg) {
    (void)arg;
    int v;
    mark(0);
    CHECK(gort_chan_recv(chan, &v) == GORT_CANCELED);
    read_data();
    return NULL;
}
static void sleeper(void) { OK(gort_spawn(NULL, broken ? be_shielded : wait_for_ever, NULL, &child)); }
static void runner(void) { OK(gort_spawn(NULL, broken ? be_shielded : run_until_canceled, NULL, &child)); }
static void finder(void) {
    chan = gort_chan_new(sizeof(int), 0);
    CHECK(chan != NULL);
    OK(gort_spawn(NULL, broken ? be_shielded : find_itself_canceled, NULL, &child));
}
static void receiver(void) {
    chan = gort_chan_new(sizeof(int), 0);
    CHECK(chan != NULL);
    OK(gort_spawn(NULL, broken ? be_shielded : wait_for_a_channel, NULL, &child));
}
static void write_and_cancel(void) {
    await(0);
    write_data();
    OK(gort_task_cancel(child));
    mark(1);
}
static void release_all(void) {
    release_child();
    give_back();
}

/* ---- a place that is used again: a task on the stack, and in the slot, of one that has ended is a stranger to it */

__attribute__((noinline)) static int touch_stack(int seed) {
    volatile int room[512];
    for (int i = 0; i < 512; i++) room[i] = seed + i;
    return room[seed & 511];
}
static void deep(void *arg) {
    touch_stack(*(int *)arg);
    if (broken) {
        if (*(int *)arg == FIRST) {
            write_data();
        } else {
            read_data();
        }
    }
}
static void one_after_the_other(void) {
    OK(gort_wg_go(wg, deep, &numbers[0]));
    while (gort_wg_try_wait(wg) == GORT_WOULD_BLOCK) gort_yield();
}
/* The second is started by a party that has not waited for the first. */
static void start_in_the_same_place(void) {
    mark(0);
    OK(gort_wg_go(made, deep, &numbers[1]));
}
static void groups(void) {
    make_group();
    wg = gort_wg_new();
    CHECK(wg != NULL);
}
static void start_first(void) {
    one_after_the_other();
    mark(0);
}
static void start_second(void) {
    await(0);
    start_in_the_same_place();
}
static void end_groups(void) {
    end_group();
    give_back();
}

/* ---- a run, seen by the thread that calls gort_run: these have no parties */

static gort_config for_all(void) {
    gort_config c = GORT_CONFIG_INIT;
    c.wait_all = 1;
    return c;
}
static int read_in_main(void *arg) {
    (void)arg;
    if (broken) await(0);
    read_data();
    return 0;
}
static void *write_meanwhile(void *arg) {
    await(1);
    write_data();
    mark(0);
    return arg;
}
static void *read_meanwhile(void *arg) {
    await(0);
    read_data();
    return arg;
}
/* In the broken forms another thread does it, which knows nothing of the run. */
static void start_other(pthread_t *t, void *(*fn)(void *)) {
    if (broken) CHECK(pthread_create(t, NULL, fn, NULL) == 0);
}
static void end_other(pthread_t t) {
    if (broken) CHECK(pthread_join(t, NULL) == 0);
}
static void run_comes_before_main(void) {
    pthread_t t = 0;
    start_other(&t, write_meanwhile);
    if (!broken) write_data();
    mark(1);
    OK(gort_run(read_in_main, NULL, NULL));
    end_other(t);
}
static int write_in_main(void *arg) {
    (void)arg;
    write_data();
    mark(0);
    return 0;
}
static void end_of_main_comes_before_the_end_of_the_run(void) {
    pthread_t t = 0;
    start_other(&t, read_meanwhile);
    OK(gort_run(write_in_main, NULL, NULL));
    if (!broken) read_data();
    end_other(t);
}
static void write_at_the_end(void *arg) {
    (void)arg;
    (void)gort_sleep(GORT_US(200));
    write_data();
    mark(0);
}
static int leave_a_task(void *arg) {
    (void)arg;
    OK(gort_go(write_at_the_end, NULL));
    return 0;
}
static void end_of_a_task_comes_before_the_end_of_a_run_that_waits(void) {
    pthread_t t = 0;
    gort_config c = for_all();
    start_other(&t, read_meanwhile);
    OK(gort_run(leave_a_task, NULL, &c));
    if (!broken) read_data();
    end_other(t);
}
/* Cancelled tasks that end within the grace: the same. Broken: one that does not, and is detached. */
static void write_when_canceled(void *arg) {
    (void)arg;
    mark(2);
    if (broken) {
        await(1);
        write_data();
        mark(0);
    } else {
        CHECK(gort_sleep(GORT_NEVER) == GORT_CANCELED);
        write_data();
    }
}
static int leave_a_stubborn_task(void *arg) {
    (void)arg;
    OK(gort_go(write_when_canceled, NULL));
    await(2);
    return 0;
}
static void end_of_a_canceled_task_comes_before_the_end_of_the_run(void) {
    gort_config c = GORT_CONFIG_INIT;
    if (broken) c.grace = 1;
    OK(gort_run(leave_a_stubborn_task, NULL, &c));
    CHECK(broken == (strcmp(gort_run_report(), "") != 0));
    mark(1);
    if (broken) await(0);
    read_data();
}
/* And what main did is seen by whom its end cancels. Broken: a shield, so that no call says so. */
static void read_when_canceled(void *arg) {
    (void)arg;
    if (broken) OK(gort_shield_begin());
    mark(2);
    if (broken) {
        await(0);
        read_data();
        OK(gort_shield_end());
    } else {
        CHECK(gort_sleep(GORT_NEVER) == GORT_CANCELED);
        read_data();
    }
}
static int write_and_leave(void *arg) {
    (void)arg;
    OK(gort_go(read_when_canceled, NULL));
    await(2);
    return write_in_main(NULL);
}
static void end_of_main_comes_before_canceled(void) {
    gort_config c = GORT_CONFIG_INIT;
    c.grace = GORT_SEC(30);
    OK(gort_run(write_and_leave, NULL, &c));
}

#define RUN(rule) {#rule, rule, NULL, NULL, NULL, BOTH, ANY, ANY, NULL}

/* clang-format off */
RULES(
    {"go_comes_before_the_first_line", make_group, go, nothing, end_group, BOTH, ANY, TASK, NULL},
    {"go_copy_comes_before_the_first_line", make_group, go_copy, nothing, end_group, BOTH, ANY, TASK, NULL},
    {"spawn_comes_before_the_first_line", make_group, spawn, nothing, end_group, BOTH, ANY, TASK, NULL},
    {"spawn_to_a_thread_comes_before_the_first_line", make_group, spawn_pinned, nothing, end_group, BOTH, ANY, TASK, NULL},
    {"wg_go_comes_before_the_first_line", make_group, wg_go, nothing, end_group, BOTH, ANY, TASK, NULL},
    {"end_comes_before_join", spawn_child, nothing, join, release_child, BOTH, TASK, ANY, NULL},
    {"end_comes_before_try_join", spawn_child, nothing, try_join, release_child, BOTH, TASK, ANY, NULL},
    {"end_comes_before_join_until", spawn_child, nothing, join_until, release_child, BOTH, TASK, ANY, NULL},
    {"end_comes_before_a_second_join", spawn_child, nothing, join_twice, release_child, BOTH, TASK, ANY, NULL},
    RULE("done_comes_before_wait", group_of_1, write_and_done, wait_and_read),
    RULE("done_comes_before_try_wait", group_of_1, write_and_done, try_wait_and_read),
    RULE("done_comes_before_wait_until", group_of_1, write_and_done, wait_until_and_read),
    RULE("done_that_is_not_the_last_comes_before_wait", group_of_2, write_and_done_first, done_and_wait),
    RULE("done_of_a_second_round_comes_before_its_wait", group_of_1, done_again, wait_again),
    {"end_comes_before_wait", empty_group, nothing, wait_and_read, give_groups_back, BOTH, TASK, ANY, NULL},
    {"cancel_comes_before_canceled_of_a_sleeper", sleeper, write_and_cancel, nothing, release_all, BOTH, ANY, TASK, NULL},
    {"cancel_comes_before_canceled_of_a_runner", runner, write_and_cancel, nothing, release_all, BOTH, ANY, TASK, NULL},
    {"cancel_comes_before_canceled_of_a_later_call", finder, write_and_cancel, nothing, release_all, BOTH, ANY, TASK, NULL},
    {"cancel_comes_before_canceled_of_a_receiver", receiver, write_and_cancel, nothing, release_all, BOTH, ANY, TASK, NULL},
    ROW("same_stack_is_no_order", groups, start_first, start_second, end_groups),
    RUN(run_comes_before_main),
    RUN(end_of_main_comes_before_the_end_of_the_run),
    RUN(end_of_a_task_comes_before_the_end_of_a_run_that_waits),
    RUN(end_of_a_canceled_task_comes_before_the_end_of_the_run),
    RUN(end_of_main_comes_before_canceled)
)
