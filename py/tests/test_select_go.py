"""select: rules S1 to S8 as Go's programs, under Go's names (SEMANTICS: test/chan, runtime/chan_test.go)."""

import math

import gort
import pytest
from conftest import in_thread_and_task, needs_greenlets, until_waiting
from gort import after, recv, select, send


@in_thread_and_task
def test_select3(run):
    """The truth table: what blocks and what does not, with and without default."""

    def body():
        def blocks(*cases):
            assert select(*cases, default="would block") == (-1, "would block")
            with pytest.raises(gort.TimedOut):
                select(*cases, timeout=0.0005)

        def goes(expected, *cases):
            assert select(*cases) == expected

        nil_recv, nil_send = recv(None), send(None, 7)
        blocks()
        blocks(nil_recv)
        blocks(nil_send)
        blocks(nil_recv, nil_send, nil_recv)
        empty = gort.Channel()
        blocks(recv(empty))
        blocks(send(empty, 7))
        blocks(recv(empty), send(empty, 7))  # with itself
        buffered = gort.Channel(10)
        blocks(recv(buffered))
        goes((0, None), send(buffered, 7))
        goes((0, 7), recv(buffered))
        full = gort.Channel(10)
        full.send_many([7] * 10)
        blocks(send(full, 8))
        goes((0, 7), recv(full))
        closed = gort.Channel()
        closed.close()
        for _ in range(3):
            goes((0, None), recv(closed))
            goes((1, None), nil_send, recv(closed), recv(empty))
            assert select(recv(closed), default=5) == (0, None)
        for cases in ([send(closed, 7)], [nil_recv, send(closed, 7)]):
            with pytest.raises(gort.Closed):
                select(*cases)
            with pytest.raises(gort.Closed):
                select(*cases, default=5)

    run(body)


def test_doubleselect():
    """Two cases of one select never both fire: values come through four muxes, none twice."""
    n = 5000

    def main():
        channels = [gort.Channel() for _ in range(4)]
        out = gort.Channel()
        wg = gort.WaitGroup()

        def produce():
            for i in range(n):
                select(*[send(c, i) for c in channels])
            for c in channels:
                c.close()

        def mux(c):
            for v in c:
                out.send(v)

        gort.go(produce)
        for c in channels:
            wg.go(mux, c)
        gort.go(lambda: (wg.wait(), out.close()))
        return list(out)

    assert sorted(gort.run(main)) == list(range(n))


@needs_greenlets
def test_select6():
    """A select that loses leaves the queues of others alone (Go's issue 2075)."""

    def main():
        c1, c2 = gort.Channel(), gort.Channel()
        first = gort.go(c1.recv)
        gort.yield_now()

        def loses():
            assert select(recv(c1), recv(c2)) == (1, "two")
            return c1.recv()

        second = gort.go(loses)
        gort.yield_now()
        third = gort.go(c2.recv)
        gort.yield_now()
        c2.send("two")
        c1.send("one")
        assert first.result() == "one"
        c1.send("again")
        assert second.result() == "again"
        c2.send("three")
        assert third.result() == "three"

    gort.run(main)


@in_thread_and_task
def test_TestSelectFairness(run):
    """Two cases that are always ready, of four, within 10 sigma."""
    n = 10_000

    def body():
        c1, c2, c3, c4 = gort.Channel(n + 1), gort.Channel(n + 1), gort.Channel(), gort.Channel()
        c1.send_many([1] * (n + 1))
        c2.send_many([2] * (n + 1))
        cases = [recv(c3), recv(c1), recv(c4), recv(c2)]
        counts = [0] * 5
        for _ in range(n):
            counts[select(*cases).value] += 1
        return counts

    counts = run(body)
    sigma = math.sqrt(n / 4)
    assert counts[1] + counts[2] == n and abs(counts[1] - n / 2) < 10 * sigma


