/*
 * misuse.c: mistakes of a program get a status, never a crash: NULL, stale handles, handles of another kind or from before a
 * fork, sizes out of range, calls in the wrong place or order.
 *
 * What it is NOT: what a compiler rejects (run.sh tries that with its wrong snippets).
 */
#include "harness.h"

GORT_CHAN_DEFINE(int, ints);
GORT_CHAN_DEFINE(int64_t, longs);

static void nothing(void *arg) {
    (void)arg;
}

static void *nothing_valued(void *arg) {
    return arg;
}

/* --- NULL ------------------------------------------------------------------------------------------------------------ */

static void null_is_invalid_where_a_thing_is_needed(void) {
    gort_task *task = NULL;
    gort_chan *c = gort_chan_new(4, 1);
    gort_wg *wg = gort_wg_new();
    EXPECT_IS(gort_go(NULL, NULL), GORT_INVALID);
    EXPECT_IS(gort_go_copy(NULL, &task, 4), GORT_INVALID);
    EXPECT_IS(gort_go_copy(nothing, NULL, 4), GORT_INVALID);
    EXPECT_IS(gort_spawn(NULL, NULL, NULL, &task), GORT_INVALID);
    EXPECT_IS(gort_spawn(NULL, nothing_valued, NULL, NULL), GORT_INVALID);
    EXPECT_IS(gort_task_join(NULL, NULL), GORT_INVALID);
    EXPECT_IS(gort_task_try_join(NULL, NULL), GORT_INVALID);
    EXPECT_IS(gort_task_join_until(NULL, NULL, 0, NULL), GORT_INVALID);
    EXPECT_IS(gort_task_cancel(NULL), GORT_INVALID);
    EXPECT(gort_task_id(NULL) == 0 && strcmp(gort_task_name(NULL), "") == 0);
    EXPECT_IS(gort_wg_add(NULL, 1), GORT_INVALID);
    EXPECT_IS(gort_wg_done(NULL), GORT_INVALID);
    EXPECT_IS(gort_wg_go(NULL, nothing, NULL), GORT_INVALID);
    EXPECT_IS(gort_wg_go(wg, NULL, NULL), GORT_INVALID);
    EXPECT_IS(gort_wg_wait(NULL), GORT_INVALID);
    EXPECT(error_says("NULL"));
    EXPECT_IS(gort_wg_try_wait(NULL), GORT_INVALID);
    EXPECT_IS(gort_wg_wait_until(NULL, 0, NULL), GORT_INVALID);
    EXPECT_IS(gort_chan_send(c, NULL), GORT_INVALID);
    EXPECT_IS(gort_chan_try_send(c, NULL), GORT_INVALID);
    EXPECT_IS(gort_chan_send_until(c, NULL, 0, NULL), GORT_INVALID);
    EXPECT_IS(gort_chan_recv(c, NULL), GORT_INVALID);
    EXPECT_IS(gort_chan_try_recv(c, NULL), GORT_INVALID);
    EXPECT_IS(gort_chan_recv_until(c, NULL, 0, NULL), GORT_INVALID);
    EXPECT_IS(gort_chan_close(NULL), GORT_INVALID);
    EXPECT_IS(gort_sender_close(NULL), GORT_INVALID);
    EXPECT_IS(gort_receiver_abandon(NULL), GORT_INVALID);
    EXPECT(gort_chan_new_with(NULL) == NULL && error_says("gort_chan_options is NULL"));
    EXPECT_IS(gort_metrics(NULL), GORT_INVALID);
    EXPECT_IS(gort_dump(NULL), GORT_INVALID);
    EXPECT(gort_chan_len(c) == 0);
    EXPECT_OK(gort_task_release(NULL)); /* giving back nothing is allowed, as free(NULL) is */
    EXPECT_OK(gort_wg_free(NULL));
    EXPECT_OK(gort_chan_release(NULL));
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(gort_chan_release(c));
}

static void what_is_no_context_is_refused(void) {
    int value = 0;
    gort_chan *c = gort_chan_new(sizeof value, 1);
    gort_ctx *ctx = (gort_ctx *)(void *)c;
    EXPECT_IS(gort_chan_send_until(c, &value, GORT_NEVER, ctx), GORT_MISUSE);
    EXPECT_IS(gort_chan_recv_until(c, &value, GORT_NEVER, ctx), GORT_MISUSE);
    EXPECT_IS(gort_sleep_until(GORT_NEVER, ctx), GORT_MISUSE);
    EXPECT(error_says("ctx"));
    EXPECT_OK(gort_chan_release(c));
}

/* --- stale handles, handles of another kind ------------------------------------------------------------------------------- */

