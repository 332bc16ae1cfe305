"""happens_before: what one task wrote before, the other sees after.

What tasks and threads call of gort orders what they do:
  1. what was written before a send is seen after the receive of that value;
  2. on a channel of capacity C, what was written before the k-th receive is seen after the (k+C)-th send;
  3. on an unbuffered channel, what was written before a receive is seen after the send it took the value of;
  4. what was written before close is seen after a receive that says closed;
  5. what was written before a task was started is seen by it;
  6. what a task wrote is seen after its join;
  7. what was written before done is seen after wait;
  8. what was written before a cancellation is seen after TaskCanceled.
"""

from dataclasses import dataclass

import gort

ROUNDS = 1000


@dataclass
class Shared:
    a: int = 0
    b: int = 0

    def write(self, i: int) -> None:
        self.a, self.b = i, 2 * i

    def right(self, i: int) -> int:
        return int(self.a == i and self.b == 2 * i)


def channels(s: Shared, wg: gort.WaitGroup, seen: list[int]) -> None:
    ch = gort.Channel[None](1)
    unbuffered = gort.Channel[None]()

    def write_and_send() -> None:
        s.write(1)
        ch.send(None)

    wg.go(write_and_send)
    ch.recv()
    seen[0] += s.right(1)
    wg.wait()

    def write_and_receive() -> None:
        s.write(2)
        ch.recv()

    ch.send(None)  # the one place is taken
    wg.go(write_and_receive)
    ch.send(None)  # waits for the receive
    seen[1] += s.right(2)
    wg.wait()
    ch.recv()

    def write_and_meet() -> None:
        s.write(3)
        unbuffered.recv()

    wg.go(write_and_meet)
    unbuffered.send(None)
    seen[2] += s.right(3)
    wg.wait()

    def write_and_close() -> None:
        s.write(4)
        ch.close()

    wg.go(write_and_close)
    ch.recv(default=None)  # the close gives the default
    seen[3] += s.right(4)
    wg.wait()


def tasks(s: Shared, wg: gort.WaitGroup, seen: list[int]) -> None:
    def look_and_write() -> None:
        seen[4] += s.right(5)
        s.write(6)

    s.write(5)
    gort.go(look_and_write).join()
    seen[5] += s.right(6)

    wg.go(s.write, 7)
    wg.wait()
    seen[6] += s.right(7)

    def look_when_canceled() -> None:
        try:
            gort.Channel[None]().recv()  # nobody sends
        except gort.TaskCanceled:
            seen[7] += s.right(8)

    task = gort.go(look_when_canceled)
    gort.yield_now()  # it has started, and waits
    s.write(8)
    task.cancel()
    task.join()


def main() -> None:
    wg = gort.WaitGroup()
    seen = [0] * 8
    for _ in range(ROUNDS):
        s = Shared()
        channels(s, wg, seen)
        tasks(s, wg, seen)
    rules = ["send before receive", "receive before a later send", "receive before the send that met it", "close before CLOSED"]
    rules += ["start before the task", "end before join", "done before wait", "cancel before CANCELED"]
    for rule, times in zip(rules, seen):
        print(f"{rule}: seen {times} times of {ROUNDS}")


if __name__ == "__main__":
    gort.run(main)

# As in Go's memory model; joins and cancellations Go does not have. It matters most between threads, and for memory that C code fills beside Python.
