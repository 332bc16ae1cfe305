"""idle_timeout: a loop that ends when nothing has come for a while.

1. One timer for the whole loop, set anew with each event.
2. The same as a ready-made piece: `idle`, which is touched and calls back.
"""

import gort

MS = 0.001


def five(out: gort.Sender[int]) -> None:
    """Five events, and then silence: the channel stays open."""
    for n in range(1, 6):
        gort.sleep(MS)
        out.send(n)


def source() -> gort.Receiver[int]:
    ch = gort.Channel[int]()
    gort.go(five, ch.sender)
    return ch.receiver


def by_hand() -> None:
    events, idle = source(), gort.Timer(100 * MS)
    seen = 0
    while True:
        match gort.select(gort.recv(events), gort.recv(idle)):
            case (0, _):
                seen += 1
                idle.reset(100 * MS)
            case (1, _):
                break
    print(f"by hand: {seen} events, then idle")


def with_the_piece() -> None:
    events, told = source(), gort.Channel[None](1)
    idle = gort.idle(100 * MS, lambda: told.send(None))
    seen = 0
    while True:
        match gort.select(gort.recv(events), gort.recv(told)):
            case (0, _):
                seen += 1
                idle.touch()
            case (1, _):
                break
    print(f"with the piece: {seen} events, then idle")


def main() -> None:
    by_hand()
    with_the_piece()


if __name__ == "__main__":
    gort.run(main)

# In Go the loop is the same. `idle` has no counterpart there; a touch costs a look at the clock, since it does not move the timer.
