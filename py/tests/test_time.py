"""What is built of timers in Python."""

import asyncio
import gc
import math
import pickle
import sys
import weakref

import gort
import pytest
from conftest import in_thread_and_task
from gort import InvalidArgument, RetryError, debounce, heartbeat, idle, periodic, poll_until, retry, throttle

HOUR = 3600.0


def until(f):
    while not f():
        gort.sleep(0.001)


@in_thread_and_task
def test_debounce_runs_once_with_the_last_arguments(run):
    def body():
        got = gort.Channel(None)

        @debounce(0.02)
        def save(name, *, again=False):
            got.send((name, again))

        for n in range(50):
            save(n, again=True)
        while got.recv() != (49, True):
            pass  # this machine was busy for longer than that
        assert not save.flush() and not save.cancel()
        save = debounce(HOUR)(save)
        for n in range(50):
            save(n)
        assert save.flush()
        while got.recv() != (49, False):
            pass
        gort.sleep(0.04)
        assert len(got) == 0

    run(body)


@in_thread_and_task
def test_debounce_flushed_and_cancelled(run):
    def body():
        got = gort.Channel(8)
        save = debounce(HOUR)(got.send)
        save(1)
        assert save.flush()
        assert got.recv() == 1
        assert not save.flush()
        save(2)
        assert save.cancel() and not save.cancel() and not save.flush()
        gort.sleep(0.005)
        assert len(got) == 0

    run(body)


@in_thread_and_task
def test_methods_are_debounced_and_throttled_for_each_object(run):
    class Editor:
        def __init__(self, got):
            self.got = got

        @debounce(0.005)
        def save(self, text):
            self.got.send((self, text))

        @throttle(HOUR)
        def log(self, text):
            self.got.send((self, text))

    class Slotted:
        __slots__ = ()
        save = debounce(0)(print)

    def main():
        got = gort.Channel(9)
        a, b = Editor(got), Editor(got)
        assert (a.log(1), a.log(2), b.log(3)) == (True, False, True)
        assert [got.recv(), got.recv()] == [(a, 1), (b, 3)]
        a.save("x")
        b.save("y")
        a.save("z")
        assert a.save is a.save is not b.save
        assert sorted([got.recv()[1], got.recv()[1]]) == ["y", "z"]
        assert isinstance(Editor.save, type(a.save)) and Editor.save is not a.save
        a.save("never")
        assert a.save.cancel() and not b.save.cancel()
        with pytest.raises(TypeError, match="Slotted.save"):
            Slotted().save("x")

    run(main)


def test_debounce_never_beside_itself_and_once_more():
    begun, go_on, ended = gort.Channel(), gort.Channel(), []

    @debounce(0)
    def f(n):
        begun.send(n)
        go_on.recv()
        ended.append(n)

    f(1)
    assert begun.recv() == 1
    f(5)
    until(lambda: f._job._again)
    with pytest.raises(gort.TimedOut):
        begun.recv(timeout=0.01)
    go_on.send(None)
    assert begun.recv() == 5
    go_on.send(None)
    until(lambda: ended == [1, 5])


def test_what_it_raises_is_reported_and_it_goes_on(monkeypatch):
    seen, calls = [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda u: seen.append(str(u.exc_value)))

    def f(*_):
        calls.append(1)
        raise ValueError(f"call {len(calls)}")

    save = debounce(0)(f)
    save()
    until(lambda: seen)
    save()
    until(lambda: len(seen) == 2)
    with periodic(0.001, f):
        until(lambda: {f"call {n}" for n in (1, 2, 3, 4)} <= set(seen))
    with pytest.raises(ValueError):
        throttle(1)(f)()  # in the caller
    until(lambda: len(seen) >= len(calls) - 1)


def test_a_dropped_one_is_stopped():
    before = gort.metrics()["timers"]
    save, late = debounce(HOUR)(print), throttle(HOUR, trailing=True)(repr)
    save(1)
    assert late(2) and not late(3)
    quiet, job = idle(HOUR, print), periodic(HOUR, print)
    refs = [weakref.ref(x) for x in (save, late, quiet, job)]
    del save, late, quiet, job
    gc.collect()
    assert not any(r() for r in refs)
    until(lambda: gc.collect() >= 0 and gort.metrics()["timers"] == before)


