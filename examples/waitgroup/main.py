"""waitgroup: wait until a number of tasks have finished.

A WaitGroup is a counter. `add(n)` says how many ends to expect, `done()` counts one, `wait()` sleeps until it is zero.
`wg.go()` does add, start and done in one call and is the way to prefer: nothing can be forgotten.
"""

from collections.abc import Callable

import gort


def work(number: int) -> None:
    print(f"Worker {number} started")
    gort.sleep(0.005)  # parks the task, not the thread
    print(f"Worker {number} finished")


def by_hand(number: int, wg: gort.WaitGroup) -> None:
    try:
        work(number)
    finally:
        wg.done()  # however it ended


def status(call: Callable[[], None]) -> str:
    try:
        call()
    except gort.WouldBlock:
        return "GORT_WOULD_BLOCK"
    except gort.Misuse:
        return "GORT_MISUSE"
    return "GORT_OK"


def main() -> None:
    wg = gort.WaitGroup()

    # 1. By hand. add() comes before the task starts: added inside the task, wait() might look too early.
    for number in range(1, 4):
        wg.add()
        gort.go(by_hand, number, wg)
    wg.wait()
    print("all three by hand have finished")

    # 2. The short way; the same WaitGroup can be used again.
    for number in range(4, 6):
        wg.go(work, number)
    wg.wait()
    print("both by go have finished")

    # 3. Asking without waiting.
    wg.add()
    print(f"try_wait at one: {status(wg.try_wait)}")
    wg.done()
    print(f"try_wait at zero: {status(wg.try_wait)}")

    # 4. One done() too many is refused, and the counter stays what it was.
    print(f"done below zero: {status(wg.done)}")
    print(f"wait after that: {status(wg.wait)}")


if __name__ == "__main__":
    gort.run(main)

# Go differs: a counter below zero panics there; here it is an exception. And Go's WaitGroup can be copied by mistake
# (passed by value, the copy counts alone); in Python a name is never a copy. `gort.Group` is the Python way to the same
# end: a `with` block that waits for its tasks and raises what they raised.
