//! The wheel's corners one by one, and cancels from another thread; against a model: `tests/model.rs`. Under Miri with
//! smaller numbers.

mod model;

use super::*;
use crate::sys::lock::ByteLock;
use crate::sys::prim::{AtomicBool, yield_thread};
use levels::{DIGIT_BITS, SCAN, SLOTS, TICK_BITS, WORK, tick_of};
use model::Random;
use pool::Pool;

/// 50 years, in nanoseconds.
const AGES: i64 = 50 * 365 * 86400 * 1_000_000_000;

/// A wheel that gives its memory back, and checks on the way that no node is lost or on two lists.
struct Fixture {
    wheel: Wheel,
    retired: usize,
}

impl Fixture {
    fn new(id: u32) -> Fixture {
        Fixture { wheel: Wheel::new(id), retired: 0 }
    }

    fn insert(&self, when: i64, now: i64, seq: u64) -> Handle {
        // SAFETY: `ignore` accepts anything.
        unsafe { self.wheel.insert(when, now, null_mut(), seq, ignore) }.expect("memory")
    }

    fn cancel(&self, handle: Handle) -> bool {
        assert!(self.wheel.belongs(handle));
        // SAFETY: just checked.
        unsafe { self.wheel.cancel_owner(handle) }
    }

    /// All that is due, as (when, seq); each batch is full but the last ones.
    fn due(&self, now: i64) -> Vec<(i64, u64)> {
        let (mut all, mut out) = (Vec::new(), Expired::new());
        loop {
            let more = self.wheel.expire(now, &mut out);
            all.extend(out.as_slice().iter().map(|due| (due.when, due.seq)));
            if !more {
                return all;
            }
        }
    }

    fn made(&self) -> usize {
        // SAFETY: no method is running.
        unsafe { (*self.wheel.levels.get()).pool.census().0 }
    }

    fn check(&self) {
        // SAFETY: no method is running.
        let levels = unsafe { &mut *self.wheel.levels.get() };
        let mut listed = 0;
        for index in 0..SLOTS {
            let level = index / 64;
            let (mut n, mut prev) = (levels.slots[index].head, null_mut());
            assert_eq!(!n.is_null(), levels.occupied[level] >> (index % 64) & 1 == 1);
            while !n.is_null() {
                // SAFETY: armed nodes of the pool.
                unsafe {
                    let tick = tick_of((*n).when).max(levels.elapsed);
                    assert_eq!(levels.locate(tick), (level, index), "I1");
                    assert_eq!((*n).prev, prev);
                    prev = n;
                    n = (*n).next;
                }
                listed += 1;
            }
            assert_eq!(levels.slots[index].tail, prev);
        }
        let mut n = levels.dealing.head;
        assert_eq!(n.is_null(), levels.dealing_end == 0);
        while !n.is_null() {
            // SAFETY: an armed node of the pool.
            unsafe {
                assert!(tick_of((*n).when) < levels.dealing_end, "I3");
                n = (*n).next;
            }
            listed += 1;
        }
        let (made, free) = levels.pool.census();
        assert_eq!((listed, listed + free + self.retired), (levels.armed, made));
        assert_eq!(self.wheel.earliest(), self.wheel.earliest_shared());
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
        // SAFETY: the tests join their threads before.
        unsafe { self.wheel.release() };
    }
}

fn cancel_remote(handle: Handle) {
    // SAFETY: the fixtures outlive their handles.
    unsafe { Wheel::cancel_remote(handle) }
}

unsafe fn ignore(_: *mut (), _: u64, _: i64) {}

fn scaled(n: usize) -> usize {
    if cfg!(miri) { (n / 500).max(300) } else { n }
}

#[test]
fn equal_deadlines_fire_in_order_of_insertion() {
    let f = Fixture::new(0);
    // The first is put in from far away (a high level), the last when its slot is the current one.
    let when = 40_000_000_123;
    f.insert(when, 0, 0);
    f.insert(when + 1, 0, 100);
    for (seq, before) in [(1, 5_000_000_000), (2, 60_000_000), (3, 900_000), (4, 20_000), (5, 100), (6, 0)] {
        assert_eq!(f.due(when - before - 1), []);
        f.insert(when, when - before - 1, seq);
    }
    assert_eq!(f.due(when), (0..7).map(|seq| (when, seq)).collect::<Vec<_>>());
    assert_eq!(f.due(when + 1), [(when + 1, 100)]);
}

