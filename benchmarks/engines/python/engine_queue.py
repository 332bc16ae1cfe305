"""The standard library's queues between threads: `queue.Queue` (bounded, in Python, on a condition) and `queue.SimpleQueue` (in C, without bound).

A thread is a program's dearest task, so there is no py_spawn and no py_parked_100k here. A queue has no rendezvous: py_pingpong has a queue of one
place in each direction, which is no harder. `threading.Lock` and `concurrent.futures.ThreadPoolExecutor` by themselves are here too.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

import protocol
from protocol import BLOCK, BLOCKS, CAPACITY, Engine, Result, now

Make = Callable[[int], Any]


def pingpong(n: int, make: Make) -> Result:
    there, back, total = make(1), make(1), 0

    def ask() -> None:
        nonlocal total
        put, get, s = there.put, back.get, 0
        for i in range(n):
            put(i)
            s += get()
        total = s

    def answer() -> None:
        put, get = back.put, there.get
        for _ in range(n):
            put(get() + 1)

    ns = protocol.two_threads(ask, answer)
    return Result(ns, total)


def putget(n: int, make: Make) -> Result:
    q, s = make(1), 0
    put, get = q.put, q.get
    start = now()
    for i in range(n):
        put(i)
        s += get()
    return Result(now() - start, s)


def spsc(n: int, make: Make) -> Result:
    q = make(CAPACITY)
    got: list[int] = []

    def produce() -> None:
        put = q.put
        for i in range(n):
            put(i)

    def consume() -> None:
        get, append = q.get, got.append
        for _ in range(n):
            append(get())

    return protocol.stream(protocol.two_threads(produce, consume), got, n)


def int64_buffers(n: int, make: Make) -> Result:
    """A block is copied when it is put, so that the producer may use its buffer again, and into the consumer's own: as a channel of a C kind does."""
    q = make(BLOCKS)
    source, sink = protocol.int64_source(n), protocol.int64_sink(n)

    def produce() -> None:
        put = q.put
        for i in range(0, n, BLOCK):
            put(source[i : i + BLOCK])

    def consume() -> None:
        view, get, i = memoryview(sink), q.get, 0
        while i < n:
            block = get()
            view[i : i + len(block)] = block
            i += len(block)

    ns = protocol.two_threads(produce, consume)
    return protocol.int64_result(ns, sink, source)


def engine(make: Make) -> Engine:
    return Engine(
        {
            "py_pingpong": lambda n: pingpong(n, make),
            "py_putget": lambda n: putget(n, make),
            "py_spsc": lambda n: spsc(n, make),
            "py_int64_buffers": lambda n: int64_buffers(n, make),
        }
    )


LOCK = Engine({"py_mutex_with": lambda n: protocol.with_lock(n, threading.Lock())})


def pool_submit(n: int) -> Result:
    with ThreadPoolExecutor(protocol.WORKERS) as pool:
        return protocol.pool_jobs(n, pool)


POOL = Engine({"py_pool_submit": pool_submit})


if __name__ == "__main__":
    protocol.main(
        {
            "queue.Queue": engine(queue.Queue),
            "queue.SimpleQueue": engine(lambda _capacity: queue.SimpleQueue()),
            "threading.Lock": LOCK,
            "ThreadPoolExecutor": POOL,
        }
    )
