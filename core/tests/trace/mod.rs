//! A tracer for `atomics.rs`: runs this test program again as a child and counts what one of its threads executes between two `int3`. x86-64 Linux.
//!
//! Every thread of the child is traced from its first instruction on (PTRACE_O_TRACECLONE), so none is missed. While the worker is stepped the others are stopped, each
//! inside a system call: one that was stopped elsewhere might hold a lock that the worker needs, so it runs on for a while first.

use std::collections::HashMap;
use std::fmt::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Set in the child.
pub const CHILD: &str = "GORT_ATOMICS_CHILD";

/// Why nothing was counted.
pub struct Refused(pub String);

/// What one operation executed.
#[derive(Default)]
pub struct Count {
    pub n: u64,
    pub steps: u64,
    pub rmw: u64,
    pub syscalls: u64,
    at: HashMap<u64, u64>,
    base: u64,
}

impl Count {
    /// Where the read-modify-writes are: offsets into the program, for addr2line.
    pub fn sites(&self) -> String {
        let mut sites: Vec<_> = self.at.iter().collect();
        sites.sort_by_key(|s| std::cmp::Reverse(s.1));
        let mut s = String::new();
        for (at, n) in sites {
            let _ = writeln!(s, "  {:#x}  {:.2}", at.wrapping_sub(self.base), *n as f64 / self.n as f64);
        }
        s
    }
}

/// Reasons not to try.
pub fn unfit() -> Option<&'static str> {
    for name in [c"__asan_init", c"__tsan_init"] {
        // SAFETY: a lookup by a valid name.
        if !unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }.is_null() {
            return Some("a sanitizer's runtime adds atomics of its own");
        }
    }
    gort::sys::barrier::init();
    if gort::sys::barrier::fenced() {
        return Some("the kernel refuses membarrier, so each entry has a fence");
    }
    None
}

