"""debounce: many calls in a row, one run, a while after the last of them.

1. By hand: a function timer, set anew with each call.
2. With the ready-made piece, which never runs its function beside itself, and can be flushed and cancelled.
"""

import math

import gort

QUIET = 0.05


def by_hand() -> None:
    saved = gort.Channel[None](8)
    save = gort.after_func(math.inf, saved.send, None)  # not set yet
    for _ in range(10):
        save.reset(QUIET)  # a key was pressed
    saved.recv()
    gort.sleep(2 * QUIET)
    print(f"by hand: 10 keys, {1 + len(saved)} save")


def with_the_piece() -> None:
    saved = gort.Channel[str](8)

    @gort.debounce(QUIET)
    def save(text: str) -> None:
        saved.send(text)

    for n in range(1, 11):
        save("x" * n)
    assert saved.recv() == "x" * 10  # what the last call was given
    gort.sleep(2 * QUIET)
    print(f"with the piece: 10 keys, {1 + len(saved)} save")

    save("now")
    print(f"flushed: {'saved now' if save.flush() else 'nothing to save'}")
    saved.recv()
    print(f"flushed again: {'saved now' if save.flush() else 'nothing to save'}")

    save("never")
    print(f"cancelled: {'not saved' if save.cancel() else 'too late'}")
    gort.sleep(2 * QUIET)
    assert len(saved) == 0


def main() -> None:
    by_hand()
    with_the_piece()


if __name__ == "__main__":
    gort.run(main)

# The guide's version in Go keeps a timer under a mutex and drains its channel after Stop; but a timer of AfterFunc has no
# channel, so that line waits for ever with the mutex held. `reset` alone is enough, there and here.
