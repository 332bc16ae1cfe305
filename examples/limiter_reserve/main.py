"""limiter_reserve: take a place now and act when its time comes; or give it back."""

import gort
from gort import limit


def main() -> None:
    limiter = limit.TokenBucket(2, burst=1)

    def reserve() -> limit.Reservation:
        r = limiter.reserve(now=0)
        print(f"reserved for {r.at * 1000:.0f} ms")
        return r

    reserve()
    reserve()
    reserve().cancel(now=0)
    print("the last one is given back")
    reserve()
    try:
        limiter.reserve(3, now=0)
    except gort.LimitExceeded:
        print("three at once: never")


if __name__ == "__main__":
    gort.run(main)
