"""mutex_vs_atomic: the same total, under a lock and with an atomic.

For one number an atomic add is enough. As soon as two things must change together (a balance and its history), it takes the
lock: two atomic operations are two, and another task may see the state between them.
"""

import gort

TASKS, STEPS = 5, 1_000_000

lock, atomic = gort.Mutex(), gort.AtomicInt()
total = 0  # guarded by lock
left, right = 1000, 0  # so are these two, whose sum stays the same
wrong = gort.AtomicInt()


def under_lock() -> None:
    global total
    for _ in range(STEPS):
        with lock:
            total += 1


def with_atomic() -> None:
    for _ in range(STEPS):
        atomic.add(1)


def move_over() -> None:
    global left, right
    for _ in range(100):
        with lock:
            left -= 1
            gort.yield_now()  # a moment in which the sum is wrong; nobody sees it
            right += 1


def look() -> None:
    for _ in range(100):
        with lock:
            wrong.add(left + right != 1000)
        gort.yield_now()


def main() -> None:
    with gort.Group() as tasks:
        for _ in range(TASKS):
            tasks.go(under_lock)
    print(f"under a mutex: {total}")
    with gort.Group() as tasks:
        for _ in range(TASKS):
            tasks.go(with_atomic)
    print(f"with an atomic: {atomic.load()}")
    with gort.Group() as tasks:
        for _ in range(TASKS):
            tasks.go(move_over)
        tasks.go(look)
    print(f"two numbers that change together: {left} and {right}, seen wrong {wrong.load()} times")


gort.run(main)
