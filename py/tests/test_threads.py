"""The same calls from ordinary threads."""

import threading

import gort
import pytest


def start(n, f):
    threads = [threading.Thread(target=f, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    return threads


@pytest.mark.parametrize("capacity", [0, 1, 64])
def test_threads_and_tasks_meet_on_one_channel(capacity):
    n, k = 500, 4
    a, b = gort.Channel(capacity), gort.Channel(capacity)
    threads = start(k, lambda i: [a.send(v) for v in range(i, n, k)])

    def main():
        def double():
            for v in a:
                b.send(2 * v)

        tasks = [gort.go(double) for _ in range(3)]
        got = [b.recv() for _ in range(n)]
        a.close()
        for t in tasks:
            t.join()
        return sorted(got)

    assert gort.run(main) == [2 * v for v in range(n)]
    for t in threads:
        t.join()


def test_blocked_thread_lets_others_run():
    c, flag = gort.Channel(), []
    [t] = start(1, lambda i: flag.append(c.recv()))
    for _ in range(1000):
        len(flag)  # the interpreter is free: this thread runs
    c.send("woken")
    t.join()
    assert flag == ["woken"]


def test_close_wakes_every_blocked_thread():
    c, seen = gort.Channel(), []
    threads = start(5, lambda i: seen.append(c.recv(default="closed")))
    while gort._gort._dump().count("channel receive") < 5:
        pass
    c.close()
    for t in threads:
        t.join()
    assert seen == ["closed"] * 5


def test_thread_sleeps_and_times_out():
    seen = []

    def body(i):
        gort.sleep(0.001)
        with pytest.raises(gort.TimedOut):
            gort.Channel().recv(timeout=0.001)
        seen.append(i)

    for t in start(3, body):
        t.join()
    assert sorted(seen) == [0, 1, 2]


def test_ping_pong_between_threads():
    a, b = gort.Channel(), gort.Channel()
    [t] = start(1, lambda i: [b.send(v + 1) for v in a])
    for i in range(300):
        a.send(i)
        assert b.recv() == i + 1
    a.close()
    t.join()


def test_tasks_started_by_threads_run():
    results = gort.Channel(100)

    def body(i):
        for j in range(25):
            gort.go(lambda v=25 * i + j: results.send(v))

    for t in start(4, body):
        t.join()
    assert sorted(results.recv() for _ in range(100)) == list(range(100))