#[test]
fn within_one_tick_none_is_early_and_order_is_by_nanosecond() {
    let f = Fixture::new(0);
    let base = 1 << 20;
    for when in [5, 3, 9, 1, 7] {
        f.insert(base + when, base, when as u64);
    }
    assert_eq!(f.due(base), []);
    assert_eq!(f.due(base + 4), [(base + 1, 1), (base + 3, 3)]);
    f.insert(base + 6, base + 4, 6);
    f.insert(base + 2, base + 4, 2); // already past
    assert_eq!(f.wheel.refresh(), base + 2);
    assert_eq!(f.due(base + 7), [(base + 2, 2), (base + 5, 5), (base + 6, 6), (base + 7, 7)]);
    assert_eq!(f.wheel.earliest(), base + 9);
    assert_eq!(f.due(base + 9), [(base + 9, 9)]);
    assert_eq!(f.wheel.earliest(), NEVER);
}

#[test]
fn far_and_odd_deadlines_fire_at_their_nanosecond() {
    let mut whens: Vec<i64> = (0..63).flat_map(|bit| [(1i64 << bit) - 1, 1 << bit, (1 << bit) + 1]).collect();
    whens.extend([NEVER - 1, NEVER - 2, NEVER - (1 << 14), NEVER / 3]);
    whens.sort_unstable();
    whens.dedup();
    let f = Fixture::new(0);
    for &when in whens.iter().rev() {
        f.insert(when, 0, when as u64);
    }
    for &when in &whens {
        if when > 0 {
            assert_eq!(f.due(when - 1), []);
            assert!(f.wheel.earliest() <= when);
        }
        assert_eq!(f.due(when), [(when, when as u64)]);
    }
}

#[test]
fn negative_and_past_deadlines_are_due_at_once_in_order() {
    let f = Fixture::new(0);
    f.due(1_000_000_000);
    for when in [500, i64::MIN, -1, 999_999_999] {
        f.insert(when, 1_000_000_000, 0);
    }
    assert_eq!(f.wheel.earliest(), i64::MIN);
    assert_eq!(f.due(1_000_000_000), [(i64::MIN, 0), (-1, 0), (500, 0), (999_999_999, 0)]);
}

#[test]
fn a_clock_behind_that_of_an_insert_neither_hides_nor_hurries_a_timer() {
    let f = Fixture::new(0);
    for (seq, when) in [9_000_000, 8_000_001, 5_000_000, 8_000_000, 4_999_999].into_iter().enumerate() {
        f.insert(when, 8_000_000, seq as u64);
    }
    assert_eq!(f.due(5_000_000), [(4_999_999, 4), (5_000_000, 2)]);
    f.check();
    assert_eq!((f.due(7_999_999), f.wheel.earliest()), (vec![], 8_000_000));
    assert_eq!(f.due(9_000_000), [(8_000_000, 3), (8_000_001, 1), (9_000_000, 0)]);
}

#[test]
fn never_does_not_fire_and_is_cancelled() {
    let f = Fixture::new(0);
    let handle = f.insert(NEVER, 5, 0);
    assert_eq!(f.wheel.earliest(), NEVER);
    assert_eq!(f.due(NEVER), []);
    assert_eq!((f.wheel.len(), f.wheel.refresh()), (1, NEVER));
    assert!(f.cancel(handle));
    assert!(f.wheel.is_empty());
}

