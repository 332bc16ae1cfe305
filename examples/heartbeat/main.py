"""heartbeat: a sign of life while something works.

1. By hand: the worker selects over its work and a ticker.
2. With the ready-made piece beside the work: at once, and then each period.
"""

import gort

MS = 0.001


def worker(todo: gort.Receiver[int], pulse: gort.Sender[None]) -> None:
    ticker = gort.Ticker(2 * MS)
    while True:
        got = gort.select(gort.recv(todo), gort.recv(ticker))
        if not got.ok:
            return  # no more work
        if got.index == 1:
            try:
                pulse.try_send(None)
            except gort.WouldBlock:
                pass  # nobody listens now: never mind


def by_hand() -> None:
    work, pulse = gort.Channel[int](), gort.Channel[None](1)
    task = gort.go(worker, work.receiver, pulse.sender)
    pulse.recv()
    print("by hand: a pulse while there is no work")
    work.send(1)
    pulse.recv()
    print("by hand: a pulse between two jobs")
    work.close()
    task.join()


def with_the_piece() -> None:
    pulse = gort.Channel[None](None)
    with gort.heartbeat(2 * MS, lambda: pulse.send(None)):
        pulse.recv()
        print("with the piece: at once")
        pulse.recv()
        print("with the piece: and again")
    print("stopped: the heart is still")


def main() -> None:
    by_hand()
    with_the_piece()


if __name__ == "__main__":
    gort.run(main)
