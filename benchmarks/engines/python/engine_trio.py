"""trio: nurseries and memory channels. Every await of trio goes once through its scheduler, by design; the rows show what that costs."""

from __future__ import annotations

from typing import Any, Awaitable, Callable

import protocol
import trio
from protocol import BATCH, CAPACITY, Engine, Result, now


async def both(first: Callable[[], Awaitable[None]], second: Callable[[], Awaitable[None]]) -> int:
    start = now()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        nursery.start_soon(second)
    return now() - start


async def pingpong(n: int) -> Result:
    to, there = trio.open_memory_channel[int](0)
    fro, back = trio.open_memory_channel[int](0)
    total = 0

    async def ask() -> None:
        nonlocal total
        send, receive, s = to.send, back.receive, 0
        for i in range(n):
            await send(i)
            s += await receive()
        total = s

    async def answer() -> None:
        send, receive = fro.send, there.receive
        for _ in range(n):
            await send(await receive() + 1)

    ns = await both(ask, answer)
    return Result(ns, total)


async def putget(n: int) -> Result:
    sender, receiver = trio.open_memory_channel[int](1)
    send, receive, s = sender.send, receiver.receive, 0
    start = now()
    for i in range(n):
        await send(i)
        s += await receive()
    return Result(now() - start, s)


async def select2(n: int) -> Result:
    """A nursery a select: the first task that receives cancels the other. (With both ready both may receive; here only one is.)"""
    (to_a, a), (to_b, b) = trio.open_memory_channel[int](1), trio.open_memory_channel[int](1)
    s = 0

    async def one(receiver: Any, scope: trio.CancelScope) -> None:
        nonlocal s
        s += await receiver.receive()
        scope.cancel()

    start = now()
    for i in range(n):
        await (to_b if i & 1 else to_a).send(i)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one, a, nursery.cancel_scope)
            nursery.start_soon(one, b, nursery.cancel_scope)
    return Result(now() - start, s)


async def spsc(n: int) -> Result:
    sender, receiver = trio.open_memory_channel[int](CAPACITY)
    got: list[int] = []

    async def produce() -> None:
        send = sender.send
        for i in range(n):
            await send(i)
        await sender.aclose()

    async def consume() -> None:
        append = got.append
        async for v in receiver:
            append(v)

    return protocol.stream(await both(produce, consume), got, n)


async def spawn(n: int) -> Result:
    got: list[int] = []

    async def itself(i: int) -> None:
        got.append(i)  # a task of trio has no result

    start = now()
    for first in range(0, n, BATCH):
        async with trio.open_nursery() as nursery:
            for i in range(first, min(first + BATCH, n)):
                nursery.start_soon(itself, i)
    return Result(now() - start, sum(got))


async def parked(n: int) -> Result:
    sender, receiver = trio.open_memory_channel[int](0)
    total = asleep = 0

    async def sleeper() -> None:
        nonlocal total, asleep
        asleep += 1
        v = await receiver.receive()
        total += v

    before = protocol.collected()
    async with trio.open_nursery() as nursery:
        for _ in range(n):
            nursery.start_soon(sleeper)
        while asleep < n:
            await trio.sleep(0.001)
        grown = protocol.resident() - before
        for i in range(n):
            await sender.send(i)
    return Result(0, total, 0, grown)


def run(main: Callable[[int], Any]) -> Callable[[int], Result]:
    return lambda n: trio.run(main, n)


MAINS = {"py_pingpong": pingpong, "py_putget": putget, "py_select2": select2, "py_spsc": spsc, "py_spawn": spawn, "py_parked_100k": parked}

if __name__ == "__main__":
    protocol.main({"trio": Engine({name: run(m) for name, m in MAINS.items()}, ("trio",))})
