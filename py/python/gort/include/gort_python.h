/*
 * gort in extension modules of Python, without linking against anything.
 *
 * Written by py/tests/capi_header.py from py/src/capi.rs and gort.h; do not edit. gort.h says what each function does.
 *
 *   #define PY_SSIZE_T_CLEAN
 *   #include <Python.h>
 *   #include <gort_python.h>                 (in gort.get_include())
 *
 *   PyMODINIT_FUNC PyInit_mine(void) {
 *       if (gort_python_import() < 0) return NULL;
 *       ...
 *   static PyObject *start(PyObject *self, PyObject *channel) {
 *       gort_chan *q = gort_python_chan(channel);            a gort.Channel.of(...), or its as_capsule(); retained
 *       if (q == NULL) return NULL;
 *       if (gort_python_table->go(produce, q) != GORT_OK) ...    produce ends with gort_python_table->chan_release(q)
 *
 * With GORT_PYTHON_CALLS defined before the include, gort_chan_send(...) and all other names of gort.h go through the
 * table, typed channels (GORT_CHAN_DEFINE) too; nothing else in the source changes. With a GORT_PYTHON_TABLE defined
 * before it, several files share one table: it names a `const gort_python_api *` that one of them defines (see below).
 *
 * What may be called where
 *   A native task (gort_go, gort_spawn, gort_wg_go) runs on a thread of gort's and must never call Python: no
 *   PyGILState_Ensure, no ctypes callback, no Py_DECREF. It may go on on another thread after each call that blocks, and
 *   the interpreter would be held by a thread that is gone. Hand values over by a channel, and let a Python task or
 *   thread receive them.
 *   Every other function may be called on any thread, with the interpreter held or released, in a Python task or not,
 *   and on threads that Python has never seen.
 *
 * What blocks
 *   A blocking call made by a native task parks the task. Made anywhere else it blocks the OS thread, also when a Python
 *   task made it: so it may use `&x` of its own stack. If the thread holds the interpreter, it is released while the
 *   thread waits, as by Py_BEGIN_ALLOW_THREADS: other Python threads run, borrowed references may die. Python tasks that
 *   have started on that thread wait until it returns; others go on elsewhere. So do not wait in C for what a Python
 *   task of the same thread is to send: that hangs, and gort.dump() says so. Wait in Python, or with a deadline.
 *   When a call made on the main thread with the interpreter held returns GORT_CANCELED and PyErr_Occurred(), a signal
 *   handler has raised (Ctrl-C): return NULL. A call made with the interpreter released is not interrupted by signals.
 *   When a Python task is cancelled, by Task.cancel() or since its run has ended, its blocking calls in C return
 *   GORT_CANCELED, the one that waits and all later ones: return to Python soon, which raises TaskCanceled at its next wait.
 *
 * Who owns what
 *   The table lives as long as the process. The capsule of channel.as_capsule() holds its channel; the handle in it is
 *   borrowed, valid while the capsule lives. gort_python_chan() gives one that is yours: gort_chan_release() it, from any
 *   thread or task, without the interpreter. Only channels of a fixed kind (Channel.of) have a handle; elements are of the
 *   kind's size in C: gort_chan_elem_size().
 *   The runtime belongs to Python: there is no gort_shutdown here. It ends with the process; native tasks that still run
 *   then are not waited for.
 */

#ifndef GORT_PYTHON_H
#define GORT_PYTHON_H

#ifndef Py_PYTHON_H
#include <Python.h>
#endif
#include "gort.h"