#[test]
fn more_than_a_batch_comes_in_batches_and_in_order() {
    let f = Fixture::new(0);
    let mut rng = Random(5);
    let mut expected: Vec<(i64, u64)> = (0..1000).map(|seq| (50_000 + rng.below(16_000) as i64, seq)).collect();
    for &(when, seq) in &expected {
        f.insert(when, 0, seq);
    }
    expected.sort_unstable();
    let mut out = Expired::new();
    for (turn, chunk) in expected.chunks(BATCH).enumerate() {
        while out.as_slice().is_empty() {
            assert_eq!(f.wheel.expire(1_000_000, &mut out), turn < 1000 / BATCH);
            f.check();
        }
        assert!(out.as_slice().iter().map(|due| (due.when, due.seq)).eq(chunk.iter().copied()));
        out.fire();
    }
}

#[test]
fn a_slot_half_dealt_out_takes_inserts_and_cancels_in_order() {
    // All in one slot of the third level; the first expiry deals out `WORK` of them and delivers none.
    let base = 5 << (TICK_BITS + 2 * DIGIT_BITS);
    let f = Fixture::new(0);
    let handles: Vec<_> = (0..5 * WORK as i64).map(|n| f.insert(base + n % 7 * 100_000, 0, n as u64)).collect();
    let mut out = Expired::new();
    assert!(f.wheel.expire(base, &mut out) && out.as_slice().is_empty());
    f.check();
    assert!(f.wheel.earliest_shared() <= base);
    let last = handles.len() - 1;
    // One already dealt out; the ends of what is left, one by the owner, one by another; one in the middle.
    for at in [0, WORK, WORK + 1, 3 * WORK, last] {
        assert!(f.cancel(handles[at]));
        f.check();
    }
    cancel_remote(handles[last - 1]);
    // Equal to old ones, in the past, and behind the slot.
    f.insert(base + 100_000, base, 1001);
    f.insert(base, base, 1002);
    f.insert(base - 50, base, 1003);
    f.insert(base * 2, base, 1004);
    f.check();
    let mut expected: Vec<_> = (0..=last as i64).map(|n| (base + n % 7 * 100_000, n as u64)).collect();
    for at in [last, last - 1, 3 * WORK, WORK + 1, WORK, 0] {
        expected.remove(at);
    }
    expected.extend([(base + 100_000, 1001), (base, 1002), (base - 50, 1003), (base * 2, 1004)]);
    expected.sort_unstable();
    assert_eq!(f.due(base * 3), expected);
    // All of a half dealt slot cancelled or dropped.
    for drop in [false, true] {
        let base = base * if drop { 8 } else { 4 };
        let handles: Vec<_> = (0..3 * WORK).map(|n| f.insert(base, 0, n as u64)).collect();
        f.wheel.expire(base, &mut out);
        if drop {
            f.wheel.drain();
        }
        assert!(handles.iter().all(|handle| f.cancel(*handle) != drop));
        assert_eq!((f.wheel.len(), f.wheel.earliest()), (0, NEVER));
        f.check();
        f.insert(base + 1, base, 7);
        assert_eq!(f.due(base + 1), [(base + 1, 7)]);
    }
}

#[test]
fn catching_up_after_ages_of_idleness_visits_no_empty_slot() {
    let f = Fixture::new(0);
    f.insert(AGES, 0, 1);
    let mut expected = vec![];
    for n in 0..100 {
        f.insert(n * (AGES / 200) + 17, 0, 2);
        expected.push((n * (AGES / 200) + 17, 2));
    }
    // 50 years are 10^14 ticks: walking over them would not end.
    assert_eq!(f.due(AGES - 1), expected);
    assert_eq!(f.wheel.earliest(), AGES);
    // And from there, near ones are near.
    f.insert(AGES - 1, AGES - 1, 3);
    assert_eq!(f.due(AGES), [(AGES - 1, 3), (AGES, 1)]);
}

#[test]
fn earliest_is_never_late_and_turns_exact() {
    let f = Fixture::new(0);
    let handles: Vec<_> = (1..=10).map(|n| f.insert(n * 1_000_000, 0, 0)).collect();
    assert_eq!(f.wheel.earliest(), 1_000_000);
    assert!(f.cancel(handles[0]));
    cancel_remote(handles[1]);
    assert!(f.wheel.earliest_shared() <= 3_000_000);
    assert_eq!((f.wheel.refresh(), f.wheel.earliest_shared()), (3_000_000, 3_000_000));
    assert_eq!(f.wheel.len(), 8);
    for handle in &handles[2..] {
        assert!(f.cancel(*handle));
    }
    assert_eq!(f.wheel.earliest_shared(), NEVER);
}

