"""Channels: what goes in comes out, in order, and every way in which it may not."""

import gort
import pytest
from conftest import in_thread_and_task, needs_greenlets


@in_thread_and_task
def test_buffered_values_come_out_in_order(run):
    def body():
        c = gort.Channel(3)
        for v in ("a", None, 3):
            c.send(v)
        assert (len(c), c.capacity, c.closed, bool(c)) == (3, 3, False, True)
        return [c.recv() for _ in range(3)]

    assert run(body) == ["a", None, 3]


@in_thread_and_task
def test_empty_channel_is_true(run):
    assert run(lambda: bool(gort.Channel()))


@in_thread_and_task
def test_closed_channel_drains_then_reports(run):
    def body():
        c = gort.Channel(2)
        c.send(1)
        c.close()
        with pytest.raises(gort.Closed):
            c.send(2)
        with pytest.raises(gort.Closed):
            c.close()
        assert c.recv_ok() == (1, True)
        assert c.recv_ok() == (None, False)
        with pytest.raises(gort.Closed):
            c.recv()
        assert c.recv(default="gone") == "gone"
        assert c.recv(default=None) is None
        with pytest.raises(gort.Closed):
            c.try_recv()
        assert list(c) == []

    run(body)


@in_thread_and_task
def test_call_that_would_wait_times_out(run):
    def body():
        c = gort.Channel()
        with pytest.raises(gort.TimedOut) as e:
            c.recv(timeout=0.001)
        assert isinstance(e.value, TimeoutError)
        with pytest.raises(gort.TimedOut):
            c.send(1, timeout=0)
        with pytest.raises(gort.TimedOut):
            c.recv(timeout=-5)
        with pytest.raises(gort.WouldBlock):
            c.try_send(1)
        with pytest.raises(gort.WouldBlock):
            c.try_recv()
        with pytest.raises(gort.InvalidArgument, match="timeout"):
            c.recv(timeout=float("nan"))

    run(body)


def test_bad_capacity_is_refused_with_its_name():
    with pytest.raises(gort.InvalidArgument, match="capacity: -1"):
        gort.Channel(-1)
    with pytest.raises(gort.InvalidArgument, match="capacity"):
        gort.Channel(1 << 62)
    with pytest.raises(TypeError):
        gort.Channel("x")


def test_with_block_closes_and_tolerates_closed():
    with gort.Channel(1) as c:
        c.send(1)
    assert c.closed
    with c:
        pass
    with c.sender as s:
        assert s.closed


@needs_greenlets
def test_unbuffered_send_passes_only_when_received():
    def main():
        c, log = gort.Channel(), []

        def producer():
            for i in range(3):
                c.send(i)
                log.append(f"sent {i}")

        gort.go(producer)
        gort.yield_now()
        assert log == []
        assert c.recv() == 0
        gort.yield_now()
        assert log == ["sent 0"]
        assert [c.recv(), c.recv()] == [1, 2]

    gort.run(main)


def test_iteration_ends_when_closed_and_drained():
    def main():
        c = gort.Channel(4)

        def producer():
            for i in range(100):
                c.send(i)
            c.close()

        gort.go(producer)
        return list(c)

    assert gort.run(main) == list(range(100))


def test_directions_have_only_their_own_methods():
    c = gort.Channel(1)
    s, r = c.sender, c.receiver
    assert not hasattr(s, "recv") and not hasattr(s, "try_recv") and not hasattr(s, "__iter__")
    assert not hasattr(r, "send") and not hasattr(r, "close")
    s.send(1)
    assert (len(s), len(r), r.capacity) == (1, 1, 1)
    assert r.recv() == 1
    r.abandon()
    with pytest.raises(gort.Closed):
        s.send(2)


def test_generic_alias_makes_channels():
    assert isinstance(gort.Channel[int](2), gort.Channel)
    assert gort.Receiver[int] is not gort.Receiver


def test_waiting_senders_are_served_first_come_first_served():
    def main():
        c = gort.Channel()
        for i in range(20):
            gort.go(c.send, i)
            while gort._gort._dump().count("channel send") <= i:
                gort.yield_now()
        return [c.recv() for _ in range(20)]

    assert gort.run(main) == list(range(20))


def test_many_send_and_receive_nothing_lost_or_doubled(rng):
    n, k = 2000, 5

    def main():
        c, out = gort.Channel(rng.choice([0, 1, 7])), gort.Channel(n)
        producers = gort.WaitGroup()
        consumers = gort.WaitGroup()

        def produce(first):
            for v in range(first, n, k):
                c.send(v)

        def consume():
            for v in c:
                out.send(v)

        for i in range(k):
            producers.go(produce, i)
            consumers.go(consume)
        producers.wait()
        c.close()
        consumers.wait()
        out.close()
        return sorted(out)

    assert gort.run(main) == list(range(n))


def test_send_many_and_recv_many_move_batches():
    def main():
        c = gort.Channel(4)
        gort.go(lambda: (c.send_many(range(10)), c.close()))
        got = []
        while batch := c.recv_many(3):
            assert len(batch) <= 3
            got += batch
        assert c.recv_many(0) == []
        return got

    assert gort.run(main) == list(range(10))


@pytest.mark.parametrize("code", list("?bBhHiIlLqQnNfd"))
def test_fixed_kinds_keep_their_values(code):
    c = gort.Channel.of(code, 4)
    bits = {"b": 8, "h": 16, "i": 32}.get(code.lower(), 64)
    if code == "?":
        values = [True, False]
    elif code in "fd":
        values = [0.5, -2.0]
    elif code.isupper():
        values = [0, 2**bits - 1]
    else:
        values = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
    for v in values:
        c.send(v)
    assert [c.recv() for _ in values] == values
    if code not in "?fd":
        with pytest.raises(OverflowError):
            c.send(2**bits)
        with pytest.raises(OverflowError):
            c.send(-(2**63) - 1)
    with pytest.raises((TypeError, ValueError)) if code != "?" else pytest.raises(gort.WouldBlock):
        c.send("x") if code != "?" else c.try_recv()
    assert len(c) == 0


def test_unknown_kind_is_refused():
    with pytest.raises(gort.InvalidArgument, match="code"):
        gort.Channel.of("z")


def test_unbuffered_fixed_kind_between_tasks():
    def main():
        c = gort.Channel.of("d")
        gort.go(lambda: [c.send(i / 4) for i in range(50)] and c.close())
        return sum(c)

    assert gort.run(main) == sum(i / 4 for i in range(50))


def test_repr_says_what_it_is():
    c = gort.Channel(3)
    c.send(1)
    assert repr(c) == "<gort.Channel 1/3>"
    c.close()
    assert repr(c.sender) == "<gort.Sender 1/3 closed>"
    assert "'q'" in repr(gort.Channel.of("q"))