static void expect_no_channel(gort_chan *c, gort_status status) {
    int64_t element[2] = {0};
    EXPECT_IS(gort_chan_send(c, element), status);
    EXPECT_IS(gort_chan_try_send(c, element), status);
    EXPECT_IS(gort_chan_send_until(c, element, GORT_NEVER, NULL), status);
    EXPECT_IS(gort_chan_recv(c, element), status);
    EXPECT_IS(gort_chan_try_recv(c, element), status);
    EXPECT_IS(gort_chan_recv_until(c, element, GORT_NEVER, NULL), status);
    EXPECT_IS(gort_chan_close(c), status);
    EXPECT_IS(gort_chan_retain(c), status);
    EXPECT_IS(gort_chan_release(c), status);
    EXPECT_IS(gort_sender_send(gort_chan_sender(c), element), status);
    EXPECT_IS(gort_sender_try_send(gort_chan_sender(c), element), status);
    EXPECT_IS(gort_receiver_recv(gort_chan_receiver(c), element), status);
    EXPECT_IS(gort_receiver_try_recv(gort_chan_receiver(c), element), status);
    EXPECT_IS(gort_receiver_abandon(gort_chan_receiver(c)), status);
    EXPECT(gort_chan_len(c) == 0 && gort_chan_cap(c) == 0 && gort_chan_elem_size(c) == 0 && !gort_chan_is_closed(c));
    EXPECT(ints_from(c) == NULL);
}

static void expect_no_group(gort_wg *wg, gort_status status) {
    EXPECT_IS(gort_wg_add(wg, 1), status);
    EXPECT_IS(gort_wg_done(wg), status);
    EXPECT_IS(gort_wg_go(wg, nothing, NULL), status);
    EXPECT_IS(gort_wg_wait(wg), status);
    EXPECT_IS(gort_wg_try_wait(wg), status);
    EXPECT_IS(gort_wg_wait_until(wg, GORT_NEVER, NULL), status);
    EXPECT_IS(gort_wg_free(wg), status);
}

static void expect_no_task(gort_task *task, gort_status status) {
    void *result = task;
    EXPECT_IS(gort_task_join(task, &result), status);
    EXPECT_IS(gort_task_try_join(task, &result), status);
    EXPECT_IS(gort_task_join_until(task, &result, GORT_NEVER, NULL), status);
    EXPECT_IS(gort_task_cancel(task), status);
    EXPECT_IS(gort_task_release(task), status);
    EXPECT(gort_task_id(task) == 0 && strcmp(gort_task_name(task), "") == 0);
    EXPECT(result == task);
}

typedef struct {
    gort_chan *chan;
    gort_wg *wg;
    gort_task *task;
} handles;

static handles make_handles(void) {
    handles h = {gort_chan_new(8, 1), gort_wg_new(), NULL};
    EXPECT_OK(gort_spawn(NULL, nothing_valued, NULL, &h.task));
    EXPECT_OK(gort_task_join(h.task, NULL));
    return h;
}

static void give_back(handles h) {
    EXPECT_OK(gort_chan_release(h.chan));
    EXPECT_OK(gort_wg_free(h.wg));
    EXPECT_OK(gort_task_release(h.task));
}

static void stale_handle_is_misuse(void) {
    handles h = make_handles();
    give_back(h);
    expect_no_channel(h.chan, GORT_MISUSE);
    expect_no_group(h.wg, GORT_MISUSE);
    expect_no_task(h.task, GORT_MISUSE);
}

static void handle_of_another_kind_is_misuse(void) {
    handles h = make_handles();
    expect_no_channel((gort_chan *)(void *)h.wg, GORT_MISUSE);
    expect_no_channel((gort_chan *)(void *)h.task, GORT_MISUSE);
    expect_no_group((gort_wg *)(void *)h.chan, GORT_MISUSE);
    expect_no_group((gort_wg *)(void *)h.task, GORT_MISUSE);
    expect_no_task((gort_task *)(void *)h.chan, GORT_MISUSE);
    expect_no_task((gort_task *)(void *)h.wg, GORT_MISUSE);
    give_back(h);
}

/* --- channels ---------------------------------------------------------------------------------------------------------- */

static void sizes_out_of_range_are_invalid_and_named(void) {
    EXPECT(gort_chan_new(65537, 1) == NULL && error_says("65537") && error_says("65536"));
    EXPECT(gort_chan_new(SIZE_MAX, 0) == NULL && error_says("element size"));
    EXPECT(gort_chan_new(16, SIZE_MAX / 8) == NULL && error_says("capacity"));
    EXPECT(gort_chan_new(8, SIZE_MAX / 16 + 1) == NULL && error_says("capacity"));
    EXPECT(gort_chan_new(0, SIZE_MAX) == NULL && error_says("capacity"));
    EXPECT(gort_chan_new(65536, (size_t)1 << 46) == NULL && *gort_last_error() != 0);
    gort_chan *c = gort_chan_new(65536, 1);
    EXPECT(c != NULL);
    EXPECT_OK(gort_chan_release(c));
}

