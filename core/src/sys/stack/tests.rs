//! Guards, caches, growth and what is given back.

use super::*;

/// The pools are one for the process: tests that look at their numbers take turns, each with a class of its own.
static TURN: ByteLock = ByteLock::new();
struct Turn;
fn turn() -> Turn {
    TURN.lock();
    Turn
}
impl Drop for Turn {
    fn drop(&mut self) {
        // SAFETY: locked by `turn`.
        unsafe { TURN.unlock() };
    }
}

fn resident(at: *mut u8) -> bool {
    let mut v = 0u8;
    // SAFETY: one page of a mapping of ours.
    unsafe { libc::mincore((at as usize & !(PAGE - 1)) as *mut _, PAGE, &mut v) };
    v & 1 != 0
}

/// Whether a write to `at` faults, asked of the kernel instead of by crashing.
fn faults(at: *mut u8) -> bool {
    let mut pipe = [0; 2];
    // SAFETY: file calls; the kernel checks `at` itself and says EFAULT.
    unsafe {
        libc::pipe(pipe.as_mut_ptr());
        libc::write(pipe[1], b"x".as_ptr().cast(), 1);
        let n = libc::read(pipe[0], at.cast(), 1);
        libc::close(pipe[0]);
        libc::close(pipe[1]);
        n != 1
    }
}

#[test]
fn classes() {
    assert_eq!(class_for(1).unwrap().size(), 16 << 10);
    assert_eq!(class_for(16 << 10).unwrap().size(), 16 << 10);
    assert_eq!(class_for((16 << 10) + 1).unwrap().size(), 32 << 10);
    assert_eq!(class_for(64 << 20).unwrap(), Class(12));
    assert_eq!(class_for((64 << 20) + 1), None);
    assert_eq!(class_for(usize::MAX), None);
    assert!(!set_default(0) && !set_default(1 << 40));
    for c in 0..CLASSES {
        let (n, head) = Class(c as u8).layout();
        assert!(n >= 7 && head + n * Class(c as u8).stride() <= Class(c as u8).chunk());
    }
    assert_eq!(size_of::<Option<Stack>>(), 8);
}

#[test]
fn guards_hold_in_every_class() {
    let _turn = turn();
    for c in 0..CLASSES {
        let class = Class(c as u8);
        let stacks: Vec<Stack> = (0..5).map(|_| alloc(class).unwrap()).collect();
        for (i, s) in stacks.iter().enumerate() {
            assert_eq!(s.class(), class);
            assert_eq!(s.top() as usize % 16, 0);
            let room = s.top() as usize - s.limit() as usize;
            assert!(room <= class.size() && room >= class.size() - 1024);
            assert!(!faults(s.limit()) && !faults(s.top().wrapping_sub(1)));
            assert!(faults(s.limit().wrapping_sub(1)) && faults(s.limit().wrapping_sub(class.guard())));
            assert!(guard_hit(s.limit() as usize - 1) && guard_hit(s.limit() as usize - class.guard()));
            assert!(!guard_hit(s.limit() as usize) && !guard_hit(s.top() as usize - 1));
            assert!(stacks[..i].iter().all(|o| o != s));
        }
        for s in stacks {
            // SAFETY: allocated above.
            unsafe { free(s) };
        }
    }
    assert!(!guard_hit(0) && !guard_hit(&class_for as *const _ as usize));
    assert_ne!(guard_mode(), GuardMode::Undecided);
}

