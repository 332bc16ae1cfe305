"""happens_before: what one task wrote before, the other sees after.

A channel or a WaitGroup orders what tasks and threads do:
  1. what was written before a send is seen after the receive of that value;
  2. on a channel of capacity C, what was written before the k-th receive is seen after the (k+C)-th send;
  3. what was written before close is seen after a receive that says closed;
  4. what was written before done is seen after wait.
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


def one_round(wg: gort.WaitGroup, seen: list[int]) -> None:
    s = Shared()
    ch = gort.Channel[None](1)

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

    def write_and_close() -> None:
        s.write(3)
        ch.close()

    wg.go(write_and_close)
    ch.recv(default=None)  # the close gives the default
    seen[2] += s.right(3)
    wg.wait()

    wg.go(s.write, 4)
    wg.wait()
    seen[3] += s.right(4)


def main() -> None:
    wg = gort.WaitGroup()
    seen = [0, 0, 0, 0]
    for _ in range(ROUNDS):
        one_round(wg, seen)
    rules = ["send before receive", "receive before a later send", "close before CLOSED", "done before wait"]
    for rule, times in zip(rules, seen):
        print(f"{rule}: seen {times} times of {ROUNDS}")


if __name__ == "__main__":
    gort.run(main)

# As in Go's memory model. It matters most between threads, and for memory that C code fills beside Python.
