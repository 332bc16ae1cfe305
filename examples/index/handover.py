"""Times the hand-over ALONE, in C and in Python side by side: what does it cost to pass one item of the recorded stream on?

    python handover.py --library LIBHANDOVER_SO [--rounds N] [--seconds S] [--json FILE] RECORD

RECORD is what `index --record` wrote. One producer passes each item to one consumer, capacity 64. In C an item is {id, length}, 16 bytes by value
(handover.c: a channel on one worker and on two, and a ring under a pthread mutex). In Python it is a tuple (id, length), passed by reference:

  gort-python          a channel between two tasks of gort.run
  gort-python-threads  a channel between two threads
  queue.Queue          between two threads
  queue.SimpleQueue    between two threads; it has no bound
  asyncio.Queue        between two tasks of asyncio

All take turns in one process (A B C A B C ...), so that a busy machine hits all alike; the stream is repeated until a round takes about S seconds
(0.2). The consumer in Python keeps what arrives in a list; after the clock it must be the stream itself, in order. NOT compared: C with Python. An
object is not a struct, so each half has its own reference.
"""

from __future__ import annotations

import argparse
import array
import asyncio
import ctypes
import json
import queue
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gort

CAPACITY = 64
now = time.perf_counter_ns

Item = tuple[int, int]
Items = Sequence[Item]
Round = Callable[[int], float]  # repeats -> ns an item


class Wrong(Exception):
    """A round that failed, or whose items did not arrive as they were sent."""


def checked(ns: int, items: Items, repeats: int, got: list[Item]) -> float:
    if got != list(items) * repeats:
        raise Wrong("what arrived is not what was sent")
    return ns / len(got)


# ---- gort

def two_tasks(produce: Callable[[], None], consume: Callable[[], None]) -> int:
    start = now()
    tasks = [gort.go(produce), gort.go(consume)]
    for t in tasks:
        t.result()
    return now() - start


def two_threads(produce: Callable[[], None], consume: Callable[[], None]) -> int:
    threads = [threading.Thread(target=produce), threading.Thread(target=consume)]
    start = now()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return now() - start


def over_channel(items: Items, repeats: int, run: Callable[..., int]) -> float:
    ch = gort.Channel[Item](CAPACITY)
    got: list[Item] = []

    def produce() -> None:
        send = ch.send
        for _ in range(repeats):
            for item in items:
                send(item)
        ch.close()

    def consume() -> None:
        append = got.append
        for item in ch:
            append(item)

    return checked(run(produce, consume), items, repeats, got)


def in_tasks(items: Items, repeats: int) -> float:
    ns: float = gort.run(over_channel, items, repeats, two_tasks, workers=1)
    return ns


# ---- the peers

def over_queue(items: Items, repeats: int, q: Any) -> float:
    got: list[Item] = []

    def produce() -> None:
        put = q.put
        for _ in range(repeats):
            for item in items:
                put(item)

    def consume() -> None:
        get, append = q.get, got.append
        for _ in range(repeats * len(items)):
            append(get())

    return checked(two_threads(produce, consume), items, repeats, got)


async def over_asyncio(items: Items, repeats: int) -> float:
    q: asyncio.Queue[Item] = asyncio.Queue(CAPACITY)
    got: list[Item] = []

    async def produce() -> None:
        put = q.put
        for _ in range(repeats):
            for item in items:
                await put(item)

    async def consume() -> None:
        get, append = q.get, got.append
        for _ in range(repeats * len(items)):
            append(await get())

    start = now()
    tasks = [asyncio.create_task(produce()), asyncio.create_task(consume())]
    for t in tasks:
        await t
    return checked(now() - start, items, repeats, got)


# ---- rounds

@dataclass
class Engine:
    name: str
    group: str
    run: Round
    repeats: int = 1
    ns: list[float] = field(default_factory=list)

    def calibrate(self, items: int, seconds: float) -> None:
        """How often to repeat the stream for a round of so many seconds: doubled until a trial is long enough to judge by."""
        while (took := self.run(self.repeats) * items * self.repeats) < seconds * 1e8:
            self.repeats *= 2
        self.repeats = max(1, round(self.repeats * seconds * 1e9 / took))


