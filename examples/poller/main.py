"""poller: look again and again until it is so.

1. By hand: a ticker, and a deadline for the whole.
2. With the ready-made piece: it looks at once, and then each interval.
3. It never becomes so: the deadline ends it. And it is cancelled.
"""

import gort

MS = 0.001


class Door:
    """Open at the fourth look."""

    looks = 0

    def is_open(self) -> bool:
        self.looks += 1
        return self.looks >= 4


def by_hand() -> None:
    door, ticker, end = Door(), gort.Ticker(MS), gort.now() + 60
    while not door.is_open():
        ticker.recv(timeout=end - gort.now())
    print(f"by hand: open after {door.looks} looks")


def main() -> None:
    by_hand()
    door = Door()
    gort.poll_until(door.is_open, MS, timeout=60)
    print(f"with the piece: open after {door.looks} looks")

    try:
        gort.poll_until(lambda: False, MS, timeout=5 * MS)
    except gort.TimedOut:
        print("it never opens: GORT_TIMED_OUT")

    looked: list[bool] = []

    def look() -> bool:
        looked.append(True)
        return False

    task = gort.go(gort.poll_until, look, MS)
    while not looked:
        gort.sleep(MS)
    task.cancel()
    try:
        task.result()
    except gort.Canceled:
        print("cancelled: GORT_CANCELED")


if __name__ == "__main__":
    gort.run(main)
