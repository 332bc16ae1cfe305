/*
 * header.c: gort.h stands by itself, first in its file, and each macro works, in C11 and in C++17 with every warning on. What
 * must not compile is in run.sh. It is compiled and linked, and run once for the initialisers.
 */
#include <gort.h>

#include <gort.h> /* twice does no harm */

typedef struct {
    int x, y;
} point;

typedef void (*callback)(void *);
typedef const char *string;

GORT_CHAN_DEFINE(int, ints);
GORT_CHAN_DEFINE(point, points);
GORT_CHAN_DEFINE(void *, pointers);
GORT_CHAN_DEFINE(string, strings);
GORT_CHAN_DEFINE(callback, callbacks);
GORT_CHAN_DEFINE(unsigned long long, longs); /* two words */

/* Every function, so that one that is declared and not exported does not link. */
typedef void (*any)(void);
#define F(name) GORT_CAST_POINTER(any, &name)

static const any functions[] = {
    F(gort_version), F(gort_version_string), F(gort_status_name), F(gort_status_text), F(gort_last_error),
    F(gort_now), F(gort_in), F(gort_wall_time), F(gort_sleep), F(gort_sleep_until), F(gort_config_init),
    F(gort_run), F(gort_run_result), F(gort_run_report), F(gort_shutdown), F(gort_workers), F(gort_workers_set),
    F(gort_num_cpu), F(gort_go), F(gort_go_copy), F(gort_spawn), F(gort_task_join), F(gort_task_try_join),
    F(gort_task_join_until), F(gort_task_cancel), F(gort_task_release), F(gort_task_id), F(gort_task_name),
    F(gort_yield), F(gort_shield_begin), F(gort_shield_end), F(gort_blocking), F(gort_blocking_enter),
    F(gort_blocking_leave), F(gort_chan_new), F(gort_chan_new_with), F(gort_chan_retain), F(gort_chan_release),
    F(gort_chan_send), F(gort_chan_try_send), F(gort_chan_send_until), F(gort_chan_recv), F(gort_chan_try_recv),
    F(gort_chan_recv_until), F(gort_chan_close), F(gort_chan_len), F(gort_chan_cap), F(gort_chan_elem_size),
    F(gort_chan_is_closed), F(gort_chan_sender), F(gort_chan_receiver), F(gort_sender_send), F(gort_sender_try_send),
    F(gort_sender_send_until), F(gort_sender_close), F(gort_receiver_recv), F(gort_receiver_try_recv),
    F(gort_receiver_recv_until), F(gort_receiver_abandon), F(gort_chan_send_n), F(gort_chan_try_send_n),
    F(gort_chan_send_n_until), F(gort_chan_recv_n), F(gort_chan_try_recv_n), F(gort_chan_recv_n_until),
    F(gort_chan_notify_fd), F(gort_chan_on_ready), F(gort_receiver_notify_fd), F(gort_receiver_on_ready),
    F(gort_receiver_release), F(gort_timer_new), F(gort_timer_new_at), F(gort_timer_recv), F(gort_timer_try_recv),
    F(gort_timer_recv_until), F(gort_timer_stop), F(gort_timer_reset), F(gort_timer_reset_at), F(gort_timer_receiver),
    F(gort_timer_free), F(gort_ticker_new), F(gort_ticker_recv), F(gort_ticker_try_recv), F(gort_ticker_recv_until),
    F(gort_ticker_stop), F(gort_ticker_reset), F(gort_ticker_receiver), F(gort_ticker_free), F(gort_after), F(gort_tick),
    F(gort_after_func), F(gort_func_timer_stop), F(gort_func_timer_reset), F(gort_func_timer_free),
    F(gort_debounce_new), F(gort_debounce_call), F(gort_debounce_flush), F(gort_debounce_cancel), F(gort_debounce_free),
    F(gort_throttle_new), F(gort_throttle_call), F(gort_throttle_free), F(gort_heartbeat_new), F(gort_heartbeat_free),
    F(gort_periodic_new), F(gort_periodic_free), F(gort_idle_new), F(gort_idle_touch), F(gort_idle_stop),
    F(gort_idle_free), F(gort_retry), F(gort_poll_until), F(gort_mutex_lock), F(gort_mutex_lock_until),
    F(gort_mutex_try_lock), F(gort_mutex_unlock),
    F(gort_select), F(gort_try_select), F(gort_select_until),
    F(gort_select_biased), F(gort_try_select_biased), F(gort_select_biased_until), F(gort_selector_new),
    F(gort_selector_add), F(gort_selector_remove), F(gort_selector_wait), F(gort_selector_try_wait),
    F(gort_selector_wait_until), F(gort_selector_free), F(gort_wg_new), F(gort_wg_free), F(gort_wg_add),
    F(gort_wg_done), F(gort_wg_go), F(gort_wg_wait), F(gort_wg_try_wait), F(gort_wg_wait_until), F(gort_metrics),
    F(gort_dump)};

