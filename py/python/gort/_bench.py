"""What ``python -m gort bench`` does: the same small jobs with gort's channels and tasks, and with what Python has.

Every figure is the time of one operation. The sides of a job are measured in turns (A B C A B C ...), so that a machine that gets
slower or faster meanwhile does so for all; told are the least and the median of the turns. Each side runs about as long as the
others, and only the loop is timed, not the start of threads, loops and runs; nobody begins before the clock does.

What it is NOT: a benchmark of gort against other languages (benchmarks/), or a proof. The sides do not do the same thing in every
respect, and the table says where they do not.
"""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import queue
import statistics
import sys
import threading
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import gort

_T = TypeVar("_T")

ROOM = 1024  # capacity of the buffered channels and queues


class Side(NamedTuple):
    """One way to do a job: does it ``n`` times and returns the seconds that took."""

    name: str
    measure: Callable[[int], float]


class Job(NamedTuple):
    """What is measured, and with whom."""

    name: str
    what: str
    sides: list[Side]


def _in_thread(body: Callable[[], object]) -> threading.Thread:
    t = threading.Thread(target=body)
    t.start()
    return t


# ---- ping-pong: a value goes to the other party and comes back


def _gort_pingpong(n: int, start: Callable[[Callable[[], object]], Any]) -> float:
    there, back = gort.Channel[int](), gort.Channel[int]()

    def pong() -> None:
        for v in there:
            back.send(v)

    other = start(pong)
    there.send(0)
    back.recv()
    t0 = perf_counter()
    for i in range(n):
        there.send(i)
        back.recv()
    elapsed = perf_counter() - t0
    there.close()
    other.join()
    return elapsed


def _queue_pingpong(n: int, make: Callable[[], Any]) -> float:
    there, back = make(), make()

    def pong() -> None:
        while (v := there.get()) is not None:
            back.put(v)

    other = _in_thread(pong)
    there.put(0)
    back.get()
    t0 = perf_counter()
    for i in range(n):
        there.put(i)
        back.get()
    elapsed = perf_counter() - t0
    there.put(None)
    other.join()
    return elapsed


async def _asyncio_pingpong(n: int) -> float:
    there: asyncio.Queue[int | None] = asyncio.Queue(1)
    back: asyncio.Queue[int] = asyncio.Queue(1)

    async def pong() -> None:
        while (v := await there.get()) is not None:
            await back.put(v)

    other = asyncio.create_task(pong())
    await there.put(0)
    await back.get()
    t0 = perf_counter()
    for i in range(n):
        await there.put(i)
        await back.get()
    elapsed = perf_counter() - t0
    await there.put(None)
    await other
    return elapsed


# ---- stream: one party puts, another gets, with room between them


def _gort_stream(n: int, start: Callable[[Callable[[], object]], Any]) -> float:
    ch, gate = gort.Channel[int](ROOM), gort.Channel[None](1)

    def produce() -> None:
        gate.recv()
        for i in range(n):
            ch.send(i)
        ch.close()

    other = start(produce)
    t0 = perf_counter()
    gate.send(None)
    for _ in ch:
        pass
    elapsed = perf_counter() - t0
    other.join()
    return elapsed


def _queue_stream(n: int, make: Callable[[], Any]) -> float:
    q, gate = make(), threading.Event()

    def produce() -> None:
        gate.wait()
        for i in range(n):
            q.put(i)
        q.put(None)

    other = _in_thread(produce)
    t0 = perf_counter()
    gate.set()
    while q.get() is not None:
        pass
    elapsed = perf_counter() - t0
    other.join()
    return elapsed


async def _asyncio_stream(n: int) -> float:
    q: asyncio.Queue[int | None] = asyncio.Queue(ROOM)
    gate = asyncio.Event()

    async def produce() -> None:
        await gate.wait()
        for i in range(n):
            await q.put(i)
        await q.put(None)

    other = asyncio.create_task(produce())
    t0 = perf_counter()
    gate.set()
    while await q.get() is not None:
        pass
    elapsed = perf_counter() - t0
    await other
    return elapsed


# ---- put and get by one party: nobody ever waits


def _gort_putget(n: int) -> float:
    ch = gort.Channel[int](1)
    t0 = perf_counter()
    for i in range(n):
        ch.send(i)
        ch.recv()
    return perf_counter() - t0


def _queue_putget(n: int, make: Callable[[], Any]) -> float:
    q = make()
    t0 = perf_counter()
    for i in range(n):
        q.put(i)
        q.get()
    return perf_counter() - t0


async def _asyncio_putget(n: int) -> float:
    q: asyncio.Queue[int] = asyncio.Queue(1)
    t0 = perf_counter()
    for i in range(n):
        await q.put(i)
        await q.get()
    return perf_counter() - t0


# ---- spawn: start a task that does nothing, and wait for it

BATCH = 100  # so many are started before they are waited for


def _nothing() -> None:
    pass


def _gort_spawn(n: int) -> float:
    t0 = perf_counter()
    for _ in range(0, n, BATCH):
        for task in [gort.go(_nothing) for _ in range(BATCH)]:
            task.join()
    return perf_counter() - t0