#[test]
fn an_expired_timer_is_told_through_its_fire() {
    unsafe fn tell(target: *mut (), seq: u64, when: i64) {
        // SAFETY: the test's own vector, borrowed by nobody else.
        unsafe { (*target.cast::<Vec<(u64, i64)>>()).push((seq, when)) }
    }
    let f = Fixture::new(0);
    let mut told: Vec<(u64, i64)> = vec![];
    let target = (&raw mut told).cast();
    for seq in 0..3 {
        // SAFETY: `told` outlives the wheel's last expiry.
        unsafe { f.wheel.insert(100 - seq as i64, 0, target, seq, tell) }.expect("memory");
    }
    let mut out = Expired::default();
    assert!(!f.wheel.expire(99, &mut out));
    out.fire();
    out.fire(); // nothing is left in it
    assert_eq!(told, [(2, 98), (1, 99)]);
}

#[test]
fn a_handle_of_the_past_harms_no_later_timer_of_the_node() {
    let f = Fixture::new(3);
    let old = f.insert(10, 0, 1);
    assert_eq!(f.due(10), [(10, 1)]);
    let new = f.insert(20, 10, 2);
    assert_eq!(old.node, new.node);
    assert!(!f.cancel(old));
    cancel_remote(old);
    assert_eq!((f.wheel.len(), f.wheel.refresh()), (1, 20));
    // The mark of the present one is not wiped out by a late mark of the past one.
    cancel_remote(new);
    cancel_remote(old);
    cancel_remote(new);
    assert_eq!((f.wheel.len(), f.wheel.refresh()), (0, NEVER));
    assert_eq!(f.due(100), []);
    assert!(!f.cancel(new));
    assert!(!Wheel::new(4).belongs(new));
}

#[test]
fn a_node_out_of_generations_is_retired() {
    let mut f = Fixture::new((1 << 20) - 2);
    let handle = Pool::age(f.insert(10, 0, 0));
    let node = handle.node;
    assert!(f.cancel(handle));
    let last = f.insert(10, 0, 0);
    assert_eq!(last.node, node);
    assert!(f.cancel(last));
    f.retired = 1;
    assert_ne!(f.insert(10, 0, 0).node, node);
    assert!(!f.cancel(last));
    assert!(f.wheel.belongs(last));
}

#[test]
fn dead_timers_do_not_pile_up() {
    let f = Fixture::new(0);
    let live: Vec<_> = (0..100).map(|n| f.insert(AGES + n, 0, 0)).collect();
    for n in 0..scaled(200_000) as i64 {
        cancel_remote(f.insert(AGES - n, n, 0));
        // As a scheduler does it: nobody calls `expire` for nothing.
        if f.wheel.earliest() <= n {
            assert_eq!(f.due(n), []);
        }
    }
    assert!(f.made() < 1000, "{} nodes", f.made());
    f.wheel.sweep();
    assert_eq!(f.wheel.len(), live.len());
}

#[test]
fn a_million_come_and_go() {
    let f = Fixture::new(0);
    let (mut rng, count) = (Random(9), scaled(1_000_000));
    let mut handles: Vec<_> = (0..count).map(|n| f.insert(rng.below(10_000_000_000) as i64, 0, n as u64)).collect();
    assert_eq!(f.wheel.len(), count);
    assert!(f.made() < count + 1024);
    let kept = handles.split_off(count / 2);
    for handle in handles {
        assert!(f.cancel(handle));
    }
    let due = f.due(5_000_000_000);
    assert!(due.is_sorted() && due.iter().all(|d| d.0 <= 5_000_000_000 && d.1 >= count as u64 / 2));
    assert_eq!(due.len() + f.wheel.len(), kept.len());
    f.wheel.drain();
    assert_eq!((f.wheel.len(), f.wheel.earliest()), (0, NEVER));
    assert!(kept.iter().all(|handle| !f.cancel(*handle)));
    assert!(f.made() < count + 1024);
}