@in_thread_and_task
def test_TestPseudoRandomSend(run):
    """Both of two ready sends of select are chosen, for every capacity. Each is a coin of its own."""
    n = 400

    def body():
        for capacity in (0, n):
            c = gort.Channel(capacity)
            got = []
            t = gort.go(lambda: got.extend(c.recv() for _ in range(n)))
            zero, one = send(c, 0), send(c, 1)
            for _ in range(n):
                select(zero, one)
            t.join()
            assert n // 10 < sum(got) < n - n // 10

    run(body)


@pytest.mark.parametrize("capacity", [0, 10])
def test_TestSelfSelect(capacity):
    """Two tasks that send and receive on one channel: nobody meets itself while the channel has no buffer."""
    n = 1000

    def main():
        c = gort.Channel(capacity)

        def body(p):
            for i in range(n):
                put, take = send(c, p), recv(c)
                first = p == 0 or i % 2 == 0
                got = select(put, take) if first else select(take, put)
                received = got.index == (1 if first else 0)
                if received and capacity == 0:
                    assert got.value != p, "self receive"
            if capacity:
                while len(c):
                    c.try_recv()

        # The last of them may be left without a partner: it is let go.
        tasks = [gort.go(body, p) for p in range(2)]
        while not all(t.done for t in tasks):
            select(send(c, 2), recv(c), after(0.01))
        for t in tasks:
            t.result()

    gort.run(main)


def test_TestSelectStress(rng):
    """Four channels of capacities 0, 0, 2, 3; each has its sender and its receiver, and two tasks select over all. Nothing is lost."""
    n = 500
    caps = [0, 0, 2, 3]

    def main():
        channels = [gort.Channel(k) for k in caps]
        wg = gort.WaitGroup()
        counts = [0] * 4

        def sender(k):
            for i in range(n):
                channels[k].send(i)
                if rng.random() < 0.1:
                    gort.yield_now()

        def receiver(k):
            for _ in range(n):
                channels[k].recv()

        def select_send():
            left = [n] * 4
            while any(left):
                i = select(*[send(channels[k], 0) if left[k] else None for k in range(4)]).index
                left[i] -= 1

        def select_recv():
            left = [n] * 4
            while any(left):
                i = select(*[recv(channels[k]) if left[k] else None for k in range(4)]).index
                left[i] -= 1
                counts[i] += 1

        for k in range(4):
            wg.go(sender, k)
            wg.go(receiver, k)
        wg.go(select_send)
        wg.go(select_recv)
        wg.wait()
        assert [len(c) for c in channels] == [0] * 4
        return counts

    assert gort.run(main) == [n] * 4


@in_thread_and_task
def test_TestSelectDuplicateChannel(run):
    """One channel in two cases, then another waiter behind it still wakes."""

    def body():
        c, d, e = gort.Channel(), gort.Channel(), gort.Channel()
        first = gort.go(lambda: select(recv(c), recv(c), recv(d)).value)
        until_waiting(1)
        second = gort.go(c.recv)
        until_waiting(1, "channel receive")
        d.send("d")
        assert first.result() == "d"
        c.send("c")
        assert second.result() == "c"
        # and as equal cases
        counts = [0, 0]
        e = gort.Channel(1)
        for _ in range(400):
            e.send(0)
            counts[select(recv(e), recv(e)).index] += 1
        assert min(counts) > 100

    run(body)


@in_thread_and_task
def test_TestNonblockSelectRace(run):
    """One of two channels is always ready: default is never taken."""

    def body():
        stop = []

        def move(a, b):
            while not stop:
                try:
                    b.try_send(a.try_recv())
                except gort.WouldBlock:
                    pass
                gort.yield_now()

        for _ in range(200):
            a, b = gort.Channel(1), gort.Channel(1)
            a.send(1)
            t = gort.go(lambda: (b.try_send(1), select(recv(a), default=None)))
            got = select(recv(a), recv(b), default="nothing")
            assert got.index != -1
            t.join()

    run(body)
