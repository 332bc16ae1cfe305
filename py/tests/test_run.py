"""run: the contract of a run (K1, K2, K5), and what works inside it."""

import asyncio
import signal
import sqlite3
import threading

import gort
import pytest
from conftest import needs_greenlets


def test_run_returns_what_main_returns():
    assert gort.run(lambda a, b: a + b, 1, 2) == 3


def test_run_raises_what_main_raises():
    def main():
        raise KeyError("main")

    with pytest.raises(KeyError, match="main") as e:
        gort.run(main)
    assert e.traceback[-1].name == "main"


def test_runs_follow_one_another():
    for i in range(50):
        assert gort.run(lambda: gort.go(lambda: i).result()) == i


def test_left_tasks_are_cancelled_and_clean_up():
    log = []

    def task(n):
        try:
            gort.Channel().recv()
        finally:
            gort.metrics()
            log.append(n)

    def main():
        for n in range(10):
            gort.go(task, n)
        gort.yield_now()
        gort.yield_now()

    gort.run(main)
    assert sorted(log) == list(range(10))


def test_wait_all_waits_and_cancels_nobody():
    log = []

    def main():
        gort.go(lambda: (gort.sleep(0.01), log.append("done")))

    gort.run(main, wait_all=True)
    assert log == ["done"]


@needs_greenlets
def test_computing_task_is_ended_after_the_grace(program):
    done = program(
        """
        import gort
        def compute():
            while True: sum(range(100))
        def main():
            return gort.go(compute)
        t = gort.run(main, grace=0.02)
        t.join(10)
        print("ended", t.canceled)
        """
    )
    assert done.stdout == "ended True\n"


@needs_greenlets
def test_task_that_ignores_its_end_is_detached_and_named(program):
    done = program(
        """
        import gort, os, sys, warnings
        def stubborn():
            while True:
                try:
                    while True:
                        try: gort.sleep(0.001)
                        except gort.TaskCanceled: pass
                except gort.TaskCanceled: pass
        def main():
            gort.go_named("stubborn", stubborn)
            gort.yield_now()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            gort.run(main, grace=0.02)
        print(len(seen), "detached" in str(seen[0].message))
        sys.stdout.flush()
        os._exit(0)
        """
    )
    assert done.stdout == "1 True\n"


DEADLOCKS = {
    "receive": ("gort.Channel().recv()", "channel receive"),
    "send": ("gort.Channel().send(1)", "channel send"),
    "full": ("c = gort.Channel(1); c.send(1); c.send(2)", "channel send"),
    "wait group": ("w = gort.WaitGroup(); w.add(1); w.wait()", "wait group"),
    "join": ("gort.go(gort.Channel().recv).join()", "task join"),
    "select": ("gort.select(gort.recv(gort.Channel()), gort.send(gort.Channel(), 1))", "select"),
    "empty select": ("gort.select()", "select"),
    "selector": ("s = gort.Selector(); s.add(gort.recv(gort.Channel())); s.wait()", "select"),
    "observer": ("gort.Channel().on_ready(int).join()", "channel receive"),
    "group": ("g = gort.Group(); g.go(gort.Channel().recv); g.__exit__(None, None, None)", "task join"),
}


@needs_greenlets
@pytest.mark.parametrize("what", DEADLOCKS)
def test_deadlock_is_raised_with_the_census(program, what):
    call, reason = DEADLOCKS[what]
    done = program(
        f"""
        import gort
        def main():
            {call}
        try:
            gort.run(main)
        except gort.Deadlock as e:
            assert {reason!r} in str(e), e
            print("explained")
        """,
        watched=False,
    )
    assert done.stdout == "explained\n"


@needs_greenlets
def test_deadlock_in_main_unwinds_main(program):
    done = program(
        """
        import gort
        def main():
            try:
                gort.Channel().send(1)
            finally:
                print("cleaned up")
        try:
            gort.run(main)
        except gort.Deadlock:
            print("raised")
        print(gort.run(lambda: "again"))
        """,
        watched=False,
    )
    assert done.stdout == "cleaned up\nraised\nagain\n"


def test_run_inside_run_is_misuse():
    def main():
        with pytest.raises(gort.Misuse):
            gort.run(lambda: None)

    gort.run(main)