#[test]
fn resting_stacks_stay_warm_up_to_a_number_and_guards_survive() {
    let _turn = turn();
    let class = class_for(4 << 20).unwrap();
    let stacks: Vec<Stack> = (0..70).map(|_| alloc(class).unwrap()).collect();
    for s in &stacks {
        // SAFETY: our stack.
        unsafe { s.top().sub(64).write(1) };
    }
    let warm = class.warm_max();
    assert_eq!(warm, 64);
    let some: Vec<Option<Stack>> = stacks.iter().copied().map(Some).collect();
    for part in [&some[..warm], &some[warm..]] {
        // SAFETY: allocated above. The second part goes cold, in one run.
        unsafe { free_batch(part) };
    }
    let pool = &POOLS[class.0 as usize];
    assert_eq!((pool.warm_len.load(Relaxed), pool.cold_len.load(Relaxed)), (warm, 6));
    for (i, s) in stacks.iter().enumerate() {
        assert_eq!(resident(s.top().wrapping_sub(64)), i < warm, "{i}");
        assert!(faults(s.limit().wrapping_sub(1)) && faults(s.limit().wrapping_sub(class.guard())));
    }
    // Warm ones come first, the last freed of them at the top.
    assert_eq!(alloc(class), Some(stacks[warm - 1]));
    // SAFETY: allocated above.
    unsafe { free(stacks[warm - 1]) };
}

#[test]
fn cache_refills_and_spills() {
    let _turn = turn();
    let class = class_for(0).unwrap();
    let cache = StackCache::new();
    let mut out = Vec::new();
    for _ in 0..200 {
        out.push(cache.pop(class).unwrap());
    }
    assert!(cache.len() < 32);
    let mut unique = out.clone();
    unique.sort_by_key(|s| s.0);
    unique.dedup();
    assert_eq!(unique.len(), 200);
    for s in out {
        // SAFETY: popped above.
        unsafe { cache.push(s) };
        assert!(cache.len() <= 64);
    }
    let other = class_for(128 << 10).unwrap();
    let s = cache.pop(other).unwrap();
    assert_eq!(s.class(), other);
    let len = cache.len();
    // SAFETY: popped above.
    unsafe { cache.push(s) };
    assert_eq!(cache.len(), len);
    cache.flush();
    assert!(cache.is_empty());
}

#[test]
fn release_keeps_the_chunks_of_stacks_that_are_out() {
    let _turn = turn();
    let class = class_for(8 << 20).unwrap();
    let (per_chunk, _) = class.layout();
    let stacks: Vec<Stack> = (0..2 * per_chunk).map(|_| alloc(class).unwrap()).collect();
    let kept = stacks[0];
    for s in &stacks[1..] {
        // SAFETY: allocated above.
        unsafe { free(*s) };
    }
    let pool = &POOLS[class.0 as usize];
    // SAFETY: freed stacks are not touched.
    unsafe { pool.release(class) };
    assert_eq!(pool.used.load(Relaxed), 1);
    assert_eq!(pool.warm_len.load(Relaxed) + pool.cold_len.load(Relaxed), per_chunk - 1);
    assert!(!faults(kept.limit()) && faults(stacks[2 * per_chunk - 1].limit()));
    assert!(guard_hit(kept.limit() as usize - 1));
    // SAFETY: allocated above.
    unsafe { free(kept) };
    // SAFETY: as before.
    unsafe { pool.release(class) };
    assert!(pool.chunks.load(Relaxed).is_null() && !guard_hit(kept.limit() as usize - 1));
    assert!(alloc(class).is_some());
}

#[test]
fn without_guard_install_mappings_are_counted() {
    let _turn = turn();
    let class = class_for(1 << 20).unwrap();
    // SAFETY: no stack of this class is out.
    unsafe { POOLS[class.0 as usize].release(class) };
    let mode = guard::pretend(GuardMode::Mprotect, 64);
    let stacks: Vec<Stack> = core::iter::from_fn(|| alloc(class)).take(1000).collect();
    assert_eq!(stacks.len(), 28);
    assert!(faults(stacks[3].limit().wrapping_sub(1)) && !faults(stacks[3].limit()));
    for s in stacks {
        // SAFETY: allocated above.
        unsafe { free(s) };
    }
    // SAFETY: freed stacks are not touched.
    unsafe { POOLS[class.0 as usize].release(class) };
    assert_eq!(guard::counted(), 0);
    guard::pretend(mode, 0);
    assert!(guard::max_maps() >= 1024);
}
