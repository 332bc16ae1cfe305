//! The C table of THIS runtime, as a capsule; a channel's handle, as a capsule; and the guard against a second runtime in the process (H1).
//!
//! The extension module is itself a libgort: it exports the C ABI under libgort's soname. `gort._gort._C_API` is for extensions that were not linked against anything: a table that is only
//! appended to and opens with its size.

use crate::chan::Channel;
use crate::elem::Kind;
use crate::errors;
use gort::sys::anchor;
use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{CStr, c_void};

macro_rules! table {
    ($($name:ident),* $(,)?) => {
        unsafe extern "C" { $(fn $name();)* }

        /// What the capsule points to: the size of it in bytes, the number of the ABI, then one function a line of `python/gort/include/gort_python.h`.
        #[repr(C)]
        pub struct Table {
            size: usize,
            abi: usize,
            $($name: unsafe extern "C" fn(),)*
        }

        static TABLE: Table = Table { size: size_of::<Table>(), abi: anchor::ABI as usize, $($name,)* };
    };
}

// Append only: a place, once taken, keeps its function. gort_shutdown is left out (the runtime is the interpreter's).
table! {
    gort_status_name, gort_status_text, gort_last_error, gort_now,
    gort_go, gort_go_copy, gort_spawn, gort_task_join, gort_task_cancel, gort_task_release, gort_yield, gort_sleep,
    gort_chan_new, gort_chan_retain, gort_chan_release, gort_chan_close, gort_chan_len, gort_chan_cap,
    gort_chan_send, gort_chan_try_send, gort_chan_send_until, gort_chan_recv, gort_chan_try_recv, gort_chan_recv_until,
    gort_wg_new, gort_wg_free, gort_wg_add, gort_wg_done, gort_wg_go, gort_wg_wait,
    gort_version, gort_version_string, gort_in, gort_wall_time, gort_sleep_until,
    gort_task_join_until, gort_task_try_join, gort_task_id, gort_task_name,
    gort_shield_begin, gort_shield_end, gort_blocking, gort_blocking_enter, gort_blocking_leave,
    gort_chan_new_with, gort_chan_elem_size, gort_chan_is_closed, gort_chan_sender, gort_chan_receiver,
    gort_sender_send, gort_sender_try_send, gort_sender_send_until, gort_sender_close,
    gort_receiver_recv, gort_receiver_try_recv, gort_receiver_recv_until, gort_receiver_abandon,
    gort_wg_try_wait, gort_wg_wait_until,
    gort_config_init, gort_run, gort_run_result, gort_run_report, gort_workers, gort_workers_set, gort_num_cpu,
    gort_metrics, gort_dump,
    gort_select, gort_try_select, gort_select_until, gort_select_biased, gort_try_select_biased, gort_select_biased_until,
    gort_selector_new, gort_selector_free, gort_selector_add, gort_selector_remove, gort_selector_wait, gort_selector_try_wait, gort_selector_wait_until,
    gort_chan_send_n, gort_chan_try_send_n, gort_chan_send_n_until, gort_chan_recv_n, gort_chan_try_recv_n, gort_chan_recv_n_until,
    gort_chan_notify_fd, gort_chan_on_ready,
    gort_receiver_release, gort_receiver_notify_fd, gort_receiver_on_ready, gort_timer_new, gort_timer_new_at, gort_timer_recv, gort_timer_try_recv,
    gort_timer_recv_until, gort_timer_stop, gort_timer_reset, gort_timer_reset_at, gort_timer_receiver, gort_timer_free, gort_ticker_new,
    gort_ticker_recv, gort_ticker_try_recv, gort_ticker_recv_until, gort_ticker_stop, gort_ticker_reset, gort_ticker_receiver, gort_ticker_free,
    gort_after, gort_tick, gort_after_func, gort_func_timer_stop, gort_func_timer_reset, gort_func_timer_free, gort_debounce_new, gort_debounce_call,
    gort_debounce_flush, gort_debounce_cancel, gort_debounce_free, gort_throttle_new, gort_throttle_call, gort_throttle_free, gort_heartbeat_new,
    gort_heartbeat_free, gort_periodic_new, gort_periodic_free, gort_idle_new, gort_idle_touch, gort_idle_stop, gort_idle_free, gort_retry,
    gort_poll_until, gort_mutex_lock, gort_mutex_try_lock, gort_mutex_lock_until, gort_mutex_unlock,
    gort_rwmutex_rlock, gort_rwmutex_try_rlock, gort_rwmutex_rlock_until, gort_rwmutex_runlock, gort_rwmutex_lock, gort_rwmutex_try_lock, gort_rwmutex_lock_until, gort_rwmutex_unlock, gort_cond_wait, gort_cond_wait_until, gort_cond_signal, gort_cond_broadcast, gort_once_do, gort_once_try_do, gort_once_do_until, gort_once_is_done, gort_sem_acquire, gort_sem_try_acquire, gort_sem_acquire_until, gort_sem_release, gort_sem_available, gort_barrier_wait, gort_barrier_try_wait, gort_barrier_wait_until, gort_barrier_arrived, gort_event_set, gort_event_clear, gort_event_is_set, gort_event_wait, gort_event_try_wait, gort_event_wait_until,
    gort_counter_new, gort_counter_free, gort_counter_add, gort_counter_value, gort_counter_reset,
    gort_map_new, gort_map_new_with, gort_map_free, gort_map_load, gort_map_store,
    gort_map_swap, gort_map_load_or_store, gort_map_load_and_delete, gort_map_delete, gort_map_compare_and_swap,
    gort_map_compare_and_delete, gort_map_range, gort_map_len, gort_map_clear, gort_map_collect,
    gort_pool_new, gort_pool_free, gort_pool_get, gort_pool_put, gort_pool_idle,
    gort_pool_clear,
    gort_limiter_every, gort_limiter_token_bucket_new, gort_limiter_fixed_window_new, gort_limiter_sliding_log_new, gort_limiter_sliding_counter_new,
    gort_limiter_leaky_new, gort_limiter_paced_new, gort_limiter_all_new, gort_limiter_free, gort_limiter_allow, gort_limiter_allow_n,
    gort_limiter_allow_at, gort_limiter_wait, gort_limiter_wait_until, gort_limiter_wait_n, gort_limiter_wait_n_until, gort_limiter_reserve,
    gort_limiter_reserve_at, gort_reservation_delay, gort_reservation_cancel, gort_reservation_cancel_at, gort_limiter_limit, gort_limiter_burst,
    gort_limiter_tokens, gort_limiter_tokens_at, gort_limiter_set_limit, gort_limiter_set_limit_at, gort_limiter_set_burst, gort_limiter_set_burst_at,
    gort_keyed_new, gort_keyed_free, gort_keyed_allow, gort_keyed_allow_at, gort_keyed_wait, gort_keyed_wait_until, gort_keyed_tokens_at,
    gort_keyed_len, gort_keyed_evict, gort_keyed_set, gort_sometimes_do, gort_sometimes_do_at,
    gort_ctx_background, gort_ctx_todo, gort_ctx_with_cancel, gort_ctx_with_timeout, gort_ctx_with_timeout_cause, gort_ctx_with_deadline,
    gort_ctx_with_deadline_cause, gort_ctx_with_value, gort_ctx_without_cancel, gort_ctx_merge, gort_ctx_own, gort_ctx_after_func, gort_ctx_func_stop,
    gort_ctx_func_free, gort_ctx_cancel, gort_ctx_cancel_cause, gort_ctx_is_done, gort_ctx_err, gort_ctx_cause, gort_ctx_deadline, gort_ctx_value,
    gort_ctx_done, gort_ctx_retain, gort_ctx_release,
    gort_group_new, gort_group_free, gort_group_set_limit, gort_group_go, gort_group_try_go, gort_group_go_until, gort_group_wait,
    gort_group_wait_until, gort_group_cancel, gort_group_is_canceled, gort_singleflight_new, gort_singleflight_free, gort_singleflight_do,
    gort_singleflight_do_until, gort_singleflight_forget, gort_worker_pool_new, gort_worker_pool_submit, gort_worker_pool_try_submit,
    gort_worker_pool_submit_until, gort_worker_pool_close, gort_worker_pool_cancel, gort_worker_pool_wait, gort_worker_pool_wait_until,
    gort_worker_pool_free, gort_group_new_within, gort_group_ctx,
}

