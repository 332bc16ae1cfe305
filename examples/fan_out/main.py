"""fan_out: one producer, many consumers.

All consumers receive from the same channel. Each value goes to exactly one of them: whoever is free takes the next.
Nothing is lost, nothing comes twice.
"""

from collections import Counter

import gort

CONSUMERS = 4
VALUES = 1000


def consumer(number: int, values: gort.Receiver[int]) -> list[int]:
    got = []
    for v in values:
        got.append(v)
        if v % 100 == 0:
            gort.yield_now()  # now and then let the others come first
    print(f"consumer {number} has ended")
    return got


def main() -> None:
    ch = gort.Channel[int](8)
    consumers = [gort.go(consumer, number, ch.receiver) for number in range(1, CONSUMERS + 1)]
    with ch:  # the producer is this task
        for v in range(VALUES):
            ch.send(v)

    times: Counter[int] = Counter()
    for task in consumers:
        times.update(task.result())
    once = sum(n == 1 for n in times.values())
    print(f"{VALUES} values sent, {times.total()} received, {once} exactly once")


if __name__ == "__main__":
    gort.run(main)

# As in Go. Who gets how many is not promised.
