//! `WorkerPool`: a few tasks that take job after job from a bounded queue.
//!
//! WP1  `pending` counts the jobs that are submitted and not over, `workers` the workers that live or are being started; both are guarded by `count`. A submit counts its job first, and starts a worker
//!      if there are fewer than jobs and than the most allowed; a worker that found nothing for a while leaves only if there are more workers than jobs. So a job that is queued has a worker, however
//!      the two meet.
//! WP2  A worker makes its state when its first job needs it. A panic is the job's result; the state goes with it, and the next job has a new one.
//! WP3  The queue is a channel. Handles of the pool have its sending end: `close`, or the last of them going, ends it, and workers leave when it is drained. Workers have a share of the rest.
//! WP4  A job that will not run is dropped: that answers CANCELED to whoever waits for its result. The channel of results has room for each that is under way, so a worker never waits for a reader.
//!
//! Rejected: workers that live from the start (a pool that is made and not used costs nothing); a queue of one's own under a lock (the channel brings limits, cancellation and hand-over).

use super::members::Members;
use crate::chan::{Receiver, SendError, Sender, channel};
use crate::sched::task::{Affinity, SpawnOptions};
use crate::status::Status;
use crate::sync::Mutex;
use crate::sys::prim::Arc;
use crate::task::{Time, Wait, payload_text, thread_affine};
use core::fmt;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// A few tasks that take job after job from a bounded queue. Clones are the same pool; when the last one goes, it is closed.
///
/// ```
/// let pool = gort::flow::WorkerPool::new(3);
/// let squares: Vec<u64> = pool.map(1..=4, |_, n| n * n).map(Result::unwrap).collect();
/// assert_eq!(squares, [1, 4, 9, 16]);
/// let job = pool.submit(|_| "done").unwrap();
/// assert_eq!(job.join().unwrap(), "done");
/// pool.close();
/// pool.wait().unwrap();
/// ```
pub struct WorkerPool<S = ()> {
    jobs: Sender<Task<S>>,
    shared: Arc<Shared<S>>,
}

/// What stands in the queue.
type Task<S> = Box<dyn Work<S>>;

trait Work<S>: Send {
    fn run(self: Box<Self>, state: &mut State<S>);
}

/// A job, and that it is counted. It goes in this order.
struct Todo<W, S> {
    work: W,
    counted: Counted<S>,
}

impl<S, W: Act<S>> Work<S> for Todo<W, S> {
    fn run(self: Box<Self>, state: &mut State<S>) {
        let Todo { work, mut counted } = *self;
        work.act(state);
        counted.ran = true;
    }
}

/// A kind of job. Structs, so that one that is refused can be given back.
trait Act<S>: Send + 'static {
    fn act(self, state: &mut State<S>);
}

/// One whose result nobody asks for.
struct Posted<F>(F);

impl<S, F: FnOnce(&mut S) + Send + 'static> Act<S> for Posted<F> {
    fn act(self, state: &mut State<S>) {
        if let Err(payload) = state.call(self.0) {
            crate::sched::drop_payload(payload)
        }
    }
}

/// One that sends what it came to.
struct Answering<T: Send, F> {
    to: Answer<T>,
    f: F,
}

impl<S, T: Send + 'static, F: FnOnce(&mut S) -> T + Send + 'static> Act<S> for Answering<T, F> {
    fn act(self, state: &mut State<S>) {
        let end = state.call(self.f);
        self.to.send(end.map_err(JobError::Panic))
    }
}

struct Shared<S> {
    members: Members,
    queue: Receiver<Task<S>>,
    count: Mutex<Count>,
    // ---- set once
    how: How<S>,
}

#[derive(Default)]
struct Count {
    pending: usize,
    workers: usize,
    done: u64,
    submitted: u64,
}

struct How<S> {
    most: usize,
    least: usize,
    idle: Duration,
    init: Box<dyn Fn() -> S + Send + Sync>,
    progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
    affinity: Affinity,
}