const TABLE_NAME: &CStr = c"gort._gort._C_API";
const CHANNEL_NAME: &CStr = c"gort_chan";

/// Puts the table into the module.
pub fn add_to(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let at = (&raw const TABLE).cast_mut().cast::<c_void>();
    // SAFETY: a static table and a static name; no destructor.
    let capsule = unsafe { Bound::from_owned_ptr_or_err(m.py(), ffi::PyCapsule_New(at, TABLE_NAME.as_ptr(), None))? };
    m.add("_C_API", capsule)
}

unsafe extern "C" fn release_owner(capsule: *mut ffi::PyObject) {
    // SAFETY: called once, attached; the context is the channel object that the capsule holds.
    unsafe { ffi::Py_XDECREF(ffi::PyCapsule_GetContext(capsule).cast()) }
}

/// A capsule named "gort_chan" with the handle; it holds the channel. Not of a channel of objects: C code would send and receive there without the interpreter (chan.rs N3).
pub fn channel_capsule<'py>(ch: &Bound<'py, Channel>) -> PyResult<Bound<'py, PyAny>> {
    if matches!(ch.get().kind(), Kind::Object) {
        return Err(errors::invalid(
            ch.py(),
            "a channel of Python objects has no meaning in C; share one of a fixed kind, such as Channel.of(\"q\")",
        ));
    }
    if matches!(ch.get().kind(), crate::elem::Kind::Object) {
        return Err(errors::misuse(
            ch.py(),
            "a channel of Python objects is not shared with C: use Channel.of(code) with a struct code",
        ));
    }
    let at = ch.get().raw().cast_mut().cast::<c_void>();
    // SAFETY: a live handle, kept by the reference in the context.
    unsafe {
        let c =
            Bound::from_owned_ptr_or_err(ch.py(), ffi::PyCapsule_New(at, CHANNEL_NAME.as_ptr(), Some(release_owner)))?;
        if ffi::PyCapsule_SetContext(c.as_ptr(), ch.clone().into_ptr().cast()) != 0 {
            return Err(PyErr::fetch(ch.py()));
        }
        Ok(c)
    }
}

