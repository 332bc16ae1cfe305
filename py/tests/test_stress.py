"""Everything at once for a while (GORT_STRESS_SECONDS, default 3): closures, classes, cycles, parks inside sort keys, except and generators, the collector every millisecond, threads and asyncio mixed
in."""

import asyncio
import gc
import os
import threading
import time

import gort

SECONDS = float(os.environ.get("GORT_STRESS_SECONDS", "3"))


def fresh(n):
    """Code and objects that are made and forgotten all the time."""

    class Node:
        def __init__(self, value):
            self.value, self.me = value, self

        def twice(self):
            return (lambda v: v * 2)(self.value)

    exec_space = {}
    exec(f"def made(v):\n    return v + {n}", exec_space)
    return Node(n), exec_space["made"]


def task(a, b, n):
    node, made = fresh(n)
    total = 0
    try:
        raise KeyError(n)
    except KeyError as e:
        a.send(node.twice())
        total += b.recv()
        assert e.args == (n,)

    def key(v):
        gort.yield_now()
        return -v

    assert sorted([1, 3, 2], key=key) == [3, 2, 1]

    def generate():
        for i in range(3):
            gort.yield_now()
            yield made(i)

    assert list(generate()) == [n, n + 1, n + 2]
    return total


def round_of_tasks(k, rng):
    def main():
        a, b = gort.Channel(rng.choice([0, 1, 8])), gort.Channel(rng.choice([0, 1, 8]))

        def echo():
            for v in a:
                b.send(v)

        gort.go(echo)
        with gort.Group() as g:
            tasks = [g.go(task, a, b, n) for n in range(k)]
        a.close()
        assert sum(t.result() for t in tasks) == sum(2 * n for n in range(k))

    gort.run(main)


def test_everything_at_once(rng):
    stop = threading.Event()
    failures = []

    def collect():
        while not stop.wait(0.001):
            gc.collect(rng.choice([0, 0, 0, 1, 2]))

    def guarded(f):
        def body():
            try:
                while not stop.is_set():
                    f()
            except BaseException as e:
                failures.append(e)
                raise

        return threading.Thread(target=body)

    shared = gort.Channel(4)
    counts = {"sent": 0, "got": 0}

    def send_some():
        for _ in range(50):
            try:
                shared.send([counts], timeout=0.01)
                counts["sent"] += 1
            except gort.TimedOut:
                pass

    def receive_in_asyncio():
        async def main():
            async def one():
                for _ in range(20):
                    try:
                        await asyncio.wait_for(shared.recv_async(), 0.005)
                        counts["got"] += 1
                    except asyncio.TimeoutError:
                        pass

            await asyncio.gather(*[one() for _ in range(3)])

        asyncio.run(main())

    def tasks_in_the_background():
        def body(n):
            node, made = fresh(n)
            gort.sleep(0.0001)
            return made(node.value)

        assert [t.result() for t in [gort.go(body, n) for n in range(20)]] == [2 * n for n in range(20)]

    threads = [threading.Thread(target=collect)]
    threads += [guarded(f) for f in (send_some, receive_in_asyncio, tasks_in_the_background)]
    for t in threads:
        t.start()
    end = time.monotonic() + SECONDS
    rounds = 0
    try:
        while time.monotonic() < end and not failures:
            round_of_tasks(60, rng)
            rounds += 1
    finally:
        stop.set()
        for t in threads:
            t.join()
    while len(shared):
        shared.recv()
        counts["got"] += 1
    print(f"{rounds} rounds, {counts}")
    assert not failures and rounds > 0
    assert counts["sent"] == counts["got"]
