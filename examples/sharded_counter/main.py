"""sharded_counter: one number that many tasks add to: under one lock, in shards by hand, in a counter made for it.

Whoever adds to a number under a lock waits for the others, though nobody is interested in the number yet. So each adds to
a part of its own, and who wants to know adds up the parts. What that gains is a matter for a benchmark.
"""

import threading
from collections.abc import Callable

import gort

TASKS = 8
EACH = 10_000
SHARDS = 4


class Shard:
    def __init__(self) -> None:
        self.lock = threading.Lock()  # of threads: nothing in it makes the task wait
        self.n = 0

    def add(self) -> None:
        with self.lock:
            self.n += 1


def in_tasks(add: Callable[[int], Callable[[], None]]) -> None:
    """Each task calls what `add` gives it."""

    def work(task: int) -> None:
        add_one = add(task)
        for _ in range(EACH):
            add_one()

    with gort.Group() as group:
        for task in range(TASKS):
            group.go(work, task)


def main() -> None:
    one = Shard()
    in_tasks(lambda task: one.add)
    print(f"one lock: {one.n}")

    many = [Shard() for _ in range(SHARDS)]
    in_tasks(lambda task: many[task % SHARDS].add)
    print(f"{SHARDS} shards: {sum(shard.n for shard in many)}")

    counter = gort.Counter()
    in_tasks(lambda task: counter.inc)  # a shard for each thread, no lock
    print(f"counter: {counter.value()}")  # exact, since all were waited for

    before = counter.reset()
    counter.add(5)
    counter.add(-2)
    print(f"{before} until the reset, {counter.value()} since")


if __name__ == "__main__":
    gort.run(main)

# Go has no such counter; there it is shards by hand, or an atomic, which is one place for all.
