"""Timers and tickers. Nothing here asks how late something is: only that it is not early, in which order, and how often."""

import asyncio
import gc
import math
import threading
import time

import gort
import pytest
from conftest import in_thread_and_task, needs_greenlets
from gort import InvalidArgument, Ticker, Timer, WouldBlock, recv, select
from test_aio import loops

HOUR = 3600.0
TINY = 1e-6  # how exactly seconds as floats add up


def no_tick(t):
    gort.sleep(0.002)
    with pytest.raises(WouldBlock):
        t.try_recv()
    with pytest.raises(gort.TimedOut):
        t.recv(timeout=0.0)
    assert select(recv(t), default="none") == (-1, "none")


@in_thread_and_task
@pytest.mark.parametrize("kind", [Timer, Ticker])
def test_script_of_stop_reset_and_reads(run, kind):
    def body():
        t = kind(HOUR)
        is_timer = kind is Timer
        no_tick(t)
        assert t.stop()  # never was in a wheel
        assert not t.stop()
        no_tick(t)
        assert not t.reset(HOUR)
        assert t.reset(HOUR)
        no_tick(t)
        # Due and unread: stopped, reset.
        t.reset(1e-9)
        gort.sleep(0.002)
        assert t.stop()
        no_tick(t)
        t.reset(1e-9)
        gort.sleep(0.002)
        assert t.reset(HOUR)
        no_tick(t)
        # Due and read.
        t.reset(0.001)
        gort.sleep(0.003)
        t.try_recv()
        assert t.stop() is not is_timer
        no_tick(t)
        # Due while somebody waits.
        begin = gort.now()
        t.reset(0.001)
        assert begin + 0.001 - TINY <= t.recv() <= gort.now() + TINY
        assert t.reset(HOUR) is not is_timer
        # Blocked readers: reset while they wait; stopped while they wait.
        got = gort.Channel(2)
        tasks = [gort.go(lambda: got.send(t.recv())) for _ in range(2)]
        gort.sleep(0.005)
        assert len(got) == 0
        begin = gort.now()
        assert t.reset(0.001)
        assert got.recv() >= begin + 0.001 - TINY
        if is_timer:
            assert not t.stop()
            gort.sleep(0.005)
            assert len(got) == 0
            t.reset(0)
        assert got.recv() >= begin
        for task in tasks:
            task.join()

    run(body)


@in_thread_and_task
def test_a_value_says_when_it_was_due_not_when_it_was_read(run):
    def body():
        begin = gort.now()
        t = Timer(0.001)
        made = gort.now()
        gort.sleep(0.02)
        assert begin + 0.001 - TINY <= t.recv() <= made + 0.001 + TINY
        assert Timer(0).try_recv() <= gort.now() + TINY
        assert Timer(-5).try_recv() >= begin - TINY

    run(body)


@in_thread_and_task
def test_a_slow_reader_loses_ticks_and_keeps_the_phase(run):
    def body():
        t = Ticker(0.002)
        first = last = t.recv()
        for _ in range(4):
            gort.sleep(0.007)
            due = t.recv()
            n = (due - first) / 0.002
            assert due > last and abs(n - round(n)) < 1e-3
            last = due

    run(body)


@in_thread_and_task
def test_a_ticker_is_iterated_over_until_it_is_enough(run):
    def body():
        dues = []
        ticker = Ticker(0.0005)
        for due in ticker:
            dues.append(due)
            if len(dues) == 5:
                break
        assert dues == sorted(set(dues))
        assert ticker.stop()
        no_tick(ticker)

    run(body)


@pytest.mark.parametrize("bad", [0, -1, -math.inf, math.nan])
def test_a_bad_period_is_refused_and_nothing_changes(bad):
    t = Ticker(0.001)
    with pytest.raises(InvalidArgument):
        Ticker(bad)
    with pytest.raises(InvalidArgument):
        t.reset(bad)
    t.recv()
    assert t.stop()
    with pytest.raises(InvalidArgument):
        t.reset(bad)
    no_tick(t)
    if bad == bad:
        assert gort.tick(bad) is None
        assert select(recv(gort.tick(bad)), default=1) == (-1, 1)


def test_not_a_number_and_for_ever():
    for f in (Timer, gort.tick, Timer(HOUR).reset):
        with pytest.raises(InvalidArgument):
            f(math.nan)
    with pytest.raises(TypeError):
        Timer("soon")
    for long in (math.inf, 1e300, 9e9):
        t = Timer(long)
        no_tick(t)
        assert t.reset(long) is (long == 9e9)
        no_tick(t)
        no_tick(Ticker(long))


def test_truth_repr_and_wall_time():
    t = Timer(math.inf)
    assert t and Ticker(1)
    assert repr(t) == "<gort.Timer not set>"
    t.reset(1)
    assert repr(t) == "<gort.Timer>" and repr(Ticker(1)) == "<gort.Ticker>"
    assert abs(gort.wall_time(gort.now()) - time.time()) < 60
    assert abs(gort.wall_time(gort.now() + 1000) - gort.wall_time(gort.now()) - 1000) < 60