def _thread_spawn(n: int) -> float:
    t0 = perf_counter()
    for _ in range(0, n, BATCH):
        for t in [_in_thread(_nothing) for _ in range(BATCH)]:
            t.join()
    return perf_counter() - t0


async def _asyncio_spawn(n: int) -> float:
    async def nothing() -> None:
        pass

    t0 = perf_counter()
    for _ in range(0, n, BATCH):
        for task in [asyncio.create_task(nothing()) for _ in range(BATCH)]:
            await task
    return perf_counter() - t0


# ---- the jobs


def _in_run(measure: Callable[..., float], *more: Any) -> Callable[[int], float]:
    return lambda n: gort.run(measure, n, *more)


def _in_loop(measure: Callable[[int], Coroutine[Any, Any, float]]) -> Callable[[int], float]:
    return lambda n: asyncio.run(measure(n))


def jobs() -> list[Job]:
    """All jobs; gort's tasks are the first side of each."""
    tasks = "gort, tasks" if gort.info()["tasks"] == "greenlets" else "gort, tasks (here threads)"
    return [
        Job(
            "ping-pong",
            "a value goes to another party and comes back",
            [
                Side(f"{tasks}, capacity 0", _in_run(_gort_pingpong, gort.go)),
                Side("gort, 2 threads, capacity 0", lambda n: _gort_pingpong(n, _in_thread)),
                Side("asyncio.Queue(1), coroutines", _in_loop(_asyncio_pingpong)),
                Side("queue.SimpleQueue, 2 threads", lambda n: _queue_pingpong(n, queue.SimpleQueue)),
                Side("queue.Queue(1), 2 threads", lambda n: _queue_pingpong(n, lambda: queue.Queue(1))),
            ],
        ),
        Job(
            "stream",
            f"one party puts, another gets; room for {ROOM}",
            [
                Side(tasks, _in_run(_gort_stream, gort.go)),
                Side("gort, 2 threads", lambda n: _gort_stream(n, _in_thread)),
                Side("asyncio.Queue, coroutines", _in_loop(_asyncio_stream)),
                Side("queue.SimpleQueue, 2 threads (no bound)", lambda n: _queue_stream(n, queue.SimpleQueue)),
                Side("queue.Queue, 2 threads", lambda n: _queue_stream(n, lambda: queue.Queue(ROOM))),
            ],
        ),
        Job(
            "put+get",
            "one party puts a value and gets it; nobody ever waits",
            [
                Side(f"{tasks}", _in_run(_gort_putget)),
                Side("gort, a thread", _gort_putget),
                Side("asyncio.Queue, a coroutine", _in_loop(_asyncio_putget)),
                Side("queue.SimpleQueue, a thread", lambda n: _queue_putget(n, queue.SimpleQueue)),
                Side("queue.Queue, a thread", lambda n: _queue_putget(n, lambda: queue.Queue(1))),
            ],
        ),
        Job(
            "spawn",
            f"start something that does nothing, and wait for its end; {BATCH} at a time",
            [
                Side(f"{tasks}", _in_run(_gort_spawn)),
                Side("asyncio.create_task", _in_loop(_asyncio_spawn)),
                Side("threading.Thread", _thread_spawn),
            ],
        ),
    ]


def _times(side: Side, seconds: float) -> int:
    """How often the side must do its job to run that long."""
    n = BATCH
    while (took := side.measure(n)) < seconds / 4:
        n *= 4 if took < seconds / 16 else 2
    return max(BATCH, int(n * seconds / took) // BATCH * BATCH)


def _row(name: str, samples: list[float], first: float, longest: float) -> str:
    low, middle = min(samples), statistics.median(samples)
    bar = "#" * max(1, round(24 * middle / longest))
    return f"  {name:40} {low * 1e9:>9,.0f} {middle * 1e9:>9,.0f} {middle / first:>7.2f}  {bar}"


def run(quick: bool, part: str = "") -> int:
    """Measures and prints."""
    seconds, turns = (0.03, 5) if quick else (0.2, 15)
    i = gort.info()
    chosen = [job for job in jobs() if part in job.name]
    if not chosen:
        print(f"no job has {part!r} in its name", file=sys.stderr)
        return 1
    print(f"gort {i['version']}, CPython {i['python']}, {platform.machine()}, {i['cpus']} CPUs, load {os.getloadavg()[0]:.1f}")
    print(f"nanoseconds an operation; {turns} turns of some {seconds:g} s a side, the sides taking turns; ratio: of the medians, to the first line")
    for job in chosen:
        print(f"\n{job.name}: {job.what}\n  {'':40} {'least':>9} {'median':>9} {'ratio':>7}")
        counts = [_times(side, seconds) for side in job.sides]
        samples: list[list[float]] = [[] for _ in job.sides]
        for _ in range(turns):
            for side, n, sample in zip(job.sides, counts, samples):
                gc.collect()
                sample.append(side.measure(n) / n)
        medians = [statistics.median(sample) for sample in samples]
        for side, sample in zip(job.sides, samples):
            print(_row(side.name, sample, medians[0], max(medians)), flush=True)
    print(
        "\nTasks and coroutines change places on one thread; 2 threads need the system's help and the interpreter's lock for that.\n"
        "SimpleQueue has no bound and no close, asyncio.Queue no thread safety, and no queue a hand-over (capacity 0)."
    )
    return 0