#if defined(__cplusplus)
extern "C" {
#endif

/** The ABI that this header is for; gort_python_import() compares. */
#define GORT_PYTHON_ABI 0

/** The capsule's name. */
#define GORT_PYTHON_CAPSULE "gort._gort._C_API"

/** The functions of gort.h, without their `gort_`. Later versions add some at the end; `size` tells them apart. */
typedef struct gort_python_api {
    /** sizeof the table of the module that is loaded, at least that of this header. */
    size_t size;
    /** GORT_PYTHON_ABI of that module. */
    size_t abi;
    const char *(*status_name)(gort_status status);
    const char *(*status_text)(gort_status status);
    const char *(*last_error)(void);
    int64_t (*now)(void);
    gort_status (*go)(void (*fn)(void *arg), void *arg);
    gort_status (*go_copy)(void (*fn)(void *arg), const void *args, size_t size);
    gort_status (*spawn)(const gort_spawn_options *options, void *(*fn)(void *arg), void *arg, gort_task **out);
    gort_status (*task_join)(gort_task *task, void **result);
    gort_status (*task_cancel)(gort_task *task);
    gort_status (*task_release)(gort_task *task);
    void (*yield)(void);
    gort_status (*sleep)(int64_t duration);
    gort_chan *(*chan_new)(size_t elem_size, size_t capacity);
    gort_status (*chan_retain)(gort_chan *chan);
    gort_status (*chan_release)(gort_chan *chan);
    gort_status (*chan_close)(gort_chan *chan);
    size_t (*chan_len)(const gort_chan *chan);
    size_t (*chan_cap)(const gort_chan *chan);
    gort_status (*chan_send)(gort_chan *chan, const void *element);
    gort_status (*chan_try_send)(gort_chan *chan, const void *element);
    gort_status (*chan_send_until)(gort_chan *chan, const void *element, int64_t deadline, gort_ctx *ctx);
    gort_status (*chan_recv)(gort_chan *chan, void *out);
    gort_status (*chan_try_recv)(gort_chan *chan, void *out);
    gort_status (*chan_recv_until)(gort_chan *chan, void *out, int64_t deadline, gort_ctx *ctx);
    gort_wg *(*wg_new)(void);
    gort_status (*wg_free)(gort_wg *wg);
    gort_status (*wg_add)(gort_wg *wg, int64_t n);
    gort_status (*wg_done)(gort_wg *wg);
    gort_status (*wg_go)(gort_wg *wg, void (*fn)(void *arg), void *arg);
    gort_status (*wg_wait)(gort_wg *wg);
    uint32_t (*version)(void);
    const char *(*version_string)(void);
    int64_t (*in)(int64_t duration);
    int64_t (*wall_time)(int64_t time);
    gort_status (*sleep_until)(int64_t deadline, gort_ctx *ctx);
    gort_status (*task_join_until)(gort_task *task, void **result, int64_t deadline, gort_ctx *ctx);
    gort_status (*task_try_join)(gort_task *task, void **result);
    uint64_t (*task_id)(const gort_task *task);
    const char *(*task_name)(const gort_task *task);
    gort_status (*shield_begin)(void);
    gort_status (*shield_end)(void);
    gort_status (*blocking)(void (*fn)(void *arg), void *arg);
    void (*blocking_enter)(void);
    void (*blocking_leave)(void);
    gort_chan *(*chan_new_with)(const gort_chan_options *options);
    size_t (*chan_elem_size)(const gort_chan *chan);
    bool (*chan_is_closed)(const gort_chan *chan);
    gort_sender *(*chan_sender)(gort_chan *chan);
    gort_receiver *(*chan_receiver)(gort_chan *chan);
    gort_status (*sender_send)(gort_sender *sender, const void *element);
    gort_status (*sender_try_send)(gort_sender *sender, const void *element);
    gort_status (*sender_send_until)(gort_sender *sender, const void *element, int64_t deadline, gort_ctx *ctx);
    gort_status (*sender_close)(gort_sender *sender);
    gort_status (*receiver_recv)(gort_receiver *receiver, void *out);
    gort_status (*receiver_try_recv)(gort_receiver *receiver, void *out);
    gort_status (*receiver_recv_until)(gort_receiver *receiver, void *out, int64_t deadline, gort_ctx *ctx);
    gort_status (*receiver_abandon)(gort_receiver *receiver);
    gort_status (*wg_try_wait)(gort_wg *wg);
    gort_status (*wg_wait_until)(gort_wg *wg, int64_t deadline, gort_ctx *ctx);
    void (*config_init)(gort_config *config);
    gort_status (*run)(int (*main)(void *arg), void *arg, const gort_config *config);
    int (*run_result)(void);
    const char *(*run_report)(void);
    int (*workers)(void);
    gort_status (*workers_set)(int workers);
    int (*num_cpu)(void);
    gort_status (*metrics)(gort_metrics_t *metrics);
    gort_status (*dump)(FILE *file);
    int32_t (*select)(gort_case *cases, size_t n);
    int32_t (*try_select)(gort_case *cases, size_t n);
    int32_t (*select_until)(gort_case *cases, size_t n, int64_t deadline, gort_ctx *ctx);
    int32_t (*select_biased)(gort_case *cases, size_t n);
    int32_t (*try_select_biased)(gort_case *cases, size_t n);
    int32_t (*select_biased_until)(gort_case *cases, size_t n, int64_t deadline, gort_ctx *ctx);
    gort_selector *(*selector_new)(void);
    gort_status (*selector_free)(gort_selector *selector);
    int32_t (*selector_add)(gort_selector *selector, gort_case c);
    gort_status (*selector_remove)(gort_selector *selector, int32_t index);
    int32_t (*selector_wait)(gort_selector *selector, gort_status *status);
    int32_t (*selector_try_wait)(gort_selector *selector, gort_status *status);
    int32_t (*selector_wait_until)(gort_selector *selector, gort_status *status, int64_t deadline, gort_ctx *ctx);
    gort_status (*chan_send_n)(gort_chan *chan, const void *elements, size_t n, size_t *sent);
    gort_status (*chan_try_send_n)(gort_chan *chan, const void *elements, size_t n, size_t *sent);
    gort_status (*chan_send_n_until)(gort_chan *chan, const void *elements, size_t n, size_t *sent, int64_t deadline, gort_ctx *ctx);
    gort_status (*chan_recv_n)(gort_chan *chan, void *out, size_t most, size_t *received);
    gort_status (*chan_try_recv_n)(gort_chan *chan, void *out, size_t most, size_t *received);
    gort_status (*chan_recv_n_until)(gort_chan *chan, void *out, size_t most, size_t *received, int64_t deadline, gort_ctx *ctx);
    int (*chan_notify_fd)(gort_chan *chan);
    gort_status (*chan_on_ready)(gort_chan *chan, void (*fn)(void *arg), void *arg);
    gort_status (*receiver_release)(gort_receiver *receiver);
    int (*receiver_notify_fd)(gort_receiver *receiver);
    gort_status (*receiver_on_ready)(gort_receiver *receiver, void (*fn)(void *arg), void *arg);
    gort_timer *(*timer_new)(int64_t duration);
    gort_timer *(*timer_new_at)(int64_t when);
    gort_status (*timer_recv)(gort_timer *timer, int64_t *due);
    gort_status (*timer_try_recv)(gort_timer *timer, int64_t *due);
    gort_status (*timer_recv_until)(gort_timer *timer, int64_t *due, int64_t deadline, gort_ctx *ctx);
    gort_status (*timer_stop)(gort_timer *timer, bool *prevented);
    gort_status (*timer_reset)(gort_timer *timer, int64_t duration, bool *replaced);
    gort_status (*timer_reset_at)(gort_timer *timer, int64_t when, bool *replaced);
    gort_receiver *(*timer_receiver)(gort_timer *timer);
    gort_status (*timer_free)(gort_timer *timer);
    gort_ticker *(*ticker_new)(int64_t period);
    gort_status (*ticker_recv)(gort_ticker *ticker, int64_t *due);
    gort_status (*ticker_try_recv)(gort_ticker *ticker, int64_t *due);
    gort_status (*ticker_recv_until)(gort_ticker *ticker, int64_t *due, int64_t deadline, gort_ctx *ctx);
    gort_status (*ticker_stop)(gort_ticker *ticker, bool *prevented);
    gort_status (*ticker_reset)(gort_ticker *ticker, int64_t period);
    gort_receiver *(*ticker_receiver)(gort_ticker *ticker);
    gort_status (*ticker_free)(gort_ticker *ticker);
    gort_receiver *(*after)(int64_t duration);
    gort_receiver *(*tick)(int64_t period);
    gort_func_timer *(*after_func)(int64_t duration, void (*fn)(void*), void *arg);
    gort_status (*func_timer_stop)(gort_func_timer *timer, bool *prevented);
    gort_status (*func_timer_reset)(gort_func_timer *timer, int64_t duration, bool *replaced);
    gort_status (*func_timer_free)(gort_func_timer *timer);
    gort_debounce *(*debounce_new)(int64_t quiet, void (*fn)(void*), void *arg);
    gort_status (*debounce_call)(gort_debounce *debounce);
    gort_status (*debounce_flush)(gort_debounce *debounce, bool *begun);
    gort_status (*debounce_cancel)(gort_debounce *debounce, bool *prevented);
    gort_status (*debounce_free)(gort_debounce *debounce);
    gort_throttle *(*throttle_new)(int64_t interval, bool trailing, void (*fn)(void*), void *arg);
    gort_status (*throttle_call)(gort_throttle *throttle, bool *ran);
    gort_status (*throttle_free)(gort_throttle *throttle);
    gort_heartbeat *(*heartbeat_new)(int64_t period, void (*fn)(void*), void *arg);
    gort_status (*heartbeat_free)(gort_heartbeat *heartbeat);
    gort_periodic *(*periodic_new)(int64_t period, void (*fn)(void*, int64_t), void *arg);
    gort_status (*periodic_free)(gort_periodic *periodic);
    gort_idle *(*idle_new)(int64_t limit, void (*fn)(void*), void *arg);
    gort_status (*idle_touch)(gort_idle *idle);
    gort_status (*idle_stop)(gort_idle *idle, bool *prevented);
    gort_status (*idle_free)(gort_idle *idle);
    gort_status (*retry)(const gort_backoff *backoff, gort_status (*fn)(void*, uint64_t), void *arg, int64_t deadline, gort_ctx *ctx);
    gort_status (*poll_until)(int64_t interval, int (*fn)(void*), void *arg, int64_t deadline, gort_ctx *ctx);
    gort_status (*mutex_lock)(gort_mutex *mutex);
    gort_status (*mutex_try_lock)(gort_mutex *mutex);
    gort_status (*mutex_lock_until)(gort_mutex *mutex, int64_t deadline, gort_ctx *ctx);
    gort_status (*mutex_unlock)(gort_mutex *mutex);
    gort_status (*rwmutex_rlock)(gort_rwmutex *lock);
    gort_status (*rwmutex_try_rlock)(gort_rwmutex *lock);
    gort_status (*rwmutex_rlock_until)(gort_rwmutex *lock, int64_t deadline, gort_ctx *ctx);
    gort_status (*rwmutex_runlock)(gort_rwmutex *lock);
    gort_status (*rwmutex_lock)(gort_rwmutex *lock);
    gort_status (*rwmutex_try_lock)(gort_rwmutex *lock);
    gort_status (*rwmutex_lock_until)(gort_rwmutex *lock, int64_t deadline, gort_ctx *ctx);
    gort_status (*rwmutex_unlock)(gort_rwmutex *lock);
    gort_status (*cond_wait)(gort_cond *cond, gort_mutex *mutex);
    gort_status (*cond_wait_until)(gort_cond *cond, gort_mutex *mutex, int64_t deadline, gort_ctx *ctx);
    gort_status (*cond_signal)(gort_cond *cond);
    gort_status (*cond_broadcast)(gort_cond *cond);
    gort_status (*once_do)(gort_once *once, void (*fn)(void *arg), void *arg);
    gort_status (*once_try_do)(gort_once *once, void (*fn)(void *arg), void *arg);
    gort_status (*once_do_until)(gort_once *once, void (*fn)(void *arg), void *arg, int64_t deadline, gort_ctx *ctx);
    bool (*once_is_done)(const gort_once *once);
    gort_status (*sem_acquire)(gort_sem *sem, uint32_t n);
    gort_status (*sem_try_acquire)(gort_sem *sem, uint32_t n);
    gort_status (*sem_acquire_until)(gort_sem *sem, uint32_t n, int64_t deadline, gort_ctx *ctx);
    gort_status (*sem_release)(gort_sem *sem, uint32_t n);
    uint32_t (*sem_available)(const gort_sem *sem);
    gort_status (*barrier_wait)(gort_barrier *barrier, bool *last);
    gort_status (*barrier_try_wait)(gort_barrier *barrier);
    gort_status (*barrier_wait_until)(gort_barrier *barrier, bool *last, int64_t deadline, gort_ctx *ctx);
    uint32_t (*barrier_arrived)(const gort_barrier *barrier);
    gort_status (*event_set)(gort_event *event);
    gort_status (*event_clear)(gort_event *event);
    bool (*event_is_set)(const gort_event *event);
    gort_status (*event_wait)(gort_event *event);
    gort_status (*event_try_wait)(gort_event *event);
    gort_status (*event_wait_until)(gort_event *event, int64_t deadline, gort_ctx *ctx);
    gort_counter *(*counter_new)(void);
    gort_status (*counter_free)(gort_counter *counter);
    gort_status (*counter_add)(gort_counter *counter, int64_t n);
    int64_t (*counter_value)(const gort_counter *counter);
    gort_status (*counter_reset)(gort_counter *counter, int64_t *before);
    gort_map *(*map_new)(void);
    gort_map *(*map_new_with)(const gort_map_options *options);
    gort_status (*map_free)(gort_map *map);
    int32_t (*map_load)(gort_map *map, const void *key, size_t key_size, void **value);
    gort_status (*map_store)(gort_map *map, const void *key, size_t key_size, void *value);
    int32_t (*map_swap)(gort_map *map, const void *key, size_t key_size, void *value, void **previous);
    int32_t (*map_load_or_store)(gort_map *map, const void *key, size_t key_size, void *value, void **actual);
    int32_t (*map_load_and_delete)(gort_map *map, const void *key, size_t key_size, void **value);
    int32_t (*map_delete)(gort_map *map, const void *key, size_t key_size);
    int32_t (*map_compare_and_swap)(gort_map *map, const void *key, size_t key_size, void *old, void *value);
    int32_t (*map_compare_and_delete)(gort_map *map, const void *key, size_t key_size, void *old);
    gort_status (*map_range)(gort_map *map, bool (*fn)(const void *key, size_t key_size, void *value, void *arg), void *arg);
    size_t (*map_len)(const gort_map *map);
    gort_status (*map_clear)(gort_map *map);
    int32_t (*map_collect)(gort_map *map);
    gort_pool *(*pool_new)(const gort_pool_options *options);
    gort_status (*pool_free)(gort_pool *pool);
    gort_status (*pool_get)(gort_pool *pool, void **object);
    gort_status (*pool_put)(gort_pool *pool, void *object);
    size_t (*pool_idle)(const gort_pool *pool);
    gort_status (*pool_clear)(gort_pool *pool);
    double (*limiter_every)(int64_t interval);
    gort_limiter *(*limiter_token_bucket_new)(double rate, uint32_t burst);
    gort_limiter *(*limiter_fixed_window_new)(uint32_t n, int64_t window, bool lazy);
    gort_limiter *(*limiter_sliding_log_new)(uint32_t n, int64_t window);
    gort_limiter *(*limiter_sliding_counter_new)(uint32_t n, int64_t window);
    gort_limiter *(*limiter_leaky_new)(double rate, uint32_t capacity, bool drops);
    gort_limiter *(*limiter_paced_new)(int64_t origin, int64_t period);
    gort_limiter *(*limiter_all_new)(gort_limiter *const *limiters, size_t n);
    gort_status (*limiter_free)(gort_limiter *limiter);
    gort_status (*limiter_allow)(gort_limiter *limiter);
    gort_status (*limiter_allow_n)(gort_limiter *limiter, uint32_t n);
    gort_status (*limiter_allow_at)(gort_limiter *limiter, int64_t now, uint32_t n);
    gort_status (*limiter_wait)(gort_limiter *limiter);
    gort_status (*limiter_wait_until)(gort_limiter *limiter, int64_t deadline, gort_ctx *ctx);
    gort_status (*limiter_wait_n)(gort_limiter *limiter, uint32_t n);
    gort_status (*limiter_wait_n_until)(gort_limiter *limiter, uint32_t n, int64_t deadline, gort_ctx *ctx);
    gort_status (*limiter_reserve)(gort_limiter *limiter, uint32_t n, gort_reservation *reservation);
    gort_status (*limiter_reserve_at)(gort_limiter *limiter, int64_t now, uint32_t n, int64_t latest, gort_reservation *reservation);
    int64_t (*reservation_delay)(const gort_reservation *reservation);
    gort_status (*reservation_cancel)(gort_reservation *reservation);
    gort_status (*reservation_cancel_at)(gort_reservation *reservation, int64_t now);
    double (*limiter_limit)(const gort_limiter *limiter);
    uint32_t (*limiter_burst)(const gort_limiter *limiter);
    double (*limiter_tokens)(const gort_limiter *limiter);
    double (*limiter_tokens_at)(const gort_limiter *limiter, int64_t now);
    gort_status (*limiter_set_limit)(gort_limiter *limiter, double rate);
    gort_status (*limiter_set_limit_at)(gort_limiter *limiter, int64_t now, double rate);
    gort_status (*limiter_set_burst)(gort_limiter *limiter, uint32_t burst);
    gort_status (*limiter_set_burst_at)(gort_limiter *limiter, int64_t now, uint32_t burst);
    gort_keyed *(*keyed_new)(double rate, uint32_t burst, gort_limiter *within);
    gort_status (*keyed_free)(gort_keyed *keyed);
    gort_status (*keyed_allow)(gort_keyed *keyed, const void *key, size_t size, uint32_t n);
    gort_status (*keyed_allow_at)(gort_keyed *keyed, int64_t now, const void *key, size_t size, uint32_t n);
    gort_status (*keyed_wait)(gort_keyed *keyed, const void *key, size_t size, uint32_t n);
    gort_status (*keyed_wait_until)(gort_keyed *keyed, const void *key, size_t size, uint32_t n, int64_t deadline, gort_ctx *ctx);
    double (*keyed_tokens_at)(const gort_keyed *keyed, int64_t now, const void *key, size_t size);
    size_t (*keyed_len)(const gort_keyed *keyed);
    gort_status (*keyed_evict)(gort_keyed *keyed, int64_t now, size_t *forgotten);
    gort_status (*keyed_set)(gort_keyed *keyed, double rate, uint32_t burst);
    gort_status (*sometimes_do)(gort_sometimes *sometimes, void (*fn)(void*), void *arg, bool *ran);
    gort_status (*sometimes_do_at)(gort_sometimes *sometimes, int64_t now, void (*fn)(void*), void *arg, bool *ran);
    gort_ctx *(*ctx_background)(void);
    gort_ctx *(*ctx_todo)(void);
    gort_ctx *(*ctx_with_cancel)(gort_ctx *parent);
    gort_ctx *(*ctx_with_timeout)(gort_ctx *parent, int64_t duration);
    gort_ctx *(*ctx_with_timeout_cause)(gort_ctx *parent, int64_t duration, const char *cause);
    gort_ctx *(*ctx_with_deadline)(gort_ctx *parent, int64_t deadline);
    gort_ctx *(*ctx_with_deadline_cause)(gort_ctx *parent, int64_t deadline, const char *cause);
    gort_ctx *(*ctx_with_value)(gort_ctx *parent, const void *key, void *value, void (*drop)(void *value));
    gort_ctx *(*ctx_without_cancel)(gort_ctx *parent);
    gort_ctx *(*ctx_merge)(gort_ctx *first, gort_ctx *second);
    gort_ctx *(*ctx_own)(const gort_ctx_functions *functions, void *arg);
    gort_ctx_func *(*ctx_after_func)(gort_ctx *ctx, void (*fn)(void *arg), void *arg);
    gort_status (*ctx_func_stop)(gort_ctx_func *func, bool *prevented);
    gort_status (*ctx_func_free)(gort_ctx_func *func);
    gort_status (*ctx_cancel)(gort_ctx *ctx);
    gort_status (*ctx_cancel_cause)(gort_ctx *ctx, const char *cause);
    bool (*ctx_is_done)(const gort_ctx *ctx);
    gort_status (*ctx_err)(const gort_ctx *ctx);
    const char *(*ctx_cause)(const gort_ctx *ctx);
    int64_t (*ctx_deadline)(const gort_ctx *ctx);
    void *(*ctx_value)(const gort_ctx *ctx, const void *key);
    gort_receiver *(*ctx_done)(gort_ctx *ctx);
    gort_status (*ctx_retain)(gort_ctx *ctx);
    gort_status (*ctx_release)(gort_ctx *ctx);
    gort_group *(*group_new)(void);
    gort_status (*group_free)(gort_group *group);
    gort_status (*group_set_limit)(gort_group *group, int64_t n);
    gort_status (*group_go)(gort_group *group, int (*fn)(void *arg), void *arg);
    gort_status (*group_try_go)(gort_group *group, int (*fn)(void *arg), void *arg);
    gort_status (*group_go_until)(gort_group *group, int (*fn)(void *arg), void *arg, int64_t deadline, gort_ctx *ctx);
    int (*group_wait)(gort_group *group);
    int (*group_wait_until)(gort_group *group, int64_t deadline, gort_ctx *ctx);
    gort_status (*group_cancel)(gort_group *group);
    bool (*group_is_canceled)(const gort_group *group);
    gort_singleflight *(*singleflight_new)(void (*retain)(void *result), void (*release)(void *result));
    gort_status (*singleflight_free)(gort_singleflight *flights);
    gort_status (*singleflight_do)(gort_singleflight *flights, const void *key, size_t size, void *(*fn)(void *arg), void *arg, void **result, bool *shared);
    gort_status (*singleflight_do_until)(gort_singleflight *flights, const void *key, size_t size, void *(*fn)(void *arg), void *arg, void **result, bool *shared, int64_t deadline, gort_ctx *ctx);
    gort_status (*singleflight_forget)(gort_singleflight *flights, const void *key, size_t size);
    gort_worker_pool *(*worker_pool_new)(const gort_worker_pool_options *options);
    gort_status (*worker_pool_submit)(gort_worker_pool *pool, void (*fn)(void *arg, void *state), void *arg);
    gort_status (*worker_pool_try_submit)(gort_worker_pool *pool, void (*fn)(void *arg, void *state), void *arg);
    gort_status (*worker_pool_submit_until)(gort_worker_pool *pool, void (*fn)(void *arg, void *state), void *arg, int64_t deadline, gort_ctx *ctx);
    gort_status (*worker_pool_close)(gort_worker_pool *pool);
    gort_status (*worker_pool_cancel)(gort_worker_pool *pool);
    gort_status (*worker_pool_wait)(gort_worker_pool *pool);
    gort_status (*worker_pool_wait_until)(gort_worker_pool *pool, int64_t deadline, gort_ctx *ctx);
    gort_status (*worker_pool_free)(gort_worker_pool *pool);
    gort_group *(*group_new_within)(gort_ctx *ctx);
    gort_ctx *(*group_ctx)(gort_group *group);
} gort_python_api;

#if defined(GORT_PYTHON_TABLE)
extern const gort_python_api *GORT_PYTHON_TABLE;
#else
#define GORT_PYTHON_TABLE gort_python_table
/** The table, once gort_python_import() has found it. One for each file. */
GORT_UNUSED static const gort_python_api *gort_python_table = NULL;
#endif

/**
 * Imports gort and fetches its table. 0, or -1 with an exception: ImportError when gort is not installed, or when it is
 * older than this header or of another ABI. With the interpreter held.
 */
GORT_UNUSED static inline int gort_python_import(void) {
    const gort_python_api *table = GORT_PYTHON_TABLE;
    PyObject *module;
    if (table != NULL) return 0;
    module = PyImport_ImportModule("gort");
    if (module == NULL) return -1;
    Py_DECREF(module);
    table = GORT_CAST_POINTER(const gort_python_api *, PyCapsule_Import(GORT_PYTHON_CAPSULE, 0));
    if (table == NULL) return -1;
    if (table->abi != GORT_PYTHON_ABI) {
        PyErr_Format(PyExc_ImportError, "gort has ABI %zu, this module was compiled for ABI %d; compile it again", table->abi,
                     GORT_PYTHON_ABI);
        return -1;
    }
    if (table->size < sizeof(gort_python_api)) {
        PyErr_Format(PyExc_ImportError, "gort is older than the gort_python.h that this module was compiled with: its table has %zu bytes, not %zu",
                     table->size, sizeof(gort_python_api));
        return -1;
    }
    GORT_PYTHON_TABLE = table;
    return 0;
}

/**
 * The C channel of a gort.Channel, Sender or Receiver, or of the capsule of as_capsule(): a handle of your own, to be given
 * up by gort_chan_release(). NULL with an exception otherwise. With the interpreter held, after gort_python_import().
 */
GORT_UNUSED static inline gort_chan *gort_python_chan(PyObject *channel) {
    gort_chan *raw;
    PyObject *capsule = channel;
    if (PyCapsule_CheckExact(channel)) {
        Py_INCREF(channel);
    } else {
        capsule = PyObject_CallMethod(channel, "as_capsule", NULL);
        if (capsule == NULL) return NULL;
    }
    raw = GORT_CAST_POINTER(gort_chan *, PyCapsule_GetPointer(capsule, "gort_chan"));
    if (raw != NULL && GORT_PYTHON_TABLE->chan_retain(raw) != GORT_OK) {
        PyErr_SetString(PyExc_RuntimeError, GORT_PYTHON_TABLE->last_error());
        raw = NULL;
    }
    Py_DECREF(capsule);
    return raw;
}

#if defined(GORT_PYTHON_CALLS)
#define gort_status_name (GORT_PYTHON_TABLE->status_name)
#define gort_status_text (GORT_PYTHON_TABLE->status_text)
#define gort_last_error (GORT_PYTHON_TABLE->last_error)
#define gort_now (GORT_PYTHON_TABLE->now)
#define gort_go (GORT_PYTHON_TABLE->go)
#define gort_go_copy (GORT_PYTHON_TABLE->go_copy)
#define gort_spawn (GORT_PYTHON_TABLE->spawn)
#define gort_task_join (GORT_PYTHON_TABLE->task_join)
#define gort_task_cancel (GORT_PYTHON_TABLE->task_cancel)
#define gort_task_release (GORT_PYTHON_TABLE->task_release)
#define gort_yield (GORT_PYTHON_TABLE->yield)
#define gort_sleep (GORT_PYTHON_TABLE->sleep)
#define gort_chan_new (GORT_PYTHON_TABLE->chan_new)
#define gort_chan_retain (GORT_PYTHON_TABLE->chan_retain)
#define gort_chan_release (GORT_PYTHON_TABLE->chan_release)
#define gort_chan_close (GORT_PYTHON_TABLE->chan_close)
#define gort_chan_len (GORT_PYTHON_TABLE->chan_len)
#define gort_chan_cap (GORT_PYTHON_TABLE->chan_cap)
#define gort_chan_send (GORT_PYTHON_TABLE->chan_send)
#define gort_chan_try_send (GORT_PYTHON_TABLE->chan_try_send)
#define gort_chan_send_until (GORT_PYTHON_TABLE->chan_send_until)
#define gort_chan_recv (GORT_PYTHON_TABLE->chan_recv)
#define gort_chan_try_recv (GORT_PYTHON_TABLE->chan_try_recv)
#define gort_chan_recv_until (GORT_PYTHON_TABLE->chan_recv_until)
#define gort_wg_new (GORT_PYTHON_TABLE->wg_new)
#define gort_wg_free (GORT_PYTHON_TABLE->wg_free)
#define gort_wg_add (GORT_PYTHON_TABLE->wg_add)
#define gort_wg_done (GORT_PYTHON_TABLE->wg_done)
#define gort_wg_go (GORT_PYTHON_TABLE->wg_go)
#define gort_wg_wait (GORT_PYTHON_TABLE->wg_wait)
#define gort_version (GORT_PYTHON_TABLE->version)
#define gort_version_string (GORT_PYTHON_TABLE->version_string)
#define gort_in (GORT_PYTHON_TABLE->in)
#define gort_wall_time (GORT_PYTHON_TABLE->wall_time)
#define gort_sleep_until (GORT_PYTHON_TABLE->sleep_until)
#define gort_task_join_until (GORT_PYTHON_TABLE->task_join_until)
#define gort_task_try_join (GORT_PYTHON_TABLE->task_try_join)
#define gort_task_id (GORT_PYTHON_TABLE->task_id)
#define gort_task_name (GORT_PYTHON_TABLE->task_name)
#define gort_shield_begin (GORT_PYTHON_TABLE->shield_begin)
#define gort_shield_end (GORT_PYTHON_TABLE->shield_end)
#define gort_blocking (GORT_PYTHON_TABLE->blocking)
#define gort_blocking_enter (GORT_PYTHON_TABLE->blocking_enter)
#define gort_blocking_leave (GORT_PYTHON_TABLE->blocking_leave)
#define gort_chan_new_with (GORT_PYTHON_TABLE->chan_new_with)
#define gort_chan_elem_size (GORT_PYTHON_TABLE->chan_elem_size)
#define gort_chan_is_closed (GORT_PYTHON_TABLE->chan_is_closed)
#define gort_chan_sender (GORT_PYTHON_TABLE->chan_sender)
#define gort_chan_receiver (GORT_PYTHON_TABLE->chan_receiver)
#define gort_sender_send (GORT_PYTHON_TABLE->sender_send)
#define gort_sender_try_send (GORT_PYTHON_TABLE->sender_try_send)
#define gort_sender_send_until (GORT_PYTHON_TABLE->sender_send_until)
#define gort_sender_close (GORT_PYTHON_TABLE->sender_close)
#define gort_receiver_recv (GORT_PYTHON_TABLE->receiver_recv)
#define gort_receiver_try_recv (GORT_PYTHON_TABLE->receiver_try_recv)
#define gort_receiver_recv_until (GORT_PYTHON_TABLE->receiver_recv_until)
#define gort_receiver_abandon (GORT_PYTHON_TABLE->receiver_abandon)
#define gort_wg_try_wait (GORT_PYTHON_TABLE->wg_try_wait)
#define gort_wg_wait_until (GORT_PYTHON_TABLE->wg_wait_until)
#define gort_config_init (GORT_PYTHON_TABLE->config_init)
#define gort_run (GORT_PYTHON_TABLE->run)
#define gort_run_result (GORT_PYTHON_TABLE->run_result)
#define gort_run_report (GORT_PYTHON_TABLE->run_report)
#define gort_workers (GORT_PYTHON_TABLE->workers)
#define gort_workers_set (GORT_PYTHON_TABLE->workers_set)
#define gort_num_cpu (GORT_PYTHON_TABLE->num_cpu)
#define gort_metrics (GORT_PYTHON_TABLE->metrics)
#define gort_dump (GORT_PYTHON_TABLE->dump)
#define gort_select (GORT_PYTHON_TABLE->select)
#define gort_try_select (GORT_PYTHON_TABLE->try_select)
#define gort_select_until (GORT_PYTHON_TABLE->select_until)
#define gort_select_biased (GORT_PYTHON_TABLE->select_biased)
#define gort_try_select_biased (GORT_PYTHON_TABLE->try_select_biased)
#define gort_select_biased_until (GORT_PYTHON_TABLE->select_biased_until)
#define gort_selector_new (GORT_PYTHON_TABLE->selector_new)
#define gort_selector_free (GORT_PYTHON_TABLE->selector_free)
#define gort_selector_add (GORT_PYTHON_TABLE->selector_add)
#define gort_selector_remove (GORT_PYTHON_TABLE->selector_remove)
#define gort_selector_wait (GORT_PYTHON_TABLE->selector_wait)
#define gort_selector_try_wait (GORT_PYTHON_TABLE->selector_try_wait)
#define gort_selector_wait_until (GORT_PYTHON_TABLE->selector_wait_until)
#define gort_chan_send_n (GORT_PYTHON_TABLE->chan_send_n)
#define gort_chan_try_send_n (GORT_PYTHON_TABLE->chan_try_send_n)
#define gort_chan_send_n_until (GORT_PYTHON_TABLE->chan_send_n_until)
#define gort_chan_recv_n (GORT_PYTHON_TABLE->chan_recv_n)
#define gort_chan_try_recv_n (GORT_PYTHON_TABLE->chan_try_recv_n)
#define gort_chan_recv_n_until (GORT_PYTHON_TABLE->chan_recv_n_until)
#define gort_chan_notify_fd (GORT_PYTHON_TABLE->chan_notify_fd)
#define gort_chan_on_ready (GORT_PYTHON_TABLE->chan_on_ready)
#define gort_receiver_release (GORT_PYTHON_TABLE->receiver_release)
#define gort_receiver_notify_fd (GORT_PYTHON_TABLE->receiver_notify_fd)
#define gort_receiver_on_ready (GORT_PYTHON_TABLE->receiver_on_ready)
#define gort_timer_new (GORT_PYTHON_TABLE->timer_new)
#define gort_timer_new_at (GORT_PYTHON_TABLE->timer_new_at)
#define gort_timer_recv (GORT_PYTHON_TABLE->timer_recv)
#define gort_timer_try_recv (GORT_PYTHON_TABLE->timer_try_recv)
#define gort_timer_recv_until (GORT_PYTHON_TABLE->timer_recv_until)
#define gort_timer_stop (GORT_PYTHON_TABLE->timer_stop)
#define gort_timer_reset (GORT_PYTHON_TABLE->timer_reset)
#define gort_timer_reset_at (GORT_PYTHON_TABLE->timer_reset_at)
#define gort_timer_receiver (GORT_PYTHON_TABLE->timer_receiver)
#define gort_timer_free (GORT_PYTHON_TABLE->timer_free)
#define gort_ticker_new (GORT_PYTHON_TABLE->ticker_new)
#define gort_ticker_recv (GORT_PYTHON_TABLE->ticker_recv)
#define gort_ticker_try_recv (GORT_PYTHON_TABLE->ticker_try_recv)
#define gort_ticker_recv_until (GORT_PYTHON_TABLE->ticker_recv_until)
#define gort_ticker_stop (GORT_PYTHON_TABLE->ticker_stop)
#define gort_ticker_reset (GORT_PYTHON_TABLE->ticker_reset)
#define gort_ticker_receiver (GORT_PYTHON_TABLE->ticker_receiver)
#define gort_ticker_free (GORT_PYTHON_TABLE->ticker_free)
#define gort_after (GORT_PYTHON_TABLE->after)
#define gort_tick (GORT_PYTHON_TABLE->tick)
#define gort_after_func (GORT_PYTHON_TABLE->after_func)
#define gort_func_timer_stop (GORT_PYTHON_TABLE->func_timer_stop)
#define gort_func_timer_reset (GORT_PYTHON_TABLE->func_timer_reset)
#define gort_func_timer_free (GORT_PYTHON_TABLE->func_timer_free)
#define gort_debounce_new (GORT_PYTHON_TABLE->debounce_new)
#define gort_debounce_call (GORT_PYTHON_TABLE->debounce_call)
#define gort_debounce_flush (GORT_PYTHON_TABLE->debounce_flush)
#define gort_debounce_cancel (GORT_PYTHON_TABLE->debounce_cancel)
#define gort_debounce_free (GORT_PYTHON_TABLE->debounce_free)
#define gort_throttle_new (GORT_PYTHON_TABLE->throttle_new)
#define gort_throttle_call (GORT_PYTHON_TABLE->throttle_call)
#define gort_throttle_free (GORT_PYTHON_TABLE->throttle_free)
#define gort_heartbeat_new (GORT_PYTHON_TABLE->heartbeat_new)
#define gort_heartbeat_free (GORT_PYTHON_TABLE->heartbeat_free)
#define gort_periodic_new (GORT_PYTHON_TABLE->periodic_new)
#define gort_periodic_free (GORT_PYTHON_TABLE->periodic_free)
#define gort_idle_new (GORT_PYTHON_TABLE->idle_new)
#define gort_idle_touch (GORT_PYTHON_TABLE->idle_touch)
#define gort_idle_stop (GORT_PYTHON_TABLE->idle_stop)
#define gort_idle_free (GORT_PYTHON_TABLE->idle_free)
#define gort_retry (GORT_PYTHON_TABLE->retry)
#define gort_poll_until (GORT_PYTHON_TABLE->poll_until)
#undef gort_mutex_lock
#define gort_mutex_lock (GORT_PYTHON_TABLE->mutex_lock)
#undef gort_mutex_try_lock
#define gort_mutex_try_lock (GORT_PYTHON_TABLE->mutex_try_lock)
#define gort_mutex_lock_until (GORT_PYTHON_TABLE->mutex_lock_until)
#undef gort_mutex_unlock
#define gort_mutex_unlock (GORT_PYTHON_TABLE->mutex_unlock)
#define gort_rwmutex_rlock (GORT_PYTHON_TABLE->rwmutex_rlock)
#define gort_rwmutex_try_rlock (GORT_PYTHON_TABLE->rwmutex_try_rlock)
#define gort_rwmutex_rlock_until (GORT_PYTHON_TABLE->rwmutex_rlock_until)
#define gort_rwmutex_runlock (GORT_PYTHON_TABLE->rwmutex_runlock)
#define gort_rwmutex_lock (GORT_PYTHON_TABLE->rwmutex_lock)
#define gort_rwmutex_try_lock (GORT_PYTHON_TABLE->rwmutex_try_lock)
#define gort_rwmutex_lock_until (GORT_PYTHON_TABLE->rwmutex_lock_until)
#define gort_rwmutex_unlock (GORT_PYTHON_TABLE->rwmutex_unlock)
#define gort_cond_wait (GORT_PYTHON_TABLE->cond_wait)
#define gort_cond_wait_until (GORT_PYTHON_TABLE->cond_wait_until)
#define gort_cond_signal (GORT_PYTHON_TABLE->cond_signal)
#define gort_cond_broadcast (GORT_PYTHON_TABLE->cond_broadcast)
#undef gort_once_do
#define gort_once_do (GORT_PYTHON_TABLE->once_do)
#define gort_once_try_do (GORT_PYTHON_TABLE->once_try_do)
#define gort_once_do_until (GORT_PYTHON_TABLE->once_do_until)
#define gort_once_is_done (GORT_PYTHON_TABLE->once_is_done)
#define gort_sem_acquire (GORT_PYTHON_TABLE->sem_acquire)
#define gort_sem_try_acquire (GORT_PYTHON_TABLE->sem_try_acquire)
#define gort_sem_acquire_until (GORT_PYTHON_TABLE->sem_acquire_until)
#define gort_sem_release (GORT_PYTHON_TABLE->sem_release)
#define gort_sem_available (GORT_PYTHON_TABLE->sem_available)
#define gort_barrier_wait (GORT_PYTHON_TABLE->barrier_wait)
#define gort_barrier_try_wait (GORT_PYTHON_TABLE->barrier_try_wait)
#define gort_barrier_wait_until (GORT_PYTHON_TABLE->barrier_wait_until)
#define gort_barrier_arrived (GORT_PYTHON_TABLE->barrier_arrived)
#define gort_event_set (GORT_PYTHON_TABLE->event_set)
#define gort_event_clear (GORT_PYTHON_TABLE->event_clear)
#define gort_event_is_set (GORT_PYTHON_TABLE->event_is_set)
#define gort_event_wait (GORT_PYTHON_TABLE->event_wait)
#define gort_event_try_wait (GORT_PYTHON_TABLE->event_try_wait)
#define gort_event_wait_until (GORT_PYTHON_TABLE->event_wait_until)
#define gort_counter_new (GORT_PYTHON_TABLE->counter_new)
#define gort_counter_free (GORT_PYTHON_TABLE->counter_free)
#define gort_counter_add (GORT_PYTHON_TABLE->counter_add)
#define gort_counter_value (GORT_PYTHON_TABLE->counter_value)
#define gort_counter_reset (GORT_PYTHON_TABLE->counter_reset)
#define gort_map_new (GORT_PYTHON_TABLE->map_new)
#define gort_map_new_with (GORT_PYTHON_TABLE->map_new_with)
#define gort_map_free (GORT_PYTHON_TABLE->map_free)
#define gort_map_load (GORT_PYTHON_TABLE->map_load)
#define gort_map_store (GORT_PYTHON_TABLE->map_store)
#define gort_map_swap (GORT_PYTHON_TABLE->map_swap)
#define gort_map_load_or_store (GORT_PYTHON_TABLE->map_load_or_store)
#define gort_map_load_and_delete (GORT_PYTHON_TABLE->map_load_and_delete)
#define gort_map_delete (GORT_PYTHON_TABLE->map_delete)
#define gort_map_compare_and_swap (GORT_PYTHON_TABLE->map_compare_and_swap)
#define gort_map_compare_and_delete (GORT_PYTHON_TABLE->map_compare_and_delete)
#define gort_map_range (GORT_PYTHON_TABLE->map_range)
#define gort_map_len (GORT_PYTHON_TABLE->map_len)
#define gort_map_clear (GORT_PYTHON_TABLE->map_clear)
#define gort_map_collect (GORT_PYTHON_TABLE->map_collect)
#define gort_pool_new (GORT_PYTHON_TABLE->pool_new)
#define gort_pool_free (GORT_PYTHON_TABLE->pool_free)
#define gort_pool_get (GORT_PYTHON_TABLE->pool_get)
#define gort_pool_put (GORT_PYTHON_TABLE->pool_put)
#define gort_pool_idle (GORT_PYTHON_TABLE->pool_idle)
#define gort_pool_clear (GORT_PYTHON_TABLE->pool_clear)
#define gort_limiter_every (GORT_PYTHON_TABLE->limiter_every)
#define gort_limiter_token_bucket_new (GORT_PYTHON_TABLE->limiter_token_bucket_new)
#define gort_limiter_fixed_window_new (GORT_PYTHON_TABLE->limiter_fixed_window_new)
#define gort_limiter_sliding_log_new (GORT_PYTHON_TABLE->limiter_sliding_log_new)
#define gort_limiter_sliding_counter_new (GORT_PYTHON_TABLE->limiter_sliding_counter_new)
#define gort_limiter_leaky_new (GORT_PYTHON_TABLE->limiter_leaky_new)
#define gort_limiter_paced_new (GORT_PYTHON_TABLE->limiter_paced_new)
#define gort_limiter_all_new (GORT_PYTHON_TABLE->limiter_all_new)
#define gort_limiter_free (GORT_PYTHON_TABLE->limiter_free)
#define gort_limiter_allow (GORT_PYTHON_TABLE->limiter_allow)
#define gort_limiter_allow_n (GORT_PYTHON_TABLE->limiter_allow_n)
#define gort_limiter_allow_at (GORT_PYTHON_TABLE->limiter_allow_at)
#define gort_limiter_wait (GORT_PYTHON_TABLE->limiter_wait)
#define gort_limiter_wait_until (GORT_PYTHON_TABLE->limiter_wait_until)
#define gort_limiter_wait_n (GORT_PYTHON_TABLE->limiter_wait_n)
#define gort_limiter_wait_n_until (GORT_PYTHON_TABLE->limiter_wait_n_until)
#define gort_limiter_reserve (GORT_PYTHON_TABLE->limiter_reserve)
#define gort_limiter_reserve_at (GORT_PYTHON_TABLE->limiter_reserve_at)
#define gort_reservation_delay (GORT_PYTHON_TABLE->reservation_delay)
#define gort_reservation_cancel (GORT_PYTHON_TABLE->reservation_cancel)
#define gort_reservation_cancel_at (GORT_PYTHON_TABLE->reservation_cancel_at)
#define gort_limiter_limit (GORT_PYTHON_TABLE->limiter_limit)
#define gort_limiter_burst (GORT_PYTHON_TABLE->limiter_burst)
#define gort_limiter_tokens (GORT_PYTHON_TABLE->limiter_tokens)
#define gort_limiter_tokens_at (GORT_PYTHON_TABLE->limiter_tokens_at)
#define gort_limiter_set_limit (GORT_PYTHON_TABLE->limiter_set_limit)
#define gort_limiter_set_limit_at (GORT_PYTHON_TABLE->limiter_set_limit_at)
#define gort_limiter_set_burst (GORT_PYTHON_TABLE->limiter_set_burst)
#define gort_limiter_set_burst_at (GORT_PYTHON_TABLE->limiter_set_burst_at)
#define gort_keyed_new (GORT_PYTHON_TABLE->keyed_new)
#define gort_keyed_free (GORT_PYTHON_TABLE->keyed_free)
#define gort_keyed_allow (GORT_PYTHON_TABLE->keyed_allow)
#define gort_keyed_allow_at (GORT_PYTHON_TABLE->keyed_allow_at)
#define gort_keyed_wait (GORT_PYTHON_TABLE->keyed_wait)
#define gort_keyed_wait_until (GORT_PYTHON_TABLE->keyed_wait_until)
#define gort_keyed_tokens_at (GORT_PYTHON_TABLE->keyed_tokens_at)
#define gort_keyed_len (GORT_PYTHON_TABLE->keyed_len)
#define gort_keyed_evict (GORT_PYTHON_TABLE->keyed_evict)
#define gort_keyed_set (GORT_PYTHON_TABLE->keyed_set)
#define gort_sometimes_do (GORT_PYTHON_TABLE->sometimes_do)
#define gort_sometimes_do_at (GORT_PYTHON_TABLE->sometimes_do_at)
#define gort_ctx_background (GORT_PYTHON_TABLE->ctx_background)
#define gort_ctx_todo (GORT_PYTHON_TABLE->ctx_todo)
#define gort_ctx_with_cancel (GORT_PYTHON_TABLE->ctx_with_cancel)
#define gort_ctx_with_timeout (GORT_PYTHON_TABLE->ctx_with_timeout)
#define gort_ctx_with_timeout_cause (GORT_PYTHON_TABLE->ctx_with_timeout_cause)
#define gort_ctx_with_deadline (GORT_PYTHON_TABLE->ctx_with_deadline)
#define gort_ctx_with_deadline_cause (GORT_PYTHON_TABLE->ctx_with_deadline_cause)
#define gort_ctx_with_value (GORT_PYTHON_TABLE->ctx_with_value)
#define gort_ctx_without_cancel (GORT_PYTHON_TABLE->ctx_without_cancel)
#define gort_ctx_merge (GORT_PYTHON_TABLE->ctx_merge)
#define gort_ctx_own (GORT_PYTHON_TABLE->ctx_own)
#define gort_ctx_after_func (GORT_PYTHON_TABLE->ctx_after_func)
#define gort_ctx_func_stop (GORT_PYTHON_TABLE->ctx_func_stop)
#define gort_ctx_func_free (GORT_PYTHON_TABLE->ctx_func_free)
#define gort_ctx_cancel (GORT_PYTHON_TABLE->ctx_cancel)
#define gort_ctx_cancel_cause (GORT_PYTHON_TABLE->ctx_cancel_cause)
#define gort_ctx_is_done (GORT_PYTHON_TABLE->ctx_is_done)
#define gort_ctx_err (GORT_PYTHON_TABLE->ctx_err)
#define gort_ctx_cause (GORT_PYTHON_TABLE->ctx_cause)
#define gort_ctx_deadline (GORT_PYTHON_TABLE->ctx_deadline)
#define gort_ctx_value (GORT_PYTHON_TABLE->ctx_value)
#define gort_ctx_done (GORT_PYTHON_TABLE->ctx_done)
#define gort_ctx_retain (GORT_PYTHON_TABLE->ctx_retain)
#define gort_ctx_release (GORT_PYTHON_TABLE->ctx_release)
#define gort_group_new (GORT_PYTHON_TABLE->group_new)
#define gort_group_free (GORT_PYTHON_TABLE->group_free)
#define gort_group_set_limit (GORT_PYTHON_TABLE->group_set_limit)
#define gort_group_go (GORT_PYTHON_TABLE->group_go)
#define gort_group_try_go (GORT_PYTHON_TABLE->group_try_go)
#define gort_group_go_until (GORT_PYTHON_TABLE->group_go_until)
#define gort_group_wait (GORT_PYTHON_TABLE->group_wait)
#define gort_group_wait_until (GORT_PYTHON_TABLE->group_wait_until)
#define gort_group_cancel (GORT_PYTHON_TABLE->group_cancel)
#define gort_group_is_canceled (GORT_PYTHON_TABLE->group_is_canceled)
#define gort_singleflight_new (GORT_PYTHON_TABLE->singleflight_new)
#define gort_singleflight_free (GORT_PYTHON_TABLE->singleflight_free)
#define gort_singleflight_do (GORT_PYTHON_TABLE->singleflight_do)
#define gort_singleflight_do_until (GORT_PYTHON_TABLE->singleflight_do_until)
#define gort_singleflight_forget (GORT_PYTHON_TABLE->singleflight_forget)
#define gort_worker_pool_new (GORT_PYTHON_TABLE->worker_pool_new)
#define gort_worker_pool_submit (GORT_PYTHON_TABLE->worker_pool_submit)
#define gort_worker_pool_try_submit (GORT_PYTHON_TABLE->worker_pool_try_submit)
#define gort_worker_pool_submit_until (GORT_PYTHON_TABLE->worker_pool_submit_until)
#define gort_worker_pool_close (GORT_PYTHON_TABLE->worker_pool_close)
#define gort_worker_pool_cancel (GORT_PYTHON_TABLE->worker_pool_cancel)
#define gort_worker_pool_wait (GORT_PYTHON_TABLE->worker_pool_wait)
#define gort_worker_pool_wait_until (GORT_PYTHON_TABLE->worker_pool_wait_until)
#define gort_worker_pool_free (GORT_PYTHON_TABLE->worker_pool_free)
#define gort_group_new_within (GORT_PYTHON_TABLE->group_new_within)
#define gort_group_ctx (GORT_PYTHON_TABLE->group_ctx)
#endif

#if defined(__cplusplus)
} /* extern "C" */
#endif

#endif /* GORT_PYTHON_H */