/// Runs the child and counts each operation, in the order of their numbers.
pub fn count() -> Result<Vec<Count>, Refused> {
    let exe = std::env::current_exe().map_err(|e| Refused(format!("the test can not find itself: {e}")))?;
    let mut command = Command::new(exe);
    command.args(["--exact", "child", "--test-threads=1"]).env(CHILD, "1").env("GORT_WORKERS", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    // SAFETY: ptrace is a plain system call.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    let child = command.spawn().map_err(|e| Refused(format!("ptrace is refused: {e}")))?;
    let pid = child.id() as i32;
    // Whatever goes wrong, the child does not outlive its time, and nobody waits for ever.
    let over: &AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    std::thread::spawn(move || {
        let until = Instant::now() + Duration::from_secs(120);
        while !over.load(SeqCst) {
            if Instant::now() > until {
                // SAFETY: our own child, not reaped yet: the tracer says that it is over when it is.
                unsafe { libc::kill(pid, libc::SIGKILL) };
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let mut t = Tracer { pid, threads: Vec::new(), kinds: HashMap::new(), base: 0 };
    let r = t.run();
    over.store(true, SeqCst);
    if r.is_err() {
        // SAFETY: as above.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        while wait(-1).is_some_and(|(tid, s)| tid != pid || libc::WIFSTOPPED(s)) {}
    }
    r
}

/// The next event of one of this thread's tracees.
fn wait(tid: i32) -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: `status` is valid to write.
    let r = unsafe { libc::waitpid(tid, &mut status, libc::__WALL | libc::__WNOTHREAD) };
    (r > 0).then_some((r, status))
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Rmw,
    Syscall,
    Trap,
}

struct Tracer {
    pid: i32,
    threads: Vec<i32>,
    kinds: HashMap<u64, Kind>,
    base: u64,
}

const RAX: usize = 10;
const RCX: usize = 11;
const RIP: usize = 16;

impl Tracer {
    fn run(&mut self) -> Result<Vec<Count>, Refused> {
        let pid = self.pid;
        match wait(pid) {
            Some((_, s)) if libc::WIFSTOPPED(s) => {}
            _ => return Err(Refused("the child ended before it began".into())),
        }
        let options = libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
        // SAFETY: a stopped tracee of ours.
        if unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid, 0, options) } != 0 {
            return Err(Refused(format!("ptrace is refused: {}", std::io::Error::last_os_error())));
        }
        self.threads.push(pid);
        self.base = base_of(pid);
        self.resume(pid, 0);
        let mut counts = Vec::new();
        while let Some((tid, s)) = wait(-1) {
            if !libc::WIFSTOPPED(s) {
                self.threads.retain(|t| *t != tid);
                if tid == pid {
                    assert!(libc::WIFEXITED(s) && libc::WEXITSTATUS(s) == 0, "the child failed: status {s:#x}");
                    return Ok(counts);
                }
                continue;
            }
            match libc::WSTOPSIG(s) {
                libc::SIGTRAP if s >> 16 == libc::PTRACE_EVENT_CLONE => self.resume(tid, 0),
                libc::SIGTRAP => {
                    assert_eq!(self.register(tid, RAX), counts.len() as u64, "the operations come in order");
                    let n = self.register(tid, RCX);
                    self.hold_others(tid);
                    let pinned = Pinned::together(tid);
                    counts.push(self.step(tid, n));
                    drop(pinned);
                    self.release_others(tid);
                    self.resume(tid, 0);
                }
                libc::SIGSTOP => {
                    // A new thread's first stop (or a stop of ours that came late).
                    if !self.threads.contains(&tid) {
                        self.threads.push(tid)
                    }
                    self.resume(tid, 0)
                }
                signal => self.resume(tid, signal),
            }
        }
        Err(Refused("the child is lost".into()))
    }

    fn resume(&self, tid: i32, signal: i32) {
        // SAFETY: a stopped tracee; if it was killed meanwhile the next wait says so.
        unsafe { libc::ptrace(libc::PTRACE_CONT, tid, 0, signal) };
    }

    fn register(&self, tid: i32, n: usize) -> u64 {
        // SAFETY: a stopped tracee.
        unsafe { libc::ptrace(libc::PTRACE_PEEKUSER, tid, n * 8, 0) as u64 }
    }

    fn bytes(&self, tid: i32, at: u64) -> [u8; 16] {
        let mut b = [0; 16];
        for i in [0, 8] {
            // SAFETY: as above; what can not be read gives -1, which decodes as nothing.
            let word = unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, tid, at + i as u64, 0) };
            b[i..i + 8].copy_from_slice(&word.to_ne_bytes());
        }
        b
    }

    /// Stops every other thread of the child, inside a system call.
    fn hold_others(&self, worker: i32) {
        for &tid in self.threads.iter().filter(|t| **t != worker) {
            loop {
                // SAFETY: a thread of our child.
                if unsafe { libc::syscall(libc::SYS_tgkill, self.pid, tid, libc::SIGSTOP) } != 0 {
                    break;
                }
                match wait(tid) {
                    Some((_, s)) if libc::WIFSTOPPED(s) => {}
                    _ => break,
                }
                let rip = self.register(tid, RIP);
                if self.bytes(tid, rip - 2)[..2] == [0x0f, 0x05] {
                    break;
                }
                self.resume(tid, 0);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn release_others(&self, worker: i32) {
        for &tid in self.threads.iter().filter(|t| **t != worker) {
            self.resume(tid, 0)
        }
    }

    /// Steps to the next trap.
    fn step(&mut self, tid: i32, n: u64) -> Count {
        let mut c = Count { n, base: self.base, ..Count::default() };
        loop {
            let rip = self.register(tid, RIP);
            let kind = match self.kinds.get(&rip) {
                Some(k) => *k,
                None => {
                    let k = decode(&self.bytes(tid, rip));
                    self.kinds.insert(rip, k);
                    k
                }
            };
            match kind {
                Kind::Plain => {}
                Kind::Rmw => {
                    c.rmw += 1;
                    *c.at.entry(rip).or_default() += 1;
                }
                Kind::Syscall => c.syscalls += 1,
                Kind::Trap => {
                    // Over it: the caller lets the thread run from behind the trap.
                    // SAFETY: a stopped tracee.
                    unsafe { libc::ptrace(libc::PTRACE_POKEUSER, tid, RIP * 8, rip + 1) };
                    return c;
                }
            }
            c.steps += 1;
            // SAFETY: as above.
            unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, tid, 0, 0) };
            match wait(tid) {
                Some((_, s)) if libc::WIFSTOPPED(s) => {}
                other => panic!("the worker is lost after {} instructions: {other:?}", c.steps),
            }
        }
    }
}

/// Tracer and worker on one processor: handing over there is several times as quick as waking another one at each step.
struct Pinned {
    tid: i32,
    before: [libc::cpu_set_t; 2],
}

impl Pinned {
    fn together(tid: i32) -> Pinned {
        // SAFETY: sets are plain data; the calls take ids of live threads, and a refusal only costs time.
        unsafe {
            let size = size_of::<libc::cpu_set_t>();
            let mut before: [libc::cpu_set_t; 2] = std::mem::zeroed();
            libc::sched_getaffinity(0, size, &mut before[0]);
            libc::sched_getaffinity(tid, size, &mut before[1]);
            let mut one: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(libc::sched_getcpu().max(0) as usize, &mut one);
            libc::sched_setaffinity(0, size, &one);
            libc::sched_setaffinity(tid, size, &one);
            Pinned { tid, before }
        }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe {
            let size = size_of::<libc::cpu_set_t>();
            libc::sched_setaffinity(0, size, &self.before[0]);
            libc::sched_setaffinity(self.tid, size, &self.before[1]);
        }
    }
}

/// Where the program is loaded.
fn base_of(pid: i32) -> u64 {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let first = maps.split('-').next().unwrap_or_default();
    u64::from_str_radix(first, 16).unwrap_or(0)
}

/// Only what is counted: prefixes, then the opcodes of xchg, mfence, syscall and int3.
fn decode(b: &[u8; 16]) -> Kind {
    let (mut i, mut operand, mut repeat) = (0, false, false);
    loop {
        match b[i] {
            0xf0 => return Kind::Rmw,
            0x66 => operand = true,
            0xf2 | 0xf3 => repeat = true,
            0x67 | 0x2e | 0x36 | 0x3e | 0x26 | 0x64 | 0x65 => {}
            _ => break,
        }
        i += 1;
        if i > 12 {
            return Kind::Plain;
        }
    }
    if b[i] & 0xf0 == 0x40 {
        i += 1;
    }
    let modrm = b[i + 1];
    match b[i] {
        0x86 | 0x87 if modrm >> 6 != 3 => Kind::Rmw,
        0x0f if modrm == 0x05 => Kind::Syscall,
        0x0f if modrm == 0xae && b[i + 2] == 0xf0 && !operand && !repeat => Kind::Rmw,
        0xcc => Kind::Trap,
        _ => Kind::Plain,
    }
}

#[test]
fn decoder() {
    let kind = |bytes: &[u8]| {
        let mut b = [0x90; 16];
        b[..bytes.len()].copy_from_slice(bytes);
        decode(&b)
    };
    assert!(kind(&[0xf0, 0x48, 0x0f, 0xb1, 0x0f]) == Kind::Rmw, "lock cmpxchg");
    assert!(kind(&[0x66, 0xf0, 0x0f, 0xc1, 0x07]) == Kind::Rmw, "lock xadd, 16 bits");
    assert!(kind(&[0x86, 0x07]) == Kind::Rmw, "xchg byte [rdi], al");
    assert!(kind(&[0x41, 0x86, 0x46, 0x08]) == Kind::Rmw, "xchg byte [r14 + 8], al");
    assert!(kind(&[0x48, 0x87, 0xd8]) == Kind::Plain, "xchg of registers");
    assert!(kind(&[0x0f, 0xae, 0xf0]) == Kind::Rmw, "mfence");
    assert!(kind(&[0x0f, 0xae, 0xe8]) == Kind::Plain, "lfence");
    assert!(kind(&[0x0f, 0x05]) == Kind::Syscall);
    assert!(kind(&[0xcc]) == Kind::Trap);
    assert!(kind(&[0x64, 0x48, 0x8b, 0x04, 0x25]) == Kind::Plain, "mov rax, fs:[..]");
}
