"""broadcast: one close wakes everybody who waits.

A send reaches one receiver. A close reaches all, also those who come later. So a channel on which nothing is ever sent
is a stop signal: every worker receives from it, and the close is "stop".
"""

import gort


def worker(number: int, ready: gort.Sender[None], stop: gort.Receiver[None]) -> None:
    ready.send(None)
    stop.recv(default=None)  # sleeps until the signal
    print(f"Worker {number} stopped")


def main() -> None:
    ready, stop = gort.Channel[None](), gort.Channel[None]()
    with gort.Group() as workers:  # the end of the block waits for all of them
        for number in range(1, 4):
            workers.go(worker, number, ready.sender, stop.receiver)
        for _ in range(3):
            ready.recv()

        print("stop!")
        stop.close()

        workers.go(worker, 4, ready.sender, stop.receiver)  # a late one sees the signal at once
        ready.recv()
    print("everybody has stopped")


if __name__ == "__main__":
    gort.run(main)

# As in Go.
