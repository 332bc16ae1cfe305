"""Go-style tasks, channels and select for Python, C and Rust on one scheduler.

    import gort

    def worker(jobs, results):
        for job in jobs:              # ends when closed and drained
            results.send(job * 2)

    def main():
        jobs, results = gort.Channel[int](5), gort.Channel[int](5)
        with gort.Group() as workers: # joins all; the first error cancels the rest and is raised
            for _ in range(3):
                workers.go(worker, jobs.receiver, results.sender)
            for j in range(5):
                jobs.send(j)
            jobs.close()
        print(sorted(results.recv() for _ in range(5)))

    gort.run(main)

A task is a plain function. It parks where it waits and does not block its thread; the same calls from an ordinary thread
block that thread, with the interpreter released. In asyncio, await ``recv_async()``, ``send_async()`` and ``select_async()``.

Several channels at once::

    match gort.select(gort.recv(jobs), gort.send(out, result), gort.after(2)):
        case (0, job): ...
        case (1, _): ...              # sent
        case (2, _): ...              # two seconds are over
"""

from ._gort import (
    Barrier as Barrier,
    AtomicInt as AtomicInt,
    AtomicRef as AtomicRef,
    Canceled as Canceled,
    Case as Case,
    Channel as Channel,
    Closed as Closed,
    Cond as Cond,
    Counter as Counter,
    Context as Context,
    Deadlock as Deadlock,
    Error as Error,
    Event as Event,
    FuncTimer as FuncTimer,
    InvalidArgument as InvalidArgument,
    LimitExceeded as LimitExceeded,
    Map as Map,
    Misuse as Misuse,
    Mutex as Mutex,
    Once as Once,
    Receiver as Receiver,
    RWMutex as RWMutex,
    Selector as Selector,
    Semaphore as Semaphore,
    Sender as Sender,
    ShutDown as ShutDown,
    Task as Task,
    TaskCanceled as TaskCanceled,
    TaskPanic as TaskPanic,
    Ticker as Ticker,
    TimedOut as TimedOut,
    Timer as Timer,
    WaitGroup as WaitGroup,
    WouldBlock as WouldBlock,
    __version__ as __version__,
    after as after,
    after_func as after_func,
    current_task as current_task,
    get_library as get_library,
    go as go,
    go_named as go_named,
    metrics as metrics,
    now as now,
    num_cpu as num_cpu,
    recv as recv,
    select as select,
    select_async as select_async,
    select_biased as select_biased,
    send as send,
    sleep as sleep,
    tick as tick,
    wall_time as wall_time,
    workers as workers,
    yield_now as yield_now,
)
from . import limit as limit
from ._context import timeout as timeout
from ._got import Got as Got
from ._group import Group as Group
from ._info import dump as dump, get_include as get_include, info as info
from ._once import once as once
from ._pool import Pool as Pool
from ._pipeline import Pipeline as Pipeline, Stage as Stage, pipeline as pipeline, stage as stage
from ._run import run as run, shield as shield
from ._singleflight import SingleFlight as SingleFlight
from ._time import (
    RetryError as RetryError,
    debounce as debounce,
    heartbeat as heartbeat,
    idle as idle,
    periodic as periodic,
    poll_until as poll_until,
    retry as retry,
    throttle as throttle,
)
from ._worker_pool import Job as Job, WorkerPool as WorkerPool