/// How far a pool has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Jobs that are over, also by a panic.
    pub done: u64,
    /// Jobs that were submitted.
    pub submitted: u64,
}

/// A worker's own (WP2).
struct State<S> {
    of: Arc<Shared<S>>,
    value: Option<S>,
}

impl<S> State<S> {
    fn call<T>(&mut self, f: impl FnOnce(&mut S) -> T) -> Result<T, Box<dyn Any + Send>> {
        let State { of, value } = self;
        let end = catch_unwind(AssertUnwindSafe(|| f(value.get_or_insert_with(&of.how.init))));
        if end.is_err() && !cfg!(feature = "mutant_pool_keeps_the_state") {
            self.forget()
        }
        end
    }

    fn forget(&mut self) {
        let value = self.value.take();
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            crate::sched::drop_payload(payload)
        }
    }
}

impl<S> Drop for State<S> {
    fn drop(&mut self) {
        self.forget()
    }
}

/// Counts a job out when it is over, or is dropped.
struct Counted<S> {
    of: Arc<Shared<S>>,
    ran: bool,
}

impl<S> Drop for Counted<S> {
    fn drop(&mut self) {
        let mut count = self.of.count.lock();
        count.pending -= 1;
        if !self.ran {
            count.submitted -= 1;
            return;
        }
        count.done += 1;
        let progress = Progress { done: count.done, submitted: count.submitted };
        drop(count);
        if let Some(tell) = &self.of.how.progress
            && let Err(payload) = catch_unwind(AssertUnwindSafe(|| tell(progress)))
        {
            crate::sched::drop_payload(payload)
        }
    }
}

impl<S> Clone for WorkerPool<S> {
    fn clone(&self) -> Self {
        WorkerPool { jobs: self.jobs.clone(), shared: self.shared.clone() }
    }
}

impl WorkerPool<()> {
    /// A pool of at most `workers` workers without state, and a queue of as many jobs. 0: one for each processor.
    ///
    /// # Panics
    /// If there is no memory.
    pub fn new(workers: usize) -> WorkerPool<()> {
        WorkerPool::builder().workers(workers).build(|| ())
    }

    /// What a pool may be given besides.
    pub fn builder() -> WorkerPoolBuilder {
        WorkerPoolBuilder::default()
    }
}

/// What a pool may be given: `WorkerPool::builder()`.
#[derive(Default)]
pub struct WorkerPoolBuilder {
    most: usize,
    elastic: Option<(usize, Duration)>,
    queue: Option<usize>,
    progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
}

impl WorkerPoolBuilder {
    /// At most so many workers; 0: one for each processor. They start when there is work, and stay.
    pub fn workers(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Workers that find nothing to do for `idle` end, but for `least` of them.
    pub fn elastic(mut self, least: usize, idle: Duration) -> Self {
        self.elastic = Some((least, idle));
        self
    }

    /// So many jobs can wait for a worker (at least 1); as many as there are workers, if nothing is said.
    pub fn queue(mut self, jobs: usize) -> Self {
        self.queue = Some(jobs);
        self
    }

    /// Called by a worker after each job, with no lock held.
    pub fn progress(mut self, f: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(f));
        self
    }

    /// The pool. `init` makes the state of a worker, in that worker, which its jobs are given; it goes when the worker does.
    ///
    /// # Panics
    /// If there is no memory.
    pub fn build<S: 'static>(self, init: impl Fn() -> S + Send + Sync + 'static) -> WorkerPool<S> {
        self.made(Affinity::Thread, Box::new(init))
    }

    /// `build` of workers that may move between threads at each blocking call.
    ///
    /// # Safety
    /// As `gort::spawn_migratable`, for jobs, states, and `init`.
    pub unsafe fn build_migratable<S: 'static>(self, init: impl Fn() -> S + Send + Sync + 'static) -> WorkerPool<S> {
        self.made(Affinity::Any, Box::new(init))
    }

    fn made<S>(self, affinity: Affinity, init: Box<dyn Fn() -> S + Send + Sync>) -> WorkerPool<S> {
        let most = if self.most == 0 { crate::sys::cpu::available() } else { self.most };
        let (least, idle) = self.elastic.unwrap_or((most, Duration::MAX));
        let (jobs, queue) = channel(self.queue.unwrap_or(most).max(1));
        let how = How { most, least: least.min(most), idle, init, progress: self.progress, affinity };
        let shared = Shared { members: Members::new(), queue, count: Mutex::default(), how };
        WorkerPool { jobs, shared: Arc::new(shared) }
    }
}

