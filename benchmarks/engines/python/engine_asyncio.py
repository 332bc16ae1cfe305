"""asyncio's queues and tasks, on its own loop (`asyncio`) and on libuv's (`uvloop`). The queue is the same class in both.

Tasks are awaited one after the other: when the first is done the others are, and that was quicker than gather(). There is no rendezvous: py_pingpong
has a queue of one place in each direction. From a thread, `call_soon_threadsafe(queue.put_nowait, v)` is the only way in; it has no bound.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable, Coroutine

import protocol
from protocol import BATCH, BLOCK, BLOCKS, CAPACITY, Engine, Result, now

Main = Callable[[int], Coroutine[Any, Any, Result]]


async def both(first: Coroutine, second: Coroutine) -> int:
    start = now()
    tasks = [asyncio.create_task(first), asyncio.create_task(second)]
    for t in tasks:
        await t
    return now() - start


async def pingpong(n: int) -> Result:
    there: asyncio.Queue[int] = asyncio.Queue(1)
    back: asyncio.Queue[int] = asyncio.Queue(1)
    total = 0

    async def ask() -> None:
        nonlocal total
        put, get, s = there.put, back.get, 0
        for i in range(n):
            await put(i)
            s += await get()
        total = s

    async def answer() -> None:
        put, get = back.put, there.get
        for _ in range(n):
            await put(await get() + 1)

    ns = await both(ask(), answer())
    return Result(ns, total)


async def putget(n: int) -> Result:
    q: asyncio.Queue[int] = asyncio.Queue(1)
    put, get, s = q.put, q.get, 0
    start = now()
    for i in range(n):
        await put(i)
        s += await get()
    return Result(now() - start, s)


async def select2(n: int) -> Result:
    """The queues have no select: a task a queue, and the one that got nothing is cancelled. (An item that reaches it in that moment stays in its queue, so it need not be awaited; to
    await it took a tenth longer, with gather() half as long again.) A task that is kept for the next round would be quicker and no select: it takes items while nobody asks for one."""
    a: asyncio.Queue[int] = asyncio.Queue(1)
    b: asyncio.Queue[int] = asyncio.Queue(1)
    create_task, wait, first, s = asyncio.create_task, asyncio.wait, asyncio.FIRST_COMPLETED, 0
    start = now()
    for i in range(n):
        await (b if i & 1 else a).put(i)
        done, pending = await wait((create_task(a.get()), create_task(b.get())), return_when=first)
        for t in pending:
            t.cancel()
        for t in done:
            s += t.result()
    return Result(now() - start, s)


async def spsc(n: int) -> Result:
    q: asyncio.Queue[int] = asyncio.Queue(CAPACITY)
    got: list[int] = []

    async def produce() -> None:
        put = q.put
        for i in range(n):
            await put(i)

    async def consume() -> None:
        get, append = q.get, got.append
        for _ in range(n):
            append(await get())

    return protocol.stream(await both(produce(), consume()), got, n)


async def int64_buffers(n: int) -> Result:
    """See engine_queue.py: a copy in, a copy out."""
    q: asyncio.Queue[Any] = asyncio.Queue(BLOCKS)
    source, sink = protocol.int64_source(n), protocol.int64_sink(n)

    async def produce() -> None:
        for i in range(0, n, BLOCK):
            await q.put(source[i : i + BLOCK])

    async def consume() -> None:
        view, i = memoryview(sink), 0
        while i < n:
            block = await q.get()
            view[i : i + len(block)] = block
            i += len(block)

    ns = await both(produce(), consume())
    return protocol.int64_result(ns, sink, source)


async def itself(i: int) -> int:
    return i


async def spawn(n: int) -> Result:
    create_task, s = asyncio.create_task, 0
    start = now()
    for first in range(0, n, BATCH):
        tasks = [create_task(itself(i)) for i in range(first, min(first + BATCH, n))]
        for t in tasks:
            s += await t
    return Result(now() - start, s)


async def parked(n: int) -> Result:
    q: asyncio.Queue[int] = asyncio.Queue()
    total = asleep = 0

    async def sleeper() -> None:
        nonlocal total, asleep
        asleep += 1
        v = await q.get()
        total += v

    before = protocol.collected()
    tasks = [asyncio.create_task(sleeper()) for _ in range(n)]
    while asleep < n:
        await asyncio.sleep(0.001)
    grown = protocol.resident() - before
    for i in range(n):
        await q.put(i)
    for t in tasks:
        await t
    return Result(0, total, 0, grown)


async def sleepers(n: int, percent: int) -> Result:
    async def sleeper(naps: list[int]) -> list[int]:
        sleep, late = asyncio.sleep, []
        for ns in naps:
            due = now() + ns
            await sleep(ns / 1e9)
            late.append(now() - due)
        return late

    tasks = [asyncio.create_task(sleeper(naps)) for naps in protocol.naps(n)]
    late = [await t for t in tasks]
    return protocol.lateness(late, n, percent)


async def from_thread(n: int) -> Result:
    q: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    got: list[int] = []

    def produce() -> None:
        soon, put = loop.call_soon_threadsafe, q.put_nowait
        for i in range(n):
            soon(put, i)

    get, append = q.get, got.append
    sender = threading.Thread(target=produce)
    start = now()
    sender.start()
    for _ in range(n):
        append(await get())
    ns = now() - start
    sender.join()
    return protocol.stream(ns, got, n)


MAINS: dict[str, Main] = {
    "py_pingpong": pingpong,
    "py_putget": putget,
    "py_select2": select2,
    "py_spsc": spsc,
    "py_spawn": spawn,
    "py_parked_100k": parked,
    "py_sleepers_10k_p50": lambda n: sleepers(n, 50),
    "py_sleepers_10k_p99": lambda n: sleepers(n, 99),
    "py_thread_to_asyncio": from_thread,
    "py_int64_buffers": int64_buffers,
}
# Nothing in them is the loop's, so uvloop's rows would be asyncio's; and it sleeps whole milliseconds only.
NO_UVLOOP = ("py_putget", "py_int64_buffers", "py_sleepers_10k_p50", "py_sleepers_10k_p99")


def on_asyncio(main: Main) -> Callable[[int], Result]:
    return lambda n: asyncio.run(main(n))


def on_uvloop(main: Main) -> Callable[[int], Result]:
    def run(n: int) -> Result:
        import uvloop

        return uvloop.run(main(n))

    return run


if __name__ == "__main__":
    protocol.main(
        {
            "asyncio": Engine({name: on_asyncio(m) for name, m in MAINS.items()}),
            "uvloop": Engine({name: on_uvloop(m) for name, m in MAINS.items() if name not in NO_UVLOOP}, ("uvloop",)),
        }
    )
