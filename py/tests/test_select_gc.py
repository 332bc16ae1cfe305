"""References are exact for every way a select or a wait of a Selector can end, and the collector sees through their cases."""

import gc
import signal
import threading
import weakref

import gort
import pytest
from conftest import in_thread_and_task, needs_greenlets, until_waiting
from gort import after, recv, select, send
from test_gc import box  # noqa: F401 (a fixture)


def many(c):
    """Cases that make the elements of a select lie on the heap."""
    return [recv(gort.Channel()) for _ in range(10)] + [recv(c)]


# ---- select


@in_thread_and_task
@pytest.mark.parametrize("extra", [0, 10])
def test_chosen_at_once_and_not_chosen(run, extra, box):  # noqa: F811
    value = box.value

    def body():
        full, free = gort.Channel(1), gort.Channel(1)
        full.send(0)
        case = send(full, value)
        off = [None] * extra
        for _ in range(5):
            assert select(case, send(full, value), send(free, value), *off) == (2, None)
            assert select(*off, case, recv(free)).value is value
            assert select(case, *off, default=value).value is value
            with pytest.raises(gort.TimedOut):
                select(case, send(full, value), *off, timeout=0.0005)

    run(body)


@in_thread_and_task
@pytest.mark.parametrize("extra", [0, 10])
def test_handed_over_while_it_waits(run, extra, box):  # noqa: F811
    value = box.value

    def body():
        a, b = gort.Channel(), gort.Channel()
        off = [None] * extra
        t = gort.go(lambda: (until_waiting(1), a.recv())[1])
        assert select(*off, send(a, value), send(b, value)) == (extra, None)
        assert t.result() is value
        t = gort.go(lambda: (until_waiting(1), b.send(value)))
        assert select(*off, send(a, value), recv(b)).value is value
        t.join()
        t = gort.go(lambda: select(recv(a), *off).value is value)
        select(send(a, value), send(b, value))
        assert t.result()

    run(body)


@in_thread_and_task
def test_closed_at_once_and_while_it_waits(run, box):  # noqa: F811
    value = box.value

    def body():
        closed, other = gort.Channel(1), gort.Channel()
        closed.close()
        for kw in ({}, {"default": value}, {"timeout": 1}):
            with pytest.raises(gort.Closed):
                select(send(closed, value), send(other, value), **kw)
        assert select(send(other, value), recv(closed)) == (1, None)
        c = gort.Channel()
        t = gort.go(lambda: (until_waiting(1), c.close()))
        with pytest.raises(gort.Closed):
            select(send(other, value), send(c, value))
        t.join()

    run(body)


@needs_greenlets
def test_cancelled(box):  # noqa: F811
    value = box.value

    def main():
        c = gort.Channel()
        t = gort.go(select, send(c, value), send(c, value), recv(gort.Channel()))
        gort.yield_now()
        t.cancel()
        t.join()
        assert t.canceled

    gort.run(main)


@needs_greenlets
def test_given_to_a_select_that_is_cancelled(box):  # noqa: F811
    value = box.value

    def main():
        c = gort.Channel()
        t = gort.go(select, recv(c), recv(gort.Channel()))
        gort.yield_now()
        c.send(value)  # delivered, though not resumed yet
        t.cancel()
        t.join()

    gort.run(main)


def test_dropped_at_the_end_of_the_run(box):  # noqa: F811
    value = box.value

    def main():
        c = gort.Channel()
        gort.go(select, send(c, value), recv(gort.Channel()))
        gort.yield_now()

    gort.run(main)


@in_thread_and_task
def test_refused_before_it_begins(run, box):  # noqa: F811
    value = box.value

    def body():
        c = gort.Channel(1)
        with pytest.raises(TypeError):
            select(send(c, value), "no case")
        with pytest.raises(gort.InvalidArgument):
            select(send(c, value), timeout=float("nan"))
        with pytest.raises(TypeError):
            select(send(c, value), wrong=value)
        with pytest.raises(TypeError):
            send(value, c)
        with pytest.raises(gort.LimitExceeded):
            select(*[send(c, value)] * 65537)

    run(body)


