"""throttle: at most one run in each interval, however often it is called.

1. By hand: the time of the next run that is allowed, in a channel of one as a mutex.
2. With the ready-made piece: calls that come too early are dropped.
3. The trailing form: they lead to one more run at the end of the interval.
"""

import gort

HOUR = 3600.0


def by_hand() -> None:
    next_run = gort.Channel[float](1)
    next_run.send(0.0)  # the next run may be now
    ran = 0
    for _ in range(10):
        allowed = next_run.recv()  # nobody else has it now
        runs = gort.now() >= allowed
        ran += runs
        next_run.send(gort.now() + HOUR if runs else allowed)
    print(f"by hand: 10 calls, {ran} run")


def with_the_piece() -> None:
    seen: list[int] = []
    report = gort.throttle(HOUR)(seen.append)
    ran = sum(report(n) for n in range(10))
    assert seen == [0]
    print(f"with the piece: 10 calls, {ran} run")


def trailing() -> None:
    seen: list[int] = []

    @gort.throttle(0.05, trailing=True)
    def report(n: int) -> None:
        seen.append(n)

    for n in range(10):
        report(n)
    while seen[-1] != 9:  # what the last call was given
        gort.sleep(0.001)
    print("trailing: the first at once, and one more when the interval is over")


def main() -> None:
    by_hand()
    with_the_piece()
    trailing()


if __name__ == "__main__":
    gort.run(main)

# Go's library has no throttle; x/time/rate's Sometimes{Interval: d} is the leading form.