/// What a submit does when the queue is full.
enum Full<'a> {
    WouldBlock,
    Park(Wait<'a>),
}

impl<S: 'static> WorkerPool<S> {
    /// Hands a job to the workers. Blocks while the queue is full. The job is given the state of its worker.
    ///
    /// CLOSED after `close`; CANCELED, DEADLOCK, SHUTDOWN while it blocks; LIMIT, NO_MEMORY if no worker lives and none can be started. Then `f` is dropped.
    pub fn submit<T: Send + 'static>(&self, f: impl FnOnce(&mut S) -> T + Send + 'static) -> Result<Job<T>, Status> {
        self.submit_with(Wait::forever(), f)
    }

    /// `submit` that waits for room as long as `w` allows.
    pub fn submit_with<T: Send + 'static>(
        &self,
        w: Wait,
        f: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<Job<T>, Status> {
        self.job(Full::Park(w), f)
    }

    /// `submit` that never blocks: WOULD_BLOCK when the queue is full.
    pub fn try_submit<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<Job<T>, Status> {
        self.job(Full::WouldBlock, f)
    }

    /// A job without a result, which costs less; None: as `try_submit`. What is refused is given back.
    pub fn post<F: FnOnce(&mut S) + Send + 'static>(&self, w: Option<Wait>, f: F) -> Result<(), (Status, F)> {
        self.put(w.map_or(Full::WouldBlock, Full::Park), Posted(f)).map_err(|(s, Posted(f))| (s, f))
    }

    fn job<T: Send + 'static>(
        &self,
        full: Full,
        f: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<Job<T>, Status> {
        let (tx, rx) = channel(1);
        self.put(full, Answering { to: Answer(Some(tx)), f }).map_err(|(s, _)| s)?;
        Ok(Job(rx))
    }

    /// What is refused is given back.
    fn put<W: Act<S>>(&self, full: Full, work: W) -> Result<(), (Status, W)> {
        let counted = match self.count_in() {
            Ok(counted) => counted,
            Err(s) => return Err((s, work)),
        };
        let task: Task<S> = Box::new(Todo { work, counted });
        let sent = match full {
            Full::WouldBlock => self.jobs.try_send(task),
            Full::Park(w) => self.jobs.send_with(task, w),
        };
        let Err(SendError { value, status }) = sent else { return Ok(()) };
        // SAFETY: the box of above, which came back.
        let todo = unsafe { Box::from_raw(Box::into_raw(value).cast::<Todo<W, S>>()) };
        Err((status, todo.work))
    }

    /// One job more, and a worker if it needs one (WP1).
    fn count_in(&self) -> Result<Counted<S>, Status> {
        let shared = &self.shared;
        if self.jobs.is_closed() {
            return Err(Status::Closed); // and nobody is hired for it
        }
        let hire = {
            let mut count = shared.count.lock();
            count.pending += 1;
            count.submitted += 1;
            let hire = count.workers < count.pending.min(shared.how.most);
            count.workers += usize::from(hire);
            hire
        };
        let counted = Counted { of: shared.clone(), ran: false };
        if hire {
            let place = Hired(Some(shared.clone()));
            let options = SpawnOptions { affinity: shared.how.affinity, ..thread_affine() };
            // SAFETY: what is not bound to its thread is so by the word of whoever called `build_migratable`; of ours nothing depends on it.
            let hired = unsafe { Members::start(shared, |s| &s.members, options, move || work(place)) };
            if let Err(s) = hired
                && shared.count.lock().workers == 0
            {
                return Err(s);
            }
        }
        Ok(counted)
    }

    /// Runs `f` on each item, and gives the results in the order of the items, as an iterator. It submits as it goes: no more jobs are under way than the workers and the queue can take.
    ///
    /// What ends the iterator early (CLOSED, CANCELED ...) is its last item.
    pub fn map<I, R, F>(&self, items: I, f: F) -> impl Iterator<Item = Result<R, JobError>> + use<S, I, R, F>
    where
        I: IntoIterator<Item: Send + 'static>,
        R: Send + 'static,
        F: Fn(&mut S, I::Item) -> R + Send + Sync + 'static,
    {
        let (pool, f, mut items) = (self.clone(), Arc::new(f), items.into_iter().fuse());
        let mut under_way = VecDeque::new();
        let mut refused = None;
        std::iter::from_fn(move || {
            while refused.is_none()
                && under_way.len() < pool.window()
                && let Some(item) = items.next()
            {
                let f = f.clone();
                match pool.submit(move |state| f(state, item)) {
                    Ok(job) => under_way.push_back(job),
                    Err(s) => refused = Some(Err(s)),
                }
            }
            match under_way.pop_front() {
                Some(job) => Some(job.join()),
                None => {
                    refused.as_mut().and_then(|r| core::mem::replace(r, Ok(())).err()).map(|s| Err(JobError::Status(s)))
                }
            }
        })
    }

    /// `map` whose results come as they are ready.
    pub fn map_unordered<I, R, F>(&self, items: I, f: F) -> impl Iterator<Item = Result<R, JobError>> + use<S, I, R, F>
    where
        I: IntoIterator<Item: Send + 'static>,
        R: Send + 'static,
        F: Fn(&mut S, I::Item) -> R + Send + Sync + 'static,
    {
        let (pool, f, mut items) = (self.clone(), Arc::new(f), items.into_iter().fuse());
        let (tx, results) = channel(pool.window());
        let mut under_way = 0;
        let mut refused = None;
        std::iter::from_fn(move || {
            while refused.is_none()
                && under_way < pool.window()
                && let Some(item) = items.next()
            {
                let f = f.clone();
                let to = Answer(Some(tx.clone()));
                match pool.put(Full::Park(Wait::forever()), Answering { to, f: move |state: &mut S| f(state, item) }) {
                    Ok(()) => under_way += 1,
                    Err((s, _)) => refused = Some(Err(s)),
                }
            }
            if under_way > 0 {
                under_way -= 1;
                return Some(results.recv().unwrap_or_else(|s| Err(JobError::Status(s))));
            }
            refused.as_mut().and_then(|r| core::mem::replace(r, Ok(())).err()).map(|s| Err(JobError::Status(s)))
        })
    }

    /// How many jobs the workers and the queue can take.
    fn window(&self) -> usize {
        self.shared.how.most.saturating_add(self.jobs.capacity())
    }

    /// Takes no more jobs: a submit gives CLOSED, also one that waits. What is queued is run, and then the workers end. Does not wait. Idempotent.
    pub fn close(&self) {
        let _ = self.jobs.close(); // CLOSED: it was
    }

    /// Closes the pool, drops what is queued (its jobs give CANCELED) and cancels the workers: blocking calls of the jobs that run end with CANCELED. Does not wait.
    pub fn cancel(&self) {
        self.close();
        self.shared.members.cancel();
        self.shared.drop_queued();
    }

    /// Closes the pool and waits until all jobs are over and the workers have ended. Blocks the task (or thread).
    ///
    /// CANCELED, DEADLOCK: the caller was, or is condemned; then the pool is cancelled, and its workers are waited for. CANCELED also if jobs were left that nobody ran, for their workers' run was over.
    /// Not from within a job.
    pub fn wait(&self) -> Result<(), Status> {
        let ended = self.wait_with(Wait::forever());
        if ended.is_err() {
            self.cancel();
            let _shield = crate::task::shield();
            let _ = self.shared.members.wait_with(Wait::forever());
            self.shared.drop_queued();
        }
        ended
    }

    /// `wait` within limits. TIMED_OUT, CANCELED and so on: the jobs go on, and can be waited for again.
    pub fn wait_with(&self, w: Wait) -> Result<(), Status> {
        self.close();
        self.shared.members.wait_with(w)?;
        if self.shared.drop_queued() { Err(Status::Canceled) } else { Ok(()) }
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        let count = self.shared.count.lock();
        Progress { done: count.done, submitted: count.submitted }
    }

    /// Workers that live now.
    pub fn workers(&self) -> usize {
        self.shared.count.lock().workers
    }
}