def interrupted(case, wait, deliver):
    """`wait(case)` is won by `deliver()`, in a signal handler that raises."""

    class Stop(Exception):
        pass

    def handler(*_):
        deliver()
        raise Stop

    old = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Stop):
            wait(case)
    finally:
        signal.signal(signal.SIGALRM, old)


def by_select(case):
    return select(recv(gort.Channel()), case)


def by_many(case):
    return select(*many(gort.Channel()), case)


def by_selector(case):
    with gort.Selector() as s:
        s.add(recv(gort.Channel()))
        s.add(case)
        return s.wait()


WAYS = pytest.mark.parametrize("wait", [by_select, by_many, by_selector])


@in_thread_and_task
@WAYS
def test_value_that_comes_with_a_signals_exception_goes_to_the_next(run, wait, box):  # noqa: F811
    value = box.value

    def body():
        c = gort.Channel()
        interrupted(recv(c), wait, lambda: c.try_send(value))
        assert len(c) == 1 and c.try_recv() is value

    run(body)


@in_thread_and_task
@pytest.mark.parametrize("how", ["recv", "recv_ok", "iter", "recv_many"])
def test_value_of_a_receive_that_comes_with_a_signals_exception_goes_to_the_next(run, how, box):  # noqa: F811
    value = box.value
    calls = {"recv": lambda c: c.recv(), "recv_ok": lambda c: c.recv_ok(), "iter": next, "recv_many": lambda c: c.recv_many(3)}

    def body():
        c = gort.Channel()
        interrupted(c, calls[how], lambda: c.try_send(value))
        assert len(c) == 1 and c.try_recv() is value

    run(body)


def sends(case):
    return select(case, recv(gort.Channel()))


def sends_by_selector(case):
    with gort.Selector() as s:
        s.add(case)
        return s.wait()


@pytest.mark.parametrize("wait", [sends, sends_by_selector])
def test_value_that_was_sent_when_a_signals_exception_came_is_sent(wait, box):  # noqa: F811
    value = box.value
    c, got = gort.Channel(), []
    interrupted(send(c, value), wait, lambda: got.append(c.try_recv()))
    assert got == [value]


def test_value_of_a_send_that_succeeded_when_a_signals_exception_came_is_sent(box):  # noqa: F811
    value = box.value
    c, got = gort.Channel(), []
    interrupted(value, c.send, lambda: got.append(c.try_recv()))
    assert got == [value]
    interrupted([value] * 3, c.send_many, lambda: got.append(c.try_recv()))
    assert got == [value] * 2


def test_end_of_a_join_or_a_wait_that_comes_with_a_signals_exception_raises_it():
    wg = gort.WaitGroup()
    wg.add()
    interrupted(None, lambda _: wg.wait(), wg.done)
    wg.wait()
    c = gort.Channel()
    interrupted(None, lambda _: next(c, None), c.close)
    d = gort.Channel()
    interrupted(None, lambda _: d.send(1), d.close)


# ---- Selector


@in_thread_and_task
def test_selectors_values(run, box):  # noqa: F811
    value = box.value

    def body():
        a, b = gort.Channel(), gort.Channel(1)
        s = gort.Selector()
        i, j = s.add(send(a, value)), s.add(send(b, value))
        assert s.wait() == (j, None)  # sent into the buffer
        assert b.recv() is value
        assert s.wait(default=value).value is value
        s.set(j, value)
        s.set(j, value)  # replaces
        assert s.wait() == (j, None)
        with pytest.raises(gort.TimedOut):
            s.wait(timeout=0.001)
        t = gort.go(lambda: (until_waiting(1), a.recv())[1])
        assert s.wait() == (i, None)
        assert t.result() is value
        k = s.add(recv(b))
        assert s.wait().value is value
        t = gort.go(lambda: (until_waiting(1), b.send(value)))
        assert s.wait() == (k, value)
        t.join()
        s.set(i, value)
        s.remove(i)
        s.set(j, value)
        s.close()

    run(body)


