"""ticker: something that happens again and again, until it is done.

1. Ticks until a channel says done; stop, and nothing comes any more; reset to another period.
2. A reader that is slow loses ticks and keeps the phase: the due times are whole periods apart.
3. A job that compensates how long it takes itself.
4. A tick is a time of the monotonic clock; for people there is the wall clock's.
"""

import time

import gort

MS = 0.001


def in_phase(a: float, b: float, period: float) -> bool:
    periods = (b - a) / period
    return abs(periods - round(periods)) < 0.01


def until_done() -> None:
    ticker, done = gort.Ticker(2 * MS), gort.Channel[None]()
    gort.after_func(20 * MS, done.close)
    ticks = 0
    while gort.select(gort.recv(ticker), gort.recv(done)).index == 0:
        ticks += 1
    assert ticks >= 1
    print("ticked until done")
    ticker.stop()
    gort.sleep(5 * MS)
    try:
        ticker.try_recv()
    except gort.WouldBlock:
        print("stopped: no tick is left")
    ticker.reset(MS)
    ticker.recv()
    print("reset: ticks again")
    try:
        gort.Ticker(0)
    except gort.InvalidArgument:
        print("a period of nothing: GORT_INVALID")
    assert gort.tick(0) is None


def slow_reader() -> None:
    ticker = gort.Ticker(2 * MS)
    first = ticker.recv()
    for _ in range(3):
        gort.sleep(5 * MS)  # longer than the period
        assert in_phase(first, ticker.recv(), 2 * MS)
    print("slow reader: ticks are lost, the phase is kept")


def compensated() -> None:
    runs = gort.Channel[float](None)

    def job(due: float) -> None:
        gort.sleep(MS)  # the job's own time
        runs.send(due)

    with gort.periodic(4 * MS, job):
        a, b = runs.recv(), runs.recv()
        assert in_phase(a, b, 4 * MS)
    print("periodic job: its own time does not add up")


def wall_clock() -> None:
    for due in gort.Ticker(MS):  # a ticker can be iterated over
        assert abs(time.time() - gort.wall_time(due)) < 60
        print("a tick, as the wall clock shows it: just now")
        break


def main() -> None:
    until_done()
    slow_reader()
    compensated()
    wall_clock()


if __name__ == "__main__":
    gort.run(main)

# In Go a period of nothing panics, and a ticker that is not stopped lived for ever before 1.23; here one that is dropped
# is gone. Go's ticks are wall-clock times that carry a monotonic one; here it is the other way round.
