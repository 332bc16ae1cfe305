"""gort.limit: every limiter at times that are given, waits of tasks, threads and asyncio, decorators, and what they cost nobody."""

import asyncio
import threading

import pytest

import gort
from gort import limit


def granted(limiter, now, calls=9):
    return sum(limiter.allow_at(now) for _ in range(calls))


def test_every_limiter_grants_what_it_is_made_for():
    bucket = limit.TokenBucket(10, burst=5)
    assert (granted(bucket, 1.0), granted(bucket, 1.2)) == (5, 2)
    fixed = limit.FixedWindow(5, 0.1)
    assert (granted(fixed, 1.095), granted(fixed, 1.105)) == (5, 5)
    lazy = limit.FixedWindow(5, 0.1, lazy=True)
    assert (granted(lazy, 1.095), granted(lazy, 1.105), granted(lazy, 1.196)) == (5, 0, 5)
    log = limit.SlidingWindow(5, 0.1)
    assert (granted(log, 1.095), granted(log, 1.194), granted(log, 1.196)) == (5, 0, 5)
    counter = limit.SlidingWindow(5, 0.1, exact=False)
    assert (granted(counter, 1.05), granted(counter, 1.141)) == (5, 2)
    queue = limit.LeakyBucket(10, 2)
    assert (granted(queue, 1.0), granted(queue, 1.101)) == (1, 1)
    assert [queue.reserve(now=1.101).delay(1.101) > 0.09, queue.burst] == [True, 3]
    drop = limit.LeakyBucket(10, 2, drops=True)
    assert (granted(drop, 1.0), granted(drop, 1.101)) == (2, 1)
    paced = limit.Paced(0.02, origin=0.0)
    assert (granted(paced, 1.001), granted(paced, 1.011), granted(paced, 1.021)) == (1, 0, 1)


def test_reservations_are_given_back_once():
    bucket = limit.TokenBucket(10, burst=2)
    assert bucket.reserve(2, now=1.0).at == pytest.approx(1.0)
    r = bucket.reserve(2, now=1.0)
    assert r.at == pytest.approx(1.2) and r.delay(1.1) == pytest.approx(0.1)
    with pytest.raises(gort.TimedOut):
        bucket.reserve(1, now=1.0, within=0.25)
    with pytest.raises(gort.LimitExceeded):
        bucket.reserve(3, now=1.0)
    r.cancel(1.1)
    r.cancel(1.1)
    assert bucket.tokens(1.1) == pytest.approx(1.0)
    bucket.set_limit(100, now=1.1)
    bucket.set_burst(4, now=1.1)
    assert (bucket.limit, bucket.burst, granted(bucket, 1.2)) == (100, 4, 4)
    assert limit.TokenBucket(0, 0).allow() is False


def test_infinite_and_every():
    free = limit.TokenBucket(limit.every(0), 0)
    assert free.limit == limit.INF and free.allow(1000)
    assert limit.every(0.5) == 2.0
    assert limit.TokenBucket(0, 1).reserve(1).delay() == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: limit.FixedWindow(1, 0),
        lambda: limit.SlidingWindow(0, 1),
        lambda: limit.SlidingWindow(1, float("nan")),
        lambda: limit.LeakyBucket(0, 1),
        lambda: limit.Paced(-1),
        lambda: limit.TokenBucket(1, -1),
        lambda: limit.Keyed(0, 1),
        lambda: limit.All(),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises((gort.InvalidArgument, OverflowError)):
        make()


def test_all_is_all_or_nothing():
    second, hour = limit.TokenBucket(10, burst=2), limit.FixedWindow(3, 3600)
    both = limit.All(second, hour)
    assert (granted(both, 7200.0), granted(both, 7200.2)) == (2, 1)
    assert second.tokens(7200.2) == pytest.approx(1.0)
    with pytest.raises(gort.InvalidArgument):
        both.set_limit(1)


def test_keys_have_buckets_of_their_own():
    everybody = limit.TokenBucket(0.001, burst=7)
    users = limit.Keyed(10, burst=2, within=everybody)
    t = gort.now()
    for key in ("ada", b"ada", 7):
        assert [users.allow_at(t, key) for _ in range(3)] == [True, True, False]
    assert len(users) == 3
    assert users.allow_at(t, ("ada", 7)) and not users.allow_at(t, None), "nothing is left for anybody"
    assert users.tokens(None, t) == 2
    with pytest.raises(TypeError):
        users.allow([])
    with pytest.raises(gort.TimedOut):
        users.wait("ada", timeout=0.01)
    r = users.reserve("ada", now=t)
    assert r.delay(t) > 0
    r.cancel(t)
    assert users.evict(t + 10) >= 3 and len(users) == 0


