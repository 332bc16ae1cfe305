"""Tasks: how they begin, what is theirs alone, how they are cancelled."""

import contextvars
import sys

import gort
import pytest
from conftest import needs_greenlets


def test_result_and_join_give_what_the_function_gave():
    def main():
        t = gort.go(lambda a, b=0: a + b, 1, b=2)
        assert t.join() is None
        assert t.result() == t.result() == 3
        assert t.done and not t.canceled and t.exception() is None

    gort.run(main)


def test_exception_is_raised_by_result_with_its_traceback():
    def broken():
        raise ValueError("broken")

    def main():
        t = gort.go(broken)
        t.join()
        assert isinstance(t.exception(), ValueError)
        with pytest.raises(ValueError, match="broken") as e:
            t.result()
        assert "broken" in [f.name for f in e.traceback]

    gort.run(main)


def test_names_and_ids_tell_tasks_apart():
    def main():
        a, b = gort.go_named("fetcher", gort.sleep, 0), gort.go(gort.sleep, 0)
        assert a.name == "fetcher" and "fetcher" in repr(a)
        assert a.id != b.id and b.name == f"task {b.id}"
        assert gort.current_task().name == "main"

    gort.run(main)
    assert gort.current_task() is None


def test_not_callable_is_a_type_error():
    with pytest.raises(TypeError, match="callable"):
        gort.go(5)


def test_join_times_out_while_the_task_goes_on():
    def main():
        c = gort.Channel()
        t = gort.go(c.recv)
        with pytest.raises(gort.TimedOut):
            t.join(timeout=0.001)
        c.send("on")
        assert t.result() == "on"

    gort.run(main)


var = contextvars.ContextVar("var", default="default")


def test_contextvars_are_copied_at_spawn():
    def child():
        seen = var.get()
        var.set("child")
        gort.yield_now()
        return seen, var.get()

    def main():
        var.set("main")
        t = gort.go(child)
        var.set("later")
        assert t.result() == ("main", "child")
        assert var.get() == "later"
        # A recycled greenlet brings nothing of the last task along.
        assert [gort.go(var.get).result() for _ in range(3)] == ["later"] * 3

    gort.run(main)
    assert gort.run(var.get) == "default"


def test_exception_state_is_each_tasks_own():
    def main():
        seen = []

        def one(name):
            try:
                raise KeyError(name)
            except KeyError:
                gort.yield_now()
                seen.append(sys.exc_info()[1].args[0])
                try:
                    raise
                except KeyError as e:
                    seen.append(e.args[0])

        with gort.Group() as g:
            g.go(one, "a")
            g.go(one, "b")
        assert sorted(seen) == ["a", "a", "b", "b"]
        assert sys.exc_info() == (None, None, None)

    gort.run(main)


def test_recursion_limit_is_each_tasks_own():
    def deep(n):
        return n if n == 0 else 1 + deep(n - 1)

    def without_end():
        return without_end()

    def main():
        for _ in range(5):
            with pytest.raises(RecursionError):
                gort.go(without_end).result()
        assert gort.go(deep, 500).result() == 500
        # Tasks that start tasks that start tasks do not add up.
        def chain(n):
            return n if n == 0 else gort.go(chain, n - 1).result() + 1

        assert chain(2000 if gort.info()["tasks"] == "greenlets" else 50) > 0

    gort.run(main)


def test_park_inside_sort_key_generator_and_except():
    def main():
        c = gort.Channel()

        def feeder():
            for i in range(1000):
                c.send(i)

        gort.go(feeder)

        def key(v):
            c.recv()
            return -v

        assert sorted(range(10), key=key) == list(range(9, -1, -1))

        def generate():
            for _ in range(10):
                yield c.recv()

        assert list(generate()) == list(range(10, 20))
        try:
            raise LookupError
        except LookupError as e:
            c.recv()
            assert sys.exc_info()[1] is e

        class Weird:
            def __hash__(self):
                c.recv()
                return 1

            def __eq__(self, other):
                c.recv()
                return True

        assert {Weird(): 1}[Weird()] == 1

    gort.run(main)


