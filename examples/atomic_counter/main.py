"""atomic_counter: a number that several tasks change without a lock.

An atomic operation cannot be seen half done: two tasks that add at the same instant both count, on builds without the
interpreter lock too. Python's own `n += 1` is three steps.
"""

import gort

TASKS, STEPS = 5, 10_000

counter, largest, free_seat = gort.AtomicInt(), gort.AtomicInt(), gort.AtomicInt(1)


def count() -> None:
    for _ in range(STEPS):
        counter.add(1)


def raise_to(value: int) -> None:
    """What there is no operation for is done by a loop: read, work it out, and write only if nobody else has written."""
    while (seen := largest.load()) < value:
        if largest.compare_and_swap(seen, value):
            return


def raise_from(first: int) -> None:
    for i in range(STEPS):
        raise_to(first + i * TASKS)


def yes(done: bool) -> str:
    return "yes" if done else "no"


def main() -> None:
    # 1. add gives the new value; load and store are whole.
    with gort.Group() as tasks:
        for _ in range(TASKS):
            tasks.go(count)
    print(f"five tasks, ten thousand steps each: {counter.load()}")
    print(f"three less: {counter.add(-3)}")
    counter.store(7)

    # 2. swap gives the old value.
    old = counter.swap(8)
    print(f"swap: {old}, now {counter.load()}")

    # 3. compare and swap: only if it is still what it was.
    print(f"8 to 9: {yes(counter.compare_and_swap(8, 9))}, 8 to 10: {yes(counter.compare_and_swap(8, 10))}")

    # 4. One seat, five who want it: one gets it.
    with gort.Group() as tasks:
        seats = [tasks.go(free_seat.compare_and_swap, 1, 0) for _ in range(TASKS)]
    print(f"one seat, five who want it: {sum(t.result() for t in seats)} got it")

    # 5. The loop.
    with gort.Group() as tasks:
        for first in range(TASKS):
            tasks.go(raise_from, first)
    print(f"the largest of fifty thousand: {largest.load()}")


gort.run(main)

# Go differs in nothing: Add gives the new value there, Swap, And and Or the old one.