static void expect_bad_options(gort_chan_options options, const char *words) {
    EXPECT(gort_chan_new_with(&options) == NULL && error_says(words));
}

static void bad_channel_options_are_invalid_and_named(void) {
    gort_chan_options good = GORT_CHAN_OPTIONS_INIT, o;
    good.elem_size = 24;
    o = good, o.struct_size = 3, expect_bad_options(o, "struct_size");
    o = good, o.alignment = 3, expect_bad_options(o, "alignment");
    o = good, o.alignment = 8192, expect_bad_options(o, "alignment");
    o = good, o.alignment = 16, expect_bad_options(o, "multiple");
    o = good, o.elem_size = 70000, expect_bad_options(o, "70000");
    o = good, o.reserved[4] = 1, expect_bad_options(o, "reserved");
    gort_chan *c = gort_chan_new_with(&good);
    EXPECT(c != NULL && gort_chan_elem_size(c) == 24);
    EXPECT_OK(gort_chan_release(c));
}

static void wrong_element_size_gives_no_typed_channel(void) {
    gort_chan *c = gort_chan_new(sizeof(int64_t), 1);
    EXPECT(ints_from(c) == NULL && longs_from(c) != NULL);
    EXPECT_OK(gort_chan_release(c));
}

static void send_after_close_and_double_close_are_closed(void) {
    ints *c = ints_new(1);
    EXPECT_OK(ints_close(c));
    EXPECT_IS(ints_send(c, 1), GORT_CLOSED);
    EXPECT_IS(ints_close(c), GORT_CLOSED);
    EXPECT_IS(gort_sender_close(gort_chan_sender(ints_raw(c))), GORT_CLOSED);
    EXPECT_OK(ints_release(c));
}

/* --- wait groups --------------------------------------------------------------------------------------------------------- */

static void below_zero_is_misuse_and_changes_nothing(void) {
    gort_wg *wg = gort_wg_new();
    EXPECT_IS(gort_wg_done(wg), GORT_MISUSE);
    EXPECT_OK(gort_wg_add(wg, 2));
    EXPECT_IS(gort_wg_add(wg, -3), GORT_MISUSE);
    EXPECT_IS(gort_wg_try_wait(wg), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_wg_add(wg, INT64_MIN), GORT_MISUSE);
    EXPECT(gort_wg_add(wg, INT64_MAX) < 0); /* would overflow */
    EXPECT_IS(gort_wg_free(wg), GORT_MISUSE); /* not at zero */
    EXPECT_OK(gort_wg_add(wg, -2));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
}

static void wait_for_it(void *arg) {
    EXPECT_OK(gort_wg_wait((gort_wg *)arg));
}

static void free_while_somebody_waits_is_misuse(void) {
    gort_wg *wg = gort_wg_new(), *out = gort_wg_new();
    EXPECT_OK(gort_wg_add(wg, 1));
    EXPECT_OK(gort_wg_go(out, wait_for_it, wg));
    usleep(5000);
    EXPECT_IS(gort_wg_free(wg), GORT_MISUSE);
    EXPECT_OK(gort_wg_done(wg));
    EXPECT_OK(gort_wg_wait(out));
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(gort_wg_free(out));
}

/* --- other ------------------------------------------------------------------------------------------------------------------ */

static void statuses_have_names_and_texts(void) {
    EXPECT(strcmp(gort_status_name(GORT_OK), "GORT_OK") == 0);
    EXPECT(strcmp(gort_status_name(GORT_OS), "GORT_OS") == 0);
    EXPECT(strcmp(gort_status_name(GORT_CLOSED), "GORT_CLOSED") == 0);
    for (gort_status s = 0; s >= GORT_OS; s--) EXPECT(strlen(gort_status_text(s)) > 4);
    EXPECT(strcmp(gort_status_name(1), "GORT_UNKNOWN") == 0 && *gort_status_text(-1000) != 0);
    EXPECT(strcmp(gort_status_name(INT32_MIN), "GORT_UNKNOWN") == 0);
}