def test_keys_that_differ_in_type_or_shape_are_others():
    users = limit.Keyed(0.001, 1)
    keys = ["1", b"1", 1, 10**30, None, ("1",), ("1", ""), ("", "1"), (("1",),), ()]
    assert all(users.allow(k) for k in keys)
    assert not any(users.allow(k) for k in keys)


def test_a_task_waits_and_what_it_was_promised_is_given_back():
    hourly = limit.TokenBucket(limit.every(3600), 1)

    def main():
        start = gort.now()
        fast = limit.TokenBucket(200, 1)
        for _ in range(3):
            fast.wait()
        assert gort.now() - start >= 0.009
        hourly.wait()
        with pytest.raises(gort.TimedOut):
            hourly.wait(timeout=60)
        with pytest.raises(gort.LimitExceeded):
            hourly.wait(2)
        waits = gort.go(hourly.wait)
        while hourly.tokens() > -0.5:
            gort.yield_now()
        waits.cancel()
        with pytest.raises(gort.Canceled):
            waits.result()
        assert hourly.tokens() > -0.1

    gort.run(main)


def test_a_thread_waits_and_with_waits():
    fast, times = limit.TokenBucket(100, 1), []

    def work():
        for _ in range(3):
            with fast:
                times.append(gort.now())

    t = threading.Thread(target=work)
    t.start()
    t.join()
    assert times[2] - times[0] >= 0.018


def test_asyncio_waits_and_gives_back():
    async def main():
        fast, hourly = limit.TokenBucket(100, 1), limit.TokenBucket(limit.every(3600), 1)
        start = gort.now()
        for _ in range(3):
            async with fast:
                pass
        assert gort.now() - start >= 0.018
        await hourly.wait_async()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(hourly.wait_async(), 0.01)
        assert hourly.tokens() > -0.1
        with pytest.raises(gort.TimedOut):
            await hourly.wait_async(timeout=1)

        @fast
        async def add(a, b):
            return a + b

        assert await add(1, 2) == 3
        with pytest.raises(gort.Misuse):
            hourly.wait()

    asyncio.run(main())


def test_decorators_wait_by_key():
    hourly, users, seen = limit.TokenBucket(limit.every(3600), 2), limit.Keyed(limit.every(3600), 1), []

    @hourly(timeout=1)
    def fetch(url):
        "Fetches."
        return url

    assert (fetch("a"), fetch("b"), fetch.__doc__) == ("a", "b", "Fetches.")
    with pytest.raises(gort.TimedOut):
        fetch("c")

    @users(by=lambda user, text: user, timeout=1)
    def post(user, text):
        seen.append((user, text))

    post("ada", "1")
    post("bob", "2")
    with pytest.raises(gort.TimedOut):
        post("ada", "3")
    assert seen == [("ada", "1"), ("bob", "2")]


def test_sometimes():
    def ran(s, times):
        return [i for i, t in enumerate(times) if s.run(lambda: None, now=t)]

    assert ran(limit.Sometimes(), [0] * 3) == [0]
    assert ran(limit.Sometimes(first=2), [0] * 3) == [0, 1]
    assert ran(limit.Sometimes(every=2), [0] * 5) == [0, 2, 4]
    assert ran(limit.Sometimes(interval=1), [0, 0, 1, 1.5, 2]) == [0, 2, 4]
    assert ran(limit.Sometimes(first=2, every=2, interval=2), [0, 0, 0, 2, 2, 2]) == [0, 1, 2, 3, 4]
    assert ran(limit.Sometimes(interval=-1), [0] * 3) == [0]
    s = limit.Sometimes(every=2)
    with pytest.raises(ZeroDivisionError):
        s.run(lambda: 1 / 0)
    assert s.run(lambda: None), "one that raises does not count"


def test_threads_at_one_limiter_get_no_more_than_there_is():
    bucket, got = limit.TokenBucket(limit.every(3600), 1000), []

    def work():
        got.append(sum(bucket.allow() for _ in range(1000)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sum(got) == 1000
