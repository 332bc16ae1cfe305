"""Queues with a face for threads and one for asyncio: `janus` and `culsans`. From a thread into a coroutine they are what a program would use; between
two threads, and on one thread, their synchronous face is measured. Their rows of coroutines alone would be about their asyncio face: left out."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable

import culsans
import janus
import protocol
from protocol import CAPACITY, Engine, Result, now

Make = Callable[[int], Any]


async def from_thread(n: int, make: Make) -> Result:
    q = make(CAPACITY)
    got: list[int] = []

    def produce() -> None:
        put = q.sync_q.put
        for i in range(n):
            put(i)

    get, append = q.async_q.get, got.append
    sender = threading.Thread(target=produce)
    start = now()
    sender.start()
    for _ in range(n):
        append(await get())
    ns = now() - start
    sender.join()
    await q.aclose()
    return protocol.stream(ns, got, n)


async def putget(n: int, make: Make) -> Result:
    q, s = make(1), 0
    put, get = q.sync_q.put, q.sync_q.get
    start = now()
    for i in range(n):
        put(i)
        s += get()
    ns = now() - start
    await q.aclose()
    return Result(ns, s)


async def spsc(n: int, make: Make) -> Result:
    q = make(CAPACITY)
    got: list[int] = []

    def produce() -> None:
        put = q.sync_q.put
        for i in range(n):
            put(i)

    def consume() -> None:
        get, append = q.sync_q.get, got.append
        for _ in range(n):
            append(get())

    loop = asyncio.get_running_loop()
    ns = await loop.run_in_executor(None, protocol.two_threads, produce, consume)
    await q.aclose()
    return protocol.stream(ns, got, n)


def engine(package: str, make: Make) -> Engine:
    mains = {"py_putget": putget, "py_spsc": spsc, "py_thread_to_asyncio": from_thread}
    return Engine({name: lambda n, m=m: asyncio.run(m(n, make)) for name, m in mains.items()}, (package,))


if __name__ == "__main__":
    protocol.main({"janus": engine("janus", janus.Queue), "culsans": engine("culsans", culsans.Queue)})