/// What a worker's task runs.
fn work<S>(mut place: Hired<S>) {
    let Some(shared) = place.0.clone() else { return };
    let mut state = State { of: shared.clone(), value: None };
    loop {
        let idle = shared.how.idle;
        let w = if idle == Duration::MAX { Wait::forever() } else { Wait::until(Time::after(idle)) };
        match shared.queue.recv_with(w) {
            Ok(job) => {
                // Of the job what is left to panic is a result that nobody wants, and is dropped.
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| job.run(&mut state))) {
                    crate::sched::drop_payload(payload)
                }
            }
            Err(Status::TimedOut) => {
                let mut count = shared.count.lock();
                let jobs = if cfg!(feature = "mutant_pool_worker_leaves_a_job") { 0 } else { count.pending };
                if count.workers > jobs.max(shared.how.least) {
                    count.workers -= 1;
                    drop(count);
                    place.0 = None;
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

/// A worker's place in `workers`, given back when it goes.
struct Hired<S>(Option<Arc<Shared<S>>>);

impl<S> Drop for Hired<S> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.count.lock().workers -= 1;
        }
    }
}

impl<S> Shared<S> {
    /// Drops the jobs that wait. Was there one?
    fn drop_queued(&self) -> bool {
        let mut some = false;
        while !cfg!(feature = "mutant_pool_keeps_what_is_queued")
            && let Ok(job) = self.queue.try_recv()
        {
            drop(job);
            some = true;
        }
        some
    }
}

