"""gort from Python, in two forms: `gort-python` has tasks inside gort.run, `gort-python-threads` has threads of `threading` on gort's channels.

For py_thread_to_asyncio there is no run: the sender is a thread, or a task on gort's background worker; the receiver is a coroutine of asyncio.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable

import gort
import protocol
from protocol import BATCH, BLOCK, BLOCKS, CAPACITY, Result, now


def in_run(main: Callable[[int], Result]) -> Callable[[int], Result]:
    return lambda n: gort.run(main, n, workers=1)


def two_tasks(first: Callable[[], None], second: Callable[[], None]) -> int:
    start = now()
    tasks = [gort.go(first), gort.go(second)]
    for t in tasks:
        t.result()
    return now() - start


# ---- the two sides of a stream: the same for tasks and threads


def pingpong(n: int, run: Callable[..., int]) -> Result:
    there: gort.Channel[int] = gort.Channel(0)
    back: gort.Channel[int] = gort.Channel(0)
    total = 0

    def ask() -> None:
        nonlocal total
        send, recv, s = there.send, back.recv, 0
        for i in range(n):
            send(i)
            s += recv()
        total = s

    def answer() -> None:
        send, recv = back.send, there.recv
        for _ in range(n):
            send(recv() + 1)

    ns = run(ask, answer)
    return Result(ns, total)


def putget(n: int) -> Result:
    ch: gort.Channel[int] = gort.Channel(1)
    send, recv, s = ch.send, ch.recv, 0
    start = now()
    for i in range(n):
        send(i)
        s += recv()
    return Result(now() - start, s)


def mutex_with(n: int) -> Result:
    return protocol.with_lock(n, gort.Mutex())


def select2(n: int) -> Result:
    """The cases are made once, as they may be; making both at each call costs some 0.15 us more."""
    a: gort.Channel[int] = gort.Channel(1)
    b: gort.Channel[int] = gort.Channel(1)
    to_a, to_b, from_a, from_b = a.send, b.send, gort.recv(a), gort.recv(b)
    select, s = gort.select, 0
    start = now()
    for i in range(n):
        (to_b if i & 1 else to_a)(i)
        s += select(from_a, from_b)[1]
    return Result(now() - start, s)


def spsc(n: int, run: Callable[..., int]) -> Result:
    ch: gort.Channel[int] = gort.Channel(CAPACITY)
    got: list[int] = []

    def produce() -> None:
        send = ch.send
        for i in range(n):
            send(i)
        ch.close()

    def consume() -> None:
        append = got.append
        for v in ch:
            append(v)

    return protocol.stream(run(produce, consume), got, n)


def int64_buffers(n: int, run: Callable[..., int]) -> Result:
    ch: gort.Channel[int] = gort.Channel.of("q", BLOCK * BLOCKS)
    source, sink = protocol.int64_source(n), protocol.int64_sink(n)

    def produce() -> None:
        view, send_from = memoryview(source), ch.send_from
        for i in range(0, n, BLOCK):
            send_from(view[i : i + BLOCK])
        ch.close()

    def consume() -> None:
        view, recv_into, i = memoryview(sink), ch.recv_into, 0
        while i < n:
            got = recv_into(view[i : i + BLOCK])
            if got == 0:
                break
            i += got

    ns = run(produce, consume)
    return protocol.int64_result(ns, sink, source)


def into_asyncio(n: int, start_sender: Callable[[Callable[[], None]], Any]) -> Result:
    async def main() -> Result:
        ch: gort.Channel[int] = gort.Channel(CAPACITY)
        got: list[int] = []

        def produce() -> None:
            send = ch.send
            for i in range(n):
                send(i)
            ch.close()

        append = got.append
        start = now()
        sender = start_sender(produce)
        async for v in ch:
            append(v)
        ns = now() - start
        while not (sender.done if isinstance(sender, gort.Task) else not sender.is_alive()):
            await asyncio.sleep(0.001)
        return protocol.stream(ns, got, n)

    return asyncio.run(main())


def started_thread(function: Callable[[], None]) -> threading.Thread:
    t = threading.Thread(target=function)
    t.start()
    return t


def pool_submit(n: int) -> Result:
    with gort.WorkerPool(protocol.WORKERS) as pool:
        return protocol.pool_jobs(n, pool)


# ---- tasks only


def spawn(n: int) -> Result:
    go, itself, s = gort.go, protocol.itself, 0
    start = now()
    for first in range(0, n, BATCH):
        tasks = [go(itself, i) for i in range(first, min(first + BATCH, n))]
        for t in tasks:
            s += t.result()
    return Result(now() - start, s)


def parked(n: int) -> Result:
    ch: gort.Channel[int] = gort.Channel(0)
    total = asleep = 0

    def sleeper() -> None:
        nonlocal total, asleep
        asleep += 1
        v = ch.recv()
        total += v

    before = protocol.collected()
    tasks = [gort.go(sleeper) for _ in range(n)]
    while asleep < n:
        gort.sleep(0.001)
    gort.sleep(0.05)  # the last of them, if another thread runs it
    grown = protocol.resident() - before
    for i in range(n):
        ch.send(i)
    for t in tasks:
        t.result()
    return Result(0, total, 0, grown)


def sleepers(n: int, percent: int) -> Result:
    def sleeper(naps: list[int]) -> list[int]:
        sleep, late = gort.sleep, []
        for ns in naps:
            due = now() + ns
            sleep(ns / 1e9)
            late.append(now() - due)
        return late

    tasks = [gort.go(sleeper, naps) for naps in protocol.naps(n)]
    late = [t.result() for t in tasks]
    return protocol.lateness(late, n, percent)


TASKS = {
    "py_pingpong": in_run(lambda n: pingpong(n, two_tasks)),
    "py_putget": in_run(putget),
    "py_select2": in_run(select2),
    "py_mutex_with": in_run(mutex_with),
    "py_pool_submit": in_run(pool_submit),
    "py_spsc": in_run(lambda n: spsc(n, two_tasks)),
    "py_spawn": in_run(spawn),
    "py_parked_100k": in_run(parked),
    "py_sleepers_10k_p50": in_run(lambda n: sleepers(n, 50)),
    "py_sleepers_10k_p99": in_run(lambda n: sleepers(n, 99)),
    "py_thread_to_asyncio": lambda n: into_asyncio(n, gort.go),
    "py_int64_buffers": in_run(lambda n: int64_buffers(n, two_tasks)),
}
THREADS = {
    "py_pingpong": lambda n: pingpong(n, protocol.two_threads),
    "py_putget": putget,
    "py_select2": select2,
    "py_mutex_with": mutex_with,
    "py_pool_submit": pool_submit,
    "py_spsc": lambda n: spsc(n, protocol.two_threads),
    "py_thread_to_asyncio": lambda n: into_asyncio(n, started_thread),
    "py_int64_buffers": lambda n: int64_buffers(n, protocol.two_threads),
}

if __name__ == "__main__":
    protocol.main(
        {
            "gort-python": protocol.Engine(TASKS, ("gort", "greenlet"), gort.workers),
            "gort-python-threads": protocol.Engine(THREADS, ("gort",)),
        }
    )
