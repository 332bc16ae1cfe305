/*
 * gort: tasks, channels, select and WaitGroups for C and C++, after Go's.
 *
 * Generated from ffi-c/src and ffi-c/gort_prelude.h; do not edit. This header is the reference.
 *
 * Every function returns a gort_status unless it says otherwise: GORT_OK is 0, every failure is negative, and
 * gort_last_error() has the detail. What is said of each: what it does, when it blocks, what wakes it, then
 *   Blocks         whether the caller may be put to sleep, and until when
 *   Errors         which statuses it can return
 *   Ordering       which writes are seen after it
 *   Ownership      who frees what
 *   Thread-safety  who may call it: as a rule any task and any thread; a plain thread blocks as a thread
 *
 * Pointers. A handle must be NULL or one that gort gave; a stale one, or one of another kind, gives GORT_MISUSE, one
 * from before a fork or a shutdown GORT_SHUTDOWN. Any other pointer must be NULL or valid for what it is used for.
 * NULL where something is needed gives GORT_INVALID. Outputs come last and are written only on success.
 *
 * Blocking calls have three forms: x waits for ever, try_x never waits, x_until(..., deadline, ctx) waits until a time of
 * gort_now(), or until ctx is cancelled; GORT_NEVER and NULL switch one off.
 *
 * Cancellation. When a task is cancelled, each of its blocking calls returns GORT_CANCELED, now and later, until it
 * returns or opens a shield (gort_shield_begin()).
 *
 * A task may go on on another thread after each call that can block: do not keep the address of a thread-local
 * variable over one (compilers keep that of errno), or ask for GORT_AFFINITY_THREAD.
 *
 * No function may be called from a signal handler.
 */

#ifndef GORT_H
#define GORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** On functions whose result must be looked at. */
#if (defined(__cplusplus) && __cplusplus >= 201703L) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L)
#define GORT_NODISCARD [[nodiscard]]
#elif defined(__GNUC__)
#define GORT_NODISCARD __attribute__((__warn_unused_result__))
#else
#define GORT_NODISCARD
#endif

/** On inline functions that a program need not use. */
#if defined(__GNUC__)
#define GORT_UNUSED __attribute__((__unused__))
#else
#define GORT_UNUSED
#endif

/** A cast between a typed channel and a gort_chan, of an element that is only read, or to a number. */
#if defined(__cplusplus)
#define GORT_CAST_POINTER(type, pointer) (reinterpret_cast<type>(pointer))
#define GORT_CAST_READ(pointer) (const_cast<void *>(pointer))
#define GORT_CAST_NUMBER(type, number) (static_cast<type>(number))
#else
#define GORT_CAST_POINTER(type, pointer) ((type)(pointer))
#define GORT_CAST_READ(pointer) ((void *)(uintptr_t)(pointer))
#define GORT_CAST_NUMBER(type, number) ((type)(number))
#endif