def test_runs_on_several_threads_at_once():
    seen = []

    def one(n):
        def main():
            c = gort.Channel()
            gort.go(lambda: [c.send(i) for i in range(200)] and c.close())
            return sum(c)

        seen.append(gort.run(main))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert seen == [sum(range(200))] * 4


def test_max_tasks_is_a_limit_and_nothing_is_lost():
    def main():
        c = gort.Channel()
        tasks = []
        with pytest.raises(gort.LimitExceeded):
            for _ in range(100):
                tasks.append(gort.go(c.recv))
        for i in range(len(tasks)):
            c.send(i)
        assert sorted(t.result() for t in tasks) == list(range(len(tasks)))
        return len(tasks)

    assert 1 <= gort.run(main, max_tasks=5) <= 5


def test_bad_grace_is_refused():
    with pytest.raises(gort.InvalidArgument, match="grace"):
        gort.run(lambda: None, grace=-1)


def test_signal_sqlite_and_asyncio_work_in_main():
    def main():
        old = signal.signal(signal.SIGUSR1, lambda *a: None)
        signal.signal(signal.SIGUSR1, old)
        with sqlite3.connect(":memory:") as db:
            gort.yield_now()
            assert db.execute("select 1").fetchone() == (1,)
        db.close()

        async def inside():
            await asyncio.sleep(0)
            return 7

        return asyncio.run(inside())

    assert gort.run(main) == 7


def test_pdb_works_in_main(program):
    import subprocess
    import sys

    source = "import gort\ndef main():\n    x = 41\n    gort.yield_now()\n    breakpoint()\n    return x\ngort.run(main)\n"
    done = subprocess.run(
        [sys.executable, "-c", source], input="p x + 1\nc\n", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "42" in done.stdout, done.stderr


def test_pytest_works_in_main(tmp_path):
    import subprocess
    import sys

    (tmp_path / "test_inner.py").write_text("import gort\ndef test_it():\n    assert gort.go(lambda: 3).result() == 3\n")
    source = "import gort, pytest, sys\nsys.exit(gort.run(pytest.main, ['-q', '-p', 'no:cacheprovider', sys.argv[1]]))"
    done = subprocess.run([sys.executable, "-c", source, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


def test_settrace_sees_tasks():
    import sys

    seen = []

    def tracer(frame, event, arg):
        if event == "call":
            seen.append(frame.f_code.co_name)
        return None

    def traced():
        gort.yield_now()

    def main():
        sys.settrace(tracer)
        try:
            traced()
        finally:
            sys.settrace(None)

    gort.run(main)
    assert "traced" in seen


@needs_greenlets
def test_timers_of_a_thread_that_leaves_are_kept():
    def main():
        gort.sleep(0.05)

    long = gort.go(gort.sleep, 0.2)
    threads = [threading.Thread(target=gort.run, args=(f,)) for f in (main, lambda: gort.sleep(0.15))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    long.join()


def test_wait_all_lets_computing_tasks_end():
    import time

    def compute():
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            pass
        return "whole"

    t = gort.run(lambda: gort.go(compute), wait_all=True, grace=0.01)
    assert t.result() == "whole"


@needs_greenlets
def test_task_that_a_run_gave_up_is_never_resumed(program):
    done = program(
        """
        import gort, os, warnings
        warnings.simplefilter("ignore")
        c = gort.Channel()
        def stubborn():
            with gort.shield():
                print("resumed", c.recv())
        def main():
            for _ in range(3): gort.go(stubborn)
            gort.yield_now()
            gort.yield_now()
        gort.run(main, grace=0.01)
        def again():
            got = 0
            for i in range(3):
                try:
                    c.send(i, timeout=0.05)
                    got += 1
                except gort.TimedOut: pass
            return got
        gort.run(again)
        print("end", flush=True)
        os._exit(0)
        """
    )
    assert done.stdout.endswith("end\n")


def test_runs_leave_no_main_behind():
    before = gort.metrics()["tasks"]
    for _ in range(100):
        gort.run(int)
        with pytest.raises(gort.Misuse):
            gort.run(lambda: gort.run(int))
    assert gort.metrics()["tasks"] == before
