"""mutex_counter: one at a time.

Five tasks count together. Reading, adding and writing are three steps: a task that is interrupted between the read and the
write would undo what others did meanwhile. Inside `with lock:` there is one task only, so no step is lost.

A task that has to wait for it parks; its thread goes on with other tasks. Threads wait for it as well, and asyncio by
`async with`.
"""

import copy
from collections.abc import Callable

import gort

TASKS, STEPS = 5, 1000

lock = gort.Mutex()
counter = 0  # guarded by lock


def count() -> None:
    global counter
    for i in range(STEPS):
        with lock:
            seen = counter
            if i % 100 == 0:
                gort.yield_now()  # another task runs here, and finds it locked
            counter = seen + 1


def status(call: Callable[[], object]) -> str:
    try:
        return "GORT_OK" if call() is not False else "GORT_WOULD_BLOCK"
    except gort.TimedOut:
        return "GORT_TIMED_OUT"
    except gort.Misuse:
        return "GORT_MISUSE"


def take_one(fail: bool) -> int:
    """`with` unlocks however its block is left."""
    global counter
    with lock:
        if fail:
            raise ValueError
        counter -= 1
        return counter


def main() -> None:
    # 1. The right result.
    with gort.Group() as group:
        for _ in range(TASKS):
            group.go(count)
    print(f"five tasks, a thousand steps each: {counter}")

    # 2. Locked here, unlocked in another task: there is no owner.
    lock.lock()
    gort.go(lock.unlock)
    lock.lock()  # waits for that task
    print("another task unlocked it, main has it again")

    # 3. Only if it is free; only for a while.
    print(f"try_lock while it is locked: {status(lock.try_lock)}")
    print(f"lock within five milliseconds: {status(lambda: lock.lock(timeout=0.005))}")
    lock.unlock()
    print(f"try_lock when it is free: {status(lock.try_lock)}")
    lock.unlock()

    # 4. Misuse is an exception, and changes nothing.
    print(f"unlock of an unlocked one: {status(lock.unlock)}")

    # 5. The body fails, and it is unlocked all the same.
    try:
        take_one(fail=True)
    except ValueError:
        pass
    assert not lock.locked()
    print("the body failed, and the lock is free")

    # 6. There are no copies.
    try:
        copy.copy(lock)
    except TypeError:
        print("a copy is a mistake")


if __name__ == "__main__":
    gort.run(main)

# Go differs: unlock of an unlocked mutex ends the process there, and cannot be recovered from. There is no lock with a
# deadline, and a mutex can be copied by mistake. GORT_DEBUG_LOCKS=1 reports locks that are taken in different orders, and
# one that a task locks twice.