#if defined(__cplusplus)
extern "C" {
#endif

/* ---- Version --------------------------------------------------------------------------------------------- */

/**
 * The version of the library that is running: major * 65536 + minor * 256 + patch, to be compared with
 * GORT_VERSION, the version of this header.
 *
 * Blocks: never. Errors: none. Thread-safety: any thread or task.
 */
uint32_t gort_version(void);

/**
 * The version of the library that is running, as text: "0.1.0".
 *
 * Blocks: never. Errors: none. Ownership: the text is constant. Thread-safety: any thread or task.
 */
const char *gort_version_string(void);

/** The version of this header: major * 65536 + minor * 256 + patch. */
#define GORT_VERSION (0 * 65536 + 1 * 256 + 0)
#define GORT_VERSION_STRING "0.1.0"

/* ---- Statuses -------------------------------------------------------------------------------------------- */

/** How a call ended: GORT_OK (0), or one of the negative GORT_... numbers. The numbers never change. */
typedef int32_t gort_status;

/**
 * The name of a status as it is written in C: "GORT_CLOSED". A number that is none gives "GORT_UNKNOWN".
 *
 * Blocks: never. Errors: none, never NULL. Ownership: the text is constant. Thread-safety: any thread or task.
 */
const char *gort_status_name(gort_status status);

/**
 * What a status means, in a few words for people: "the channel is closed".
 *
 * Blocks: never. Errors: none, never NULL. Ownership: the text is constant. Thread-safety: any thread or task.
 */
const char *gort_status_text(gort_status status);

/**
 * What exactly was wrong with the last call of this task (or, outside tasks, of this thread) that failed with a
 * detail to tell: the argument, the limit, the census of a deadlock. "" if there was none. A constructor that
 * returns NULL says why here. Success does not clear it; plain outcomes (GORT_CLOSED, GORT_WOULD_BLOCK,
 * GORT_TIMED_OUT) leave it alone.
 *
 * Blocks: never.
 * Ownership: gort's; valid until the next gort call of the same task or thread that fails.
 * Thread-safety: any thread or task; each has its own, which follows a task that moves.
 */
const char *gort_last_error(void);

/** Success. */
#define GORT_OK 0
/** The channel is closed. */
#define GORT_CLOSED (-1)
/** The operation could not go ahead at that instant. */
#define GORT_WOULD_BLOCK (-2)
/** The deadline passed. */
#define GORT_TIMED_OUT (-3)
/** The context or the task was cancelled. */
#define GORT_CANCELED (-4)
/** An argument is not valid. */
#define GORT_INVALID (-5)
/** The call is not allowed here, or the handle is stale or of another kind. */
#define GORT_MISUSE (-6)
/** Out of memory. */
#define GORT_NO_MEMORY (-7)
/** Every task of the run is asleep and nothing can wake one. */
#define GORT_DEADLOCK (-8)
/** A task panicked. */
#define GORT_PANIC (-9)
/** The request is above a limit and can not be granted. */
#define GORT_LIMIT (-10)
/** The runtime is stopping, or the handle is from before a fork or a shutdown. */
#define GORT_SHUTDOWN (-11)
/** The operating system refused. */
#define GORT_OS (-12)

/* ---- Time ------------------------------------------------------------------------------------------------ */

/**
 * A context: something that many calls can be cancelled by, with a deadline and values. gort_ctx_with_cancel() and its like make
 * one; an `_until` call that is given one returns what ended it, GORT_CANCELED or GORT_TIMED_OUT. NULL is no context.
 *
 * Ownership: counted references: whoever makes one has one, gort_ctx_retain() and gort_ctx_release() count. Whoever gives one to a
 * call that waits keeps a reference until that returns. Thread-safety: any thread or task, any number at once. Blocking calls: none.
 */
typedef struct gort_ctx gort_ctx;

/**
 * Now, in nanoseconds of a clock that only goes forward. Its zero is arbitrary; it does not jump when the wall
 * clock is set.
 *
 * Blocks: never. Errors: none. Thread-safety: any thread or task.
 */
int64_t gort_now(void);

/**
 * The time that is `duration` nanoseconds from now: the deadline of the `_until` calls. Saturates:
 * `gort_in(GORT_NEVER)` is GORT_NEVER; a negative duration is a time that has passed.
 *
 * Blocks: never. Errors: none. Thread-safety: any thread or task.
 */
int64_t gort_in(int64_t duration);

/**
 * The wall clock's reading at time `time`, in nanoseconds since 1970-01-01 00:00 UTC: for printing. It uses the
 * difference of the two clocks now, so it is not for arithmetic. Saturates; GORT_NEVER stays GORT_NEVER.
 *
 * Blocks: never. Errors: none. Thread-safety: any thread or task.
 */
int64_t gort_wall_time(int64_t time);

/**
 * Lets `duration` nanoseconds pass. Blocks for at least that long, never shorter; 0 or less returns at once.
 * Woken by the clock, or by the cancellation of this task.
 *
 * Blocks: the task (on a plain thread: the thread). GORT_NEVER sleeps until cancelled.
 * Errors: GORT_CANCELED, GORT_SHUTDOWN, GORT_DEADLOCK.
 * Thread-safety: any thread or task.
 */
gort_status gort_sleep(int64_t duration);

/**
 * Sleeps until the time `deadline`. Blocks unless it has passed already. Woken by the clock, by the cancellation of
 * this task or by `ctx`.
 *
 * Blocks: the task (on a plain thread: the thread).
 * Errors: GORT_CANCELED, GORT_SHUTDOWN, GORT_DEADLOCK; GORT_TIMED_OUT when the deadline of `ctx` comes first; GORT_MISUSE for a
 * `ctx` that is none.
 * Thread-safety: any thread or task.
 */
gort_status gort_sleep_until(int64_t deadline, gort_ctx *ctx);

/** A time that never comes, and a duration that never ends. */
#define GORT_NEVER INT64_MAX

/** Durations: n microseconds, milliseconds, seconds, as nanoseconds. Fractions are allowed: GORT_SEC(0.5). */
#define GORT_US(n) GORT_CAST_NUMBER(int64_t, INT64_C(1000) * (n))
#define GORT_MS(n) GORT_CAST_NUMBER(int64_t, INT64_C(1000000) * (n))
#define GORT_SEC(n) GORT_CAST_NUMBER(int64_t, INT64_C(1000000000) * (n))

/* ---- Runs, and the runtime ------------------------------------------------------------------------------- */

/**
 * What a run may be given. Fill it in with GORT_CONFIG_INIT or gort_config_init(), then change what should differ.
 *
 * `wait_all` and `grace` are the run's own. The rest is the process's, and there is one runtime: the run that starts it
 * sets all of it; a later run, while no other is going on, sets `max_tasks` and `max_threads` anew, and `workers` and
 * `stack_size` unless they are 0; while another run is going on none of it counts. `seed` counts only for the run that
 * starts the runtime (the first call of the process, or after gort_shutdown()). A run without a config changes nothing.
 * The environment overrides them all: GORT_WORKERS, GORT_MAX_TASKS, GORT_MAX_THREADS, GORT_STACK_SIZE, GORT_SEED;
 * GORT_LOG names a file for the events of a seeded run.
 */
typedef struct gort_config {
    /** sizeof(gort_config); it tells the library which version of this struct it was given. */
    size_t struct_size;
    /** Threads that run tasks at the same time, at most 256; 0: gort_num_cpu(), or what a started runtime has. */
    int32_t workers;
    /** Not 0: gort_run waits for every task, however long that takes. 0: it cancels those alive when main returns. */
    int32_t wait_all;
    /**
     * How long cancelled tasks may take to end, in nanoseconds; then they are detached and named in the report.
     * GORT_CONFIG_INIT: 100 ms.
     */
    int64_t grace;
    /** Live tasks above which starting one gives GORT_LIMIT; 0: no limit. */
    size_t max_tasks;
    /** OS threads that gort may have, those of blocked tasks included; 0: the default (10000). */
    size_t max_threads;
    /** Bytes of stack for a task that asks for no other size; 0: 64 KiB, or what a started runtime has. Rounded up to a power of two, at most 64 MiB. */
    size_t stack_size;
    /**
     * If has_seed is not 0: makes the schedule a function of the program and this number, on one worker. Only for the
     * run that starts the runtime.
     */
    uint64_t seed;
    /** Not 0: `seed` counts. */
    uint32_t has_seed;
    /** 0, for later versions. */
    uint32_t reserved[5];
} gort_config;

/**
 * Fills in `config` with the defaults, as GORT_CONFIG_INIT does, for languages without macros.
 *
 * Blocks: never. Errors: none; NULL is ignored. Ownership: the caller's. Thread-safety: any thread or task.
 */
void gort_config_init(gort_config *config);

/**
 * Runs `main(arg)` as a task and returns when it has returned. Blocks the calling thread until then. Tasks still
 * alive when main returns are cancelled, all of them first, and given `config->grace` to end; those that do not are
 * detached, counted and named in gort_run_report(). With `config->wait_all` they are waited for instead. What main
 * returned is gort_run_result().
 *
 * `config` may be NULL for the defaults. Several threads may have a run at the same time; a run inside a task is
 * GORT_MISUSE. The runtime stays after a run; gort_shutdown() ends it.
 *
 * Blocks: the calling thread, until main and the tasks it left are done.
 * Errors: GORT_DEADLOCK when every task sleeps and nothing can wake one: main's blocked call returned GORT_DEADLOCK,
 * or main could not be told; the census is in gort_last_error(). GORT_INVALID for a NULL `main` or a bad `config`;
 * GORT_MISUSE inside a task; GORT_NO_MEMORY, GORT_LIMIT, GORT_OS when main could not be started.
 * Ordering: what was written before the call is seen by main; what main wrote is seen after it.
 * Ownership: `arg` and `config` stay the caller's; `config` may go away at once.
 * Thread-safety: any thread that is not inside a task.
 */
GORT_NODISCARD gort_status gort_run(int (*main)(void *arg), void *arg, const gort_config *config);

/**
 * What main returned in the last run of this thread; 0 before the first one, and after a run whose main did not
 * return.
 *
 * Blocks: never. Errors: none. Thread-safety: the thread that called gort_run().
 */
int gort_run_result(void);

/**
 * What the last run of this thread left behind, for people: the number of tasks that were detached, and the name,
 * state and place of each. "" when all ended.
 *
 * Blocks: never. Errors: none, never NULL.
 * Ownership: gort's; valid until this thread's next gort_run(). Thread-safety: the thread that called gort_run().
 */
const char *gort_run_report(void);

/**
 * Stops the runtime: cancels what is alive, ends gort's threads and gives its memory back. Blocks until the threads
 * have ended. Every handle from before gives GORT_SHUTDOWN from then on; a later call starts the runtime anew.
 *
 * Blocks: the calling thread, about a second at most. Nobody needs to wake it.
 * Errors: GORT_MISUSE inside a task, while a run is going on, and in a process where Python tasks have run (the runtime
 * is Python's then); GORT_TIMED_OUT when a task holds its thread and does not let go (what it may still touch stays), or
 * when the destructor of a thread-local variable holds one of gort's threads.
 * Thread-safety: any thread that is not inside a task.
 */
gort_status gort_shutdown(void);

/**
 * The number of threads that run tasks at the same time.
 *
 * Blocks: never. Errors: none. Thread-safety: any thread or task.
 */
int gort_workers(void);

/**
 * Sets the number of threads that run tasks at the same time, from 1 to 256. Does not block; a number that shrinks takes
 * effect as the tasks running now come to the scheduler.
 *
 * Blocks: never. Errors: GORT_INVALID below 1; GORT_LIMIT above 256; GORT_MISUSE in a seeded runtime, which has one.
 * Thread-safety: any thread or task.
 */
gort_status gort_workers_set(int workers);

/**
 * The number of processors this process may use: its CPU affinity and its cgroup's quota are taken into account.
 *
 * Blocks: never. Errors: none, at least 1. Thread-safety: any thread or task.
 */
int gort_num_cpu(void);

/** The defaults: gort_config config = GORT_CONFIG_INIT; */
#define GORT_CONFIG_INIT {sizeof(gort_config), 0, 0, GORT_MS(100), 0, 0, 0, 0, 0, {0, 0, 0, 0, 0}}

/* ---- Tasks ----------------------------------------------------------------------------------------------- */

/** The task may run on any worker, and goes on on another one when its thread is blocked. The default. */
#define GORT_AFFINITY_ANY 0

/** The task stays on the thread it first runs on: for code with thread-local state. It waits while that thread is blocked. */
#define GORT_AFFINITY_THREAD 1

/**
 * A task that was started with gort_spawn(): a place to wait for its end and its result.
 *
 * Ownership: gort_spawn() gives a handle, gort_task_release() gives it back; the task itself runs on without one.
 * Thread-safety: any thread or task. Blocking calls: gort_task_join(), gort_task_join_until().
 */
typedef struct gort_task gort_task;

/** How a task is to be started. Fill it in with GORT_SPAWN_OPTIONS_INIT, then change what should differ. */
typedef struct gort_spawn_options {
    /** sizeof(gort_spawn_options); it tells the library which version of this struct it was given. */
    size_t struct_size;
    /** A name for dumps and reports, copied; or NULL. */
    const char *name;
    /** Bytes of stack; 0: the runtime's default. Rounded up to a power of two, at most 64 MiB. */
    size_t stack_size;
    /** GORT_AFFINITY_ANY or GORT_AFFINITY_THREAD. */
    int32_t affinity;
    /** 0, for later versions. */
    uint32_t reserved[5];
} gort_spawn_options;

/**
 * Starts a task that runs `fn(arg)` and belongs to nobody. Does not block; the order in which tasks start is not
 * defined. `fn` must return: it must not exit the thread, and no C++ exception may leave it.
 *
 * Blocks: never.
 * Errors: GORT_INVALID for a NULL `fn`; GORT_LIMIT when max_tasks are alive; GORT_NO_MEMORY; GORT_CANCELED when
 * the run it would belong to is ending; GORT_SHUTDOWN while the runtime stops. The task was not started then, and `arg` is still the caller's.
 * Ordering: what was written before the call is seen by `fn`.
 * Ownership: `arg` is handed to `fn` as it is. Thread-safety: any thread or task.
 */
gort_status gort_go(void (*fn)(void *arg), void *arg);

/**
 * Starts a task that runs `fn(copy)` with a copy of the `size` bytes at `args`. Does not block. The copy is aligned
 * for any type and goes away when `fn` returns.
 *
 * Blocks: never.
 * Errors: as gort_go(); also GORT_INVALID for NULL `args` of a `size` above 0.
 * Ordering: as gort_go().
 * Ownership: `args` stays the caller's and may go away at once; the copy is the task's. Thread-safety: any thread or task.
 */
gort_status gort_go_copy(void (*fn)(void *arg), const void *args, size_t size);

/**
 * Starts a task that runs `fn(arg)` and gives a handle to wait for its result. Does not block. `options` may be NULL.
 * `fn` must return: it must not exit the thread, and no C++ exception may leave it.
 *
 * Blocks: never.
 * Errors: as gort_go(); also GORT_INVALID for a NULL `out` or bad `options`. `*out` is written only on success.
 * Ordering: as gort_go().
 * Ownership: `*out` is the caller's, who gives it back with gort_task_release(), before or after the task's end.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_spawn(const gort_spawn_options *options, void *(*fn)(void *arg), void *arg, gort_task **out);

/**
 * Waits until the task has ended. Blocks unless it has already. Woken by the task's end. May be asked again, by any
 * number of tasks and threads: each gets the same result.
 *
 * Blocks: the caller, until the task has ended.
 * Errors: GORT_INVALID for NULL; GORT_CANCELED when the caller was cancelled, GORT_DEADLOCK; GORT_PANIC when the task
 * panicked; GORT_MISUSE for a handle that was released or is no task's, or for a task that joins itself; GORT_SHUTDOWN.
 * Ordering: what the task wrote is seen after it.
 * Ownership: the handle stays the caller's. `*result`, which may be NULL, gets what `fn` returned, only on success.
 * Thread-safety: any thread or task.
 */
gort_status gort_task_join(gort_task *task, void **result);

/**
 * Asks whether the task has ended, and takes its result if so. Never blocks.
 *
 * Blocks: never.
 * Errors: GORT_WOULD_BLOCK while the task is alive; else as gort_task_join().
 * Ordering, ownership and thread-safety: as gort_task_join().
 */
GORT_NODISCARD gort_status gort_task_try_join(gort_task *task, void **result);

/**
 * Waits until the task has ended, at most until `deadline` or until `ctx` is cancelled. Blocks unless it has ended
 * already. Woken by the task's end, by the clock, or by `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
 * Errors: GORT_TIMED_OUT; else as gort_task_join(). `ctx` may be NULL.
 * Ordering, ownership and thread-safety: as gort_task_join().
 */
GORT_NODISCARD gort_status gort_task_join_until(gort_task *task, void **result, int64_t deadline, gort_ctx *ctx);

/**
 * Asks the task to end: from now on each of its blocking calls returns GORT_CANCELED, those it is in now included,
 * until it returns or opens a shield. Does not block and does not wait for it.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; a task that has ended is no error.
 * Thread-safety: any thread or task.
 */
gort_status gort_task_cancel(gort_task *task);

/**
 * Gives the handle back. The task runs on if it has not ended. NULL is allowed and does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a handle given back already. Thread-safety: any thread or task, as the last
 * user of the handle.
 */
gort_status gort_task_release(gort_task *task);

/**
 * The number of a task, never 0, that no other task of this process has had or will have soon; 0 for a handle that is
 * NULL or stale.
 *
 * Blocks: never. Thread-safety: any thread or task.
 */
uint64_t gort_task_id(const gort_task *task);

/**
 * The name the task was started with, "" if it has none or the handle is NULL or stale.
 *
 * Blocks: never. Errors: none, never NULL. Ownership: gort's; valid until the handle is released.
 * Thread-safety: any thread or task.
 */
const char *gort_task_name(const gort_task *task);

/**
 * Lets other tasks run. The caller goes to the end of the line and comes back in its turn; it does not wait for
 * anything. On a plain thread: yields to the system.
 *
 * Blocks: no; it returns when it is the caller's turn. Errors: none. Thread-safety: any thread or task.
 */
void gort_yield(void);

/**
 * Opens a shield: until it is closed, blocking calls of this task do not see its cancellation. For cleaning up; may
 * be nested. A plain thread is not cancelled and has none.
 *
 * Blocks: never. Errors: GORT_MISUSE outside a task. Thread-safety: counts for the calling task.
 */
gort_status gort_shield_begin(void);

/**
 * Closes the shield that was opened last. One call for each gort_shield_begin().
 *
 * Blocks: never. Errors: GORT_MISUSE when none is open. Thread-safety: counts for the calling task.
 */
gort_status gort_shield_end(void);

/**
 * Runs `fn(arg)` here and now, as code that blocks its OS thread (a read from a disk, a foreign lock): the scheduler
 * gives the thread's other work away first. Blocks as long as `fn` does. Without this call they would wait for the
 * monitor, some milliseconds.
 *
 * Blocks: as long as `fn`. Errors: GORT_INVALID for a NULL `fn`. Thread-safety: any thread or task; `fn` runs on the
 * caller's stack and may call gort.
 */
gort_status gort_blocking(void (*fn)(void *arg), void *arg);

/**
 * Says that the code that follows blocks its OS thread; gort_blocking_leave() ends it. As gort_blocking(), for code
 * that is no function. Does not block itself.
 *
 * Blocks: never. Errors: none. Thread-safety: any thread or task, in pairs, in the same function.
 */
void gort_blocking_enter(void);

/**
 * Says that the code that blocks is over. Blocks until the task may run again, which is as a rule at once.
 *
 * Blocks: until a worker is free for the task. Errors: none; without gort_blocking_enter() it does nothing.
 * Thread-safety: as gort_blocking_enter().
 */
void gort_blocking_leave(void);

/** The defaults: gort_spawn_options options = GORT_SPAWN_OPTIONS_INIT; */
#define GORT_SPAWN_OPTIONS_INIT {sizeof(gort_spawn_options), NULL, 0, GORT_AFFINITY_ANY, {0, 0, 0, 0, 0}}

/* ---- Channels -------------------------------------------------------------------------------------------- */

/**
 * gort_chan_options.flags: as many elements can be under way as there is memory for, so a send never waits. What receivers
 * do not keep up with grows: a bound is the better choice wherever senders can wait.
 */
#define GORT_CHAN_UNBOUNDED 1

/**
 * A channel: a queue of elements of one size between any number of senders and receivers. Capacity 0 is a
 * rendezvous: a send returns when a receiver has the element. One without bound (GORT_CHAN_UNBOUNDED) takes as many as
 * there is memory for.
 *
 * NULL is a channel that is never ready: sending and receiving block until a deadline or cancellation.
 *
 * Ownership: counted. gort_chan_new() gives one reference, gort_chan_retain() another, gort_chan_release() gives one
 * back; with the last one the channel and the elements in it go away.
 * Thread-safety: any thread or task. Blocking calls: send, recv, and their `_until` forms.
 */
typedef struct gort_chan gort_chan;

/** What a channel may be given. Fill it in with GORT_CHAN_OPTIONS_INIT, then change what should differ. */
typedef struct gort_chan_options {
    /** sizeof(gort_chan_options); it tells the library which version of this struct it was given. */
    size_t struct_size;
    /** Bytes of an element: 0 to 65536. */
    size_t elem_size;
    /** Elements that can be under way; 0: a rendezvous, or with GORT_CHAN_UNBOUNDED no bound. */
    size_t capacity;
    /** Of an element given to `drop`: a power of two up to 4096; 0: that of any type of this size, at most 16. */
    size_t alignment;
    /**
     * Called with each element that was sent and never received, when the channel goes away or is abandoned; or NULL.
     * It runs with no lock held, may call gort, and must not block.
     */
    void (*drop)(void *element);
    /** 0, or GORT_CHAN_UNBOUNDED. */
    uint32_t flags;
    /** 0, for later versions. */
    uint32_t reserved[5];
} gort_chan_options;

/**
 * Makes a channel for elements of `elem_size` bytes, `capacity` of which can be under way. Does not block.
 *
 * Blocks: never.
 * Errors: NULL when `elem_size` is above 65536, when the sizes overflow, or when there is no memory;
 * gort_last_error() says which.
 * Ownership: one reference, the caller's: gort_chan_release(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_chan *gort_chan_new(size_t elem_size, size_t capacity);

/**
 * Makes a channel as `options` say: with an alignment, with a function for elements that nobody received, without bound.
 *
 * Blocks: never. Errors: as gort_chan_new(); also for NULL or bad `options`.
 * Ownership: one reference, the caller's: gort_chan_release(); `options` may go away at once.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_chan *gort_chan_new_with(const gort_chan_options *options);

/**
 * Takes one more reference. NULL is allowed and does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Thread-safety: any thread or task.
 */
gort_status gort_chan_retain(gort_chan *chan);

/**
 * Gives one reference back. With the last one the channel goes away, and the elements in it are dropped. It does not
 * close: nobody can be waiting who has no reference. NULL is allowed and does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Thread-safety: any thread or task.
 */
gort_status gort_chan_release(gort_chan *chan);

/**
 * Sends the element at `element`, which is copied. Blocks while the buffer is full, or, with capacity 0, until a
 * receiver takes it; never for a channel without bound. Woken by a receive, by the close of the channel, or by the
 * cancellation of the caller.
 *
 * Blocks: the task (on a plain thread: the thread). For a NULL channel until cancelled.
 * Errors: GORT_CLOSED when the channel is or becomes closed, or its receivers have abandoned it; GORT_CANCELED,
 * GORT_DEADLOCK; GORT_NO_MEMORY for a channel without bound; GORT_INVALID for a NULL `element`; GORT_MISUSE for a stale
 * handle; GORT_SHUTDOWN. The element was not sent then and is still the caller's.
 * Ordering: what was written before it is seen after the receive that gets the element.
 * Ownership: the bytes are copied before it returns. Thread-safety: any thread or task.
 */
gort_status gort_chan_send(gort_chan *chan, const void *element);

/**
 * Sends if that is possible at this instant. Never blocks.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK when it would, always for a NULL channel; else as gort_chan_send().
 * Ordering, ownership and thread-safety: as gort_chan_send().
 */
GORT_NODISCARD gort_status gort_chan_try_send(gort_chan *chan, const void *element);

/**
 * Sends, waiting at most until `deadline` or until `ctx` is cancelled. Blocks as gort_chan_send(). Woken as
 * gort_chan_send(), by the clock, or by `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from
 * sending what can be sent at once.
 * Errors: GORT_TIMED_OUT; else as gort_chan_send(). `ctx` may be NULL.
 * Ordering, ownership and thread-safety: as gort_chan_send().
 */
GORT_NODISCARD gort_status gort_chan_send_until(gort_chan *chan, const void *element, int64_t deadline, gort_ctx *ctx);

/**
 * Receives an element into `*out`. Blocks while there is none. Woken by a send, by the close of the channel, or by
 * the cancellation of the caller.
 *
 * Blocks: the task (on a plain thread: the thread). For a NULL channel until cancelled.
 * Errors: GORT_CLOSED when the channel is closed and drained, now and for ever; GORT_CANCELED, GORT_DEADLOCK;
 * GORT_INVALID for a NULL `out`; GORT_MISUSE for a stale handle; GORT_SHUTDOWN. `*out` is written only on success.
 * Ordering: what the sender wrote before it sent is seen after it.
 * Ownership: the element is the caller's. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_chan_recv(gort_chan *chan, void *out);

/**
 * Receives if that is possible at this instant. Never blocks.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK when it would, always for a NULL channel; else as gort_chan_recv().
 * Ordering, ownership and thread-safety: as gort_chan_recv().
 */
GORT_NODISCARD gort_status gort_chan_try_recv(gort_chan *chan, void *out);

/**
 * Receives, waiting at most until `deadline` or until `ctx` is cancelled. Blocks as gort_chan_recv(). Woken as
 * gort_chan_recv(), by the clock, or by `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from
 * receiving what is there.
 * Errors: GORT_TIMED_OUT; else as gort_chan_recv(). `ctx` may be NULL.
 * Ordering, ownership and thread-safety: as gort_chan_recv().
 */
GORT_NODISCARD gort_status gort_chan_recv_until(gort_chan *chan, void *out, int64_t deadline, gort_ctx *ctx);

/**
 * Closes the channel: nothing can be sent any more; what is in it can still be received. Does not block. Wakes all
 * who wait: senders get GORT_CLOSED, receivers too once it is drained.
 *
 * Blocks: never. Errors: GORT_CLOSED when it was closed already; GORT_INVALID for NULL; GORT_MISUSE for a stale
 * handle; GORT_SHUTDOWN.
 * Ordering: what was written before it is seen after a receive that reports it.
 * Thread-safety: any thread or task.
 */
gort_status gort_chan_close(gort_chan *chan);

/**
 * The number of elements in the buffer at some instant: a snapshot, old when it is looked at. 0 for NULL.
 *
 * Blocks: never. Errors: none; 0 for a stale handle. Thread-safety: any thread or task.
 */
size_t gort_chan_len(const gort_chan *chan);

/**
 * The capacity the channel was made with; SIZE_MAX for one without bound. 0 for NULL.
 *
 * Blocks: never. Errors: none; 0 for a stale handle. Thread-safety: any thread or task.
 */
size_t gort_chan_cap(const gort_chan *chan);

/**
 * The size of an element. 0 for NULL.
 *
 * Blocks: never. Errors: none; 0 for a stale handle. Thread-safety: any thread or task.
 */
size_t gort_chan_elem_size(const gort_chan *chan);

/**
 * Whether the channel was closed, at some instant; elements may still be in it. False for NULL. To decide whether to
 * send, send: the answer may be old when it is looked at.
 *
 * Blocks: never. Errors: none; false for a stale handle. Thread-safety: any thread or task.
 */
bool gort_chan_is_closed(const gort_chan *chan);

/** The defaults, for elements of no size: gort_chan_options options = GORT_CHAN_OPTIONS_INIT; */
#define GORT_CHAN_OPTIONS_INIT {sizeof(gort_chan_options), 0, 0, 0, NULL, 0, {0, 0, 0, 0, 0}}

/**
 * A channel of elements of type T, as a type of its own: GORT_CHAN_DEFINE(int, ints); once, at file scope, makes the
 * type `ints` and the functions below, which are those of gort_chan with elements by value. A wrong type does not
 * compile. T is a type that can be passed by value; a pointer or a struct may need a typedef.
 *
 *   ints *ints_new(size_t capacity)                  gort_chan_new()
 *   ints_retain(c), ints_release(c)                  gort_chan_retain(), gort_chan_release()
 *   ints_send(c, int), ints_try_send(c, int)         gort_chan_send(), gort_chan_try_send()
 *   ints_send_until(c, int, deadline, ctx)           gort_chan_send_until()
 *   ints_recv(c, int *), ints_try_recv(c, int *)     gort_chan_recv(), gort_chan_try_recv()
 *   ints_recv_until(c, int *, deadline, ctx)         gort_chan_recv_until()
 *   ints_send_n(c, int const *, n, size_t *)         gort_chan_send_n(); also ints_try_send_n(), ints_send_n_until()
 *   ints_recv_n(c, int *, most, size_t *)            gort_chan_recv_n(); also ints_try_recv_n(), ints_recv_n_until()
 *   ints_case_send(c, int const *)                   gort_case_send(), for gort_select() and gort_selector_add()
 *   ints_case_recv(c, int *)                         gort_case_recv()
 *   ints_close(c), ints_len(c), ints_cap(c)          gort_chan_close(), gort_chan_len(), gort_chan_cap()
 *   ints_is_closed(c)                                gort_chan_is_closed()
 *   gort_chan *ints_raw(c)                           the same channel as a gort_chan
 *   ints *ints_from(gort_chan *)                     and back: NULL if its elements are not of T's size
 */
#define GORT_CHAN_DEFINE(T, name)                                                                                      \
    typedef struct name name;                                                                                          \
    GORT_UNUSED static inline gort_chan *name##_raw(name *c) {                                                         \
        return GORT_CAST_POINTER(gort_chan *, c);                                                                      \
    }                                                                                                                  \
    GORT_UNUSED static inline name *name##_from(gort_chan *chan) {                                                     \
        return gort_chan_elem_size(chan) == sizeof(T) ? GORT_CAST_POINTER(name *, chan) : NULL;                        \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline name *name##_new(size_t capacity) {                                       \
        return GORT_CAST_POINTER(name *, gort_chan_new(sizeof(T), capacity));                                          \
    }                                                                                                                  \
    GORT_UNUSED static inline gort_status name##_retain(name *c) {                                                     \
        return gort_chan_retain(name##_raw(c));                                                                        \
    }                                                                                                                  \
    GORT_UNUSED static inline gort_status name##_release(name *c) {                                                    \
        return gort_chan_release(name##_raw(c));                                                                       \
    }                                                                                                                  \
    GORT_UNUSED static inline gort_status name##_send(name *c, T element) {                                            \
        T const *place = &element;                                                                                     \
        return gort_chan_send(name##_raw(c), place);                                                                   \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_status name##_try_send(name *c, T element) {                         \
        T const *place = &element;                                                                                     \
        return gort_chan_try_send(name##_raw(c), place);                                                               \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_status name##_send_until(name *c, T element, int64_t deadline,       \
                                                                           gort_ctx *ctx) {                            \
        T const *place = &element;                                                                                     \
        return gort_chan_send_until(name##_raw(c), place, deadline, ctx);                                              \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_status name##_recv(name *c, T *out) {                                \
        return gort_chan_recv(name##_raw(c), out);                                                                     \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_status name##_try_recv(name *c, T *out) {                            \
        return gort_chan_try_recv(name##_raw(c), out);                                                                 \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_status name##_recv_until(name *c, T *out, int64_t deadline,          \
                                                                           gort_ctx *ctx) {                            \
        return gort_chan_recv_until(name##_raw(c), out, deadline, ctx);                                                \
    }                                                                                                                  \
    GORT_UNUSED static inline gort_status name##_send_n(name *c, T const *elements, size_t n, size_t *sent) {          \
        return gort_chan_send_n(name##_raw(c), elements, n, sent);                                                     \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_status name##_try_send_n(name *c, T const *elements, size_t n,       \
                                                                           size_t *sent) {                             \
        return gort_chan_try_send_n(name##_raw(c), elements, n, sent);                                                 \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_status name##_send_n_until(                                          \
        name *c, T const *elements, size_t n, size_t *sent, int64_t deadline, gort_ctx *ctx) {                         \
        return gort_chan_send_n_until(name##_raw(c), elements, n, sent, deadline, ctx);                                \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_status name##_recv_n(name *c, T *out, size_t most,                   \
                                                                       size_t *received) {                             \
        return gort_chan_recv_n(name##_raw(c), out, most, received);                                                   \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_status name##_try_recv_n(name *c, T *out, size_t most,               \
                                                                           size_t *received) {                         \
        return gort_chan_try_recv_n(name##_raw(c), out, most, received);                                               \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_status name##_recv_n_until(                                          \
        name *c, T *out, size_t most, size_t *received, int64_t deadline, gort_ctx *ctx) {                             \
        return gort_chan_recv_n_until(name##_raw(c), out, most, received, deadline, ctx);                              \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_case name##_case_send(name *c, T const *element) {                   \
        return gort_case_send(name##_raw(c), element);                                                                 \
    }                                                                                                                  \
    GORT_NODISCARD GORT_UNUSED static inline gort_case name##_case_recv(name *c, T *out) {                             \
        return gort_case_recv(name##_raw(c), out);                                                                     \
    }                                                                                                                  \
    GORT_UNUSED static inline gort_status name##_close(name *c) {                                                      \
        return gort_chan_close(name##_raw(c));                                                                         \
    }                                                                                                                  \
    GORT_UNUSED static inline size_t name##_len(const name *c) {                                                       \
        return gort_chan_len(GORT_CAST_POINTER(const gort_chan *, c));                                                 \
    }                                                                                                                  \
    GORT_UNUSED static inline size_t name##_cap(const name *c) {                                                       \
        return gort_chan_cap(GORT_CAST_POINTER(const gort_chan *, c));                                                 \
    }                                                                                                                  \
    GORT_UNUSED static inline bool name##_is_closed(const name *c) {                                                   \
        return gort_chan_is_closed(GORT_CAST_POINTER(const gort_chan *, c));                                           \
    }                                                                                                                  \
    struct name

/* ---- The two ends of a channel --------------------------------------------------------------------------- */

/** A channel seen by who may only receive: of the same channel, not a reference of its own. */
typedef struct gort_receiver gort_receiver;

/** A channel seen by who may only send: of the same channel, not a reference of its own. */
typedef struct gort_sender gort_sender;

/**
 * The sending side of the channel, as a type that cannot receive. NULL for NULL.
 *
 * Blocks: never. Errors: none. Ownership: borrowed; no reference is taken. Thread-safety: any thread or task.
 */
gort_sender *gort_chan_sender(gort_chan *chan);

/**
 * The receiving side of the channel, as a type that cannot send. NULL for NULL.
 *
 * Blocks: never. Errors: none. Ownership: borrowed; no reference is taken. Thread-safety: any thread or task.
 */
gort_receiver *gort_chan_receiver(gort_chan *chan);

/** gort_chan_send() for a sender: blocks, fails and is woken as it. */
gort_status gort_sender_send(gort_sender *sender, const void *element);

/** gort_chan_try_send() for a sender. Never blocks. */
GORT_NODISCARD gort_status gort_sender_try_send(gort_sender *sender, const void *element);

/** gort_chan_send_until() for a sender: blocks, fails and is woken as it. */
GORT_NODISCARD gort_status gort_sender_send_until(gort_sender *sender, const void *element, int64_t deadline, gort_ctx *ctx);

/** gort_chan_close() for a sender. Never blocks. */
gort_status gort_sender_close(gort_sender *sender);

/** gort_chan_recv() for a receiver: blocks, fails and is woken as it. */
GORT_NODISCARD gort_status gort_receiver_recv(gort_receiver *receiver, void *out);

/** gort_chan_try_recv() for a receiver. Never blocks. */
GORT_NODISCARD gort_status gort_receiver_try_recv(gort_receiver *receiver, void *out);

/** gort_chan_recv_until() for a receiver: blocks, fails and is woken as it. */
GORT_NODISCARD gort_status gort_receiver_recv_until(gort_receiver *receiver, void *out, int64_t deadline, gort_ctx *ctx);

/**
 * Says that nobody will receive any more. Does not block. Senders that wait are woken and get GORT_CLOSED, as does
 * every send from then on; elements in the buffer are dropped.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Ordering: what was written before it is seen after a send that reports it. Thread-safety: any thread or task.
 */
gort_status gort_receiver_abandon(gort_receiver *receiver);

/**
 * Gives an owned receiver back, as of gort_after(): gort_chan_release() for a receiver. Never blocks.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN. NULL is allowed and does nothing.
 * Ownership: the reference is given up. Thread-safety: any thread or task.
 */
gort_status gort_receiver_release(gort_receiver *receiver);

/* ---- Several elements in one call ------------------------------------------------------------------------ */

/**
 * Sends the `n` elements of the array at `elements`, in order. Blocks as gort_chan_send(), as often as it must: it returns
 * when all are sent, or when no more can be. Not atomic: elements of others may come between them. None of 0 elements is
 * looked at, nor is the channel.
 *
 * Blocks: the task (on a plain thread: the thread), until all are sent. Woken as gort_chan_send().
 * Errors: as gort_chan_send(). `*sent` says, in any case, how many went, from the first on; the rest are still the
 * caller's. It may be NULL.
 * Ordering: of each element, as gort_chan_send().
 * Ownership: the bytes are copied before it returns. Thread-safety: any thread or task.
 */
gort_status gort_chan_send_n(gort_chan *chan, const void *elements, size_t n, size_t *sent);

/**
 * Sends as many of the `n` elements as can be sent at this instant. Never blocks.
 *
 * Blocks: never.
 * Errors: GORT_WOULD_BLOCK when not all could be sent, GORT_CLOSED and the others as gort_chan_send_n(); `*sent` says how
 * many went.
 * Ordering, ownership and thread-safety: as gort_chan_send_n().
 */
GORT_NODISCARD gort_status gort_chan_try_send_n(gort_chan *chan, const void *elements, size_t n, size_t *sent);

/**
 * Sends the `n` elements, waiting at most until `deadline` or until `ctx` is cancelled. Blocks as gort_chan_send_n(). Woken
 * as gort_chan_send_n(), by the clock, or by `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from sending
 * what can be sent at once.
 * Errors: GORT_TIMED_OUT when not all were sent in time; else as gort_chan_send_n(). `*sent` says how many went. `ctx` may
 * be NULL.
 * Ordering, ownership and thread-safety: as gort_chan_send_n().
 */
GORT_NODISCARD gort_status gort_chan_send_n_until(gort_chan *chan, const void *elements, size_t n, size_t *sent, int64_t deadline, gort_ctx *ctx);

/**
 * Receives elements into the array at `out`, which has room for `most`. Blocks while there is none; then takes what is
 * there, without waiting for more. Woken as gort_chan_recv(). `most` 0 receives nothing and looks at nothing.
 *
 * Blocks: the task (on a plain thread: the thread), until there is one.
 * Errors: as gort_chan_recv(); also GORT_INVALID for a NULL `received`. `*received`, at least 1 unless `most` is 0, and so
 * many places of `out` are written only on success.
 * Ordering: of each element, as gort_chan_recv().
 * Ownership: the elements are the caller's. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_chan_recv_n(gort_chan *chan, void *out, size_t most, size_t *received);

/**
 * Receives what is there at this instant, at most `most`. Never blocks.
 *
 * Blocks: never.
 * Errors: GORT_WOULD_BLOCK when there is nothing, always for a NULL channel; else as gort_chan_recv_n().
 * Ordering, ownership and thread-safety: as gort_chan_recv_n().
 */
GORT_NODISCARD gort_status gort_chan_try_recv_n(gort_chan *chan, void *out, size_t most, size_t *received);

/**
 * Receives elements, waiting for the first at most until `deadline` or until `ctx` is cancelled. Blocks as
 * gort_chan_recv_n(). Woken as gort_chan_recv_n(), by the clock, or by `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from
 * receiving what is there.
 * Errors: GORT_TIMED_OUT when none came in time; else as gort_chan_recv_n(). `ctx` may be NULL.
 * Ordering, ownership and thread-safety: as gort_chan_recv_n().
 */
GORT_NODISCARD gort_status gort_chan_recv_n_until(gort_chan *chan, void *out, size_t most, size_t *received, int64_t deadline, gort_ctx *ctx);

/* ---- Event loops ----------------------------------------------------------------------------------------- */

/**
 * A file descriptor that becomes readable when there may be something to receive, or the channel is closed: for epoll, poll
 * and select(2), and for loops that stand on them. Does not block. The same one each time, with one 8-byte counter to read,
 * as an eventfd.
 *
 * When it is readable, read() 8 bytes from it first, then receive with gort_chan_try_recv() or gort_chan_try_recv_n() until
 * GORT_WOULD_BLOCK, which arms it again: it becomes readable at least once after each such answer, so nothing that arrives
 * is missed. It may become readable for nothing, since other receivers may be quicker. When the channel is closed it becomes
 * readable once; the receives say GORT_CLOSED.
 *
 * Blocks: never.
 * Errors: a negative status instead: GORT_OS when the system has no descriptor left, GORT_NO_MEMORY; GORT_INVALID for NULL;
 * GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Ordering: what the sender wrote before it sent is seen after the receive, as always; the descriptor orders nothing.
 * Ownership: the channel's: it is closed when the channel goes away, and nobody else may close it or write to it.
 * Thread-safety: any thread or task; one loop a channel, as a rule: a read by one takes the news from the others.
 */
GORT_NODISCARD int gort_chan_notify_fd(gort_chan *chan);

/**
 * Calls `fn(arg)` once, in a task of its own, when there may be something to receive, or the channel is closed: for loops
 * that have a way to be told, such as uv_async_send() or a message to a window. Does not block. If there is something
 * already, `fn` runs at once.
 *
 * When told, receive until GORT_WOULD_BLOCK, then arm it again by another call, in `fn` or wherever the loop runs. What
 * arrives in between is seen, since the new task looks before it waits: after this call has returned no arrival is missed.
 * Nothing is taken from the channel, so other receivers may be quicker and `fn` be called for nothing. Each call is one of
 * its own: two calls are two tasks.
 *
 * `fn` is not called when that task is cancelled, which the end of its run does, or when the runtime stops. Until then it
 * waits for a channel that nobody sends to; gort_chan_close() ends that, and `fn` is called.
 *
 * Blocks: never.
 * Errors: GORT_INVALID for NULL, which is never ready, and for a NULL `fn`; GORT_MISUSE for a stale handle; the others as
 * gort_go(). `fn` is not called then.
 * Ordering: what was written before the call is seen by `fn`.
 * Ownership: `arg` is handed to `fn` as it is. The task holds a reference of the channel until `fn` has returned.
 * Thread-safety: any thread or task. `fn` may call all of gort, and may block.
 */
gort_status gort_chan_on_ready(gort_chan *chan, void (*fn)(void *arg), void *arg);

/** gort_chan_notify_fd() for a receiver, such as that of a timer. Never blocks. */
GORT_NODISCARD int gort_receiver_notify_fd(gort_receiver *receiver);

/** gort_chan_on_ready() for a receiver, such as that of a timer. Does not block. */
gort_status gort_receiver_on_ready(gort_receiver *receiver, void (*fn)(void *arg), void *arg);

/* ---- Select ---------------------------------------------------------------------------------------------- */

/** A case that sends: gort_case_send(). */
#define GORT_CASE_SEND 1

/** A case that receives: gort_case_recv(). */
#define GORT_CASE_RECV 2

/** A case that is ready when some time has passed: gort_case_after(). */
#define GORT_CASE_AFTER 3

/**
 * One case of a select or of a selector. Make it with gort_case_recv(), gort_case_send() and their like, not by hand; an
 * array of them may be used for any number of selects.
 */
typedef struct gort_case {
    /** GORT_CASE_SEND, GORT_CASE_RECV or GORT_CASE_AFTER. */
    int32_t kind;
    /**
     * Written by a select for the case that went ahead: GORT_OK, or GORT_CLOSED when its channel is closed: then nothing
     * was sent or received.
     */
    gort_status status;
    /** The channel. Setting it to NULL switches the case off. */
    gort_chan *chan;
    /** What is sent, or where to put what is received: written only when the case went ahead with GORT_OK. */
    void *element;
    /** gort's: when an `after` case is due. */
    int64_t until;
    /** Of an `after` case, in nanoseconds from each call of gort_select(); GORT_NEVER switches it off. */
    int64_t duration;
    /** 0, for later versions. */
    size_t reserved[2];
} gort_case;

/**
 * Waits until one of the `n` cases can go ahead, does it, and returns its index. Blocks while none can. Woken by a peer on
 * one of the channels, by the close of one, by the time of an `after` case, or by the cancellation of the caller.
 *
 * If several can go ahead at that instant, one of them is chosen at random, each with the same chance; a channel may be
 * named by several cases. Exactly one goes ahead, and the others leave nothing behind. Cases whose `chan` is NULL are never
 * ready; if all are, or `n` is 0, it blocks until cancelled. Cases that send and receive on one unbuffered channel do not
 * meet each other.
 *
 * The case that went ahead has its `status`: GORT_OK, or GORT_CLOSED when its channel is closed, which makes a case ready.
 * Nothing of the other cases is changed, so the array may be used again as it is.
 *
 * Blocks: the task (on a plain thread: the thread). While it does, nobody may change the array.
 * Errors, each negative: GORT_CANCELED, GORT_DEADLOCK; GORT_INVALID for NULL `cases` with an `n` above 0, for a case of no
 * known kind, or one with a NULL `element` whose elements have bytes; GORT_LIMIT for more than 65536 cases; GORT_MISUSE for
 * a stale handle; GORT_NO_MEMORY; GORT_SHUTDOWN. gort_last_error() names the case. No case went ahead then.
 * Ordering: of the case that went ahead, as gort_chan_send() or gort_chan_recv().
 * Ownership: the array and the elements stay the caller's; nothing is to be released.
 * Thread-safety: any thread or task; an array is one caller's at a time.
 */
GORT_NODISCARD int32_t gort_select(gort_case *cases, size_t n);

/**
 * Does one of the cases if one can go ahead at this instant: Go's `default`. Never blocks.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK when none can: at one instant none could; else as gort_select().
 * Ordering, ownership and thread-safety: as gort_select().
 */
GORT_NODISCARD int32_t gort_try_select(gort_case *cases, size_t n);

/**
 * gort_select(), waiting at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, or
 * by `ctx`. A gort_case_after() in the array does the same as a case, counted anew from each call.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from doing what
 * can go ahead at once.
 * Errors: GORT_TIMED_OUT; else as gort_select(). `ctx` may be NULL.
 * Ordering, ownership and thread-safety: as gort_select().
 */
GORT_NODISCARD int32_t gort_select_until(gort_case *cases, size_t n, int64_t deadline, gort_ctx *ctx);

/**
 * gort_select() that takes the first case, in the order of the array, that can go ahead. Blocks and is woken as it; while it
 * waits the first that becomes ready goes ahead, whatever its place. The later cases may starve.
 *
 * Blocks, errors, ordering, ownership and thread-safety: as gort_select().
 */
GORT_NODISCARD int32_t gort_select_biased(gort_case *cases, size_t n);

/**
 * gort_try_select() that takes the first case, in the order of the array, that can go ahead. Never blocks.
 *
 * Blocks: never. Errors, ordering, ownership and thread-safety: as gort_try_select().
 */
GORT_NODISCARD int32_t gort_try_select_biased(gort_case *cases, size_t n);

/**
 * gort_select_until() that takes the first case, in the order of the array, that can go ahead. Blocks and is woken as
 * gort_select_until().
 *
 * Blocks, errors, ordering, ownership and thread-safety: as gort_select_until().
 */
GORT_NODISCARD int32_t gort_select_biased_until(gort_case *cases, size_t n, int64_t deadline, gort_ctx *ctx);

/** A case that receives an element of `chan` into `*out`. NULL for `chan` is a case that is never ready. */
GORT_NODISCARD GORT_UNUSED static inline gort_case gort_case_recv(gort_chan *chan, void *out) {
    gort_case made = {GORT_CASE_RECV, GORT_OK, chan, out, GORT_NEVER, 0, {0, 0}};
    return made;
}

/**
 * A case that sends the element at `element`, which is read when the case goes ahead, and never written to. NULL for `chan` is
 * a case that is never ready.
 */
GORT_NODISCARD GORT_UNUSED static inline gort_case gort_case_send(gort_chan *chan, const void *element) {
    gort_case made = {GORT_CASE_SEND, GORT_OK, chan, GORT_CAST_READ(element), GORT_NEVER, 0, {0, 0}};
    return made;
}

/**
 * A case that is ready when `duration` nanoseconds have passed since the call of gort_select(): the array can be used again
 * and counts anew. One of 0 or less is ready at once, GORT_NEVER is never ready. A selector takes no such case.
 */
GORT_NODISCARD GORT_UNUSED static inline gort_case gort_case_after(int64_t duration) {
    gort_case made = {GORT_CASE_AFTER, GORT_OK, NULL, NULL, GORT_NEVER, duration, {0, 0}};
    return made;
}

/** gort_case_send() for a sender. */
GORT_NODISCARD GORT_UNUSED static inline gort_case gort_case_sender_send(gort_sender *sender, const void *element) {
    return gort_case_send(GORT_CAST_POINTER(gort_chan *, sender), element);
}

/** gort_case_recv() for a receiver. */
GORT_NODISCARD GORT_UNUSED static inline gort_case gort_case_receiver_recv(gort_receiver *receiver, void *out) {
    return gort_case_recv(GORT_CAST_POINTER(gort_chan *, receiver), out);
}

/* ---- Selectors ------------------------------------------------------------------------------------------- */

/**
 * A set of cases that stays from wait to wait: for loops over many channels, where gort_select() would look at each of them
 * each time.
 *
 * Ownership: gort_selector_new() makes one, gort_selector_free() frees it. It holds a reference of each channel in it. The
 * elements of its cases stay the caller's, and must stay where they are until the case is removed.
 * Thread-safety: any thread or task, one at a time: GORT_MISUSE while another waits on it. Blocking calls:
 * gort_selector_wait(), gort_selector_wait_until().
 */
typedef struct gort_selector gort_selector;

/**
 * Makes a selector without cases.
 *
 * Blocks: never. Errors: NULL when there is no memory; gort_last_error() says so.
 * Ownership: the caller's, freed with gort_selector_free(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_selector *gort_selector_new(void);

/**
 * Registers a case and returns its index: the lowest that is free, so the first n cases have the indexes 0 to n - 1. A case
 * whose channel is NULL takes an index and is never ready.
 *
 * Blocks: never.
 * Errors, each negative: GORT_INVALID for a NULL selector, an `after` case (gort_selector_wait_until() has a deadline) or a
 * bad one, as gort_select() says; GORT_LIMIT above 65536 cases; GORT_MISUSE for a stale handle, or while somebody waits;
 * GORT_SHUTDOWN.
 * Ownership: the case is copied. The selector takes a reference of the channel; the element must stay readable (send) or
 * writable (receive) until the case is removed or the selector freed. A case that sends takes the element as it is at the
 * time it goes ahead: during a wait that returns its index.
 * Thread-safety: any thread or task, one at a time.
 */
GORT_NODISCARD int32_t gort_selector_add(gort_selector *selector, gort_case c);

/**
 * Takes a case out. Its index may be given to another. NULL, or an index that is none, is GORT_INVALID.
 *
 * Blocks: never. Errors: GORT_INVALID; GORT_MISUSE for a stale handle, or while somebody waits; GORT_SHUTDOWN.
 * Ownership: the selector gives its reference of the channel back; the element may go away.
 * Thread-safety: any thread or task, one at a time.
 */
gort_status gort_selector_remove(gort_selector *selector, int32_t index);

/**
 * Waits until one of the cases can go ahead, does it, and returns its index. Blocks while none can. Woken by a peer on one
 * of the channels, by the close of one, or by the cancellation of the caller.
 *
 * `*status`, which may be NULL, gets GORT_OK, or GORT_CLOSED when the case's channel is closed: then nothing was sent or
 * received. A closed channel is ready each time, until its case is removed. What is ready is taken in turn, so no case
 * starves another. While it waits it stands in the queues of all its channels as any receiver or sender does: a peer hands
 * its value over, also one that only tries. Cases of one selector do not meet each other.
 *
 * Blocks: the task (on a plain thread: the thread); without cases until cancelled.
 * Errors, each negative: GORT_CANCELED, GORT_DEADLOCK; GORT_INVALID for NULL; GORT_MISUSE for a stale handle, or when
 * another waits on it; GORT_NO_MEMORY; GORT_SHUTDOWN. No case went ahead then, and `*status` is not written.
 * Ordering: of the case that went ahead, as gort_chan_send() or gort_chan_recv().
 * Ownership: nothing changes hands. Thread-safety: any thread or task, one at a time.
 */
GORT_NODISCARD int32_t gort_selector_wait(gort_selector *selector, gort_status *status);

/**
 * Does one of the cases if one can go ahead at this instant. Never blocks.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK when none can; else as gort_selector_wait().
 * Ordering, ownership and thread-safety: as gort_selector_wait().
 */
GORT_NODISCARD int32_t gort_selector_try_wait(gort_selector *selector, gort_status *status);

/**
 * gort_selector_wait(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, or by
 * `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from doing what
 * can go ahead at once.
 * Errors: GORT_TIMED_OUT; else as gort_selector_wait(). `ctx` may be NULL.
 * Ordering, ownership and thread-safety: as gort_selector_wait().
 */
GORT_NODISCARD int32_t gort_selector_wait_until(gort_selector *selector, gort_status *status, int64_t deadline, gort_ctx *ctx);

/**
 * Frees a selector: its cases are removed. NULL is allowed and does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle, or while somebody waits; nothing is freed then; GORT_SHUTDOWN.
 * Ownership: its references of the channels are given back. Thread-safety: any thread or task, as the last user.
 */
gort_status gort_selector_free(gort_selector *selector);

/* ---- Timers and tickers ---------------------------------------------------------------------------------- */

/**
 * A function that is called when its time comes, in a task of its own. It has no channel.
 *
 * Ownership: gort_after_func() makes one, gort_func_timer_free() gives the handle back; what is set goes on.
 * Thread-safety: any thread or task, any number at once. Blocking calls: none.
 */
typedef struct gort_func_timer gort_func_timer;

/**
 * A ticker: due again and again. A reader that is slow loses ticks, and the phase is kept: due times are whole periods apart.
 *
 * Ownership: gort_ticker_new() makes one, gort_ticker_free() frees it. Thread-safety and the rest: as gort_timer.
 */
typedef struct gort_ticker gort_ticker;

/**
 * A timer: due once, after a while; then it can be set again. **No drain is ever needed**: after gort_timer_stop() or
 * gort_timer_reset() nothing of the old setting can be received. Nothing is buffered: a value is there when the timer is due
 * and somebody asks, and it is the time at which it was due.
 *
 * Ownership: gort_timer_new() makes one, gort_timer_free() frees it, set or not.
 * Thread-safety: any thread or task, any number at once. Blocking calls: gort_timer_recv(), gort_timer_recv_until().
 */
typedef struct gort_timer gort_timer;

/**
 * A timer that is due `duration` nanoseconds from now. GORT_NEVER makes one that is not set; 0 or less is due at once.
 *
 * Blocks: never. Errors: NULL when there is no memory, or while gort is shut down; gort_last_error() says which.
 * Ownership: the caller's, freed with gort_timer_free(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_timer *gort_timer_new(int64_t duration);

/**
 * A timer that is due at `when`, on the clock of gort_now(). As gort_timer_new().
 *
 * Blocks: never. Errors: NULL; gort_last_error() says why. Ownership: the caller's. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_timer *gort_timer_new_at(int64_t when);

/**
 * Waits until it is due, and takes the value: `*due` gets the time at which it was due, however late that is now. Blocks until
 * then; a timer that is not set, until somebody sets it. Woken by the clock, by a reset, or by the cancellation of the caller.
 *
 * A value goes to one receiver, the one that has waited longest. `due` may be NULL.
 *
 * Blocks: the task (on a plain thread: the thread).
 * Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN, GORT_NO_MEMORY; GORT_CLOSED when it was freed meanwhile; GORT_INVALID for
 * a NULL timer; GORT_MISUSE for a stale handle.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_timer_recv(gort_timer *timer, int64_t *due);

/**
 * Takes the value if the timer is due and nobody has taken it. Never blocks. GORT_WOULD_BLOCK if not.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK; else as gort_timer_recv(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_timer_try_recv(gort_timer *timer, int64_t *due);

/**
 * gort_timer_recv(), at most until `deadline` or until `ctx` is cancelled. Blocks and is woken as it, by the clock, or by `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
 * Errors: GORT_TIMED_OUT; else as gort_timer_recv(). `ctx` may be NULL. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_timer_recv_until(gort_timer *timer, int64_t *due, int64_t deadline, gort_ctx *ctx);

/**
 * It is not due any more. Never blocks. `*prevented`, which may be NULL, says whether that prevented a value from being
 * received: false if it was received already, or it was not set. Who waits for it waits on. Nothing is to be drained.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Thread-safety: any thread or task.
 */
gort_status gort_timer_stop(gort_timer *timer, bool *prevented);

/**
 * Sets it to be due `duration` nanoseconds from now, whatever it was. Never blocks. `*replaced`, which may be NULL, says
 * whether a value was replaced that nobody had received. GORT_NEVER stops it.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_NO_MEMORY; GORT_SHUTDOWN.
 * Thread-safety: any thread or task.
 */
gort_status gort_timer_reset(gort_timer *timer, int64_t duration, bool *replaced);

/**
 * Sets it to be due at `when`, on the clock of gort_now(). As gort_timer_reset().
 *
 * Blocks: never. Errors and thread-safety: as gort_timer_reset().
 */
gort_status gort_timer_reset_at(gort_timer *timer, int64_t when, bool *replaced);

/**
 * Its channel, of elements of type int64_t: for gort_receiver_recv(), gort_receiver_notify_fd() and their like. gort_case_timer()
 * makes a case of it. NULL for NULL. For what is no live timer it is something that every call refuses with GORT_MISUSE, or
 * with GORT_SHUTDOWN if it is from before a fork or a shutdown.
 *
 * Blocks: never. Errors: NULL when there is no memory; gort_last_error() says so.
 * Ownership: borrowed, as long as the timer lives. Thread-safety: any thread or task.
 */
gort_receiver *gort_timer_receiver(gort_timer *timer);

/**
 * Frees a timer, set or not. Never blocks. Receives and selects that wait for it find it closed: GORT_CLOSED. A selector, and
 * a gort_receiver_on_ready() that is armed, have a reference of its channel: for them it is never ready any more. NULL is
 * allowed and does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Ownership: the handle is given up. Thread-safety: any thread or task, as the last user.
 */
gort_status gort_timer_free(gort_timer *timer);

/**
 * A ticker that is due each `period` nanoseconds, for the first time after one.
 *
 * Blocks: never. Errors: NULL for a period of 0 or less (GORT_INVALID), when there is no memory, or while gort is shut down;
 * gort_last_error() says which.
 * Ownership: the caller's, freed with gort_ticker_free(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_ticker *gort_ticker_new(int64_t period);

/**
 * Waits for a tick: `*due` gets the time at which it was due, the first of those that were missed. Blocks and is woken as
 * gort_timer_recv().
 *
 * Blocks, errors and thread-safety: as gort_timer_recv().
 */
GORT_NODISCARD gort_status gort_ticker_recv(gort_ticker *ticker, int64_t *due);

/**
 * Takes a tick if one is due. Never blocks. GORT_WOULD_BLOCK if not.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK; else as gort_timer_recv(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_ticker_try_recv(gort_ticker *ticker, int64_t *due);

/**
 * gort_ticker_recv(), at most until `deadline` or until `ctx` is cancelled. Blocks and is woken as it, by the clock, or by `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
 * Errors: GORT_TIMED_OUT; else as gort_timer_recv(). `ctx` may be NULL. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_ticker_recv_until(gort_ticker *ticker, int64_t *due, int64_t deadline, gort_ctx *ctx);

/**
 * It ticks no more, until it is reset. Never blocks. `*prevented` as of gort_timer_stop(). Its channel is not closed.
 *
 * Blocks: never. Errors and thread-safety: as gort_timer_stop().
 */
gort_status gort_ticker_stop(gort_ticker *ticker, bool *prevented);

/**
 * It is due each `period` nanoseconds from now on; the phase begins anew. Never blocks. A period of 0 or less is GORT_INVALID,
 * and changes nothing.
 *
 * Blocks: never. Errors: GORT_INVALID; GORT_MISUSE for a stale handle; GORT_NO_MEMORY; GORT_SHUTDOWN.
 * Thread-safety: any thread or task.
 */
gort_status gort_ticker_reset(gort_ticker *ticker, int64_t period);

/**
 * Its channel, as gort_timer_receiver(). gort_case_ticker() makes a case of it.
 *
 * Blocks, errors, ownership and thread-safety: as gort_timer_receiver().
 */
gort_receiver *gort_ticker_receiver(gort_ticker *ticker);

/**
 * Frees a ticker, as gort_timer_free(). Never blocks.
 *
 * Blocks, errors, ownership and thread-safety: as gort_timer_free().
 */
gort_status gort_ticker_free(gort_ticker *ticker);

/**
 * A channel that receives the time, an int64_t, once, `duration` nanoseconds from now.
 *
 * Blocks: never. Errors: NULL when there is no memory, or while gort is shut down; gort_last_error() says which.
 * Ownership: the caller's, given back with gort_receiver_release(); then its timer is gone too, due or not.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_receiver *gort_after(int64_t duration);

/**
 * A channel that receives the time, an int64_t, each `period` nanoseconds. NULL, which is never ready, for a period of 0 or
 * less, as in Go.
 *
 * Blocks: never. Errors: NULL; gort_last_error() says why.
 * Ownership: the caller's, given back with gort_receiver_release(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_receiver *gort_tick(int64_t period);

/**
 * Calls `fn(arg)` in a task of its own, `duration` nanoseconds from now, and again after each gort_func_timer_reset(). Does not
 * block. GORT_NEVER makes one that is not set.
 *
 * A call that still runs and one that comes due run beside each other. The task is one of the caller's run: when that ends the
 * function is not called any more. A task that cannot be started (`max_tasks`, no memory) is tried again a millisecond later.
 *
 * Blocks: never. Errors: NULL for a NULL `fn`, when there is no memory, or while gort is shut down; gort_last_error() says which.
 * Ownership: the handle is the caller's, given back with gort_func_timer_free(); `arg` must stay valid as long as `fn` may be
 * called with it. Ordering: what was written before it is seen by `fn`. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_func_timer *gort_after_func(int64_t duration, void (*fn)(void*), void *arg);

/**
 * The function is not called any more, until it is reset. Never blocks, and does not wait for a call that runs. `*prevented`,
 * which may be NULL, says whether that prevented a call: false if its task was started already, or it was not set.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Thread-safety: any thread or task.
 */
gort_status gort_func_timer_stop(gort_func_timer *timer, bool *prevented);

/**
 * The function is called `duration` nanoseconds from now, also if it was called before. Never blocks. `*replaced`, which may be
 * NULL, says whether a call was replaced that had not begun.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_NO_MEMORY; GORT_SHUTDOWN.
 * Ordering: what was written before it is seen by `fn`. Thread-safety: any thread or task.
 */
gort_status gort_func_timer_reset(gort_func_timer *timer, int64_t duration, bool *replaced);

/**
 * Gives the handle back. Never blocks. What is set is called all the same: stop it before, if it is not to be. NULL is allowed and
 * does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Ownership: the handle is given up. Thread-safety: any thread or task, as the last user.
 */
gort_status gort_func_timer_free(gort_func_timer *timer);

/**
 * A case that is ready when the timer is due: `*due` gets the time at which it was. NULL for `timer` is a case that is never ready;
 * a handle that is stale, or of something else, makes the select fail with GORT_MISUSE. The case is good as long as the timer
 * lives.
 */
GORT_NODISCARD GORT_UNUSED static inline gort_case gort_case_timer(gort_timer *timer, int64_t *due) {
    return gort_case_receiver_recv(gort_timer_receiver(timer), due);
}

/** A case that is ready when a tick is due. As gort_case_timer(). */
GORT_NODISCARD GORT_UNUSED static inline gort_case gort_case_ticker(gort_ticker *ticker, int64_t *due) {
    return gort_case_receiver_recv(gort_ticker_receiver(ticker), due);
}

/* ---- What is built of timers ----------------------------------------------------------------------------- */

/** A function that is called once things are quiet: gort_debounce_new(). */
typedef struct gort_debounce gort_debounce;

/** A sign of life while something else works: gort_heartbeat_new(). */
typedef struct gort_heartbeat gort_heartbeat;

/** A function that is called when nothing was heard for a while: gort_idle_new(). */
typedef struct gort_idle gort_idle;

/** A job that runs each period: gort_periodic_new(). */
typedef struct gort_periodic gort_periodic;

/** A function that runs at most once in each interval: gort_throttle_new(). */
typedef struct gort_throttle gort_throttle;

/** How gort_retry() waits between two attempts. Fill it with GORT_BACKOFF_INIT; a field of 0 is as usual. */
typedef struct gort_backoff {
    /** sizeof(gort_backoff): GORT_BACKOFF_INIT sets it. */
    size_t struct_size;
    /** The wait after the first attempt, ns; 0: 100 ms. */
    int64_t first;
    /** No wait is longer, ns; 0: 30 s. */
    int64_t longest;
    /** By how much each wait is longer than the one before; 0: 2. */
    double factor;
    /** Which part of each wait is left to chance, from 0 to 1; 0: a half, below 0: none. */
    double jitter;
    /** How many attempts at most; 0: 5, UINT64_MAX: without bound. */
    uint64_t attempts;
    /** 0, for later versions. */
    uint64_t reserved[2];
} gort_backoff;

/**
 * A function that runs once, `quiet` nanoseconds after the last gort_debounce_call(), however many there were: in a task of its
 * own, never beside itself. What comes due while it runs is run once more, right after.
 *
 * Blocks: never. Errors: NULL for a NULL `fn`, when there is no memory, or while gort is shut down; gort_last_error() says which.
 * Ownership: the caller's, freed with gort_debounce_free(); `arg` must stay valid as long as `fn` may run. It belongs to the
 * caller's run, and ends with it. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_debounce *gort_debounce_new(int64_t quiet, void (*fn)(void*), void *arg);

/**
 * The function is to run, `quiet` nanoseconds from now. Never blocks.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
 */
gort_status gort_debounce_call(gort_debounce *debounce);

/**
 * What was called for and has not begun is begun now. Never blocks. `*begun`, which may be NULL, says whether there was something.
 *
 * Blocks: never. Errors and thread-safety: as gort_debounce_call().
 */
gort_status gort_debounce_flush(gort_debounce *debounce, bool *begun);

/**
 * What was called for and has not begun is not run. Never blocks. `*prevented`, which may be NULL, says whether there was something.
 *
 * Blocks: never. Errors and thread-safety: as gort_debounce_call().
 */
gort_status gort_debounce_cancel(gort_debounce *debounce, bool *prevented);

/**
 * Frees it; what was called for and has not begun is not run, and a run that has begun is not waited for. Never blocks. NULL does
 * nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle. Ownership: the handle is given up. Thread-safety: any thread or task.
 */
gort_status gort_debounce_free(gort_debounce *debounce);

/**
 * A function that runs at most once in each `interval` nanoseconds: gort_throttle_call() runs it at once, in the caller, or not at
 * all. With `trailing` a call that came too early leads to one more run at the end of the interval, in a task of its own. It never
 * runs beside itself.
 *
 * Blocks: never. Errors: NULL; gort_last_error() says why.
 * Ownership: the caller's, freed with gort_throttle_free(); `arg` as of gort_debounce_new(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_throttle *gort_throttle_new(int64_t interval, bool trailing, void (*fn)(void*), void *arg);

/**
 * Runs the function if it may run now. Blocks as long as that does. `*ran`, which may be NULL, says whether it was.
 *
 * Blocks: as `fn` does. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
 */
gort_status gort_throttle_call(gort_throttle *throttle, bool *ran);

/**
 * Frees it; a trailing run that has not begun is not run. Never blocks. NULL does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle. Ownership: the handle is given up. Thread-safety: any thread or task.
 */
gort_status gort_throttle_free(gort_throttle *throttle);

/**
 * Runs `fn(arg)` now and each `period` nanoseconds, in a task of its own, until it is freed. A beat that comes while `fn` still
 * runs is skipped.
 *
 * Blocks: never. Errors: NULL for a period of 0 or less or a NULL `fn`, at `max_tasks`, when there is no memory, or while gort is
 * shut down; gort_last_error() says which.
 * Ownership: the caller's, freed with gort_heartbeat_free(); `arg` as of gort_debounce_new(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_heartbeat *gort_heartbeat_new(int64_t period, void (*fn)(void*), void *arg);

/**
 * It beats no more. Blocks until a run that has begun is over, so that `arg` may go; not to be called from `fn`. NULL does nothing.
 *
 * Blocks: the caller, as long as `fn` runs. Errors: GORT_MISUSE for a stale handle; GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN when
 * the wait ended otherwise: it beats no more then, and `fn` may still run.
 * Ownership: the handle is given up. Thread-safety: any thread or task.
 */
gort_status gort_heartbeat_free(gort_heartbeat *heartbeat);

/**
 * Runs `fn(arg, due)` each `period` nanoseconds, for the first time after one, in a task of its own, until it is freed. How long
 * `fn` takes is compensated: the runs begin at due times that are whole periods apart, and what comes due while one still runs is
 * skipped.
 *
 * Blocks: never. Errors, ownership and thread-safety: as gort_heartbeat_new().
 */
GORT_NODISCARD gort_periodic *gort_periodic_new(int64_t period, void (*fn)(void*, int64_t), void *arg);

/**
 * It runs no more. Blocks until a run that has begun is over, as gort_heartbeat_free(). NULL does nothing.
 *
 * Blocks, errors, ownership and thread-safety: as gort_heartbeat_free().
 */
gort_status gort_periodic_free(gort_periodic *periodic);

/**
 * Calls `fn(arg)` in a task of its own when gort_idle_touch() was not called for `limit` nanoseconds, once for each such silence;
 * the first begins now.
 *
 * Blocks: never. Errors: NULL; gort_last_error() says why.
 * Ownership: the caller's, freed with gort_idle_free(); `arg` as of gort_debounce_new(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_idle *gort_idle_new(int64_t limit, void (*fn)(void*), void *arg);

/**
 * Something was heard: silence begins anew, also after the function was called, or gort_idle_stop(). Never blocks.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
 */
gort_status gort_idle_touch(gort_idle *idle);

/**
 * The function is not called until the next touch. Never blocks. `*prevented`, which may be NULL, says whether that prevented it.
 *
 * Blocks: never. Errors and thread-safety: as gort_idle_touch().
 */
gort_status gort_idle_stop(gort_idle *idle, bool *prevented);

/**
 * Frees it; the function is not called any more, and a call that has begun is not waited for. Never blocks. NULL does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle. Ownership: the handle is given up. Thread-safety: any thread or task.
 */
gort_status gort_idle_free(gort_idle *idle);

/**
 * Calls `fn(arg, attempt)`, with the attempts counted from 1, until it gives something else than GORT_WOULD_BLOCK, which means
 * "again": that is the result. Blocks the caller between two attempts, longer each time, as `backoff` says (NULL: as usual).
 * Woken by the clock, by the cancellation of the caller, or by `ctx`.
 *
 * Blocks: the task (on a plain thread: the thread), and as `fn` does.
 * Errors: GORT_LIMIT when no attempts are left; GORT_TIMED_OUT when the next one would come after `deadline`; GORT_CANCELED,
 * GORT_SHUTDOWN; GORT_INVALID for a NULL `fn` or a bad `backoff`; what `fn` gives.
 * Ownership: nothing is kept. Thread-safety: any thread or task.
 */
gort_status gort_retry(const gort_backoff *backoff, gort_status (*fn)(void*, uint64_t), void *arg, int64_t deadline, gort_ctx *ctx);

/**
 * Calls `fn(arg)`, at once and then each `interval` nanoseconds, until it says something else than 0. Blocks the caller in between.
 * Woken by the clock, by the cancellation of the caller, or by `ctx`. The looks keep their phase.
 *
 * Blocks: the task (on a plain thread: the thread), and as `fn` does.
 * Errors: GORT_TIMED_OUT when the next look would come after `deadline`; GORT_CANCELED, GORT_SHUTDOWN; GORT_INVALID for a NULL `fn`.
 * Ownership: nothing is kept. Thread-safety: any thread or task.
 */
gort_status gort_poll_until(int64_t interval, int (*fn)(void*), void *arg, int64_t deadline, gort_ctx *ctx);

/** As usual: gort_backoff b = GORT_BACKOFF_INIT; */
#define GORT_BACKOFF_INIT {sizeof(gort_backoff), 0, 0, 0, 0, 0, {0, 0}}

/* ---- Mutexes --------------------------------------------------------------------------------------------- */

/**
 * A mutex: one holder at a time, for tasks and threads alike. A task that waits for it parks, and does not block its thread.
 *
 * It is a plain struct. Storage that is zero, or `= GORT_MUTEX_INIT`, is an unlocked one; there is nothing to make and nothing to
 * free. Its memory may go as soon as its last user has unlocked it. It must not be copied or moved while it is in use. In the child
 * of a fork it is free, whoever held it in the parent.
 *
 * There is no owner: anybody may unlock it. Locking it twice in one task waits for ever (a deadlock, which gort_run() reports).
 * Who waits is served in order, but one that runs may come first; who has waited for a millisecond is given it next.
 * Thread-safety: any thread or task. Blocking calls: gort_mutex_lock(), gort_mutex_lock_until().
 */
typedef struct gort_mutex {
    /** gort's. */
    uint32_t word;
    /** gort's. */
    uint32_t reserved;
} gort_mutex;

/**
 * Locks. Blocks while somebody else has it. Woken by an unlock; cancellation, deadlines and shutdown do not end the wait: a plain
 * lock never fails where it is used rightly, so its result may be ignored.
 *
 * Blocks: the task (on a plain thread: the thread).
 * Errors: GORT_INVALID for NULL; GORT_MISUSE in a handler of a signal that interrupted gort.
 * Ordering: what was written before an unlock is seen after the lock that follows it. Thread-safety: any thread or task.
 */
gort_status gort_mutex_lock(gort_mutex *mutex);

/**
 * Locks if it is free at this instant. Never blocks. GORT_WOULD_BLOCK if it is not, or is about to be handed over.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL. Ordering: as gort_mutex_lock() when it locks.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_mutex_try_lock(gort_mutex *mutex);

/**
 * gort_mutex_lock(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, by `ctx`, or by
 * the cancellation of the caller.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from locking what is free.
 * Errors: GORT_TIMED_OUT, GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_INVALID for NULL. It is not locked then. `ctx` may be NULL.
 * Ordering: as gort_mutex_lock(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_mutex_lock_until(gort_mutex *mutex, int64_t deadline, gort_ctx *ctx);

/**
 * Unlocks. Never blocks. Wakes who has waited longest.
 *
 * Blocks: never. Errors: GORT_MISUSE if it is not locked, and nothing changes; GORT_INVALID for NULL.
 * Ordering: as gort_mutex_lock(). Thread-safety: any thread or task, whoever locked it.
 */
gort_status gort_mutex_unlock(gort_mutex *mutex);

/** An unlocked mutex, as is zeroed storage: gort_mutex m = GORT_MUTEX_INIT; */
#define GORT_MUTEX_INIT {0, 0}

/*
 * What nobody else uses is locked and unlocked without a call. Compilers without atomic builtins call the functions, and so do
 * programs that ThreadSanitizer watches; GORT_NO_INLINE before the include asks for it.
 */
#if defined(__SANITIZE_THREAD__)
#define GORT_CALL_LOCKS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GORT_CALL_LOCKS 1
#endif
#endif
#if defined(__GNUC__) && !defined(GORT_CALL_LOCKS) && !defined(GORT_NO_INLINE)
/* Inlined in every build: a lock that is watched is known by the address that it is called from (GORT_DEBUG_LOCKS). */
#define GORT_INLINE_ GORT_UNUSED static inline __attribute__((__always_inline__))
/** gort's: what a locked mutex is; 1 where the function is to be called. */
extern uint32_t gort_mutex_word_;

GORT_INLINE_ bool gort_mutex_fast_(gort_mutex *mutex) {
    uint32_t from = 0;
    uint32_t to = __atomic_load_n(&gort_mutex_word_, __ATOMIC_RELAXED);
    return to != 1 && mutex != NULL &&
           __atomic_compare_exchange_n(&mutex->word, &from, to, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
GORT_INLINE_ gort_status gort_mutex_lock_(gort_mutex *mutex) {
    return gort_mutex_fast_(mutex) ? GORT_OK : gort_mutex_lock(mutex);
}
GORT_NODISCARD GORT_INLINE_ gort_status gort_mutex_try_lock_(gort_mutex *mutex) {
    return gort_mutex_fast_(mutex) ? GORT_OK : gort_mutex_try_lock(mutex);
}
GORT_INLINE_ gort_status gort_mutex_unlock_(gort_mutex *mutex) {
    uint32_t from = __atomic_load_n(&gort_mutex_word_, __ATOMIC_RELAXED);
    return mutex != NULL &&
                   __atomic_compare_exchange_n(&mutex->word, &from, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
               ? GORT_OK
               : gort_mutex_unlock(mutex);
}
#define gort_mutex_lock(mutex) gort_mutex_lock_(mutex)
#define gort_mutex_try_lock(mutex) gort_mutex_try_lock_(mutex)
#define gort_mutex_unlock(mutex) gort_mutex_unlock_(mutex)
#endif

/** What GORT_LOCKED() and GORT_GUARD() keep: a mutex that is unlocked when it goes. */
typedef struct gort_guard {
    gort_mutex *mutex;
    bool over;
#if defined(__cplusplus)
    explicit gort_guard(gort_mutex *m) : mutex(m), over(false) { (void)gort_mutex_lock(m); }
    gort_guard(const gort_guard &) = delete;
    gort_guard &operator=(const gort_guard &) = delete;
    ~gort_guard() { (void)gort_mutex_unlock(mutex); }
#endif
} gort_guard;

#define GORT_NAME_2(a, b) a##b
#define GORT_NAME_1(a, b) GORT_NAME_2(a, b)
#define GORT_NAME(a) GORT_NAME_1(a, __LINE__)

#if defined(__cplusplus)
#define GORT_GUARD(m) gort_guard GORT_NAME(gort_guard_)(m)
#define GORT_LOCKED(m) for (gort_guard GORT_NAME(gort_guard_)(m); !GORT_NAME(gort_guard_).over; GORT_NAME(gort_guard_).over = true)
#elif defined(__GNUC__)
GORT_UNUSED static inline gort_guard gort_guard_lock(gort_mutex *m) {
    gort_guard made = {m, false};
    (void)gort_mutex_lock(m);
    return made;
}
GORT_UNUSED static inline void gort_guard_unlock(gort_guard *guard) {
    (void)gort_mutex_unlock(guard->mutex);
}
/** GORT_GUARD(&m); locks for the rest of the scope, also where that is left by return, break or goto. Needs C++, gcc or clang. */
#define GORT_GUARD(m)                                                                                                  \
    __attribute__((__cleanup__(gort_guard_unlock), __unused__)) gort_guard GORT_NAME(gort_guard_) = gort_guard_lock(m)
/**
 * GORT_LOCKED(&m) { ... } runs the block with the mutex locked, and unlocks it however the block is left. break and continue leave
 * the block, and nothing around it. Needs C++, gcc or clang.
 */
#define GORT_LOCKED(m)                                                                                                 \
    for (__attribute__((__cleanup__(gort_guard_unlock))) gort_guard GORT_NAME(gort_guard_) = gort_guard_lock(m);       \
         !GORT_NAME(gort_guard_).over; GORT_NAME(gort_guard_).over = true)
#endif

/* ---- Reader/writer locks --------------------------------------------------------------------------------- */

/**
 * A lock that many readers may have at once, or one writer; for tasks and threads alike. A task that waits for it parks, and does
 * not block its thread.
 *
 * It is a plain struct. Storage that is zero, or `= GORT_RWMUTEX_INIT`, is an unlocked one; there is nothing to make and nothing to
 * free. Its memory may go as soon as its last user has unlocked it. It must not be copied or moved while it is in use. In the child
 * of a fork it is free, whoever held it in the parent.
 *
 * A writer that waits keeps new readers out, so one that reads twice may wait for ever (a deadlock, which gort_run() reports). A
 * writer that unlocks lets in all readers that wait by then. There is no owner: anybody may unlock. It can not be made a writer's
 * from a reader's. Thread-safety: any thread or task. Blocking calls: those that lock.
 */
typedef struct gort_rwmutex {
    /** gort's. */
    uint64_t word;
    /** gort's. */
    uint64_t reserved;
} gort_rwmutex;

/**
 * Locks for reading, beside other readers. Blocks while a writer has it or waits for it. Woken by an unlock; cancellation, deadlines and shutdown
 * do not end the wait: a plain lock never fails where it is used rightly, so its result may be ignored.
 *
 * Blocks: the task (on a plain thread: the thread).
 * Errors: GORT_INVALID for NULL; GORT_MISUSE in a handler of a signal that interrupted gort.
 * Ordering: what was written before a writer's unlock is seen after the lock that follows it.
 * Thread-safety: any thread or task.
 */
gort_status gort_rwmutex_rlock(gort_rwmutex *lock);

/**
 * Locks for reading if that is possible at this instant. Never blocks. GORT_WOULD_BLOCK if not: a writer has it or waits for it.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL. Ordering: as gort_rwmutex_rlock() when it locks.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_rwmutex_try_rlock(gort_rwmutex *lock);

/**
 * gort_rwmutex_rlock(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, by `ctx`, or
 * by the cancellation of the caller.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from locking what is free.
 * Errors: GORT_TIMED_OUT, GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_INVALID for NULL. It is not locked then. `ctx` may be NULL.
 * Ordering: as gort_rwmutex_rlock(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_rwmutex_rlock_until(gort_rwmutex *lock, int64_t deadline, gort_ctx *ctx);

/**
 * Unlocks what was locked for reading. Never blocks. The last reader's lets in the writer that has waited longest.
 *
 * Blocks: never. Errors: GORT_MISUSE if no reader has it, and nothing changes; GORT_INVALID for NULL.
 * Ordering: as gort_rwmutex_lock(). Thread-safety: any thread or task, whoever locked it.
 */
gort_status gort_rwmutex_runlock(gort_rwmutex *lock);

/**
 * Locks for writing, alone. Blocks while anybody has it. Woken by an unlock; cancellation, deadlines and shutdown
 * do not end the wait: a plain lock never fails where it is used rightly, so its result may be ignored.
 *
 * Blocks: the task (on a plain thread: the thread).
 * Errors: GORT_INVALID for NULL; GORT_MISUSE in a handler of a signal that interrupted gort.
 * Ordering: what was written before an unlock, of a writer or a reader, is seen after the lock that follows it.
 * Thread-safety: any thread or task.
 */
gort_status gort_rwmutex_lock(gort_rwmutex *lock);

/**
 * Locks for writing if that is possible at this instant. Never blocks. GORT_WOULD_BLOCK if not: somebody has it or waits for it.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL. Ordering: as gort_rwmutex_lock() when it locks.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_rwmutex_try_lock(gort_rwmutex *lock);

/**
 * gort_rwmutex_lock(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, by `ctx`, or
 * by the cancellation of the caller.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from locking what is free.
 * Errors: GORT_TIMED_OUT, GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_INVALID for NULL. It is not locked then. `ctx` may be NULL.
 * Ordering: as gort_rwmutex_lock(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_rwmutex_lock_until(gort_rwmutex *lock, int64_t deadline, gort_ctx *ctx);

/**
 * Unlocks what was locked for writing. Never blocks. Lets in all readers that wait by now, or the writer that has waited longest.
 *
 * Blocks: never. Errors: GORT_MISUSE if no writer has it, and nothing changes; GORT_INVALID for NULL.
 * Ordering: as gort_rwmutex_lock(). Thread-safety: any thread or task, whoever locked it.
 */
gort_status gort_rwmutex_unlock(gort_rwmutex *lock);

/** An unlocked lock, as is zeroed storage: gort_rwmutex l = GORT_RWMUTEX_INIT; */
#define GORT_RWMUTEX_INIT {0, 0}

/** What GORT_RLOCKED() and GORT_WLOCKED() keep: a lock that is unlocked when it goes. */
typedef struct gort_rwguard {
    gort_rwmutex *lock;
    bool writes;
    bool over;
#if defined(__cplusplus)
    gort_rwguard(gort_rwmutex *l, bool w) : lock(l), writes(w), over(false) {
        (void)(writes ? gort_rwmutex_lock(l) : gort_rwmutex_rlock(l));
    }
    gort_rwguard(const gort_rwguard &) = delete;
    gort_rwguard &operator=(const gort_rwguard &) = delete;
    ~gort_rwguard() { (void)(writes ? gort_rwmutex_unlock(lock) : gort_rwmutex_runlock(lock)); }
#endif
} gort_rwguard;

#if defined(__cplusplus)
#define GORT_RWLOCKED_(l, writes)                                                                                      \
    for (gort_rwguard GORT_NAME(gort_guard_)(l, writes); !GORT_NAME(gort_guard_).over; GORT_NAME(gort_guard_).over = true)
#elif defined(__GNUC__)
GORT_UNUSED static inline gort_rwguard gort_rwguard_lock_(gort_rwmutex *l, bool writes) {
    gort_rwguard made = {l, writes, false};
    (void)(writes ? gort_rwmutex_lock(l) : gort_rwmutex_rlock(l));
    return made;
}
GORT_UNUSED static inline void gort_rwguard_unlock_(gort_rwguard *guard) {
    (void)(guard->writes ? gort_rwmutex_unlock(guard->lock) : gort_rwmutex_runlock(guard->lock));
}
#define GORT_RWLOCKED_(l, writes)                                                                                      \
    for (__attribute__((__cleanup__(gort_rwguard_unlock_))) gort_rwguard GORT_NAME(gort_guard_) =                      \
             gort_rwguard_lock_(l, writes);                                                                            \
         !GORT_NAME(gort_guard_).over; GORT_NAME(gort_guard_).over = true)
#endif
#if defined(GORT_RWLOCKED_)
/** GORT_RLOCKED(&l) { ... } runs the block with the lock locked for reading, as GORT_LOCKED() does with a mutex. */
#define GORT_RLOCKED(l) GORT_RWLOCKED_(l, false)
/** GORT_WLOCKED(&l) { ... } runs the block with the lock locked for writing. */
#define GORT_WLOCKED(l) GORT_RWLOCKED_(l, true)
#endif

/* ---- Conditions ------------------------------------------------------------------------------------------ */

/**
 * A condition: tasks and threads wait with it for a change of what a mutex guards.
 *
 * It is a plain struct. Storage that is zero, or `= GORT_COND_INIT`, is one that nobody waits for; there is nothing to make and
 * nothing to free. Its memory may go when nobody waits and nobody signals. It must not be copied or moved while somebody waits.
 *
 *     gort_mutex_lock(&m);
 *     while (queue_is_empty()) gort_cond_wait(&c, &m);
 *
 * Who waits is let go on by a signal and by nothing else, in the order of coming. Somebody else may still have the mutex first: so
 * look again. Thread-safety: any thread or task. Blocking calls: gort_cond_wait(), gort_cond_wait_until().
 */
typedef struct gort_cond {
    /** gort's. */
    uint64_t word;
    /** gort's. */
    uint64_t reserved;
} gort_cond;

/**
 * Unlocks `mutex`, waits for a signal, and locks it again. Blocks until one comes that is for this caller; a signal that
 * follows the unlock is not missed. Woken by gort_cond_signal() and gort_cond_broadcast(), and by the cancellation of the caller.
 *
 * Blocks: the task (on a plain thread: the thread). Locking the mutex again may block too, and nothing ends that wait.
 * Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN: there was no signal for it, and the mutex is locked again; GORT_MISUSE if the
 * mutex is not locked, and nothing was done; GORT_INVALID for NULL.
 * Ordering: what was written before a signal is seen after the wait that it ends. Thread-safety: any thread or task.
 */
gort_status gort_cond_wait(gort_cond *cond, gort_mutex *mutex);

/**
 * gort_cond_wait(), at most until `deadline` or until `ctx` is cancelled.
 *
 * Blocks: as gort_cond_wait(), at most until `deadline` (GORT_NEVER: for ever), but for locking the mutex again.
 * Errors: as gort_cond_wait(), and GORT_TIMED_OUT; the mutex is locked again. `ctx` may be NULL.
 * Ordering and thread-safety: as gort_cond_wait().
 */
GORT_NODISCARD gort_status gort_cond_wait_until(gort_cond *cond, gort_mutex *mutex, int64_t deadline, gort_ctx *ctx);

/**
 * Lets the one go on that has waited for longest. Nothing happens if nobody waits. The mutex need not be locked; whoever
 * changed what is waited for must have had it.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL. Ordering: as gort_cond_wait(). Thread-safety: any thread or task.
 */
gort_status gort_cond_signal(gort_cond *cond);

/**
 * Lets all go on who wait now. As gort_cond_signal().
 *
 * Blocks: never. Errors: GORT_INVALID for NULL. Ordering: as gort_cond_wait(). Thread-safety: any thread or task.
 */
gort_status gort_cond_broadcast(gort_cond *cond);

/** One that nobody waits for, as is zeroed storage: gort_cond c = GORT_COND_INIT; */
#define GORT_COND_INIT {0, 0}

/* ---- Once ------------------------------------------------------------------------------------------------ */

/**
 * Something that is done once, by whoever comes first: gort_once_do().
 *
 * It is a plain struct. Storage that is zero, or `= GORT_ONCE_INIT`, is one that is not done; there is nothing to make and nothing
 * to free. It must not be copied or moved while it is in use. In the child of a fork what another thread was doing is not done.
 * Thread-safety: any thread or task. Blocking calls: gort_once_do(), gort_once_do_until().
 */
typedef struct gort_once {
    /** gort's. */
    uint64_t word;
    /** gort's. */
    uint64_t reserved;
} gort_once;

/**
 * Calls `fn` with `arg`, here, unless it was called with this `once` before. Blocks while somebody else's call runs: it is over
 * when this returns. Woken by its end; cancellation, deadlines and shutdown do not end the wait. A call of the same `once` inside `fn`
 * waits for ever (a deadlock, which gort_run() reports). `fn` must return: not by longjmp or an exception.
 *
 * Blocks: the task (on a plain thread: the thread). Errors: GORT_INVALID for NULL; GORT_MISUSE in a handler of a signal that
 * interrupted gort. Ordering: what `fn` wrote is seen after every call that returns GORT_OK. Thread-safety: any thread or task.
 */
gort_status gort_once_do(gort_once *once, void (*fn)(void *arg), void *arg);

/**
 * gort_once_do(), without waiting: GORT_WOULD_BLOCK while somebody else's call runs.
 *
 * Blocks: never, but for what `fn` does. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL. Ordering and thread-safety: as gort_once_do().
 */
GORT_NODISCARD gort_status gort_once_try_do(gort_once *once, void (*fn)(void *arg), void *arg);

/**
 * gort_once_do() that waits for somebody else's call at most until `deadline` or until `ctx` is cancelled.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever), and for what `fn` does.
 * Errors: GORT_TIMED_OUT, GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_INVALID for NULL. `ctx` may be NULL.
 * Ordering and thread-safety: as gort_once_do().
 */
GORT_NODISCARD gort_status gort_once_do_until(gort_once *once, void (*fn)(void *arg), void *arg, int64_t deadline, gort_ctx *ctx);

/**
 * Is it done? Never blocks. If so, what was done is seen. False for NULL.
 *
 * Blocks: never. Errors: none. Thread-safety: any thread or task.
 */
bool gort_once_is_done(const gort_once *once);

/** One that is not done, as is zeroed storage: gort_once o = GORT_ONCE_INIT; */
#define GORT_ONCE_INIT {0, 0}

#if defined(GORT_INLINE_)
/* What is done costs a load. */
GORT_INLINE_ gort_status gort_once_do_(gort_once *once, void (*fn)(void *arg), void *arg) {
    return once != NULL && fn != NULL && __atomic_load_n(&once->word, __ATOMIC_ACQUIRE) == 2 ? GORT_OK : gort_once_do(once, fn, arg);
}
#define gort_once_do(once, fn, arg) gort_once_do_(once, fn, arg)
#endif

/* ---- Semaphores ------------------------------------------------------------------------------------------ */

/**
 * So many units, of which each takes some: `gort_sem s = GORT_SEM_INIT(n);`. For tasks and threads alike.
 *
 * Strictly first come, first served: one that asks for much does not starve, and keeps those behind it waiting meanwhile.
 *
 * It is a plain struct; there is nothing to make and nothing to free. Its memory may go as soon as its last user has released. It
 * must not be copied or moved while it is in use. In the child of a fork nothing of it is taken.
 * Thread-safety: any thread or task. Blocking calls: gort_sem_acquire(), gort_sem_acquire_until().
 */
typedef struct gort_sem {
    /** gort's. */
    uint64_t word;
    /** How many units there are. Set once. */
    uint32_t size;
    /** gort's. */
    uint32_t reserved;
} gort_sem;

/**
 * Takes `n` units. Blocks until there are as many and everybody who came before has had theirs. Woken by gort_sem_release(),
 * and by the cancellation of the caller.
 *
 * Blocks: the task (on a plain thread: the thread). Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN: nothing is taken; GORT_LIMIT
 * for more than there ever are; GORT_INVALID for NULL.
 * Ordering: what was written before a release is seen after an acquire that follows it. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_sem_acquire(gort_sem *sem, uint32_t n);

/**
 * Takes `n` units if they are there at this instant and nobody waits for any. Never blocks.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_LIMIT, GORT_INVALID as gort_sem_acquire(). Ordering and thread-safety: as that.
 */
GORT_NODISCARD gort_status gort_sem_try_acquire(gort_sem *sem, uint32_t n);

/**
 * gort_sem_acquire(), at most until `deadline` or until `ctx` is cancelled.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from taking what is there.
 * Errors: as gort_sem_acquire(), and GORT_TIMED_OUT. `ctx` may be NULL. Ordering and thread-safety: as gort_sem_acquire().
 */
GORT_NODISCARD gort_status gort_sem_acquire_until(gort_sem *sem, uint32_t n, int64_t deadline, gort_ctx *ctx);

/**
 * Gives `n` units back. Never blocks. Lets in who fits, in the order of coming. Anybody may give back what anybody took.
 *
 * Blocks: never. Errors: GORT_MISUSE if fewer are taken, and nothing changes; GORT_INVALID for NULL.
 * Ordering: as gort_sem_acquire(). Thread-safety: any thread or task.
 */
gort_status gort_sem_release(gort_sem *sem, uint32_t n);

/**
 * How many units are not taken. Others may take and release meanwhile. 0 for NULL.
 *
 * Blocks: never. Errors: none. Thread-safety: any thread or task.
 */
uint32_t gort_sem_available(const gort_sem *sem);

/** A semaphore of n units, of which none is taken: gort_sem s = GORT_SEM_INIT(3); */
#define GORT_SEM_INIT(n) {0, (n), 0}

/* ---- Barriers -------------------------------------------------------------------------------------------- */

/**
 * So many wait for one another, tasks and threads alike; the last one lets all go on: `gort_barrier b = GORT_BARRIER_INIT(n);`.
 *
 * It may be used again at once: whoever comes after the last one waits for the next round. It is a plain struct; there is nothing to
 * make and nothing to free. Its memory may go as soon as nobody comes to it any more. It must not be copied or moved while somebody
 * waits. In the child of a fork nobody has come. Thread-safety: any thread or task.
 * Blocking calls: gort_barrier_wait(), gort_barrier_wait_until().
 */
typedef struct gort_barrier {
    /** gort's. */
    uint64_t word;
    /** How many must come, at least 1. Set once. */
    uint32_t parties;
    /** gort's. */
    uint32_t reserved;
} gort_barrier;

/**
 * Waits until all have come. Blocks until the last one comes, who does not wait. Woken by it, and by the cancellation of the
 * caller. `last` (it may be NULL) becomes true for the last one.
 *
 * Blocks: the task (on a plain thread: the thread). Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN: it has not come, and the
 * others go on waiting; GORT_INVALID for NULL and for a barrier of none. `last` is written on success only.
 * Ordering: what was written before any call of a round is seen after each of them. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_barrier_wait(gort_barrier *barrier, bool *last);

/**
 * Goes on if it is the last one, and lets the others go on. Never blocks. GORT_WOULD_BLOCK: it is not, and it has not come.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID as gort_barrier_wait(). Ordering and thread-safety: as that.
 */
GORT_NODISCARD gort_status gort_barrier_try_wait(gort_barrier *barrier);

/**
 * gort_barrier_wait(), at most until `deadline` or until `ctx` is cancelled.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). Errors: as gort_barrier_wait(), and GORT_TIMED_OUT. `ctx` may be
 * NULL. Ordering and thread-safety: as gort_barrier_wait().
 */
GORT_NODISCARD gort_status gort_barrier_wait_until(gort_barrier *barrier, bool *last, int64_t deadline, gort_ctx *ctx);

/**
 * How many wait at it. Others may come and go meanwhile. 0 for NULL.
 *
 * Blocks: never. Errors: none. Thread-safety: any thread or task.
 */
uint32_t gort_barrier_arrived(const gort_barrier *barrier);

/** A barrier for n parties, at which nobody waits: gort_barrier b = GORT_BARRIER_INIT(3); */
#define GORT_BARRIER_INIT(n) {0, (n), 0}

/* ---- Events ---------------------------------------------------------------------------------------------- */

/**
 * A flag that is waited for, by tasks and threads alike. Whoever sets it lets all go on who wait, and whoever comes while it is set
 * does not wait.
 *
 * It is a plain struct. Storage that is zero, or `= GORT_EVENT_INIT`, is one that is not set; there is nothing to make and nothing to
 * free. Its memory may go as soon as nobody comes to it any more. It must not be copied or moved while somebody waits.
 * Thread-safety: any thread or task. Blocking calls: gort_event_wait(), gort_event_wait_until().
 */
typedef struct gort_event {
    /** gort's. */
    uint64_t word;
    /** gort's. */
    uint64_t reserved;
} gort_event;

/**
 * Sets it: all who wait go on, also if it is cleared before they run. Nothing happens if it is set.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL. Ordering: what was written before it is set is seen by whoever finds it so.
 * Thread-safety: any thread or task.
 */
gort_status gort_event_set(gort_event *event);

/**
 * Clears it: whoever comes now waits until it is set again. Nothing happens if it is not set.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL. Thread-safety: any thread or task.
 */
gort_status gort_event_clear(gort_event *event);

/**
 * Is it set? False for NULL.
 *
 * Blocks: never. Errors: none. Ordering: as gort_event_set(). Thread-safety: any thread or task.
 */
bool gort_event_is_set(const gort_event *event);

/**
 * Waits until it is set. Blocks while it is not; woken by gort_event_set(), and by the cancellation of the caller.
 *
 * Blocks: the task (on a plain thread: the thread). Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_INVALID for NULL.
 * Ordering: as gort_event_set(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_event_wait(gort_event *event);

/**
 * GORT_OK if it is set at this instant, else GORT_WOULD_BLOCK. Never blocks.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL. Ordering: as gort_event_set(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_event_try_wait(gort_event *event);

/**
 * gort_event_wait(), at most until `deadline` or until `ctx` is cancelled.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). Errors: as gort_event_wait(), and GORT_TIMED_OUT. `ctx` may be NULL.
 * Ordering: as gort_event_set(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_event_wait_until(gort_event *event, int64_t deadline, gort_ctx *ctx);

/** One that is not set, as is zeroed storage: gort_event e = GORT_EVENT_INIT; */
#define GORT_EVENT_INIT {0, 0}

/* ---- WaitGroups ------------------------------------------------------------------------------------------ */

/**
 * A counter of things that are not done yet, and those who wait for it to be zero.
 *
 * Ownership: gort_wg_new() makes one, gort_wg_free() frees it; it may be freed as soon as a wait has returned, also
 * while the task whose gort_wg_done() ended the wait is still in that call.
 * Thread-safety: any thread or task. Blocking calls: gort_wg_wait(), gort_wg_wait_until().
 */
typedef struct gort_wg gort_wg;

/**
 * Makes a wait group at zero.
 *
 * Blocks: never. Errors: NULL when there is no memory; gort_last_error() says so.
 * Ownership: the caller's, freed with gort_wg_free(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_wg *gort_wg_new(void);

/**
 * Frees a wait group. NULL is allowed and does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE while it is not at zero, somebody waits, or a task of gort_wg_go() is still to be
 * counted out, or for a stale handle; nothing is freed then.
 * Thread-safety: any thread or task, as the last user.
 */
gort_status gort_wg_free(gort_wg *wg);

/**
 * Adds `n`, which may be negative, to the counter. Does not block; at zero everybody who waits is woken. An addition
 * at zero must happen before the wait it is meant for.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE when the counter would fall below zero, which leaves it
 * as it was, or for a stale handle; GORT_SHUTDOWN.
 * Ordering: what was written before a call that takes the counter down is seen after the wait that it ends.
 * Thread-safety: any thread or task.
 */
gort_status gort_wg_add(gort_wg *wg, int64_t n);

/**
 * Takes one off the counter: gort_wg_add(wg, -1).
 *
 * Blocks: never. Errors, ordering and thread-safety: as gort_wg_add().
 */
gort_status gort_wg_done(gort_wg *wg);

/**
 * Adds one, starts a task that runs `fn(arg)`, and takes one off when it has returned. Does not block.
 *
 * Blocks: never. Errors: as gort_go() and gort_wg_add(); the counter is as it was then.
 * Ordering: what was written before the call is seen by `fn`; what `fn` wrote is seen after the wait.
 * Ownership: `arg` is handed to `fn` as it is. Thread-safety: any thread or task.
 */
gort_status gort_wg_go(gort_wg *wg, void (*fn)(void *arg), void *arg);

/**
 * Waits until the counter is zero. Blocks unless it is. Woken by the gort_wg_done() or gort_wg_add() that takes it
 * there. Any number may wait; all are woken; the group may be used again.
 *
 * Blocks: the caller. Errors: GORT_INVALID for NULL; GORT_CANCELED, GORT_DEADLOCK; GORT_MISUSE for a stale handle;
 * GORT_SHUTDOWN.
 * Ordering: what was written before the calls that took the counter down is seen after it.
 * Thread-safety: any thread or task.
 */
gort_status gort_wg_wait(gort_wg *wg);

/**
 * Asks whether the counter is zero. Never blocks.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK while it is not; else as gort_wg_wait(). Ordering: as gort_wg_wait().
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_wg_try_wait(gort_wg *wg);

/**
 * Waits until the counter is zero, at most until `deadline` or until `ctx` is cancelled. Blocks unless it is. Woken
 * as gort_wg_wait(), by the clock, or by `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
 * Errors: GORT_TIMED_OUT; else as gort_wg_wait(). `ctx` may be NULL.
 * Ordering and thread-safety: as gort_wg_wait().
 */
GORT_NODISCARD gort_status gort_wg_wait_until(gort_wg *wg, int64_t deadline, gort_ctx *ctx);

/* ---- Atomics --------------------------------------------------------------------------------------------- */


/*
 * Atomic operations on plain numbers and pointers, for C++ and for old compilers; C has <stdatomic.h>, which is as good. All of
 * them are sequentially consistent. An object that is used by one of these is to be used by these alone while others use it.
 * NAME is i32, u32, i64 or u64, and T its type:
 *
 *   T gort_atomic_NAME_load(const T *at)
 *   void gort_atomic_NAME_store(T *at, T value)
 *   T gort_atomic_NAME_add(T *at, T value)                              the NEW value, as Go's Add; it wraps
 *   T gort_atomic_NAME_swap(T *at, T value)                             the old value
 *   bool gort_atomic_NAME_compare_and_swap(T *at, T old_value, T new_value)   true if it was old_value, and is new_value now
 *   T gort_atomic_NAME_and(T *at, T mask), gort_atomic_NAME_or(T *at, T mask)   the OLD value, as Go's And and Or
 *
 * and load, store, swap and compare_and_swap for pointers, with NAME ptr and T void *. They never block and have no status; `at` must be valid and aligned as its type is. Needs gcc's or clang's builtins.
 */
#if defined(__GNUC__)
#define GORT_ATOMIC_BASE_(name, T)                                                                                     \
    GORT_NODISCARD GORT_UNUSED static inline T gort_atomic_##name##_load(T const *at) {                                \
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                                                  \
    }                                                                                                                  \
    GORT_UNUSED static inline void gort_atomic_##name##_store(T *at, T value) {                                        \
        __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                                                 \
    }                                                                                                                  \
    GORT_UNUSED static inline T gort_atomic_##name##_swap(T *at, T value) {                                            \
        return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                                                       \
    }                                                                                                                  \
    GORT_UNUSED static inline bool gort_atomic_##name##_compare_and_swap(T *at, T old_value, T new_value) {            \
        return __atomic_compare_exchange_n(at, &old_value, new_value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);      \
    }
#define GORT_ATOMIC_NUMBER_(name, T)                                                                                   \
    GORT_ATOMIC_BASE_(name, T)                                                                                         \
    GORT_UNUSED static inline T gort_atomic_##name##_add(T *at, T value) {                                             \
        return __atomic_add_fetch(at, value, __ATOMIC_SEQ_CST);                                                        \
    }                                                                                                                  \
    GORT_UNUSED static inline T gort_atomic_##name##_and(T *at, T mask) {                                              \
        return __atomic_fetch_and(at, mask, __ATOMIC_SEQ_CST);                                                         \
    }                                                                                                                  \
    GORT_UNUSED static inline T gort_atomic_##name##_or(T *at, T mask) {                                               \
        return __atomic_fetch_or(at, mask, __ATOMIC_SEQ_CST);                                                          \
    }
typedef void *gort_pointer_;
GORT_ATOMIC_NUMBER_(i32, int32_t)
GORT_ATOMIC_NUMBER_(u32, uint32_t)
GORT_ATOMIC_NUMBER_(i64, int64_t)
GORT_ATOMIC_NUMBER_(u64, uint64_t)
GORT_ATOMIC_BASE_(ptr, gort_pointer_)
#undef GORT_ATOMIC_NUMBER_
#undef GORT_ATOMIC_BASE_
#endif

/* ---- Counters -------------------------------------------------------------------------------------------- */

/**
 * A counter that any number of tasks and threads add to at the same time, at a nanosecond or two each: every thread has a place
 * of its own in it, of which the value is the sum. It takes 2.7 KB.
 *
 * Ownership: gort_counter_new() makes one, gort_counter_free() frees it.
 * Thread-safety: any thread or task. Blocking calls: none.
 */
typedef struct gort_counter gort_counter;

/**
 * Makes a counter at zero.
 *
 * Blocks: never. Errors: NULL when there is no memory; gort_last_error() says so.
 * Ownership: the caller's, freed with gort_counter_free(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_counter *gort_counter_new(void);

/**
 * Frees a counter. NULL is allowed and does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Thread-safety: any thread or task, as the last user.
 */
gort_status gort_counter_free(gort_counter *counter);

/**
 * Adds `n`, which may be negative. The sum wraps around, as an integer of 64 bits.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Ordering: none. Thread-safety: any thread or task.
 */
gort_status gort_counter_add(gort_counter *counter, int64_t n);

/**
 * What was added since the counter was made or reset. It is exact when nobody adds meanwhile, and what others added is ordered
 * before the call by something else (a wait for them, a channel). 0 for NULL.
 *
 * Blocks: never. Errors: none; 0 for a stale handle. Ordering: none. Thread-safety: any thread or task.
 */
int64_t gort_counter_value(const gort_counter *counter);

/**
 * Counts from zero again. `before`, which may be NULL, gets what gort_counter_value() would have said: each addition is in what
 * one reset gets, or in the value.
 *
 * Blocks: never. Errors: as gort_counter_add(). Ordering: none. Thread-safety: any thread or task.
 */
gort_status gort_counter_reset(gort_counter *counter, int64_t *before);

/* ---- Maps ------------------------------------------------------------------------------------------------ */

/**
 * A map that any number of tasks and threads use at the same time, with the operations of Go's sync.Map. A load takes no lock; a
 * store locks a part of the map for some instructions, and none of your functions is called meanwhile.
 *
 * A key is any number of bytes, which the map copies. A value is a pointer, which the map does not follow.
 *
 * Whose a value is. It is the map's from a store that succeeded until the map gives it out or drops it. What to do about a value
 * that one task has loaded while another deletes it is said by the two functions of gort_map_options:
 *   neither         the map keeps pointers, and what they point to is the program's business (static data, an arena, numbers)
 *   drop            for values that are not used after they were deleted or replaced, or whose users take care of that; what is
 *                   loaded is borrowed. gort_map_swap() and gort_map_load_and_delete() hand the value to the caller: it is not dropped
 *   drop, retain    for counted values. What any call gives out is a reference of the caller's own, made by `retain` while the
 *                   map holds one: give it back yourself. In gort_map_range() the map gives it back after each call
 *
 * `drop` is called once for each value that the map is left with: by a later store or delete, by gort_map_collect(), or by
 * gort_map_free(), with no lock held and when no call can still be about to give the value out. So it may be called some time after
 * the value was deleted, and on any thread that writes to the map.
 *
 * Ownership: gort_map_new() makes one, gort_map_free() frees it.
 * Thread-safety: any thread or task. Blocking calls: none.
 */
typedef struct gort_map gort_map;

/** What a map may be given. Fill it in with GORT_MAP_OPTIONS_INIT, then change what should differ. */
typedef struct gort_map_options {
    /** sizeof(gort_map_options); it tells the library which version of this struct it was given. */
    size_t struct_size;
    /** Called with each value that the map is left with; or NULL. It may call gort, and may block. */
    void (*drop)(void *value, void *arg);
    /** Called to make another reference to a value; or NULL. It must not block. */
    void (*retain)(void *value, void *arg);
    /** For both. */
    void *arg;
    /** 0, for later versions. */
    uint32_t reserved[4];
} gort_map_options;

/**
 * Makes an empty map of pointers that nobody has to give back.
 *
 * Blocks: never. Errors: NULL when there is no memory; gort_last_error() says so.
 * Ownership: the caller's, freed with gort_map_free(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_map *gort_map_new(void);

/**
 * Makes an empty map as `options` say.
 *
 * Blocks: never. Errors: as gort_map_new(); also for NULL or bad `options`, and for `retain` without `drop`.
 * Ownership: as gort_map_new(); `options` may go away at once. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_map *gort_map_new_with(const gort_map_options *options);

/**
 * Frees a map; the values in it are dropped. NULL is allowed and does nothing.
 *
 * Blocks: only if `drop` does. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Thread-safety: any thread or task, as the last user: no other call may be in the map.
 */
gort_status gort_map_free(gort_map *map);

/**
 * The value of a key, in `*value`, which may be NULL to ask only whether there is one. Returns 1, or 0 when there is none, or a
 * negative status.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL (as the key only with a length of 0); GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Ordering: what was written before the store is seen after it. Ownership: see gort_map. Thread-safety: any thread or task.
 */
int32_t gort_map_load(gort_map *map, const void *key, size_t key_size, void **value);

/**
 * Sets the value of a key, which may be NULL: a key whose value is NULL is there. The value is the map's if this succeeds.
 *
 * Blocks: never. Errors: GORT_NO_MEMORY; else as gort_map_load(). Ordering: what was written before it is seen after a load that
 * finds the value. Ownership: see gort_map. Thread-safety: any thread or task.
 */
gort_status gort_map_store(gort_map *map, const void *key, size_t key_size, void *value);

/**
 * Sets the value of a key; the one it had is given out in `*previous`. Returns 1, or 0 when it had none, or a negative status.
 *
 * Blocks: never. Errors: GORT_INVALID also when `previous` is NULL; else as gort_map_store(). Ordering: as gort_map_store() and
 * gort_map_load(). Ownership: see gort_map. Thread-safety: any thread or task.
 */
int32_t gort_map_swap(gort_map *map, const void *key, size_t key_size, void *value, void **previous);

/**
 * Sets the value of a key that has none: returns 0. If it has one, that is given out in `*actual`, `value` stays the caller's, and
 * this returns 1. A negative status otherwise.
 *
 * Blocks: never. Errors, ordering, ownership and thread-safety: as gort_map_swap().
 */
int32_t gort_map_load_or_store(gort_map *map, const void *key, size_t key_size, void *value, void **actual);

/**
 * Removes a key; the value it had is given out in `*value`. Returns 1, or 0 when it had none, or a negative status.
 *
 * Blocks: never. Errors, ordering, ownership and thread-safety: as gort_map_swap().
 */
int32_t gort_map_load_and_delete(gort_map *map, const void *key, size_t key_size, void **value);

/**
 * Removes a key; the value it had is dropped. Returns 1, or 0 when it had none, or a negative status.
 *
 * Blocks: only if `drop` does. Errors, ordering, ownership and thread-safety: as gort_map_store().
 */
int32_t gort_map_delete(gort_map *map, const void *key, size_t key_size);

/**
 * Sets the value of a key if it is `old`, as a pointer. Returns 1, or 0 when it is not (`value` stays the caller's), or a negative
 * status.
 *
 * Blocks: only if `drop` does. Errors, ordering, ownership and thread-safety: as gort_map_store().
 */
int32_t gort_map_compare_and_swap(gort_map *map, const void *key, size_t key_size, void *old, void *value);

/**
 * Removes a key if its value is `old`, as a pointer. Returns 1, or 0 when it is not, or a negative status.
 *
 * Blocks: only if `drop` does. Errors, ordering, ownership and thread-safety: as gort_map_store().
 */
int32_t gort_map_compare_and_delete(gort_map *map, const void *key, size_t key_size, void *old);

/**
 * Calls `fn` with each key and value until it returns false. A part of the map is looked at at a time: no key comes twice; one that
 * is there all the time comes; one that is stored or deleted meanwhile may come. `fn` may use the map, and may block. The key's
 * bytes are gort's, and go when `fn` returns.
 *
 * Blocks: only if `fn` or `drop` does. Errors: as gort_map_load(); also for a NULL `fn`. Ordering: as gort_map_load().
 * Ownership: see gort_map. Thread-safety: any thread or task.
 */
gort_status gort_map_range(gort_map *map, bool (*fn)(const void *key, size_t key_size, void *value, void *arg), void *arg);

/**
 * The number of keys at some instant: a snapshot, old when it is looked at. 0 for NULL.
 *
 * Blocks: never. Errors: none; 0 for a stale handle. Thread-safety: any thread or task.
 */
size_t gort_map_len(const gort_map *map);

/**
 * Removes every key, a part of the map at a time: a key that is stored meanwhile may stay.
 *
 * Blocks: only if `drop` does. Errors: as gort_map_load(). Thread-safety: any thread or task.
 */
gort_status gort_map_clear(gort_map *map);

/**
 * Drops the values that were deleted or replaced, now. Returns 1 when nothing is left, 0 when somebody may still be about to give
 * one out, or a negative status.
 *
 * Blocks: only if `drop` does. Errors: as gort_map_load(). Thread-safety: any thread or task.
 */
int32_t gort_map_collect(gort_map *map);

/** The defaults: gort_map_options options = GORT_MAP_OPTIONS_INIT; */
#define GORT_MAP_OPTIONS_INIT {sizeof(gort_map_options), NULL, NULL, NULL, {0, 0, 0, 0}}

/* ---- Pools of objects ------------------------------------------------------------------------------------ */

/**
 * Objects that are kept to be used again, as Go's sync.Pool does it, but without a collector: nothing leaves by itself, and
 * `max_idle` says how many are kept. Objects are pointers that the pool does not follow.
 *
 * Ownership: gort_pool_new() makes one, gort_pool_free() frees it and drops what it keeps. An object is the pool's while it is kept.
 * Thread-safety: any thread or task. Blocking calls: none, unless the program's own functions block.
 */
typedef struct gort_pool gort_pool;

/** What a pool is given. Fill it in with GORT_POOL_OPTIONS_INIT, then change what should differ. */
typedef struct gort_pool_options {
    /** sizeof(gort_pool_options); it tells the library which version of this struct it was given. */
    size_t struct_size;
    /** Makes an object, for a get that finds none: NULL says that there is no memory. Or NULL: such a get gives GORT_WOULD_BLOCK. */
    void *(*make)(void *arg);
    /**
     * Called with each object that is not kept any more; or NULL: then a put that finds no place is refused with GORT_LIMIT. It runs
     * with no lock held, as `make` does; both may call gort, and may block.
     */
    void (*drop)(void *object, void *arg);
    /** For both. */
    void *arg;
    /** Objects that are kept at most, up to 16,777,216: 8 bytes are set aside for each. 0: 256. */
    size_t max_idle;
    /** 0, for later versions. */
    uint32_t reserved[4];
} gort_pool_options;

/**
 * Makes an empty pool as `options` say.
 *
 * Blocks: never. Errors: NULL for NULL or bad `options`, when `max_idle` is too large, or when there is no memory;
 * gort_last_error() says which.
 * Ownership: the caller's, freed with gort_pool_free(); `options` may go away at once. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_pool *gort_pool_new(const gort_pool_options *options);

/**
 * Frees a pool; what it keeps is dropped. NULL is allowed and does nothing. Objects in use are their users'.
 *
 * Blocks: only if `drop` does. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Thread-safety: any thread or task, as the last user: no other call may be in the pool.
 */
gort_status gort_pool_free(gort_pool *pool);

/**
 * An object that was put back, or a new one, in `*object`: the caller's until it is put back, or for good.
 *
 * Blocks: only if `make` does. Errors: GORT_WOULD_BLOCK when there is none and no `make`; GORT_NO_MEMORY when `make` gave NULL;
 * GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Ordering: what was written before the object was put back is seen after it. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_pool_get(gort_pool *pool, void **object);

/**
 * Keeps an object for the next gort_pool_get(), or drops it when `max_idle` are kept. NULL is allowed and does nothing.
 *
 * Blocks: only if `drop` does. Errors: GORT_LIMIT when enough are kept and there is no `drop`: the object is still the caller's;
 * GORT_INVALID for a NULL pool; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Ordering: as gort_pool_get(). Thread-safety: any thread or task.
 */
gort_status gort_pool_put(gort_pool *pool, void *object);

/**
 * How many objects are kept at some instant. 0 for NULL.
 *
 * Blocks: never. Errors: none; 0 for a stale handle. Thread-safety: any thread or task.
 */
size_t gort_pool_idle(const gort_pool *pool);

/**
 * Drops the objects that are kept. Without `drop` they are forgotten.
 *
 * Blocks: only if `drop` does. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
 * Thread-safety: any thread or task.
 */
gort_status gort_pool_clear(gort_pool *pool);

/** The defaults: gort_pool_options options = GORT_POOL_OPTIONS_INIT; */
#define GORT_POOL_OPTIONS_INIT {sizeof(gort_pool_options), NULL, NULL, NULL, 0, {0, 0, 0, 0}}

/* ---- Limiters -------------------------------------------------------------------------------------------- */

/**
 * A token bucket for each key, which is some bytes: gort_keyed_new() makes it, gort_keyed_free() takes it.
 *
 * Thread-safety: any thread or task. Blocking calls: gort_keyed_wait(), gort_keyed_wait_until().
 */
typedef struct gort_keyed gort_keyed;

/**
 * How often something may happen: one of the gort_limiter_..._new() makes it, gort_limiter_free() takes it.
 *
 * In the child of a fork it is as it was, and can be used at once by who made it there; a handle of the parent's is not one.
 * Thread-safety: any thread or task. Blocking calls: gort_limiter_wait() and its forms.
 */
typedef struct gort_limiter gort_limiter;

/** What was reserved: gort_limiter_reserve() fills it in. A plain struct: there is nothing to free. */
typedef struct gort_reservation {
    /** From when on one may act, as gort_now() counts. */
    int64_t at;
    /** gort's. */
    gort_limiter *limiter;
    /** gort's. */
    uint64_t parts;
    /** gort's. */
    uint64_t words[24];
} gort_reservation;

/**
 * Runs a function now and then: a plain struct, of zeros or GORT_SOMETIMES_INIT and what is set. The first call runs it always; then
 * a call runs it if one of the three says so. It must not be copied while it is in use.
 */
typedef struct gort_sometimes {
    /** The first so many calls, if it is above 0. */
    uint64_t first;
    /** Every so many calls, beginning with the first, if it is above 0. */
    uint64_t every;
    /** A call that comes so many ns after it ran last, if it is above 0. */
    int64_t interval;
    /** gort's. */
    uint64_t reserved[3];
} gort_sometimes;

/**
 * The rate of one each `interval` nanoseconds, a second; GORT_RATE_INF for an interval of 0 or less.
 *
 * Blocks: never. Thread-safety: any thread or task.
 */
GORT_NODISCARD double gort_limiter_every(int64_t interval);

/**
 * A token bucket: `rate` a second on average, and `burst` at once. It starts full. GORT_RATE_INF refuses nothing, whatever the burst;
 * a rate of 0 grants the first burst and no more. Its arithmetic is that of Go's golang.org/x/time/rate.
 *
 * Blocks: never. Errors: NULL when there is no memory, or while gort is shut down; gort_last_error() says which.
 * Ownership: the caller's, freed with gort_limiter_free(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_limiter *gort_limiter_token_bucket_new(double rate, uint32_t burst);

/**
 * `n` in each window of `window` nanoseconds. The windows lie side by side, as gort_now() counts; or, if they are `lazy`, the next
 * one begins with the first thing that is granted after the last one is over. Around the edge of two windows there may be 2 `n`.
 *
 * Blocks: never. Errors: NULL for a window of 0 or less, and as gort_limiter_token_bucket_new().
 * Ownership and thread-safety: as gort_limiter_token_bucket_new().
 */
GORT_NODISCARD gort_limiter *gort_limiter_fixed_window_new(uint32_t n, int64_t window, bool lazy);

/**
 * Never more than `n` in any window of `window` nanoseconds, wherever it lies: each one is remembered, in 16 bytes for each of `n`.
 *
 * Blocks: never. Errors: NULL for a window of 0 or less, for an `n` of 0 or above 1048576, and as gort_limiter_token_bucket_new().
 * Ownership and thread-safety: as gort_limiter_token_bucket_new().
 */
GORT_NODISCARD gort_limiter *gort_limiter_sliding_log_new(uint32_t n, int64_t window);

/**
 * About `n` in any window of `window` nanoseconds, from two numbers: those of the window before count as far as it overlaps.
 *
 * Blocks: never. Errors: NULL for a window of 0 or less, and as gort_limiter_token_bucket_new().
 * Ownership and thread-safety: as gort_limiter_token_bucket_new().
 */
GORT_NODISCARD gort_limiter *gort_limiter_sliding_counter_new(uint32_t n, int64_t window);

/**
 * A leaky bucket: `rate` a second, evenly. Of those that come too early `capacity` may wait in a queue; or, if it `drops`, it is a
 * bucket that holds `capacity`, and what does not fit is dropped, so that nothing waits.
 *
 * Blocks: never. Errors: NULL for a rate that is not above 0, or endless, and as gort_limiter_token_bucket_new().
 * Ownership and thread-safety: as gort_limiter_token_bucket_new().
 */
GORT_NODISCARD gort_limiter *gort_limiter_leaky_new(double rate, uint32_t capacity, bool drops);

/**
 * One at each tick of a clock that ticks each `period` nanoseconds, for the first time a period after `origin` (gort_now()). One
 * tick that was missed is kept, as a ticker's; the others are gone.
 *
 * Blocks: never. Errors: NULL for a period of 0 or less, and as gort_limiter_token_bucket_new().
 * Ownership and thread-safety: as gort_limiter_token_bucket_new().
 */
GORT_NODISCARD gort_limiter *gort_limiter_paced_new(int64_t origin, int64_t period);

/**
 * Several limiters as one: what all of the `n` grant; who is refused by one has taken nothing from the others. 1 to 8 of them, those
 * of a gort_limiter_all_new() counted one by one.
 *
 * Blocks: never. Errors: NULL for none or too many, for a stale handle, and as gort_limiter_token_bucket_new().
 * Ownership: the parts stay the caller's, and may be freed before it. Else as gort_limiter_token_bucket_new().
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_limiter *gort_limiter_all_new(gort_limiter *const *limiters, size_t n);

/**
 * Frees it. Never blocks: who waits for it waits on. NULL does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle. Ownership: the handle is given up. Thread-safety: any thread or task.
 */
gort_status gort_limiter_free(gort_limiter *limiter);

/**
 * May one thing happen now? GORT_OK: yes, and it is accounted for. GORT_WOULD_BLOCK: no. Never blocks.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_limiter_allow(gort_limiter *limiter);

/**
 * May `n` things happen now, all of them? As gort_limiter_allow().
 *
 * Blocks: never. Errors and thread-safety: as gort_limiter_allow().
 */
GORT_NODISCARD gort_status gort_limiter_allow_n(gort_limiter *limiter, uint32_t n);

/**
 * May `n` things happen at `now`? A time of the caller's own: all is as if it was that time. As gort_limiter_allow().
 *
 * Blocks: never. Errors and thread-safety: as gort_limiter_allow().
 */
GORT_NODISCARD gort_status gort_limiter_allow_at(gort_limiter *limiter, int64_t now, uint32_t n);

/**
 * Waits until one thing may happen. Blocks; woken when its time has come, or by the cancellation of the caller: what was promised is
 * given back then.
 *
 * Blocks: the task (on a plain thread: the thread).
 * Errors: GORT_LIMIT if it never may; GORT_WOULD_BLOCK if a leaky bucket has no place; GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN;
 * GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Then nothing is taken. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_limiter_wait(gort_limiter *limiter);

/**
 * gort_limiter_wait(), at most until `deadline` or until `ctx` is cancelled. If its time comes only after the deadline it says so at
 * once. Blocks as it. Woken as it, or by `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
 * Errors: as gort_limiter_wait(), and GORT_TIMED_OUT. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_limiter_wait_until(gort_limiter *limiter, int64_t deadline, gort_ctx *ctx);

/**
 * Waits until `n` things may happen, all of them. Blocks and is woken as gort_limiter_wait().
 *
 * Blocks, errors and thread-safety: as gort_limiter_wait().
 */
GORT_NODISCARD gort_status gort_limiter_wait_n(gort_limiter *limiter, uint32_t n);

/**
 * gort_limiter_wait_n(), within the limits of gort_limiter_wait_until(). Blocks and is woken as that.
 *
 * Blocks, errors and thread-safety: as gort_limiter_wait_until().
 */
GORT_NODISCARD gort_status gort_limiter_wait_n_until(gort_limiter *limiter, uint32_t n, int64_t deadline, gort_ctx *ctx);

/**
 * Takes `n`, also if they are to come: `reservation->at` is when one may act. Who does not want to gives it back with
 * gort_reservation_cancel(). Never blocks.
 *
 * Blocks: never. Errors: GORT_LIMIT for more than there ever are; GORT_WOULD_BLOCK if a leaky bucket has no place; GORT_INVALID for
 * NULL; GORT_MISUSE for a stale handle. Ownership: nothing is to be freed. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_limiter_reserve(gort_limiter *limiter, uint32_t n, gort_reservation *reservation);

/**
 * gort_limiter_reserve() as if it was `now`; GORT_TIMED_OUT, and nothing is taken, if one could not act until `latest`
 * (GORT_NEVER: however late). Never blocks.
 *
 * Blocks: never. Errors, ownership and thread-safety: as gort_limiter_reserve(), and GORT_TIMED_OUT.
 */
GORT_NODISCARD gort_status gort_limiter_reserve_at(gort_limiter *limiter, int64_t now, uint32_t n, int64_t latest, gort_reservation *reservation);

/**
 * How long it is until one may act, in nanoseconds; 0 if the time has come. Never blocks.
 *
 * Blocks: never. Errors: 0 for NULL. Thread-safety: any thread or task.
 */
GORT_NODISCARD int64_t gort_reservation_delay(const gort_reservation *reservation);

/**
 * Gives back what was reserved, but for what others have reserved since on account of it; nothing if its time has come, or if it was
 * given back before. Never blocks.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL, or for one that was not filled in; GORT_MISUSE if the limiter was freed.
 * Thread-safety: one thread or task at a time.
 */
gort_status gort_reservation_cancel(gort_reservation *reservation);

/**
 * gort_reservation_cancel() as if it was `now`. Never blocks.
 *
 * Blocks: never. Errors and thread-safety: as gort_reservation_cancel().
 */
gort_status gort_reservation_cancel_at(gort_reservation *reservation, int64_t now);

/**
 * How many a second; of several the least. 0 for no limiter.
 *
 * Blocks: never. Thread-safety: any thread or task.
 */
GORT_NODISCARD double gort_limiter_limit(const gort_limiter *limiter);

/**
 * How many at once; of several the least. 0 for no limiter.
 *
 * Blocks: never. Thread-safety: any thread or task.
 */
GORT_NODISCARD uint32_t gort_limiter_burst(const gort_limiter *limiter);

/**
 * How many could be had at once now; below 0 if those to come are promised already. 0 for no limiter.
 *
 * Blocks: never. Thread-safety: any thread or task.
 */
GORT_NODISCARD double gort_limiter_tokens(const gort_limiter *limiter);

/**
 * gort_limiter_tokens() as if it was `now`.
 *
 * Blocks: never. Thread-safety: any thread or task.
 */
GORT_NODISCARD double gort_limiter_tokens_at(const gort_limiter *limiter, int64_t now);

/**
 * From now on `rate` a second: of a window, by how long it is. What was granted keeps its time. Never blocks.
 *
 * Blocks: never. Errors: GORT_INVALID for a rate that this limiter cannot have, for several at once, and for NULL; GORT_MISUSE for a
 * stale handle. Thread-safety: any thread or task.
 */
gort_status gort_limiter_set_limit(gort_limiter *limiter, double rate);

/**
 * gort_limiter_set_limit() from `now` on.
 *
 * Blocks: never. Errors and thread-safety: as gort_limiter_set_limit().
 */
gort_status gort_limiter_set_limit_at(gort_limiter *limiter, int64_t now, double rate);

/**
 * From now on `burst` at once. What was granted keeps its time. Never blocks.
 *
 * Blocks: never. Errors and thread-safety: as gort_limiter_set_limit().
 */
gort_status gort_limiter_set_burst(gort_limiter *limiter, uint32_t burst);

/**
 * gort_limiter_set_burst() from `now` on.
 *
 * Blocks: never. Errors and thread-safety: as gort_limiter_set_limit().
 */
gort_status gort_limiter_set_burst_at(gort_limiter *limiter, int64_t now, uint32_t burst);

/**
 * A token bucket for each key: `rate` a second and `burst` at once. With `within`, which may be NULL, that limiter grants them, too: a
 * user's AND everybody's, both or none. A key that is idle costs nothing: it is forgotten, and nobody notices.
 *
 * Blocks: never. Errors: NULL for a rate that is not above 0, for a stale `within`, when there is no memory, or while gort is shut
 * down; gort_last_error() says which. Ownership: the caller's, freed with gort_keyed_free(); `within` stays the caller's, and may be
 * freed before it. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_keyed *gort_keyed_new(double rate, uint32_t burst, gort_limiter *within);

/**
 * Frees it. Never blocks: who waits for it waits on. NULL does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle. Ownership: the handle is given up. Thread-safety: any thread or task.
 */
gort_status gort_keyed_free(gort_keyed *keyed);

/**
 * May `n` things of this key, `size` bytes, happen now, all of them? GORT_OK: yes, and they are accounted for. GORT_WOULD_BLOCK: no.
 *
 * Blocks: never, but for a moment while another asks for a key beside it.
 * Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Ownership: the key may go away at once.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_keyed_allow(gort_keyed *keyed, const void *key, size_t size, uint32_t n);

/**
 * gort_keyed_allow() as if it was `now`.
 *
 * Blocks, errors, ownership and thread-safety: as gort_keyed_allow().
 */
GORT_NODISCARD gort_status gort_keyed_allow_at(gort_keyed *keyed, int64_t now, const void *key, size_t size, uint32_t n);

/**
 * Waits until `n` things of this key may happen. Blocks and is woken as gort_limiter_wait().
 *
 * Blocks and errors: as gort_limiter_wait(). Ownership: the key must stay until it returns. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_keyed_wait(gort_keyed *keyed, const void *key, size_t size, uint32_t n);

/**
 * gort_keyed_wait(), within the limits of gort_limiter_wait_until(). Blocks and is woken as that.
 *
 * Blocks and errors: as gort_limiter_wait_until(). Ownership and thread-safety: as gort_keyed_wait().
 */
GORT_NODISCARD gort_status gort_keyed_wait_until(gort_keyed *keyed, const void *key, size_t size, uint32_t n, int64_t deadline, gort_ctx *ctx);

/**
 * How many of this key could be had at once at `now`; below 0 if those to come are promised already. 0 for no limiter.
 *
 * Blocks: as gort_keyed_allow(). Thread-safety: any thread or task.
 */
GORT_NODISCARD double gort_keyed_tokens_at(const gort_keyed *keyed, int64_t now, const void *key, size_t size);

/**
 * How many keys are remembered: those that are not idle, and some that are. 0 for no limiter.
 *
 * Blocks: as gort_keyed_allow(). Thread-safety: any thread or task.
 */
GORT_NODISCARD size_t gort_keyed_len(const gort_keyed *keyed);

/**
 * Forgets the keys that are idle at `now` and gives their memory back. It is done without, too, as room is needed. `*forgotten`,
 * which may be NULL, gets how many they were.
 *
 * Blocks: as gort_keyed_allow(). Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
 */
gort_status gort_keyed_evict(gort_keyed *keyed, int64_t now, size_t *forgotten);

/**
 * From now on `rate` a second and `burst` at once, for every key. What was granted keeps its time.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL, or a rate that is not above 0; GORT_MISUSE for a stale handle.
 * Thread-safety: any thread or task.
 */
gort_status gort_keyed_set(gort_keyed *keyed, double rate, uint32_t burst);

/**
 * Runs `fn(arg)` if it is time for it, here, on the caller's stack. Calls are one after the other: blocks while another call runs its
 * own; a call from within `fn` waits for itself. `*ran`, which may be NULL, says whether it ran.
 *
 * Blocks: the caller, as `fn` does, or as another's. Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN while it waits for another;
 * GORT_INVALID for NULL. Thread-safety: any thread or task.
 */
gort_status gort_sometimes_do(gort_sometimes *sometimes, void (*fn)(void*), void *arg, bool *ran);

/**
 * gort_sometimes_do() as if it was `now`.
 *
 * Blocks, errors and thread-safety: as gort_sometimes_do().
 */
gort_status gort_sometimes_do_at(gort_sometimes *sometimes, int64_t now, void (*fn)(void*), void *arg, bool *ran);

/** The rate of a token bucket that refuses nothing. */
#define GORT_RATE_INF 1.7976931348623157e308

/** One that runs once; set first, every or interval: gort_sometimes s = GORT_SOMETIMES_INIT; s.every = 100; */
#define GORT_SOMETIMES_INIT { 0, 0, 0, { 0, 0, 0 } }

/* ---- Contexts -------------------------------------------------------------------------------------------- */

/**
 * A function that is to be called when a context ends: gort_ctx_after_func().
 *
 * Ownership: the caller's, given back with gort_ctx_func_free(). Thread-safety: any thread or task, any number at once.
 * Blocking calls: none.
 */
typedef struct gort_ctx_func gort_ctx_func;

/**
 * A context of a program's own: gort_ctx_own(). Fill it with GORT_CTX_FUNCTIONS_INIT; each is called with `arg`, on any thread, and may
 * not block. One that is NULL has nothing to say.
 */
typedef struct gort_ctx_functions {
    /** sizeof(gort_ctx_functions): GORT_CTX_FUNCTIONS_INIT sets it. */
    size_t struct_size;
    /** When it ends at the latest, on the clock of gort_now(); GORT_NEVER. Asked once. */
    int64_t (*deadline)(void *arg);
    /** A channel that is closed when it ends, not a timer's; NULL: it never does. Asked once; borrowed until `drop`. */
    gort_receiver *(*done)(void *arg);
    /** How it has ended, GORT_CANCELED or GORT_TIMED_OUT: asked when the channel is closed. NULL: GORT_CANCELED. */
    gort_status (*err)(void *arg);
    /** Its value for a key, or NULL. */
    void *(*value)(void *arg, const void *key);
    /** Called once, when gort is done with it. */
    void (*drop)(void *arg);
    /** 0, for later versions. */
    uint64_t reserved[2];
} gort_ctx_functions;

/**
 * The root of all: never cancelled, without a deadline, without values. Always the same.
 *
 * Blocks: never. Errors: none. Ownership: needs no reference and no release; both are allowed.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_ctx *gort_ctx_background(void);

/**
 * The same, for a place where it is not clear yet which context belongs there.
 *
 * Blocks, errors, ownership and thread-safety: as gort_ctx_background().
 */
GORT_NODISCARD gort_ctx *gort_ctx_todo(void);

/**
 * A child of `parent` that gort_ctx_cancel() ends. It ends with its parent, too.
 *
 * Blocks: never. Errors: NULL for a NULL or stale `parent`, when there is no memory, or while gort is shut down;
 * gort_last_error() says which.
 * Ownership: the caller's, given back with gort_ctx_release(); it keeps its parent, and its parent does not keep it.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_ctx *gort_ctx_with_cancel(gort_ctx *parent);

/**
 * A child of `parent` that ends `duration` nanoseconds from now, with GORT_TIMED_OUT, if nothing ends it before. GORT_NEVER: as
 * gort_ctx_with_cancel(); 0 or less: it has ended.
 *
 * Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
 */
GORT_NODISCARD gort_ctx *gort_ctx_with_timeout(gort_ctx *parent, int64_t duration);

/**
 * gort_ctx_with_timeout() with a text, which is copied, as the cause if its time comes; NULL: none.
 *
 * Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
 */
GORT_NODISCARD gort_ctx *gort_ctx_with_timeout_cause(gort_ctx *parent, int64_t duration, const char *cause);

/**
 * A child of `parent` that ends at `deadline`, on the clock of gort_now(); at its parent's deadline if that is earlier; at once
 * if that has passed. As gort_ctx_with_timeout().
 *
 * Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
 */
GORT_NODISCARD gort_ctx *gort_ctx_with_deadline(gort_ctx *parent, int64_t deadline);

/**
 * gort_ctx_with_deadline() with a text, which is copied, as the cause if its time comes; NULL: none.
 *
 * Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
 */
GORT_NODISCARD gort_ctx *gort_ctx_with_deadline_cause(gort_ctx *parent, int64_t deadline, const char *cause);

/**
 * A child of `parent` that carries `value`, which gort_ctx_value() finds by `key`, here and below. Keys are compared by their
 * address: take that of a static variable of your own. It ends with its parent, and cannot be cancelled by itself.
 *
 * Blocks: never. Errors: as gort_ctx_with_cancel(); also NULL for a NULL `key`. `drop` is not called then.
 * Ownership: as gort_ctx_with_cancel(). `drop(value)`, unless `drop` is NULL, is called once, by whoever gives the last
 * reference back, when nobody finds the value any more. Thread-safety: any thread or task; the value is found by all.
 */
GORT_NODISCARD gort_ctx *gort_ctx_with_value(gort_ctx *parent, const void *key, void *value, void (*drop)(void *value));

/**
 * A child of `parent` with the same values that its parent's end and deadline do not reach: for work that is to go on.
 *
 * Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
 */
GORT_NODISCARD gort_ctx *gort_ctx_without_cancel(gort_ctx *parent);

/**
 * A child of two: ended by whichever ends first, with that one's status and cause. It has the earlier deadline, and the values of
 * `first`, then those of `second`.
 *
 * Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
 */
GORT_NODISCARD gort_ctx *gort_ctx_merge(gort_ctx *first, gort_ctx *second);

/**
 * A context that stands for one of the program's own, and is the parent of others as any is. It ends a moment after the channel of
 * `functions->done` is closed: that is observed, and no task waits for it. gort_ctx_cancel() ends this one and what is below it.
 *
 * Blocks: never. Errors: NULL for NULL or bad `functions`, for a `done` that is no live channel or a timer's, when there is no memory,
 * or while gort is shut down; gort_last_error() says which. `drop` is not called then.
 * Ownership: as gort_ctx_with_cancel(); the struct is copied. `arg` must stay valid until `drop(arg)`.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_ctx *gort_ctx_own(const gort_ctx_functions *functions, void *arg);

/**
 * Calls `fn(arg)` in a task of its own when `ctx` ends; at once if it has ended. Does not block.
 *
 * The task is one of the run of whoever ends the context. It is not called if the context goes without having ended, or when that
 * run is over, or has as many tasks as it may.
 *
 * Blocks: never. Errors: NULL for a NULL or stale `ctx`, a NULL `fn`, when there is no memory, or while gort is shut down;
 * gort_last_error() says which.
 * Ownership: the handle is the caller's, given back with gort_ctx_func_free(); until then it has a reference of `ctx`. `arg` must
 * stay valid as long as `fn` may be called with it. Ordering: what was written before the cancellation is seen by `fn`.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_ctx_func *gort_ctx_after_func(gort_ctx *ctx, void (*fn)(void *arg), void *arg);

/**
 * The function is not called any more. Never blocks, and does not wait for a call that runs. `*prevented`, which may be NULL, says
 * whether that prevented it: false if it was started or stopped before, or the context never ends.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Thread-safety: any thread or task.
 */
gort_status gort_ctx_func_stop(gort_ctx_func *func, bool *prevented);

/**
 * Gives the handle back; a function that was not stopped is still called when the context ends. Never blocks. NULL does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Ownership: the handle is given up, and its reference of the
 * context. Thread-safety: any thread or task, as the last user.
 */
gort_status gort_ctx_func_free(gort_ctx_func *func);

/**
 * Ends `ctx` and all below it, with GORT_CANCELED. Does not block. When it returns every descendant is marked, every wait with one
 * of them is ended, and every done channel is closed; it waits for nobody to notice. One that has ended stays as it is: GORT_OK.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle, and for a context that cannot be cancelled by
 * itself (the background, one with a value, one without cancel); GORT_SHUTDOWN.
 * Ordering: what was written before it is seen by whoever finds the context ended. Thread-safety: any thread or task.
 */
gort_status gort_ctx_cancel(gort_ctx *ctx);

/**
 * gort_ctx_cancel() with a text, which is copied: gort_ctx_cause() gives it. The first counts. Does not block.
 *
 * Blocks, errors, ordering and thread-safety: as gort_ctx_cancel().
 */
gort_status gort_ctx_cancel_cause(gort_ctx *ctx, const char *cause);

/**
 * Has it ended? The same as gort_ctx_err(ctx) != GORT_OK, and the fastest way to ask: for loops. False for NULL.
 *
 * Blocks: never. Errors: none. Thread-safety: any thread or task.
 */
GORT_NODISCARD bool gort_ctx_is_done(const gort_ctx *ctx);

/**
 * How it ended: GORT_CANCELED or GORT_TIMED_OUT; GORT_OK while it goes on, and for NULL. Then its done channel is closed, too.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN for one from before a shutdown or fork.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_status gort_ctx_err(const gort_ctx *ctx);

/**
 * Why it ended, as whoever ended it said, or ended what it is below; else a text that says how. NULL while it goes on, and for what
 * is no context.
 *
 * Blocks: never. Errors: NULL. Ownership: borrowed, as long as the caller has a reference of `ctx`.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD const char *gort_ctx_cause(const gort_ctx *ctx);

/**
 * When it ends at the latest; GORT_NEVER if nothing says so.
 *
 * Blocks: never. Errors: none. Thread-safety: any thread or task.
 */
GORT_NODISCARD int64_t gort_ctx_deadline(const gort_ctx *ctx);

/**
 * The value of the nearest context that has one for `key`: `ctx` itself, or above it. NULL if none has.
 *
 * Blocks: never. Errors: NULL. Ownership: borrowed, as long as the caller has a reference of `ctx`.
 * Thread-safety: any thread or task.
 */
GORT_NODISCARD void *gort_ctx_value(const gort_ctx *ctx, const void *key);

/**
 * A channel without elements that is closed when `ctx` ends, for gort_receiver_recv(), gort_receiver_notify_fd() and their like;
 * gort_case_ctx() makes a case of it. NULL, which is never ready, for a context that never ends, and for NULL. For what is no
 * live context, and when there is no memory, it is something that every call refuses, with GORT_MISUSE or GORT_SHUTDOWN.
 *
 * Blocks: never. Errors: as said; gort_last_error() says which. Ownership: borrowed, as long as the caller has a reference of
 * `ctx`: nobody sends on it, closes or abandons it. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_receiver *gort_ctx_done(gort_ctx *ctx);

/**
 * One more reference of `ctx`, to be given back with gort_ctx_release().
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Thread-safety: any thread or task.
 */
gort_status gort_ctx_retain(gort_ctx *ctx);

/**
 * Gives a reference back; with the last one the context goes, and its timer with it. Whoever makes a context cancels it when the
 * work is done, and then releases it: releasing alone ends no wait. Never blocks. NULL does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle, and for the last reference of one that a call waits with: nothing changes
 * then; GORT_SHUTDOWN. Ownership: the reference is given up. Thread-safety: any thread or task.
 */
gort_status gort_ctx_release(gort_ctx *ctx);

/** As usual: gort_ctx_functions f = GORT_CTX_FUNCTIONS_INIT; */
#define GORT_CTX_FUNCTIONS_INIT {sizeof(gort_ctx_functions), NULL, NULL, NULL, NULL, NULL, {0, 0}}

/**
 * A case that is ready when `ctx` has ended: its status is then GORT_CLOSED. NULL, and a context that never ends, is a case that is
 * never ready; a handle that is stale makes the select fail with GORT_MISUSE. The case is good as long as the caller's reference.
 */
GORT_NODISCARD GORT_UNUSED static inline gort_case gort_case_ctx(gort_ctx *ctx) {
    return gort_case_receiver_recv(gort_ctx_done(ctx), ctx); /* it has no elements, so nothing is written */
}

/* ---- Groups of tasks ------------------------------------------------------------------------------------- */

/**
 * Tasks that work on one thing: the first that fails cancels the others, and its error is what gort_group_wait() gives.
 *
 * A cancelled group: each blocking call of its tasks gives GORT_CANCELED, also of tasks that are started later; their functions
 * run all the same, and may ask gort_group_is_canceled().
 *
 * Ownership: gort_group_new() gives it, gort_group_free() takes it.
 * Thread-safety: any thread or task. Blocking calls: gort_group_go() at the limit, gort_group_wait(), and their `_until` forms.
 */
typedef struct gort_group gort_group;

/**
 * Makes a group without a limit. Does not block.
 *
 * Blocks: never. Errors: NULL when there is no memory, or while gort is shut down; gort_last_error() says which.
 * Ownership: the caller's, freed with gort_group_free(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_group *gort_group_new(void);

/**
 * Makes a group that is cancelled when `ctx` ends; its context is a child of that. Does not block.
 *
 * Blocks: never. Errors: as gort_group_new(); also NULL for a NULL `ctx` or a stale one. Ownership and thread-safety: as
 * gort_group_new(); `ctx` stays the caller's.
 */
GORT_NODISCARD gort_group *gort_group_new_within(gort_ctx *ctx);

/**
 * The context of the group: it ends when the group is cancelled, and at the end of gort_group_wait(). Does not block.
 *
 * Blocks: never. Errors: NULL for NULL and a stale handle; gort_last_error() says which.
 * Ownership: borrowed: valid as long as the group; gort_ctx_retain() keeps it longer. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_ctx *gort_group_ctx(gort_group *group);

/**
 * Frees a group whose tasks have ended, as they have after gort_group_wait(). Does not block. NULL does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE while a task of it lives, and nothing changes; for a stale handle.
 * Ownership: the handle is given up. Thread-safety: any thread or task; nobody else may use it then.
 */
gort_status gort_group_free(gort_group *group);

/**
 * At most `n` tasks of the group live at a time from now on; 0 admits none, below 0 there is no limit. Does not block.
 *
 * Blocks: never. Errors: GORT_MISUSE while a task of it lives or somebody is about to start one, and nothing changes; for a stale
 * handle; GORT_INVALID for NULL. Thread-safety: any thread or task.
 */
gort_status gort_group_set_limit(gort_group *group, int64_t n);

/**
 * Starts a task that runs `fn(arg)`. Blocks at the limit. Woken when a task of the group has ended, or by the cancellation of the
 * caller. Each result of `fn` that is not 0 is an error: the first cancels the group, and is what gort_group_wait() gives. It may be
 * a gort_status or a number of the program's own. `fn` must return, as that of gort_go().
 *
 * Blocks: the caller, while as many tasks live as the limit allows.
 * Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_LIMIT when max_tasks are alive; GORT_NO_MEMORY; GORT_INVALID for NULL;
 * GORT_MISUSE for a stale handle. The task was not started then, and `arg` is still the caller's.
 * Ordering: what was written before the call is seen by `fn`.
 * Ownership: `arg` is handed to `fn` as it is. Thread-safety: any thread or task, also one of the group's.
 */
gort_status gort_group_go(gort_group *group, int (*fn)(void *arg), void *arg);

/**
 * gort_group_go() that never blocks: GORT_WOULD_BLOCK at the limit.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK; else, and ordering, ownership, thread-safety: as gort_group_go().
 */
GORT_NODISCARD gort_status gort_group_try_go(gort_group *group, int (*fn)(void *arg), void *arg);

/**
 * gort_group_go() that waits at most until `deadline` or until `ctx` is cancelled. Blocks at the limit. Woken as it, by the clock,
 * or by `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
 * Errors: GORT_TIMED_OUT; else, and ordering, ownership, thread-safety: as gort_group_go(). `ctx` may be NULL.
 */
GORT_NODISCARD gort_status gort_group_go_until(gort_group *group, int (*fn)(void *arg), void *arg, int64_t deadline, gort_ctx *ctx);

/**
 * Waits until every task of the group has ended, then cancels the group. Blocks while one lives. Woken by the end of the last, or
 * by the cancellation of the caller: then the group is cancelled, and its tasks are still waited for.
 *
 * Gives 0, or the first error of the tasks, whatever they returned. It may be asked again. Not to be called from a task of the group.
 *
 * Blocks: the caller, until all have ended.
 * Errors: those of the tasks; if there was none: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN when the wait ended otherwise;
 * GORT_NO_MEMORY when a task could not begin; GORT_INVALID for NULL; GORT_MISUSE for a stale handle.
 * Ordering: what the tasks wrote is seen after it. Thread-safety: any thread or task.
 */
int gort_group_wait(gort_group *group);

/**
 * gort_group_wait(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, or by `ctx`.
 * Then the tasks go on, and the group can be waited for again; so after a cancellation of the caller, too.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
 * Errors: GORT_TIMED_OUT; else as gort_group_wait(). `ctx` may be NULL. Whether all have ended is what gort_group_free() knows.
 * Ordering and thread-safety: as gort_group_wait().
 */
GORT_NODISCARD int gort_group_wait_until(gort_group *group, int64_t deadline, gort_ctx *ctx);

/**
 * Cancels the group: each blocking call of its tasks gives GORT_CANCELED from now on. Does not block and does not wait for them.
 * It is no error by itself.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
 */
gort_status gort_group_cancel(gort_group *group);

/**
 * Whether the group was cancelled: by an error, by gort_group_cancel(), or by the end of a wait. For tasks that compute. Never blocks.
 *
 * Blocks: never. Errors: true for NULL and a stale handle. Thread-safety: any thread or task.
 */
GORT_NODISCARD bool gort_group_is_canceled(const gort_group *group);

/* ---- Calls that are one ---------------------------------------------------------------------------------- */

/**
 * Calls for the same key that come together are one: the first works, the others wait for its result.
 *
 * Ownership: gort_singleflight_new() gives it, gort_singleflight_free() takes it.
 * Thread-safety: any thread or task. Blocking calls: gort_singleflight_do(), gort_singleflight_do_until().
 */
typedef struct gort_singleflight gort_singleflight;

/**
 * Makes one. A result goes to every caller of its flight. If it has an owner that must know: `retain(result)` is called for each
 * that is given it besides the first, before it is, and `release(result)` for one that gort has kept; both may be NULL, and are
 * called with no lock held. Does not block.
 *
 * Blocks: never. Errors: NULL when there is no memory, or while gort is shut down; gort_last_error() says which.
 * Ownership: the caller's, freed with gort_singleflight_free(). Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_singleflight *gort_singleflight_new(void (*retain)(void *result), void (*release)(void *result));

/**
 * Frees it. Does not block: a flight that is under way goes on, and ends for those who wait for it. NULL does nothing.
 *
 * Blocks: never. Errors: GORT_MISUSE for a stale handle.
 * Ownership: the handle is given up. Thread-safety: any thread or task.
 */
gort_status gort_singleflight_free(gort_singleflight *flights);

/**
 * Runs `fn(arg)` here, on the caller's stack; or, if a call for the same `size` bytes of `key` is under way, waits for its result
 * instead. Blocks as long as that takes. Woken by its end, or by the cancellation of the caller, who then gives up; the flight goes on.
 *
 * `fn` must return. A call for the same key from within it waits for itself.
 *
 * Blocks: the caller, as `fn` does, or until the other's has returned.
 * Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN while it waits; GORT_INVALID for NULL; GORT_MISUSE for a stale handle.
 * Ordering: what `fn` wrote is seen by all who have its result.
 * Ownership: the key may go away at once. `*result`, which may be NULL, gets what `fn` returned: see gort_singleflight_new(); with a
 * NULL `result` it is released at once. `*shared`, which may be NULL, says whether somebody else was given it, too. Both are written
 * only on success. Thread-safety: any thread or task.
 */
gort_status gort_singleflight_do(gort_singleflight *flights, const void *key, size_t size, void *(*fn)(void *arg), void *arg, void **result, bool *shared);

/**
 * gort_singleflight_do() that waits for another's flight at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as
 * it, by the clock, or by `ctx`. When it runs `fn` itself neither ends that.
 *
 * Blocks: the caller, as `fn` does, or at most until `deadline` (GORT_NEVER: for ever).
 * Errors: GORT_TIMED_OUT; else, and ordering, ownership, thread-safety: as gort_singleflight_do(). `ctx` may be NULL.
 */
GORT_NODISCARD gort_status gort_singleflight_do_until(gort_singleflight *flights, const void *key, size_t size, void *(*fn)(void *arg), void *arg, void **result, bool *shared, int64_t deadline, gort_ctx *ctx);

/**
 * The next call for the key runs its function, though one may be under way; who waits for that has its result all the same. Does not
 * block.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
 */
gort_status gort_singleflight_forget(gort_singleflight *flights, const void *key, size_t size);

/* ---- Pools of workers ------------------------------------------------------------------------------------ */

/**
 * A few tasks that take job after job from a bounded queue. A job that has a result sends it on a channel, as it comes, or writes it
 * to its place in an array.
 *
 * Ownership: gort_worker_pool_new() gives it, gort_worker_pool_free() takes it.
 * Thread-safety: any thread or task. Blocking calls: gort_worker_pool_submit() when the queue is full, gort_worker_pool_wait(), their
 * `_until` forms, and gort_worker_pool_free().
 */
typedef struct gort_worker_pool gort_worker_pool;

/** How a worker pool is made. Fill it in with GORT_WORKER_POOL_OPTIONS_INIT, then change what should differ. */
typedef struct gort_worker_pool_options {
    /** sizeof(gort_worker_pool_options); it tells the library which version of this struct it was given. */
    size_t struct_size;
    /** So many workers at most; 0: one for each processor. They start when there is work. */
    size_t workers;
    /** So many stay when there is nothing to do; of interest only with `idle`. */
    size_t least;
    /** A worker beyond `least` that finds nothing to do for so long ends, ns; 0: workers stay. */
    int64_t idle;
    /** So many jobs can wait for a worker; 0: as many as there are workers. */
    size_t queue;
    /** Makes the state of a worker, when its first job needs it, in that worker: what the jobs are given as `state`. NULL: none. */
    void *(*init)(void *arg);
    /** Called with the state of a worker when it ends. May be NULL. */
    void (*done)(void *state);
    /** Called by a worker after each job, with the number of jobs that are over and of those that were submitted. May be NULL. */
    void (*progress)(void *arg, uint64_t done, uint64_t submitted);
    /** Called with the argument of a job that will never run, since the pool was cancelled. May be NULL. */
    void (*dropped)(void *job_arg);
    /** For `init` and `progress`; it must stay valid until the pool is freed. */
    void *arg;
    /** 0, for later versions. */
    uint32_t reserved[4];
} gort_worker_pool_options;

/**
 * Makes a worker pool. `options` may be NULL: one worker for each processor, no state. Does not block.
 *
 * Workers belong to the run of whoever's submit has started them, and end with it.
 *
 * Blocks: never. Errors: NULL for bad `options`, when there is no memory, or while gort is shut down; gort_last_error() says which.
 * Ownership: the caller's, freed with gort_worker_pool_free(); `options` may go away at once. Thread-safety: any thread or task.
 */
GORT_NODISCARD gort_worker_pool *gort_worker_pool_new(const gort_worker_pool_options *options);

/**
 * Hands a job to the workers: one of them calls `fn(arg, state)`, with its own state. Blocks while the queue is full. Woken when a
 * worker takes a job from it, when the pool is closed, or by the cancellation of the caller.
 *
 * Blocks: the caller, while the queue is full.
 * Errors: GORT_CLOSED when the pool was closed; GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_LIMIT or GORT_NO_MEMORY when no
 * worker lives and none can be started; GORT_INVALID for NULL; GORT_MISUSE for a stale handle. The job was not taken then.
 * Ordering: what was written before the call is seen by `fn`.
 * Ownership: `arg` is handed to `fn`, or to the pool's `dropped`; after a failure it is still the caller's.
 * Thread-safety: any thread or task. From within a job it may wait for itself.
 */
gort_status gort_worker_pool_submit(gort_worker_pool *pool, void (*fn)(void *arg, void *state), void *arg);

/**
 * gort_worker_pool_submit() that never blocks: GORT_WOULD_BLOCK when the queue is full.
 *
 * Blocks: never. Errors: GORT_WOULD_BLOCK; else, and ordering, ownership, thread-safety: as gort_worker_pool_submit().
 */
GORT_NODISCARD gort_status gort_worker_pool_try_submit(gort_worker_pool *pool, void (*fn)(void *arg, void *state), void *arg);

/**
 * gort_worker_pool_submit() that waits at most until `deadline` or until `ctx` is cancelled. Blocks while the queue is full. Woken as
 * it, by the clock, or by `ctx`.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
 * Errors: GORT_TIMED_OUT; else, and ordering, ownership, thread-safety: as gort_worker_pool_submit(). `ctx` may be NULL.
 */
GORT_NODISCARD gort_status gort_worker_pool_submit_until(gort_worker_pool *pool, void (*fn)(void *arg, void *state), void *arg, int64_t deadline, gort_ctx *ctx);

/**
 * Takes no more jobs: a submit gives GORT_CLOSED, also one that waits. What is queued is run, and then the workers end. Does not block.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; one that was closed is no error.
 * Thread-safety: any thread or task.
 */
gort_status gort_worker_pool_close(gort_worker_pool *pool);

/**
 * Closes the pool, hands what is queued to its `dropped`, and cancels the workers: blocking calls of the jobs that run give
 * GORT_CANCELED. Does not wait for them.
 *
 * Blocks: never. Errors and thread-safety: as gort_worker_pool_close().
 */
gort_status gort_worker_pool_cancel(gort_worker_pool *pool);

/**
 * Closes the pool and waits until all jobs are over and its workers have ended. Blocks while one lives. Woken by the end of the last,
 * or by the cancellation of the caller: then the pool is cancelled, and its workers are still waited for. Not to be called from a job.
 *
 * Blocks: the caller, until all have ended.
 * Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN when the wait ended otherwise; GORT_CANCELED also when jobs were left that
 * nobody ran, for the run of the workers was over; GORT_INVALID for NULL; GORT_MISUSE for a stale handle.
 * Ordering: what the jobs wrote is seen after it. Thread-safety: any thread or task.
 */
gort_status gort_worker_pool_wait(gort_worker_pool *pool);

/**
 * gort_worker_pool_wait(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, or by `ctx`.
 * Then the jobs go on, and can be waited for again.
 *
 * Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
 * Errors: GORT_TIMED_OUT; else as gort_worker_pool_wait(). `ctx` may be NULL. Ordering and thread-safety: as gort_worker_pool_wait().
 */
GORT_NODISCARD gort_status gort_worker_pool_wait_until(gort_worker_pool *pool, int64_t deadline, gort_ctx *ctx);

/**
 * gort_worker_pool_wait(), and frees the pool, whatever that says. Blocks as it. NULL does nothing.
 *
 * Blocks, errors and ordering: as gort_worker_pool_wait().
 * Ownership: the handle is given up, unless GORT_MISUSE says that it is none. Thread-safety: any thread or task; nobody else may use it
 * then.
 */
gort_status gort_worker_pool_free(gort_worker_pool *pool);

/** As usual: gort_worker_pool_options options = GORT_WORKER_POOL_OPTIONS_INIT; */
#define GORT_WORKER_POOL_OPTIONS_INIT {sizeof(gort_worker_pool_options), 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, {0, 0, 0, 0}}

/* ---- Seeing inside --------------------------------------------------------------------------------------- */

/**
 * Counters of the runtime. Fill it in with GORT_METRICS_INIT, then call gort_metrics(). Later versions add fields at
 * the end.
 */
typedef struct gort_metrics_t {
    /** sizeof(gort_metrics_t); it tells the library which version of this struct it was given. */
    size_t struct_size;
    /** Threads that may run tasks at the same time. */
    uint64_t workers;
    /** OS threads of gort, those of blocked tasks included. */
    uint64_t threads;
    /** Tasks alive: started and not ended. */
    uint64_t tasks;
    /** Channels alive. */
    uint64_t channels;
    /** Wait groups alive. */
    uint64_t wait_groups;
    /** Runs going on. */
    uint64_t runs;
    /** Stacks that belong to a task. */
    uint64_t stacks_in_use;
    /** Stacks that wait for one. */
    uint64_t stacks_cached;
    /** Deadlines that are waited for, and timers and tickers that are not freed. */
    uint64_t timers;
    /** Tasks started so far. */
    uint64_t spawned;
    /** Tasks ended so far. */
    uint64_t finished;
    /** Times a worker took work from another. */
    uint64_t steals;
    /** Times a processor was taken from a thread that was blocked or computing. */
    uint64_t retakes;
    /** Times a sleeping thread was woken. */
    uint64_t wakeups;
    /** Selectors alive. */
    uint64_t selectors;
} gort_metrics_t;

/**
 * Fills in `*metrics` with the counters of this instant. Does not stop anything, so they may not fit together exactly
 * while tasks run; when nothing runs they do.
 *
 * Blocks: never. Errors: GORT_INVALID for NULL or a `struct_size` that is none.
 * Ownership: the caller's. Thread-safety: any thread or task.
 */
gort_status gort_metrics(gort_metrics_t *metrics);

/**
 * Writes a list of the live tasks to `file`, for people: id, name, state, what each waits for and since when. Blocks as
 * long as writing does.
 *
 * Blocks: the thread, while the system takes the text.
 * Errors: GORT_INVALID for NULL; GORT_OS when the text could not be written.
 * Ownership: the FILE stays the caller's. Thread-safety: any thread or task.
 */
gort_status gort_dump(FILE *file);

/** Ready to be filled in: gort_metrics_t m = GORT_METRICS_INIT; */
#define GORT_METRICS_INIT {sizeof(gort_metrics_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

#if defined(__cplusplus)
} /* extern "C" */
#endif

#endif /* GORT_H */
