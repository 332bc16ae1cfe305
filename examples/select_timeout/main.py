"""select_timeout: a wait that ends after a time.

1. A message that comes in time, and one that does not: one more case, which is ready when the time has passed.
2. A time for each wait: with every message the clock starts again.
3. One deadline for the whole loop, however many messages come.
"""

from collections.abc import Callable

import gort


def once(ch: gort.Receiver[str], patience: float) -> None:
    match gort.select(gort.recv(ch), gort.after(patience)):
        case (0, msg):
            print(f"Got message: {msg}")
        case (1, _):
            print("Timeout")


def until_silence(ch: gort.Receiver[str]) -> None:
    while gort.select(gort.recv(ch), gort.after(0.04)).index == 0:
        pass  # the case is made anew for each wait, so the clock starts again
    print("no message for a while, so nobody is taken to be there")


def until_deadline(ch: gort.Receiver[str]) -> None:
    deadline = gort.after(0.04)  # the clock of a case starts when it is made
    while gort.select(gort.recv(ch), deadline).index == 0:
        pass
    print("messages kept coming, and the deadline ended the loop")


def greet(to: gort.Sender[str], how_often: int) -> None:
    try:
        for _ in range(how_often):
            to.send("hello")
            gort.sleep(0.001)
    except gort.Closed:
        pass  # nobody listens any more


def listen(how_often: int, reader: Callable[[gort.Receiver[str]], None]) -> None:
    """Reads what a sender of its own sends, then hangs up."""
    ch = gort.Channel[str]()
    sender = gort.go(greet, ch.sender, how_often)
    reader(ch.receiver)
    ch.close()
    sender.join()


def main() -> None:
    listen(1, lambda ch: once(ch, patience=60))
    listen(0, lambda ch: once(ch, patience=0.02))
    listen(5, until_silence)
    listen(1_000_000, until_deadline)


if __name__ == "__main__":
    gort.run(main)

# In Go the case is a receive from time.After(d), a channel whose clock starts when it is made, as it does here: in the
# loop it is a time for each wait, in front of the loop a deadline for the whole. Here there is no channel, and the time
# is gone with the wait. Where the end of time is no case but a failure, `select(..., timeout=s)` raises TimedOut.