/* Each constructor of a case, typed and not, fills in every field. */
static int wrong_cases(void) {
    static const point in = {1, 2};
    point out = {0, 0};
    callback called = NULL;
    string text = NULL;
    int64_t due = 0;
    points *c = NULL;
    const gort_case cases[] = {points_case_recv(c, &out),
                               points_case_send(c, &in),
                               callbacks_case_recv(NULL, &called),
                               strings_case_send(NULL, &text),
                               gort_case_recv(NULL, &out),
                               gort_case_send(NULL, &in),
                               gort_case_sender_send(NULL, &in),
                               gort_case_receiver_recv(NULL, &out),
                               gort_case_timer(NULL, &due),
                               gort_case_ticker(NULL, &due),
                               gort_case_ctx(NULL)};
    const gort_case after = gort_case_after(GORT_SEC(2));
    int bad = after.kind != GORT_CASE_AFTER || after.duration != GORT_SEC(2) || after.element != NULL;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const gort_case *k = &cases[i];
        bad += k->chan != NULL || k->status != GORT_OK || k->duration != 0 || k->reserved[0] != 0 || k->reserved[1] != 0;
    }
    bad += cases[0].kind != GORT_CASE_RECV || cases[0].element != &out;
    bad += cases[1].kind != GORT_CASE_SEND || cases[1].element != &in;
    return bad;
}

/* The batches of a typed channel take arrays of its type, also constant ones. */
static int wrong_batches(void) {
    static const int in[2] = {1, 2};
    int out[2] = {0, 0};
    size_t n = 9;
    ints *c = NULL;
    return ints_send_n(c, in, 0, &n) + ints_try_send_n(c, in, 0, &n) + ints_send_n_until(c, in, 0, &n, 0, NULL) +
           ints_recv_n(c, out, 0, &n) + ints_try_recv_n(c, out, 0, &n) + ints_recv_n_until(c, out, 0, &n, 0, NULL) + (n != 0);
}

static int switch_on(gort_status status) {
    switch (status) { /* the numbers are constants */
    case GORT_OK: return 0;
    case GORT_CLOSED: return 1;
    case GORT_WOULD_BLOCK: return 2;
    default: return GORT_DEADLOCK - GORT_PANIC;
    }
}

int main(void) {
    gort_config config = GORT_CONFIG_INIT;
    gort_spawn_options spawn = GORT_SPAWN_OPTIONS_INIT;
    gort_chan_options chan = GORT_CHAN_OPTIONS_INIT;
    gort_map_options map = GORT_MAP_OPTIONS_INIT;
    gort_pool_options pool = GORT_POOL_OPTIONS_INIT;
    gort_metrics_t metrics = GORT_METRICS_INIT;
    struct gort_config *tag = &config;
    int64_t durations[] = {GORT_NEVER, GORT_US(1), GORT_MS(1.5), GORT_SEC(-1)};
    int bad = 0;
    bad += tag->struct_size != sizeof config || spawn.struct_size != sizeof spawn || chan.struct_size != sizeof chan;
    bad += config.grace != GORT_MS(100) || spawn.affinity != GORT_AFFINITY_ANY || chan.drop != NULL || chan.flags != 0;
    bad += map.struct_size != sizeof map || map.retain != NULL || pool.struct_size != sizeof pool || pool.max_idle != 0;
    bad += wrong_cases() + wrong_batches();
    bad += durations[2] != 1500000 || durations[3] != -1000000000;
    bad += gort_version() != GORT_VERSION || gort_metrics(&metrics) != GORT_OK;
    bad += switch_on(GORT_LIMIT) != 1;
    for (unsigned i = 0; i < sizeof functions / sizeof functions[0]; i++) bad += functions[i] == NULL;
    return bad;
}
