@ This file is not included by anything: it holds what the generator of include/gort.h cannot make from Rust (macros,
@ inline functions, the text at the top), cut into parts by lines that open with "@part". tests/header.rs puts the part
@ "top" first, and every other part behind the declarations of the noun it is called after. Lines that open with "@" are
@ left out. A version and the statuses are put in the place of @VERSION@ and @STATUSES@.
@
@ I1  C11 and C++17 under -pedantic-errors -Wall -Wextra, in every user's file: no GNU syntax outside the #if of GORT_UNUSED.
@ I2  A typed channel, and a view of one, is a gort_chan under a type that is never completed, so the casts between the two are safe.
@ I3  Where __atomic builtins are used, what is called else is right for every compiler.
@ I4  An initialiser names every field, in order, and says what the Rust side says (tests/c/run.c compares them).

@part top
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

@part version
/** The version of this header: major * 65536 + minor * 256 + patch. */
@VERSION@

@part status
@STATUSES@

@part time
/** A time that never comes, and a duration that never ends. */
#define GORT_NEVER INT64_MAX

/** Durations: n microseconds, milliseconds, seconds, as nanoseconds. Fractions are allowed: GORT_SEC(0.5). */
#define GORT_US(n) GORT_CAST_NUMBER(int64_t, INT64_C(1000) * (n))
#define GORT_MS(n) GORT_CAST_NUMBER(int64_t, INT64_C(1000000) * (n))
#define GORT_SEC(n) GORT_CAST_NUMBER(int64_t, INT64_C(1000000000) * (n))

@part run
/** The defaults: gort_config config = GORT_CONFIG_INIT; */
#define GORT_CONFIG_INIT {sizeof(gort_config), 0, 0, GORT_MS(100), 0, 0, 0, 0, 0, {0, 0, 0, 0, 0}}

@part task
/** The defaults: gort_spawn_options options = GORT_SPAWN_OPTIONS_INIT; */
#define GORT_SPAWN_OPTIONS_INIT {sizeof(gort_spawn_options), NULL, 0, GORT_AFFINITY_ANY, {0, 0, 0, 0, 0}}

@part chan
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

@part select
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

@part timer
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

@part pieces
/** As usual: gort_backoff b = GORT_BACKOFF_INIT; */
#define GORT_BACKOFF_INIT {sizeof(gort_backoff), 0, 0, 0, 0, 0, {0, 0}}

@part mutex
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

@part rwmutex
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

@part cond
/** One that nobody waits for, as is zeroed storage: gort_cond c = GORT_COND_INIT; */
#define GORT_COND_INIT {0, 0}

@part once
/** One that is not done, as is zeroed storage: gort_once o = GORT_ONCE_INIT; */
#define GORT_ONCE_INIT {0, 0}

#if defined(GORT_INLINE_)
/* What is done costs a load. */
GORT_INLINE_ gort_status gort_once_do_(gort_once *once, void (*fn)(void *arg), void *arg) {
    return once != NULL && fn != NULL && __atomic_load_n(&once->word, __ATOMIC_ACQUIRE) == 2 ? GORT_OK : gort_once_do(once, fn, arg);
}
#define gort_once_do(once, fn, arg) gort_once_do_(once, fn, arg)
#endif

@part sem
/** A semaphore of n units, of which none is taken: gort_sem s = GORT_SEM_INIT(3); */
#define GORT_SEM_INIT(n) {0, (n), 0}

@part barrier
/** A barrier for n parties, at which nobody waits: gort_barrier b = GORT_BARRIER_INIT(3); */
#define GORT_BARRIER_INIT(n) {0, (n), 0}

@part event
/** One that is not set, as is zeroed storage: gort_event e = GORT_EVENT_INIT; */
#define GORT_EVENT_INIT {0, 0}

@part atomic
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

@part map
/** The defaults: gort_map_options options = GORT_MAP_OPTIONS_INIT; */
#define GORT_MAP_OPTIONS_INIT {sizeof(gort_map_options), NULL, NULL, NULL, {0, 0, 0, 0}}

@part pool
/** The defaults: gort_pool_options options = GORT_POOL_OPTIONS_INIT; */
#define GORT_POOL_OPTIONS_INIT {sizeof(gort_pool_options), NULL, NULL, NULL, 0, {0, 0, 0, 0}}

@part context
/** As usual: gort_ctx_functions f = GORT_CTX_FUNCTIONS_INIT; */
#define GORT_CTX_FUNCTIONS_INIT {sizeof(gort_ctx_functions), NULL, NULL, NULL, NULL, NULL, {0, 0}}

/**
 * A case that is ready when `ctx` has ended: its status is then GORT_CLOSED. NULL, and a context that never ends, is a case that is
 * never ready; a handle that is stale makes the select fail with GORT_MISUSE. The case is good as long as the caller's reference.
 */
GORT_NODISCARD GORT_UNUSED static inline gort_case gort_case_ctx(gort_ctx *ctx) {
    return gort_case_receiver_recv(gort_ctx_done(ctx), ctx); /* it has no elements, so nothing is written */
}

@part worker_pool
/** As usual: gort_worker_pool_options options = GORT_WORKER_POOL_OPTIONS_INIT; */
#define GORT_WORKER_POOL_OPTIONS_INIT {sizeof(gort_worker_pool_options), 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, {0, 0, 0, 0}}

@part census
/** Ready to be filled in: gort_metrics_t m = GORT_METRICS_INIT; */
#define GORT_METRICS_INIT {sizeof(gort_metrics_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

@part limiter
/** The rate of a token bucket that refuses nothing. */
#define GORT_RATE_INF 1.7976931348623157e308

/** One that runs once; set first, every or interval: gort_sometimes s = GORT_SOMETIMES_INIT; s.every = 100; */
#define GORT_SOMETIMES_INIT { 0, 0, 0, { 0, 0, 0 } }

@part end
#if defined(__cplusplus)
} /* extern "C" */
#endif

#endif /* GORT_H */