def test_debounce_calls_once_also_if_its_task_has_not_begun():
    def main():
        got = gort.Channel(None)
        save = debounce(0.005)(got.send)
        for _ in range(20):
            save("early")
            end = gort.now() + 0.006
            while gort.now() < end:
                pass  # it fires meanwhile, and its task waits for this one
            called = gort.now()
            save("late")
            value = got.recv()
            if value == "early":
                value = got.recv()  # tasks that are threads begin at once
            assert value == "late" and gort.now() >= called + 0.005 - 1e-6
        gort.sleep(0.02)
        assert len(got) == 0
        save("last")
        end = gort.now() + 0.006
        while gort.now() < end:
            pass
        if save.cancel():
            gort.sleep(0.01)
            assert len(got) == 0

    gort.run(main)


@debounce(0.002)
def saved(to, value):
    to.send(value)


@throttle(0.002, trailing=True)
def throttled(to, value):
    to.send(value)


def test_what_is_decorated_serves_one_run_after_the_other():
    def main(n):
        got = gort.Channel(8)
        saved(got, n)
        assert got.recv(timeout=30) == n
        gort.sleep(0.003)
        while not throttled(got, n) or throttled(got, -n):  # until one is late
            gort.sleep(0.003)
        while got.recv(timeout=30) != -n:
            pass
        saved(got, "never: the run ends")

    for n in range(1, 4):
        gort.run(main, n)
    main(4)
    saved.cancel()


@in_thread_and_task
def test_throttle(run):
    def body():
        ran = []
        f = throttle(HOUR)(ran.append)
        assert [f(n) for n in range(5)] == [True] + [False] * 4 and ran == [0] and not f.cancel()
        always = throttle(0)(ran.append)
        assert always(1) and always(2) and ran == [0, 1, 2]

    run(body)


@in_thread_and_task
def test_throttle_trailing(run):
    def body():
        got = gort.Channel(None)
        f = throttle(0.03, trailing=True)(lambda n: got.send((n, gort.now())))
        begin = gort.now()
        at_once = [f(n) for n in range(5)]
        assert at_once[0] and got.recv()[0] == 0
        while (last := got.recv())[0] != 4:
            pass  # this machine was busy for longer than that
        if not at_once[4]:
            assert last[1] >= begin + 0.03 - 1e-6
        f = throttle(HOUR, trailing=True)(str)
        assert f(5) and not f(6) and not f(7)
        assert f.cancel() and not f.cancel()

    run(body)


@in_thread_and_task
def test_periodic_keeps_its_phase(run):
    def body():
        got = gort.Channel(None)
        with periodic(0.002, lambda due: (gort.sleep(0.003), got.send(due))) as job:
            a, b = got.recv(), got.recv()
            n = (b - a) / 0.002
            assert b > a and abs(n - round(n)) < 1e-3
            job.stop()
        n = len(got)
        gort.sleep(0.01)
        assert len(got) == n

    run(body)


def test_in_an_event_loop_the_end_of_the_block_does_not_wait():
    async def main():
        beats = gort.Channel(None)
        with heartbeat(HOUR, lambda: beats.send(1)):
            assert await beats.recv_async() == 1
        with pytest.raises(KeyError), periodic(HOUR, print):
            raise KeyError

    asyncio.run(main())


@in_thread_and_task
def test_heartbeat_at_once_and_again(run):
    def body():
        beats = gort.Channel(None)
        with heartbeat(0.001, lambda: beats.send(gort.now())):
            a, b, c = beats.recv(), beats.recv(), beats.recv()
            assert a <= b <= c
        n = len(beats)
        gort.sleep(0.01)
        assert len(beats) == n
        with pytest.raises(ValueError), heartbeat(HOUR, lambda: beats.send(-1)):
            until(lambda: len(beats) > n)
            raise ValueError

    run(body)


@in_thread_and_task
def test_idle_once_for_each_silence(run):
    def body():
        got = gort.Channel(None)
        quiet = idle(0.02, lambda: got.send(gort.now()))
        for _ in range(10):
            gort.sleep(0.001)
            last = gort.now()
            quiet.touch()
        while got.recv() < last + 0.02 - 1e-6:
            pass  # this machine was busy for longer than that
        until(lambda: quiet._watch.last is None)
        assert not quiet.stop()
        quiet.touch()
        got.recv()
        never = idle(HOUR, lambda: got.send("never"))
        assert never.stop() and not never.stop()
        never.touch()
        assert never.stop()

    run(body)