#[test]
fn a_wheel_may_move_and_start_again_after_release() {
    let mut f = Fixture::new(0);
    let handle = f.insert(1000, 0, 1);
    let mut moved = Box::new(Fixture::new(1));
    core::mem::swap(&mut f, &mut moved);
    cancel_remote(handle);
    assert_eq!((moved.wheel.len(), moved.wheel.refresh()), (0, NEVER));
    // SAFETY: one thread, and `handle` is not used again.
    unsafe { moved.wheel.release() };
    moved.insert(7, 0, 2);
    assert_eq!(moved.due(7), [(7, 2)]);
}

/// Handles for another thread. (std's channel is no order to ThreadSanitizer.)
struct Queue {
    lock: ByteLock,
    handles: UnsafeCell<Vec<Handle>>,
    closed: AtomicBool,
}

// SAFETY: the handles are reached under the lock only.
unsafe impl Sync for Queue {}

impl Queue {
    fn new() -> Queue {
        Queue { lock: ByteLock::new(), handles: UnsafeCell::new(Vec::new()), closed: AtomicBool::new(false) }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Vec<Handle>) -> R) -> R {
        // SAFETY: under the lock.
        self.lock.with(|| f(unsafe { &mut *self.handles.get() }))
    }

    /// All there are; None once it is closed and empty.
    fn take(&self) -> Option<Vec<Handle>> {
        let closed = self.closed.load(Acquire); // pairs with the Release store of whoever closes it
        let all = self.with(std::mem::take);
        (!closed || !all.is_empty()).then_some(all)
    }
}

/// The owner inserts and expires; two others cancel what they are given, early, late and twice.
#[test]
fn cancels_from_other_threads_lose_no_timer_and_no_node() {
    let f = Fixture::new(5);
    let rounds = scaled(300_000) as u64;
    let mut fired = vec![0u8; rounds as usize];
    let to = [Queue::new(), Queue::new()];
    let cancel_all = |from: &Queue| {
        let mut late = std::collections::VecDeque::new();
        while let Some(handles) = from.take() {
            for handle in handles {
                cancel_remote(handle);
                late.push_back(handle);
                if late.len() > 50 {
                    late.pop_front().into_iter().for_each(cancel_remote);
                }
            }
            yield_thread();
        }
    };
    std::thread::scope(|s| {
        let threads = [s.spawn(|| cancel_all(&to[0])), s.spawn(|| cancel_all(&to[1]))];
        let (mut rng, mut now) = (Random(11), 0);
        for seq in 0..rounds {
            let handle = f.insert(now + rng.span(20), now, seq);
            match seq % 4 {
                // Both at once for one in four, one for another, by the owner (perhaps too late) for a third.
                0 => to.iter().for_each(|to| to.with(|q| q.push(handle))),
                1 => to[rng.below(2) as usize].with(|q| q.push(handle)),
                2 if rng.below(2) == 0 => {
                    assert!(f.cancel(handle));
                    fired[seq as usize] += 1;
                }
                _ => {}
            }
            now += rng.span(13);
            if seq % 8 == 0 {
                f.due(now).iter().for_each(|due| fired[due.1 as usize] += 1);
            }
            if seq % 1024 == 0 {
                assert!(f.wheel.len() <= seq as usize + 1);
                f.wheel.refresh();
            }
        }
        to.iter().for_each(|to| to.closed.store(true, Release));
        f.due(NEVER).iter().for_each(|due| fired[due.1 as usize] += 1);
        threads.into_iter().for_each(|t| t.join().unwrap()); // the end of a scope is no order to ThreadSanitizer
    });
    for (seq, &times) in fired.iter().enumerate() {
        assert!(times <= 1 && (times == 1 || seq % 4 < 2), "timer {seq}: {times}");
    }
    f.wheel.sweep();
    assert_eq!((f.wheel.len(), f.wheel.refresh()), (0, NEVER));
}
