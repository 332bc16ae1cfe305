//! The gate of D9: how many read-modify-writes each operation executes. It counts what the processor runs, not what the source says.
//!
//! The test runs itself again as a child, which does each operation in a loop inside a task on one worker, between two `int3`. The parent traces the child: at the first `int3` it stops
//! every other thread (the monitor would see a hog in a thread that is stepped, and take its processor), then steps the worker one instruction at a time to the second one, and
//! counts instructions with a lock prefix, `xchg` with a memory operand (an implicit lock), and `mfence`. System calls are counted too: there must be none.
//!
//! The counts hold in every profile; the number of instructions means something in release only. What it is NOT: a benchmark.
//! Skipped, with the reason printed, where ptrace is refused, on another architecture, under a sanitizer (its runtime adds atomics), and where the kernel refuses membarrier
//! (the bracket then has a real fence at each entry).

#![cfg(not(loom))]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod trace;

/// Operations: name, budget for each, and whether going over it fails.
const BUDGET: [(&str, f64, bool); 5] = [
    ("unbuffered round trip of two ANY tasks", 4.1, true),
    ("buffered send and receive", 2.1, true),
    ("yield", 1.1, true),
    ("wait group: go, run, wait", 5.1, false),
    ("unbounded send and receive behind a full ring", 2.1, true),
];

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[test]
fn read_modify_writes_are_within_budget() {
    println!("skipped: the counting is for x86-64 Linux");
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn read_modify_writes_are_within_budget() {
    if let Some(why) = trace::unfit() {
        println!("skipped: {why}");
        return;
    }
    let counts = match trace::count() {
        Ok(c) => c,
        Err(trace::Refused(why)) => {
            println!("skipped: {why}");
            return;
        }
    };
    let profile = if cfg!(debug_assertions) { "dev profile" } else { "release profile" };
    let mut over = Vec::new();
    for (i, (name, budget, binding)) in BUDGET.iter().enumerate() {
        let c = &counts[i];
        let each = c.rmw as f64 / c.n as f64;
        let line = format!(
            "{name}: {each:.2} read-modify-writes (budget {budget}), {} instructions, {} system calls in all ({} times, {profile})",
            c.steps / c.n,
            c.syscalls,
            c.n
        );
        println!("{line}");
        if each > *budget {
            println!("{}", c.sites());
        }
        if *binding && (each > *budget || c.syscalls > 0) {
            over.push(line)
        }
    }
    assert!(over.is_empty(), "over the budget of D9:\n{}", over.join("\n"));
}

/// The child's part: does nothing in an ordinary run.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn child() {
    if std::env::var_os(trace::CHILD).is_some() {
        operations::run();
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod operations {
    use gort::*;

    const N: u64 = 128; // twice the turn limit of a next slot
    const WARM: u64 = 2_000;

    /// Stops here under the tracer; says what is measured and how often it is done.
    #[inline(never)]
    fn mark(operation: u64, times: u64) {
        // SAFETY: the tracer swallows the trap; no memory is touched.
        unsafe { std::arch::asm!("int3", in("rax") operation, in("rcx") times) }
    }

    fn measure(operation: u64, mut once: impl FnMut()) {
        for _ in 0..WARM {
            once()
        }
        mark(operation, N);
        for _ in 0..N {
            once()
        }
        mark(operation, N);
    }

    pub fn run() {
        let c = Config { workers: 1, ..Config::default() };
        run_with(&c, || {
            let (tx, there) = channel::<u64>(0);
            let (back, rx) = channel::<u64>(0);
            // SAFETY: nothing of the tasks depends on the thread.
            let (echo, driver) = unsafe {
                let echo = spawn_migratable(move || {
                    while let Ok(v) = there.recv() {
                        back.send(v).unwrap();
                    }
                });
                let driver = spawn_migratable(move || {
                    measure(0, || {
                        tx.send(1).unwrap();
                        rx.recv().unwrap();
                    })
                });
                (echo, driver)
            };
            driver.join().unwrap();
            echo.join().unwrap();
            let (tx, rx) = channel::<u64>(16);
            measure(1, || {
                tx.send(1).unwrap();
                rx.recv().unwrap();
            });
            // SAFETY: as above.
            unsafe { spawn_migratable(|| measure(2, yield_now)) }.join().unwrap();
            let wg = WaitGroup::new();
            measure(3, || {
                wg.go(|| {});
                wg.wait().unwrap();
            });
            // Each receive meets an entry that is no waiter: there is no ticket to be tried in vain.
            let (tx, rx) = unbounded::<u64>();
            (0..2_000).for_each(|n| tx.send(n).unwrap());
            measure(4, || {
                tx.send(1).unwrap();
                rx.recv().unwrap();
            });
        })
        .unwrap();
    }
}
