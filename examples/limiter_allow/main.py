"""limiter_allow: two a second, and five at once. What may not happen now is told so; nobody waits.

The times are given (allow_at), so the story is the same each time; allow() asks the clock.
"""

import gort
from gort import limit


def main() -> None:
    limiter = limit.TokenBucket(2, burst=5)
    for ms in (0, 500, 1000, 60000):  # the burst; one token has come; another; full again, and not more than full
        allowed = sum(limiter.allow_at(ms / 1000) for _ in range(7))
        print(f"at {ms} ms: {allowed} of 7 allowed")


if __name__ == "__main__":
    gort.run(main)
