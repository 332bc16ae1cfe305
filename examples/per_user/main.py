"""per_user: one a second for each user, and three at once.

1. By hand: a table of limiters under a lock (here a channel of one). Nobody ever leaves it.
2. Keyed: a bucket for each key; who is idle is forgotten, and nobody notices.
3. All of them within a limiter that they share.
"""

import gort
from gort import limit

users: dict[str, limit.TokenBucket] = {}
lock = gort.Channel[None](1)


def limiter_of(name: str) -> limit.TokenBucket:
    lock.send(None)
    limiter = users.setdefault(name, limit.TokenBucket(1, burst=3))
    lock.recv()
    return limiter


def by_hand(name: str, now: float) -> int:
    return sum(limiter_of(name).allow_at(now) for _ in range(5))


def keyed(k: limit.Keyed, name: str, now: float) -> int:
    return sum(k.allow_at(now, name) for _ in range(5))


def main() -> None:
    now = gort.now()
    print(f"by hand: ada {by_hand('ada', now)} of 5, bob {by_hand('bob', now)} of 5")

    each = limit.Keyed(1, burst=3)
    print(f"keyed: ada {keyed(each, 'ada', now)} of 5, bob {keyed(each, 'bob', now)} of 5")
    print(f"a second later: ada {keyed(each, 'ada', now + 1.0)} of 5")

    within = limit.Keyed(1, burst=3, within=limit.TokenBucket(1, burst=4))
    print(f"all within 4: ada {keyed(within, 'ada', now)} of 5, bob {keyed(within, 'bob', now)} of 5")

    each.evict(now + 3600)
    assert len(each) == 0
    print("an hour later nobody is remembered")


if __name__ == "__main__":
    gort.run(main)

# Go has the limiter, and leaves the table of users, and who is to be thrown out of it, to the program.
