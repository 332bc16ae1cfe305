"""select_closed: what a closed channel is to a select.

1. Its case is ready, and `ok` says that nothing was received: Go's comma-ok.
2. It is ready again each time. A loop that goes on with the others switches the case off: None is never ready.
3. A case that sends is ready, too, when its channel is closed: the select raises Closed.
"""

import gort


def two_values(first: int, second: int) -> gort.Channel[int]:
    """A channel that holds two values and is closed: they still come, then the close is seen."""
    ch = gort.Channel[int](2)
    ch.send(first)
    ch.send(second)
    ch.close()
    return ch


def until_closed() -> None:
    only = gort.recv(two_values(1, 2))
    while True:
        got = gort.select(only)
        if not got.ok:
            break
        print(f"Got: {got.value}")
    print("Channel closed")
    assert not any(gort.select(only).ok for _ in range(3))
    print("ready three times in a row: it stays closed")


def send_two(b: gort.Sender[int]) -> None:
    b.send(5)
    b.send(6)
    b.close()


def until_both_closed() -> None:
    b = gort.Channel[int]()
    cases: list[gort.Case[int] | None] = [gort.recv(two_values(3, 4)), gort.recv(b)]
    while any(cases):
        got = gort.select(*cases)
        name = "ab"[got.index]
        if got.ok:
            print(f"{name}: {got.value}")
            continue
        print(f"{name} is closed, its case is switched off")
        cases[got.index] = None  # never ready from now on; without this line it would be ready in every round
        if name == "a":
            gort.go(send_two, b.sender)  # b speaks when a has ended, so that the order is always the same
    assert gort.select(*cases, default=None).index == -1
    print("with every case switched off nothing is ready")


def send_to_closed() -> None:
    ch = gort.Channel[int](1)
    ch.close()
    try:
        gort.select(gort.send(ch, 7))
    except gort.Closed:
        print("a send to a closed channel does not go ahead: GORT_CLOSED")


def main() -> None:
    until_closed()
    until_both_closed()
    send_to_closed()


if __name__ == "__main__":
    gort.run(main)

# As in Go: `case val, ok := <-ch`, and `ch = nil` to switch a case off; so is `gort.recv(None)`, which keeps the
# indices of the others as None does. A select that would send to a closed channel panics in Go.
