"""What all tests share: a watchdog for each test, the count of what is left alive after it, and ways to run a body."""

import faulthandler
import gc
import os
import random
import subprocess
import sys
import textwrap
import time

import gort
import pytest

PATIENCE = float(os.environ.get("GORT_TEST_PATIENCE", "1"))
SEED = int(os.environ.get("GORT_TEST_SEED", str(time.time_ns() % 1_000_000_007)))


def pytest_report_header(config):
    return f"GORT_TEST_SEED={SEED} repeats the random choices; tasks are {gort.info()['tasks']}"


def alive():
    m = gort.metrics()
    return {k: m[k] for k in ("tasks", "channels", "wait_groups", "selectors", "timers")}


@pytest.fixture(autouse=True)
def nothing_left_alive():
    faulthandler.dump_traceback_later(60 * PATIENCE, exit=True)
    gc.collect()
    before = alive()
    yield
    for _ in range(400):
        gc.collect()
        if all(n <= before[k] for k, n in alive().items()):
            break
        time.sleep(0.005)
    else:
        gort.dump()
        pytest.fail(f"left alive: {alive()}, before the test {before}")
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def rng():
    print(f"GORT_TEST_SEED={SEED} repeats this")
    return random.Random(SEED)


@pytest.fixture
def program():
    """Runs a program of its own and looks at its exit code. A hang is a failure with a traceback of every thread, unless `watched` is false: the watchdog is a thread
    that could do anything, so no deadlock is judged beside it."""

    def run(source, *args, code=0, env=None, dev=True, watched=True):
        head = "import faulthandler; faulthandler.dump_traceback_later(%r, exit=True)\n" % (30 * PATIENCE)
        head = head if watched else ""
        command = [sys.executable, *(["-X", "dev"] if dev else []), "-c", head + textwrap.dedent(source), *args]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=90 * PATIENCE, env={**os.environ, **(env or {})}
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


# For tests that rest on the order in which one thread's tasks run, on the verdict of a deadlock, or on ending a task that computes: tasks that are threads
# of the system (GORT_PYTHON_TASKS=threads) have none of these.
needs_greenlets = pytest.mark.skipif(gort.info()["tasks"] != "greenlets", reason="tasks are threads here")


def in_thread_and_task(f):
    """The body runs once on a plain thread and once in a task: the same calls, the same results."""
    return pytest.mark.parametrize("run", [lambda g: g(), gort.run], ids=["thread", "task"])(f)


def until_waiting(n, what="select"):
    """Until `n` waits of this kind stand in the census."""
    while gort._gort._dump().count(what) < n:
        gort.yield_now()
