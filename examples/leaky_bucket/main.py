"""leaky_bucket: ten a second, evenly. Those that come too early queue, two at the most; or a bucket of two holds them, and what
does not fit is dropped.
"""

import gort
from gort import limit


def main() -> None:
    queue, drop = limit.LeakyBucket(10, 2), limit.LeakyBucket(10, 2, drops=True)
    for _ in range(4):
        try:
            print(f"queue: goes at {queue.reserve(now=0).at * 1000:.0f} ms")
        except gort.WouldBlock:
            print("queue: no place")
    for _ in range(4):
        print("drop:", "goes at once" if drop.allow_at(0) else "dropped")
    assert drop.allow_at(0.1)
    print("drop, 100 ms later: goes at once")


if __name__ == "__main__":
    gort.run(main)