static void metrics_of_another_size_are_filled_as_far_as_they_go(void) {
    struct {
        gort_metrics_t known;
        uint64_t later;
    } m;
    memset(&m, 0xFF, sizeof m);
    m.known.struct_size = sizeof m;
    EXPECT_OK(gort_metrics(&m.known));
    EXPECT(m.known.struct_size == sizeof m && m.later == 0 && m.known.channels == 0);
    m.known.struct_size = 4;
    EXPECT_IS(gort_metrics(&m.known), GORT_INVALID);
}

static void *park_for_dump(void *arg) {
    int value;
    EXPECT_IS(ints_recv((ints *)arg, &value), GORT_CANCELED);
    return NULL;
}

static void dump_names_the_tasks(void) {
    gort_spawn_options options = GORT_SPAWN_OPTIONS_INIT;
    gort_task *task = NULL;
    ints *c = ints_new(0);
    char text[4096] = "";
    FILE *file = tmpfile();
    options.name = "parked one";
    EXPECT_OK(gort_spawn(&options, park_for_dump, c, &task));
    usleep(20000);
    EXPECT_OK(gort_dump(file));
    rewind(file);
    EXPECT(fread(text, 1, sizeof text - 1, file) > 0);
    EXPECT(strstr(text, "parked one") != NULL && strstr(text, "channel receive") != NULL);
    fclose(file);
    EXPECT_OK(gort_task_cancel(task));
    EXPECT_OK(gort_task_join(task, NULL));
    EXPECT_OK(gort_task_release(task));
    EXPECT_OK(ints_release(c));
}

static void last_error_is_each_tasks_own(void) {
    EXPECT(gort_chan_new(70001, 1) == NULL);
    handles h = make_handles();
    EXPECT_OK(gort_task_join(h.task, NULL));
    EXPECT(error_says("70001")); /* success does not clear it, nor does another task */
    give_back(h);
}

/* --- fork --------------------------------------------------------------------------------------------------------------------- */

static int run_in_child_main(void *arg) {
    ints *c = ints_new(0);
    int value = 0;
    EXPECT_OK(gort_go(nothing, arg));
    EXPECT_IS(ints_recv_until(c, &value, gort_in(GORT_MS(5)), NULL), GORT_TIMED_OUT);
    EXPECT_OK(ints_release(c));
    return 5;
}

/* What a child may do with handles from before: nothing; and with gort: everything. */
static void be_a_child(handles h, int may_run) {
    alarm(20);
    expect_no_channel(h.chan, GORT_SHUTDOWN);
    expect_no_group(h.wg, GORT_SHUTDOWN);
    expect_no_task(h.task, GORT_SHUTDOWN);
    ints *c = ints_new(1);
    int value = 0;
    EXPECT_OK(ints_send(c, 6));
    EXPECT_OK(ints_recv(c, &value));
    EXPECT(value == 6);
    EXPECT_OK(ints_release(c));
    if (may_run) {
        EXPECT_OK(gort_run(run_in_child_main, NULL, NULL));
        EXPECT(gort_run_result() == 5);
    }
    fflush(NULL);
    _exit(COUNT(test_failures) != 0);
}

static void fork_and_wait(handles h, int may_run) {
    pid_t child = fork_among_threads();
    if (child == 0) be_a_child(h, may_run);
    int status = -1;
    EXPECT(child > 0 && waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void handle_from_before_a_fork_is_shutdown(void) {
    handles h = make_handles();
    fork_and_wait(h, 1);
    give_back(h); /* the parent noticed nothing */
    EXPECT_OK(gort_run(run_in_child_main, NULL, NULL));
}

static int fork_in_task(void *arg) {
    handles h = make_handles();
    (void)arg;
    fork_and_wait(h, 0);
    give_back(h);
    return 0;
}

static void fork_inside_a_task_leaves_a_plain_thread(void) {
    EXPECT_OK(gort_run(fork_in_task, NULL, NULL));
}

TESTS(CASE(null_is_invalid_where_a_thing_is_needed), CASE(what_is_no_context_is_refused),
      CASE(stale_handle_is_misuse), CASE(handle_of_another_kind_is_misuse),
      CASE(sizes_out_of_range_are_invalid_and_named), CASE(bad_channel_options_are_invalid_and_named),
      CASE(wrong_element_size_gives_no_typed_channel), CASE(send_after_close_and_double_close_are_closed),
      CASE(below_zero_is_misuse_and_changes_nothing), CASE(free_while_somebody_waits_is_misuse),
      CASE(statuses_have_names_and_texts), CASE(metrics_of_another_size_are_filled_as_far_as_they_go),
      CASE(dump_names_the_tasks), CASE(last_error_is_each_tasks_own), CASE(handle_from_before_a_fork_is_shutdown),
      CASE(fork_inside_a_task_leaves_a_plain_thread))
