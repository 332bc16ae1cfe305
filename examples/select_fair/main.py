"""select_fair: when several cases are ready, chance decides.

If the first ready case always went ahead, a busy first channel would starve the second. So each ready case has the same
chance. Ten thousand choices between two are like ten thousand tosses of a coin: 5000 each, give or take 50 (one sigma,
the square root of 10000 * 1/2 * 1/2). Here ten sigma are allowed. A fair coin exceeds that once in 10^23 attempts.
"""

import gort

CHOICES = 10_000
SIGMA = 50


def judge(count: int) -> str:
    near = abs(count - CHOICES // 2) <= 10 * SIGMA
    return "chosen about half of the time" if near else "NOT chosen about half of the time"


def main() -> None:
    channels = gort.Channel[None](1), gort.Channel[None](1)
    for ch in channels:
        ch.send(None)
    cases = gort.recv(channels[0]), gort.recv(channels[1])

    count = [0, 0]
    for _ in range(CHOICES):
        which = gort.select(*cases).index
        count[which] += 1
        channels[which].send(None)  # so both are ready again
    print("ten thousand choices between two ready cases")
    print(f"the first: {judge(count[0])}")
    print(f"the second: {judge(count[1])}")

    # Where an order is wanted, say so: a stop signal before the next job.
    for _ in range(100):
        assert gort.select_biased(*cases).index == 0
        channels[0].send(None)
    print("biased: always the first")
    channels[0].recv()
    assert gort.select_biased(*cases).index == 1
    print("biased, and the first is not ready: the second")


if __name__ == "__main__":
    gort.run(main)

# As in Go, which has no select with an order: there one asks the important channel alone first, with a default.