@in_thread_and_task
def test_retry_until_it_succeeds(run):
    def body():
        calls = []

        def f():
            calls.append(gort.now())
            if len(calls) < 4:
                raise OSError("refused")
            return "done"

        assert retry(f, first=0.002, jitter=0) == "done"
        for wait, a, b in zip((0.002, 0.004, 0.008), calls, calls[1:]):
            assert b - a >= wait - 1e-6

    run(body)


def test_retry_decorates():
    calls = []

    @retry(attempts=3, first=1e-4)
    def f(a, *, b):
        """Text."""
        calls.append((a, b))
        if len(calls) % 3:
            raise OSError("refused")
        return a + b

    assert f(1, b=2) == 3 and f(2, b=3) == 5 and calls == [(1, 2)] * 3 + [(2, 3)] * 3
    assert (f.__name__, f.__doc__) == ("f", "Text.")
    with pytest.raises(InvalidArgument):
        retry(attempts=-1)
    with pytest.raises(TypeError):
        retry()(None)


def test_retry_gives_up():
    def f():
        raise OSError("refused")

    with pytest.raises(RetryError, match="gave up after 3 attempts: refused") as e:
        retry(f, 3, first=1e-4)
    assert (e.value.attempts, e.value.timed_out) == (3, False)
    assert isinstance(e.value.last, OSError) and e.value.__cause__ is e.value.last
    assert isinstance(e.value, gort.Error) and pickle.loads(pickle.dumps(e.value)).attempts == 3
    with pytest.raises(RetryError, match="timed out after 1 attempt: refused"):
        retry(f, first=60, timeout=5)
    with pytest.raises(RetryError) as e:
        retry(f, 0, first=1e-4, factor=1e300, longest=0.001, jitter=7, timeout=0.5)
    assert e.value.timed_out and e.value.attempts > 1
    with pytest.raises(OSError):
        retry(f, on=(ValueError, KeyError))
    for bad in ({"attempts": -1}, {"first": math.nan}, {"jitter": math.nan}, {"timeout": math.nan}):
        with pytest.raises(InvalidArgument):
            retry(f, **bad)


@in_thread_and_task
def test_poll_until(run):
    def body():
        looks = []
        assert poll_until(lambda: looks.append(1) or len(looks) == 4 and "open", 0.001, timeout=60) == "open"
        assert len(looks) == 4
        with pytest.raises(gort.TimedOut):
            poll_until(lambda: False, 0.001, timeout=0.01)
        assert poll_until(lambda: 5, HOUR, timeout=0) == 5
        with pytest.raises(gort.TimedOut):
            poll_until(lambda: 0, 0, timeout=0.005)

    run(body)


def test_waits_end_when_the_task_is_cancelled():
    def fail():
        raise OSError

    def main():
        for f in (lambda: retry(fail, first=HOUR, longest=HOUR), lambda: poll_until(lambda: False, 0)):
            task = gort.go(f)
            gort.sleep(0.005)
            task.cancel()
            with pytest.raises(gort.Canceled):
                task.result()

    gort.run(main)


def test_what_makes_no_sense_is_refused():
    for f in (debounce, throttle):
        with pytest.raises(InvalidArgument):
            f(math.nan)
        with pytest.raises(TypeError):
            f(1)(None)
    for f in (periodic, heartbeat):
        for bad in (0, -1, math.nan):
            with pytest.raises(InvalidArgument):
                f(bad, print)
        with pytest.raises(TypeError):
            f(1, None)
    with pytest.raises(InvalidArgument):
        idle(math.nan, print)
    with pytest.raises(TypeError):
        idle(1, None)
    with pytest.raises(InvalidArgument):
        poll_until(lambda: True, math.nan)


def test_they_end_with_their_run(program):
    source = """
        import gc, gort

        kept = []

        def main():
            save = gort.debounce(0.4)(print)
            save("saved")
            kept.extend([save, gort.idle(0.4, lambda: print("idle")), gort.periodic(3600, print)])

        gort.run(main)
        gort.sleep(0.5 if gort.info()["tasks"] == "greenlets" else 0)
        kept.clear()
        gc.collect()
        print(gort.metrics()["timers"], gort.metrics()["tasks"], gort.metrics()["channels"])
    """
    assert program(source).stdout == "0 0 0\n"
