"""What the engines in Python share: the command line, the clock, the result line. The same protocol as ../common/bench.h:

    prog ENGINE WORKLOAD --workers N --n N [--warmup N]     one line of JSON
    prog ENGINE --version                                   {"engine", "version"}
    prog ENGINE --list                                      the names of its workloads, one a line

It is NOT a measuring harness: no statistics, no judgement. benchmarks/run.py does that, the same for all engines.

Invariants
  PB1  checksum comes from the values that arrived. Streams are kept in a list and summed up, and their order is checked, after the clock has
       stopped: `append(get())` is all that a consumer does, in every engine.
  PB2  An engine makes the blocking (or awaited) calls that its users write, in the form that was quickest among those; a `_nowait` or `try_` form
       is used only where the library has no other for the purpose. Bound methods are looked up before the loop, in every engine.
  PB3  Warm-up and measured pass are two calls of one function in one process; each makes its own queues, tasks and loop.
  PB4  The garbage collector is left as Python sets it: its price for what an engine allocates belongs to the engine.
"""

from __future__ import annotations

import argparse
import array
import gc
import json
import os
import platform
import sys
import threading
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from random import Random
from typing import Any, Callable

CAPACITY = 1024  # of a stream
BATCH = 1000  # tasks that are alive at a time in py_spawn
BLOCK = 4096  # int64 in a block of py_int64_buffers
JOBS = 100  # jobs of py_pool_submit that are under way at a time
WORKERS = 4  # of its pool
SLEEPERS = 10_000  # of py_sleepers_10k_*, which share the n sleeps
BLOCKS = 4  # blocks that such a channel or queue holds

now = time.perf_counter_ns  # CLOCK_MONOTONIC


@dataclass
class Result:
    ns: int
    checksum: int
    errors: int = 0
    bytes: int = -1


@dataclass(frozen=True)
class Engine:
    workloads: dict[str, Callable[[int], Result]]
    packages: tuple[str, ...] = ()  # what to name in the version, besides Python
    workers: Callable[[], int] | None = None  # what the runtime says it has; None: threads and loops have what was asked for


def stream(ns: int, got: list[int], n: int) -> Result:
    """Of a stream of 0 .. n-1 that arrived as `got`."""
    return Result(ns, sum(got), 0 if got == list(range(n)) else 1)


def resident() -> int:
    """Resident bytes of this process."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def collected() -> int:
    gc.collect()
    return resident()


def with_lock(n: int, lock: Any) -> Result:
    """Nobody else wants it."""
    s = 0
    start = now()
    for i in range(n):
        with lock:
            s += i
    return Result(now() - start, s)


def pool_jobs(n: int, pool: Any) -> Result:
    """Jobs to a pool, JOBS at a time, and their results."""
    submit, s = pool.submit, 0
    start = now()
    for first in range(0, n, JOBS):
        for job in [submit(itself, i) for i in range(first, min(first + JOBS, n))]:
            s += job.result()
    return Result(now() - start, s)


def itself(i: int) -> int:
    return i


def two_threads(first: Callable[[], None], second: Callable[[], None]) -> int:
    """Runs both, each in a thread; nanoseconds from the first start to the last end."""
    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    start = now()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return now() - start


def naps(n: int) -> list[list[int]]:
    """What each sleeper sleeps, ns: random times of 100 to 1000 ms, n in all. Sleeper i has the sleeps i, i + SLEEPERS, ...

    They end some 18,000 a second, which leaves each engine idle half of the time or more: with shorter ones it is asyncio's backlog that would be measured."""
    random = Random(1)
    return [[random.randrange(100_000_000, 1_000_000_000) for _ in range(i, n, SLEEPERS)] for i in range(min(n, SLEEPERS))]


def lateness(late: list[list[int]], n: int, percent: int) -> Result:
    """`late` is what each sleeper found, ns a sleep. So many of 100 sleeps were so late at most. One that was early is an error."""
    every = sorted(ns for one in late for ns in one)
    ids = sum(first + i * SLEEPERS for first, one in enumerate(late) for i in range(len(one)))
    return Result(every[(len(every) - 1) * percent // 100], ids, (len(every) != n) + sum(ns < 0 for ns in every))


def int64_source(n: int) -> array.array:
    return array.array("q", range(n))


def int64_sink(n: int) -> array.array:
    """Room that is resident already: no page fault is measured."""
    return array.array("q", bytes(8)) * n


def int64_result(ns: int, sink: array.array, source: array.array) -> Result:
    return Result(ns, sum(sink), 0 if sink == source else 1)


def pins() -> dict[str, str]:
    """Package and version, of every peer."""
    lines = (Path(__file__).resolve().parents[2] / "requirements-peers.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def version_of(packages: tuple[str, ...]) -> str:
    """What is measured; a peer that is not the pinned one is refused."""
    for p in packages:
        if (want := pins().get(p)) is not None and metadata.version(p) != want:
            sys.exit(f"Error: {p} is {metadata.version(p)} here, and the pinned version is {want}")
    names = [f"{p} {metadata.version(p)}" for p in packages]
    return ", ".join([*names, f"CPython {platform.python_version()}"])


def main(engines: dict[str, Engine]) -> None:
    p = argparse.ArgumentParser(allow_abbrev=False)
    p.add_argument("engine", choices=engines)
    p.add_argument("workload", nargs="?")
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--n", type=int, default=0)
    p.add_argument("--warmup", type=int, default=0)
    p.add_argument("--version", action="store_true")
    p.add_argument("--list", action="store_true")
    a = p.parse_args()
    engine = engines[a.engine]
    if a.list:
        print(*engine.workloads, sep="\n")
        return
    if a.version:
        print(json.dumps({"engine": a.engine, "version": version_of(engine.packages)}))
        return
    if a.workload not in engine.workloads:
        sys.exit(f"this engine has no workload: {a.workload}")
    if a.n < 1:
        sys.exit("needed: --n")
    run = engine.workloads[a.workload]
    if a.warmup > 0 and run(a.warmup).errors:
        sys.exit(f"errors in the warm-up of: {a.workload}")
    r = run(a.n)
    workers = engine.workers() if engine.workers else a.workers
    said = {"workload": a.workload, "workers": workers, "n": a.n, "ns_total": r.ns, "bytes_total": r.bytes}
    print(json.dumps({**said, "checksum": r.checksum % 2**64, "errors": r.errors}))
