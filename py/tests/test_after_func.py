"""after_func: a function that a timer calls, in a task of its own."""

import contextvars
import gc
import math
import sys
import threading
import weakref

import gort
import pytest
from conftest import in_thread_and_task, needs_greenlets
from gort import InvalidArgument, after_func

HOUR = 3600.0


@in_thread_and_task
def test_called_once_with_what_was_given(run):
    def body():
        got = gort.Channel(4)
        begin = gort.now()
        t = after_func(0.002, lambda *a, **k: got.send((gort.now(), a, k)), 1, 2, three=3, timer=4)
        when, args, kwargs = got.recv()
        assert when >= begin + 0.002 and args == (1, 2) and kwargs == {"three": 3, "timer": 4}
        assert not t.stop()
        gort.sleep(0.005)
        assert len(got) == 0

    run(body)


@in_thread_and_task
def test_stop_and_reset_say_what_they_prevented(run):
    def body():
        got = gort.Channel(4)
        t = after_func(HOUR, got.send, "called")
        assert "not set" not in repr(t)
        assert t.stop() and not t.stop()
        assert "not set" in repr(t)
        assert not t.reset(HOUR) and t.reset(HOUR) and t.reset(0.001)
        assert got.recv() == "called"
        for _ in range(3):
            assert not t.reset(0.001)
            assert got.recv() == "called"
        assert not t.stop()
        assert not t.reset(HOUR) and t.reset(math.inf) and not t.stop()
        gort.sleep(0.005)
        assert len(got) == 0
        never = after_func(math.inf, got.send, 1)
        assert not never.stop() and not never.reset(0)
        assert got.recv() == 1

    run(body)


@in_thread_and_task
def test_many_resets_one_call(run):
    def body():
        got = gort.Channel(None)
        t = after_func(0.05, got.send, 1)
        calls = 31 - sum(t.reset(0.05) for _ in range(30))
        for _ in range(calls):
            got.recv()
        gort.sleep(0.06)
        assert len(got) == 0

    run(body)


@in_thread_and_task
def test_the_function_is_a_task_like_any_other(run):
    def body():
        got, go_on = gort.Channel(1), gort.Channel()
        var = contextvars.ContextVar("var", default="none")
        var.set("mine")

        def f():
            got.send((gort.current_task(), var.get()))
            go_on.recv()
            return "done"

        after_func(0, f)
        task, value = got.recv()
        assert value == "mine" and task.id > 0 and not task.done
        go_on.send(None)
        assert task.result() == "done" and task.done
        after_func(0, f)
        task, _ = got.recv()
        task.cancel()
        with pytest.raises(gort.Canceled):
            task.result()

    run(body)


@in_thread_and_task
def test_it_goes_on_when_its_object_is_gone(run):
    def body():
        got = gort.Channel()
        after_func(0.005, got.send, 7)
        gc.collect()
        assert got.recv() == 7

    run(body)


def test_a_call_runs_beside_a_call():
    got, go_on = gort.Channel(2), gort.Channel()
    t = after_func(0, lambda: (got.send(1), go_on.recv(default=None)))
    got.recv()
    assert not t.reset(0)
    got.recv()
    go_on.close()


def test_what_it_raises_is_reported(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda u: seen.append(repr(u.exc_value)))
    after_func(0, lambda: 1 / 0)
    while not seen:
        gort.sleep(0.001)
    assert "division" in seen[0]


def test_what_can_not_be_called_is_refused():
    with pytest.raises(TypeError):
        after_func(1, None)
    with pytest.raises(InvalidArgument):
        after_func(math.nan, print)
    t = after_func(HOUR, print)
    with pytest.raises(InvalidArgument):
        t.reset(math.nan)
    assert t.stop()


class Holder:
    def __init__(self, seconds):
        self.calls = 0
        self.timer = after_func(seconds, self.call)

    def call(self):
        self.calls += 1


def test_one_that_is_not_set_is_collected_with_its_cycle():
    never, stopped, called = Holder(math.inf), Holder(HOUR), Holder(0)
    stopped.timer.stop()
    while not called.calls:
        gort.sleep(0.001)
    refs = [weakref.ref(h) for h in (never, stopped, called)]
    del never, stopped, called
    for _ in range(1000):
        gc.collect()
        if not any(r() for r in refs):
            break
        gort.sleep(0.001)
    assert [r() for r in refs] == [None] * 3


@needs_greenlets
def test_ends_with_its_run(program):
    source = """
        import gc, weakref, gort
        from gort import after_func

        class Holder:
            def __init__(self, seconds):
                self.timer = after_func(seconds, self.call)
            def call(self):
                print("called")

        kept = []

        def main():
            kept.append(Holder(3600))
            kept.append(Holder(0.4))
            after_func(0.4, print, "called")

        gort.run(main)
        gort.sleep(0.5)
        assert not kept[0].timer.reset(0)
        gort.sleep(0.01)
        refs = [weakref.ref(h) for h in kept]
        kept.clear()
        gc.collect()
        print([r() for r in refs], gort.metrics()["timers"], gort.metrics()["tasks"])
    """
    assert program(source).stdout == "[None, None] 0 0\n"


def test_main_waits_for_what_a_timer_will_start():
    def main():
        got = gort.Channel()
        after_func(0.005, got.send, 1)
        return got.recv()

    assert gort.run(main) == 1


def test_set_and_stopped_by_many_threads():
    calls = gort.Channel(None)
    t = after_func(math.inf, calls.send, 1)
    prevented = [0] * 4

    def hammer(n):
        for i in range(60):
            prevented[n] += t.stop() if i % 3 == 0 else t.reset(0.0005 * (i % 4))

    threads = [threading.Thread(target=hammer, args=(n,)) for n in range(4)]
    for th in threads:
        th.start()
    for th in threads:
        th.join()
    last = t.stop()
    # Each setting ended in one of two ways.
    while len(calls) + sum(prevented) + last < 4 * 40:
        gort.sleep(0.001)
    gort.sleep(0.005)
    assert len(calls) + sum(prevented) + last == 4 * 40