def in_c(path: Path, lengths: array.array[int]) -> Callable[[str], Round]:
    lib = ctypes.CDLL(str(path))
    lib.handover_round.restype = ctypes.c_double
    lib.handover_round.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
    at, count = lengths.buffer_info()

    def engine(name: str) -> Round:
        def run(repeats: int) -> float:
            ns = float(lib.handover_round(name.encode(), at, count, repeats))
            if ns < 0:
                raise Wrong("see above")
            return ns

        return run

    return engine


def engines_of(library: Path, lengths: array.array[int]) -> list[Engine]:
    items = list(enumerate(lengths))
    c = in_c(library, lengths)
    return [
        *(Engine(name, "C", c(name)) for name in ("gort-c-w1", "gort-c-w2", "pthread-queue")),
        Engine("gort-python", "Python", lambda n: in_tasks(items, n)),
        Engine("gort-python-threads", "Python", lambda n: over_channel(items, n, two_threads)),
        Engine("queue.Queue", "Python", lambda n: over_queue(items, n, queue.Queue(CAPACITY))),
        Engine("queue.SimpleQueue", "Python", lambda n: over_queue(items, n, queue.SimpleQueue())),
        Engine("asyncio.Queue", "Python", lambda n: asyncio.run(over_asyncio(items, n))),
    ]


REFERENCE = {"C": "pthread-queue", "Python": "queue.Queue"}


def show(engines: list[Engine]) -> None:
    print(f"{'engine':<20} {'min':>9} {'median':>9}   of the group's reference: min, median")
    for e in engines:
        base = next(b for b in engines if b.name == REFERENCE[e.group])
        low, middle = min(e.ns) / min(base.ns), statistics.median(e.ns) / statistics.median(base.ns)
        print(f"{e.name:<20} {min(e.ns):>9.1f} {statistics.median(e.ns):>9.1f}   {low:.3f} {middle:.3f} of {base.name}")


def as_json(engines: list[Engine], items: int, rounds: int) -> dict[str, Any]:
    note = f"16 bytes an item in C, a tuple in Python, capacity {CAPACITY}, one producer, one consumer; {rounds} interleaved rounds; gort {gort.__version__}"
    rows = [
        {"workload": "handover_items", "engine": e.name, "group": e.group, "unit": "ns/item", "min": min(e.ns), "median": statistics.median(e.ns),
         "n": rounds, "checksum_ok": True}
        for e in engines
    ]
    return {"title": f"Handing {items:,} recorded items over", "note": note, "rows": rows}


def main() -> None:
    p = argparse.ArgumentParser(prog="handover.py", allow_abbrev=False)
    p.add_argument("--library", type=Path, required=True, help="libhandover.so, as build.sh made it")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--seconds", type=float, default=0.2)
    p.add_argument("--json", type=Path)
    p.add_argument("record", type=Path)
    o = p.parse_args()
    if o.rounds < 1 or not 0 < o.seconds <= 10:
        p.error("--rounds from 1 on, --seconds up to 10")
    lengths = array.array("I", o.record.read_bytes())
    if sys.byteorder != "little":
        lengths.byteswap()
    if not lengths:
        sys.exit(f"handover.py: {o.record}: holds no item")
    engines = engines_of(o.library.resolve(), lengths)
    try:
        for e in engines:
            e.calibrate(len(lengths), o.seconds)
        for r in range(o.rounds):
            for e in engines:
                if sys.stderr.isatty():
                    print(f"\r\033[Kround {r + 1} of {o.rounds}: {e.name}", end="", file=sys.stderr, flush=True)
                e.ns.append(e.run(e.repeats))
    except Wrong as error:
        sys.exit(f"handover.py: {e.name}: {error}")
    finally:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    print(f"hand-over of {len(lengths):,} recorded items, repeated; {o.rounds} interleaved rounds; ns an item\n")
    show(engines)
    if o.json:
        o.json.write_text(json.dumps(as_json(engines, len(lengths), o.rounds), indent=1) + "\n")


if __name__ == "__main__":
    main()
