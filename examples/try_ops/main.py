"""try_ops: send or receive only if it goes at once.

`try_send` and `try_recv` never wait. `WouldBlock` is not a failure but an answer: not now. It is the truth about one
instant, so the next try may go well. What to do instead is up to the caller: drop, count, do other work.
"""

from collections.abc import Callable
from typing import TypeVar

import gort

T = TypeVar("T")


def show(what: str, attempt: Callable[[], T]) -> T | None:
    try:
        v = attempt()
    except gort.WouldBlock:
        print(f"{what}: GORT_WOULD_BLOCK")
    except gort.Closed:
        print(f"{what}: GORT_CLOSED")
    else:
        print(f"{what}: GORT_OK")
        return v
    return None


def main() -> None:
    # A buffer of one. What could not be sent is still the caller's.
    ch = gort.Channel[int](1)
    show("receive from an empty buffer", ch.try_recv)
    show("send into a free buffer", lambda: ch.try_send(1))
    show("send into a full buffer", lambda: ch.try_send(2))
    v = show("receive from a full buffer", ch.try_recv)
    print(f"received {v}")

    # Unbuffered: a try goes ahead only if the other side is already waiting.
    meet = gort.Channel[int]()
    show("send and nobody waits", lambda: meet.try_send(3))
    other = gort.go(lambda: print(f"the waiting receiver got {meet.recv()}"))
    while True:
        try:
            meet.try_send(4)
            break
        except gort.WouldBlock:
            gort.yield_now()  # until the receiver is there
    other.join()

    # Closed: a try says so, it does not say "would block". A buffered value still comes first.
    ch.send(5)
    ch.close()
    show("receive the last value", ch.try_recv)
    show("receive after close", ch.try_recv)
    show("send after close", lambda: ch.try_send(6))


if __name__ == "__main__":
    gort.run(main)

# Go writes this as a select with one case and a default. A send on a closed channel panics there, also with default.