/// The file that this code was loaded from.
fn file_of(at: *const c_void) -> String {
    // SAFETY: `info` is written by dladdr if it knows the address.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(at, &mut info) == 0 || info.dli_fname.is_null() {
            return "?".into();
        }
        CStr::from_ptr(info.dli_fname).to_string_lossy().into_owned()
    }
}

/// The path of the shared object with this runtime's C ABI.
#[pyfunction]
pub fn get_library() -> String {
    file_of((&raw const TABLE).cast())
}

/// Another copy of the runtime that is loaded already: its channels and ours would not meet (H1).
pub fn check_single() -> PyResult<()> {
    let others = anchor::others();
    let Some(other) = others.first() else { return Ok(()) };
    Err(PyImportError::new_err(format!(
        "this process has a gort runtime already, in {} (ABI {}); a second one, {} (ABI {}), could not share channels with it. \
         Import gort before whatever loads the other one: a library that was linked with -lgort then binds to the module's runtime. \
         A program that embeds Python must not contain a gort of its own.",
        other.file,
        other.abi,
        get_library(),
        anchor::ABI
    )))
}

/// Files of this process with a runtime of their own, loaded since: their channels and ours do not meet.
#[pyfunction]
pub fn _other_runtimes() -> Vec<String> {
    anchor::others().into_iter().map(|o| o.file).collect()
}
