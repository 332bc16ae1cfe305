"""limiter_wait: wait until it is time, within limits. What cannot be in time is said at once, and nothing is taken."""

import gort
from gort import limit


def main() -> None:
    hourly = limit.TokenBucket(limit.every(3600))
    hourly.wait()
    print("the first one need not wait")
    try:
        hourly.wait(timeout=60)
    except gort.TimedOut:
        print("the next comes in an hour, which is not within a minute: said at once")
    try:
        hourly.wait(2)
    except gort.LimitExceeded:
        print("two at once never may")
    task = gort.go(hourly.wait)
    while hourly.tokens() > -0.5:  # until it is promised the next one
        gort.yield_now()
    task.cancel()
    try:
        task.result()
    except gort.Canceled:
        assert hourly.tokens() > -0.5
        print("the one that waits is cancelled, and what it was promised is given back")


if __name__ == "__main__":
    gort.run(main)
