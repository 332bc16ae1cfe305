"""data_race: one counter, four tasks: a race, and three repairs.

counter = counter + 1 is three steps: read, add, write. If another task comes in between, both read the same number, and one step is lost:
here a yield lets it come, on threads (and on a free-threaded build, where every task is one) it comes when it likes. The repairs:
  1. a lock: a channel with one place. Who has sent owns the counter, who receives gives it back;
  2. an owner: one task has the counter, the others send it what to add;
  3. one counter for each task, added up after the wait.
"""

from collections.abc import Callable

import gort

TASKS, EACH = 4, 1000
ALL = TASKS * EACH


class Counter:
    n = 0

    def add_one(self) -> None:
        n = self.n
        gort.yield_now()  # the worst moment: the others read the same number
        self.n = n + 1


def run_all(fn: Callable[[int], None]) -> None:
    wg = gort.WaitGroup()
    for i in range(TASKS):
        wg.go(fn, i)
    wg.wait()  # what they wrote is seen from here on


def the_race() -> None:
    counter = Counter()

    def racy(_: int) -> None:
        for _ in range(EACH):
            counter.add_one()

    run_all(racy)
    if counter.n <= ALL:
        print(f"racy: not more than {ALL}")  # some 1000, in fact


def a_lock() -> None:
    counter = Counter()
    place = gort.Channel[None](1)

    def locked(_: int) -> None:
        for _ in range(EACH):
            place.send(None)  # waits until the place is free
            counter.add_one()
            place.recv()  # frees it: what was written is seen by the next one

    run_all(locked)
    print(f"a lock: {counter.n}")


def an_owner() -> None:
    amounts = gort.Channel[int](16)

    def owner() -> int:
        return sum(amounts)  # nobody else touches it; ends when the channel is closed

    def sending(_: int) -> None:
        for _ in range(EACH):
            amounts.send(1)

    total = gort.go(owner)
    run_all(sending)
    amounts.close()
    print(f"an owner: {total.result()}")


def one_each() -> None:
    own = [0] * TASKS

    def apart(i: int) -> None:
        for _ in range(EACH):
            own[i] += 1

    run_all(apart)
    print(f"one each: {sum(own)}")


def main() -> None:
    the_race()
    a_lock()
    an_owner()
    one_each()


if __name__ == "__main__":
    gort.run(main)

# Go finds such races with -race. Python's objects survive one, so no tool speaks up: the number is just wrong.