/// Where the result goes; CANCELED goes there if there is none (WP4). There is room for it.
struct Answer<T: Send>(Option<Sender<Result<T, JobError>>>);

impl<T: Send> Answer<T> {
    fn send(mut self, end: Result<T, JobError>) {
        if let Some(to) = self.0.take() {
            let _ = to.try_send(end); // nobody may ask for it any more
        }
    }
}

impl<T: Send> Drop for Answer<T> {
    fn drop(&mut self) {
        if let Some(to) = self.0.take() {
            let _ = to.try_send(Err(JobError::Status(Status::Canceled)));
        }
    }
}

/// A job whose result can be waited for. Dropping it lets the job run all the same.
pub struct Job<T>(Receiver<Result<T, JobError>>);

/// Why a job has no result.
pub enum JobError {
    /// It panicked; the payload is passed on.
    Panic(Box<dyn Any + Send>),
    /// The wait ended otherwise, and the job goes on; CANCELED also if it will never run: the pool was cancelled.
    Status(Status),
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Panic(p) => write!(f, "the job panicked: {}", payload_text(&**p)),
            JobError::Status(s) => s.fmt(f),
        }
    }
}

impl fmt::Debug for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for JobError {}

impl<T: Send> Job<T> {
    /// Waits until the job is over and takes its result. Blocks the task (or thread).
    pub fn join(self) -> Result<T, JobError> {
        self.join_with(Wait::forever()).map_err(|(_, e)| e)
    }

    /// `join` within limits; gives the job back if the wait ended first.
    pub fn join_with(self, w: Wait) -> Result<T, (Self, JobError)> {
        match self.0.recv_with(w) {
            Ok(Ok(v)) => Ok(v),
            Ok(Err(e)) => Err((self, e)),
            Err(s) => Err((self, JobError::Status(s))),
        }
    }

    /// Is it over, or will never run?
    pub fn is_finished(&self) -> bool {
        !self.0.is_empty()
    }
}
