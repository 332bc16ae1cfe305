"""gevent: greenlets on its hub, without monkey-patching. `gevent.queue.Channel` is a true rendezvous, `gevent.queue.Queue` the bounded queue."""

from __future__ import annotations

import gevent
import gevent.queue
import protocol
from protocol import BATCH, CAPACITY, Engine, Result, now


def both(first, second) -> int:
    start = now()
    tasks = [gevent.spawn(first), gevent.spawn(second)]
    for t in tasks:
        t.get()
    return now() - start


def pingpong(n: int) -> Result:
    there, back, total = gevent.queue.Channel(), gevent.queue.Channel(), 0

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

    ns = both(ask, answer)
    return Result(ns, total)


def putget(n: int) -> Result:
    q, s = gevent.queue.Queue(1), 0
    put, get = q.put, q.get
    start = now()
    for i in range(n):
        put(i)
        s += get()
    return Result(now() - start, s)


def select2(n: int) -> Result:
    """Queues have no select: a greenlet a queue, and the one that got nothing is killed."""
    a, b, s = gevent.queue.Queue(1), gevent.queue.Queue(1), 0
    go, wait = gevent.spawn, gevent.wait
    start = now()
    for i in range(n):
        (b if i & 1 else a).put(i)
        both = go(a.get), go(b.get)
        [got] = wait(both, count=1)
        for g in both:
            if g is not got:
                g.kill()
        s += got.value
    return Result(now() - start, s)


def spsc(n: int) -> Result:
    q, got = gevent.queue.Queue(CAPACITY), []

    def produce() -> None:
        put = q.put
        for i in range(n):
            put(i)

    def consume() -> None:
        get, append = q.get, got.append
        for _ in range(n):
            append(get())

    return protocol.stream(both(produce, consume), got, n)


def itself(i: int) -> int:
    return i


def spawn(n: int) -> Result:
    go, s = gevent.spawn, 0
    start = now()
    for first in range(0, n, BATCH):
        tasks = [go(itself, i) for i in range(first, min(first + BATCH, n))]
        for t in tasks:
            s += t.get()
    return Result(now() - start, s)


def parked(n: int) -> Result:
    q = gevent.queue.Channel()  # a Queue wakes its getters in quadratic time: a minute and a half for 100,000
    total = asleep = 0

    def sleeper() -> None:
        nonlocal total, asleep
        asleep += 1
        v = q.get()
        total += v

    before = protocol.collected()
    tasks = [gevent.spawn(sleeper) for _ in range(n)]
    while asleep < n:
        gevent.sleep(0.001)
    grown = protocol.resident() - before
    for i in range(n):
        q.put(i)
    for t in tasks:
        t.get()
    return Result(0, total, 0, grown)


def sleepers(n: int, percent: int) -> Result:
    def sleeper(naps: list[int]) -> list[int]:
        sleep, late = gevent.sleep, []
        for ns in naps:
            due = now() + ns
            sleep(ns / 1e9)
            late.append(now() - due)
        return late

    tasks = [gevent.spawn(sleeper, naps) for naps in protocol.naps(n)]
    late = [t.get() for t in tasks]
    return protocol.lateness(late, n, percent)


WORKLOADS = {
    "py_pingpong": pingpong,
    "py_putget": putget,
    "py_select2": select2,
    "py_spsc": spsc,
    "py_spawn": spawn,
    "py_parked_100k": parked,
    "py_sleepers_10k_p50": lambda n: sleepers(n, 50),
    "py_sleepers_10k_p99": lambda n: sleepers(n, 99),
}

if __name__ == "__main__":
    protocol.main({"gevent": Engine(WORKLOADS, ("gevent", "greenlet"))})