@in_thread_and_task
def test_timers_are_cases_of_select(run):
    def body():
        begin = gort.now()
        ch, long, short = gort.Channel(), Timer(HOUR), Timer(0.001)
        got = select(recv(ch), recv(long), recv(short))
        assert got.index == 2 and got.ok and got.value >= begin + 0.001 - TINY
        assert select(recv(short), recv(None), timeout=0.001, default=0) == (-1, 0)
        case, ticker = recv(long), Ticker(0.001)
        for _ in range(3):
            i, due = select(case, recv(ticker), gort.after(60))
            assert i == 1 and isinstance(due, float)
        # A value goes to one of them, and a case can be used again.
        long.reset(0)
        assert select(case)[0] == 0
        assert select(case, default=None) == (-1, None)
        # Five and more cases stand on the heap.
        assert select(*[recv(Timer(HOUR)) for _ in range(9)], recv(Timer(0.001))).index == 9

    run(body)


@in_thread_and_task
def test_a_case_keeps_its_timer(run):
    def body():
        case = recv(Timer(0.002))
        gc.collect()
        assert isinstance(select(case).value, float)

    run(body)


@in_thread_and_task
def test_timers_in_a_selector(run):
    def body():
        with gort.Selector() as s:
            ch, t, ticker = gort.Channel(1), Timer(0.004), Ticker(0.001)
            s.add(recv(ch))
            once, often = s.add(recv(t)), s.add(recv(ticker))
            ticks = 0
            while (got := s.wait()).index != once:
                assert got.index == often and isinstance(got.value, float)
                ticks += 1
            ticker.stop()
            with pytest.raises(gort.TimedOut):
                s.wait(timeout=0.005)
            t.reset(0.001)
            assert s.wait().index == once

    run(body)


def test_what_is_not_received_from_is_refused():
    for bad in (Timer(1), Ticker(1)):
        with pytest.raises(TypeError):
            gort.send(bad, 1)
        for name in ("send", "close", "sender", "receiver", "as_capsule"):
            assert not hasattr(bad, name)


def test_dropped_timers_are_gone():
    before = {k: gort.metrics()[k] for k in ("timers", "channels")}
    kept = [Timer(HOUR) for _ in range(50)] + [Ticker(HOUR) for _ in range(50)]
    selects = [recv(t) for t in kept]
    for t in kept:
        with pytest.raises(gort.TimedOut):
            t.recv(timeout=0)
    assert gort.metrics()["channels"] >= before["channels"] + 100
    del kept, t
    assert gort.metrics()["channels"] >= before["channels"] + 100
    del selects
    assert gort.metrics()["channels"] == before["channels"]
    assert gort.metrics()["timers"] == before["timers"]


def test_one_value_for_many_threads():
    t, got = Timer(0.02), []
    stop = gort.Channel()

    def reader():
        got.append(select(recv(t), recv(stop)).index)

    threads = [threading.Thread(target=reader) for _ in range(4)]
    for th in threads:
        th.start()
    while not got:
        time.sleep(0.001)
    stop.close()
    for th in threads:
        th.join()
    assert sorted(got) == [0, 1, 1, 1]


@needs_greenlets
def test_who_waits_for_a_stopped_timer_alone_is_dead(program):
    source = """
        import gort

        def main():
            t = gort.Timer(3600)
            t.stop()
            t.recv()

        try:
            gort.run(main)
        except gort.Deadlock:
            print("dead")
    """
    assert program(source, watched=False).stdout == "dead\n"


def test_a_cancelled_task_leaves_the_value():
    def main():
        t = Timer(HOUR)
        task = gort.go(t.recv)
        gort.sleep(0.002)
        task.cancel()
        task.join()
        assert t.reset(0)
        t.recv()

    gort.run(main)


@loops
def test_awaited(run):
    async def main():
        begin = gort.now()
        t, ticker = Timer(0.001), Ticker(0.001)
        assert await t.recv_async() >= begin + 0.001 - TINY
        assert not t.stop()
        n = 0
        async for due in ticker:
            assert due >= begin
            n += 1
            if n == 3:
                break
        long = Timer(HOUR)
        got = await gort.select_async(recv(long), recv(ticker))
        assert got.index == 1 and isinstance(got.value, float)
        with pytest.raises(gort.TimedOut):
            await gort.select_async(recv(long), timeout=0.001)
        waiting = asyncio.ensure_future(long.recv_async())
        await asyncio.sleep(0)
        assert long.reset(0.001)
        assert await waiting >= begin

    run(main())


@loops
def test_a_value_of_a_cancelled_await_goes_on_but_not_over_a_stop(run):
    async def win_and_cancel(t, between):
        """An await that has won a value and is cancelled before it learns of it."""
        waiting = asyncio.ensure_future(t.recv_async())
        await asyncio.sleep(0)
        t.reset(0)  # its value goes to the await at once
        time.sleep(0.005)
        between()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async def main():
        t = Timer(HOUR)
        await win_and_cancel(t, lambda: None)
        t.try_recv()
        await win_and_cancel(t, lambda: None)
        t.stop()
        with pytest.raises(WouldBlock):
            t.try_recv()
        await win_and_cancel(t, t.stop)
        with pytest.raises(WouldBlock):
            t.try_recv()
        await win_and_cancel(t, lambda: t.reset(HOUR))
        with pytest.raises(WouldBlock):
            t.try_recv()

    run(main())