@needs_greenlets
def test_park_inside_a_greenlet_of_the_users_own():
    from greenlet import getcurrent, greenlet

    def main():
        c = gort.Channel()

        def inner():
            first = c.recv()
            getcurrent().parent.switch(first)
            return c.recv()

        def task():
            g = greenlet(inner)
            return g.switch(), g.switch()

        t = gort.go(task)
        gort.yield_now()
        c.send(1)
        c.send(2)
        assert t.result() == (1, 2)

    gort.run(main)


def test_cancel_is_not_swallowed_by_except_exception():
    def stubborn(c):
        while True:
            try:
                c.recv()
            except Exception:
                pass

    def main():
        t = gort.go(stubborn, gort.Channel())
        gort.yield_now()
        t.cancel()
        t.join()
        assert t.canceled and t.done
        with pytest.raises(gort.Canceled):
            t.result()
        assert isinstance(t.exception(), gort.Canceled)

    gort.run(main)


def test_cancel_is_level_triggered_and_shield_lets_clean_up():
    log = []

    def task(c):
        try:
            c.recv()
        except gort.TaskCanceled:
            try:
                gort.sleep(0.001)
            except gort.TaskCanceled:
                log.append("still cancelled")
            with gort.shield():
                gort.sleep(0.001)
                log.append("cleaned up")
            raise

    def main():
        t = gort.go(task, gort.Channel())
        gort.yield_now()
        t.cancel()
        t.cancel()
        t.join()
        assert t.canceled

    gort.run(main)
    assert log == ["still cancelled", "cleaned up"]


def test_cancel_before_the_first_step_still_runs_the_function():
    def main():
        log = []
        t = gort.go(lambda: (log.append("ran"), gort.sleep(1)))
        t.cancel()
        t.join()
        assert log == ["ran"] and t.canceled

    gort.run(main)


def test_shield_end_without_begin_is_misuse():
    def main():
        from gort import _gort

        with pytest.raises(gort.Misuse):
            _gort._shield_end()

    gort.run(main)


@needs_greenlets
def test_hundred_thousand_tasks_park_and_wake():
    n = 100_000

    def main():
        c, done = gort.Channel(), gort.WaitGroup()
        done.add(n)

        def task():
            c.recv()
            done.done()

        for _ in range(n):
            gort.go(task)
        gort.yield_now()
        for i in range(n):
            c.send(i)
        done.wait()

    gort.run(main)


def test_unretrieved_exception_is_reported_once(program):
    done = program(
        """
        import gc, gort
        def broken(): raise ValueError("nobody asks")
        def main():
            gort.go(broken)
            gort.yield_now()
            gort.sleep(0.01)
        gort.run(main)
        gc.collect()
        """
    )
    assert done.stderr.count("nobody asks") == 1


def test_task_without_run_goes_on_in_the_background():
    assert [gort.go(pow, i, 2).result() for i in range(20)] == [i * i for i in range(20)]


def test_task_joined_from_two_threads():
    import threading

    c = gort.Channel()
    t, seen = gort.go(c.recv), []
    threads = [threading.Thread(target=lambda: seen.append(t.result())) for _ in range(4)]
    for th in threads:
        th.start()
    c.send("all")
    for th in threads:
        th.join()
    assert seen == ["all"] * 4


@needs_greenlets
def test_finalizer_of_an_ended_task_speaks_for_nobody(program):
    done = program(
        """
        import gort
        refused = []
        class Result:
            def __del__(self):
                try: gort.yield_now()
                except gort.Misuse: refused.append(1)
        def worker(c, out):
            out.append(c.recv())
        def main():
            a, out = gort.Channel(), []
            for i in range(50):
                gort.go(Result)
                gort.go(worker, a, out)
                gort.yield_now()
                a.send(i)
            gort.sleep(0.01)
            assert sorted(out) == list(range(50)), out
        gort.run(main)
        print(len(refused) > 0)
        """
    )
    assert done.stdout == "True\n"


def test_main_task_can_be_asked_after_its_run():
    t = gort.run(gort.current_task)
    assert t.done and t.name == "main"
    t.join()