@in_thread_and_task
def test_selectors_values_that_are_not_sent(run, box):  # noqa: F811
    value = box.value

    def body():
        closed, c = gort.Channel(1), gort.Channel()
        closed.close()
        s = gort.Selector()
        i = s.add(send(closed, value))
        for _ in range(3):
            with pytest.raises(gort.Closed):
                s.wait()
        s.set(i, value)
        s.add(send(None, value))
        with pytest.raises(gort.InvalidArgument):
            s.set(7, value)
        with pytest.raises(gort.InvalidArgument):
            s.set(s.add(recv(c)), value)
        s.add(send(c, value))
        del s
        other = gort.Selector()
        other.close()
        with pytest.raises(gort.Misuse):
            other.add(send(c, value))
        with pytest.raises(gort.Misuse):
            other.set(0, value)

    run(body)


@needs_greenlets
def test_selector_of_a_cancelled_task(box):  # noqa: F811
    value = box.value

    def main():
        c = gort.Channel()
        s = gort.Selector()
        s.add(send(c, value))
        t = gort.go(s.wait)
        gort.yield_now()
        t.cancel()
        t.join()
        assert select(recv(c), default=None).index == -1
        t = gort.go(s.wait)
        gort.yield_now()
        assert c.recv() is value
        assert t.result() == (0, None)

    gort.run(main)


# ---- the collector


def test_case_in_its_own_value_is_collected():
    c = gort.Channel(1)
    value = [c]
    value.append(send(c, value))
    gone = weakref.ref(c)
    del c, value
    gc.collect()
    assert gone() is None


def test_case_in_its_own_channel_is_collected():
    c = gort.Channel(2)
    c.send(recv(c))
    c.send(send(c, [c]))
    gone = weakref.ref(c)
    del c
    gc.collect()
    assert gone() is None


def test_got_that_holds_itself_is_collected():
    c = gort.Channel(1)
    box = [c]
    c.send(box)
    box.append(select(recv(c)))
    gone = weakref.ref(c)
    del c, box
    gc.collect()
    assert gone() is None


def test_selector_in_its_own_value_is_collected():
    c = gort.Channel()
    s = gort.Selector()
    s.add(send(c, [s, c]))
    s.add(recv(c))
    gone = weakref.ref(s), weakref.ref(c)
    del s, c
    gc.collect()
    assert [g() for g in gone] == [None, None]


def test_selector_in_its_own_channel_is_collected():
    c = gort.Channel(2)
    s = gort.Selector()
    s.add(recv(c))
    c.send(s)
    gone = weakref.ref(s), weakref.ref(c)
    del s, c
    gc.collect()
    assert [g() for g in gone] == [None, None]


@needs_greenlets
def test_selector_that_waits_is_not_collected_and_loses_nothing():
    def main():
        c, quiet = gort.Channel(), gort.Channel()
        value = []
        s = gort.Selector()
        s.add(send(quiet, value))
        value.append(s)
        i = s.add(recv(c))
        t = gort.go(s.wait)
        gone = weakref.ref(s)
        del s, value
        gort.yield_now()
        gc.collect()
        assert gone() is not None
        c.send("here")  # delivered: the collector runs before the task does
        gc.collect()
        assert t.result() == (i, "here")
        t2 = gort.go(lambda: quiet.recv())
        gort.yield_now()
        assert gone().wait() == (0, None)
        gc.collect()
        held = t2.result()
        assert held == [gone()]
        del held, t, t2
        gc.collect()
        assert gone() is None

    gort.run(main)


def test_collector_runs_all_the_time_while_values_go_by_select(rng):
    n, stop = 3000, threading.Event()

    def collect():
        while not stop.wait(0.0005):
            gc.collect(rng.choice([0, 0, 1, 2]))

    t = threading.Thread(target=collect)
    t.start()

    def main():
        channels = [gort.Channel(k) for k in (0, 1, 5)]
        out = gort.Channel(n)

        def produce(first):
            for i in range(first, n, 3):
                value = [i]
                value.append(value)
                select(*[send(c, value) for c in channels])

        def consume():
            s = gort.Selector()
            for c in channels:
                s.add(recv(c))
            while (got := s.wait(timeout=0.2, default=None)).index >= 0:
                out.send(got.value[0])

        wg = gort.WaitGroup()
        for k in range(3):
            gort.go(produce, k)
            wg.go(consume)
        wg.wait()
        out.close()
        return sorted(out)

    try:
        assert gort.run(main) == list(range(n))
    finally:
        stop.set()
        t.join()


def test_after_holds_nothing(box):  # noqa: F811
    assert select(after(0), send(gort.Channel(), box.value)).index == 0
