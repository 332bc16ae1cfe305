"""The interpreter's end (P3): no hang, no crash, `finally` blocks run; silent in development mode."""

import pytest

ENDINGS = {
    "parked": """
def task():
    try: gort.Channel().recv()
    finally: print("cleaned up", flush=True)
gort.go(task); gort.sleep(0.05)
""",
    "sleeping": """
def task():
    try: gort.sleep(100)
    finally: print("cleaned up", flush=True)
gort.go(task); gort.sleep(0.05)
""",
    "many": """
n = 0
def task():
    global n
    try: gort.Channel().recv()
    finally:
        n += 1
        if n == 50: print("cleaned up", flush=True)
for _ in range(50): gort.go(task)
gort.sleep(0.1)
""",
}


@pytest.mark.parametrize("what", ENDINGS)
def test_finally_blocks_of_tasks_run_at_exit(program, what):
    done = program("import gort\n" + ENDINGS[what])
    assert done.stdout == "cleaned up\n"
    assert done.stderr == ""


QUIET = {
    "computing": "def task():\n    while True: pass\ngort.go(task); time.sleep(0.05)",
    "blocked in C": "gort.go(time.sleep, 3); time.sleep(0.05)",
    "stubborn": "def task():\n    while True:\n        try: gort.sleep(0.001)\n        except BaseException: pass\ngort.go(task); time.sleep(0.05)",
    "thread blocked": "threading.Thread(target=gort.Channel().recv, daemon=True).start(); time.sleep(0.05)",
    "left by a run": "def main():\n    gort.go(gort.sleep, 100)\ngort.run(main)",
    "values in a channel": "c = gort.Channel(5); c.send(object()); c.send(c)",
    "task that waits for one that is gone": "t = gort.go(gort.sleep, 100); gort.go(t.join); time.sleep(0.05)",
    "exit in main": "def main():\n    gort.go(gort.sleep, 5)\n    raise SystemExit(0)\ngort.run(main)",
    "exit in a task": "def main():\n    gort.go(sys.exit, 0)\n    gort.sleep(5)\ngort.run(main)",
    "waiting in asyncio": "async def main():\n    asyncio.ensure_future(wait())\n    await asyncio.sleep(0.01)\nasync def wait():\n    await gort.Channel().recv_async()\nasyncio.run(main())",
    "nothing but imported": "",
}


@pytest.mark.parametrize("what", QUIET)
def test_exit_is_quiet(program, what):
    done = program("import asyncio, gort, sys, threading, time\n" + QUIET[what], env={"PYTHONDEVMODE": "1"})
    assert done.stdout == "" and done.stderr == ""


def test_task_started_at_exit_is_refused(program):
    done = program(
        """
        import atexit, gort
        @atexit.register
        def late():
            try: gort.go(print)
            except gort.ShutDown: print("refused")
        gort.go(int).join()
        """
    )
    assert done.stdout in ("refused\n", "\n", "")


def test_no_thread_at_import(program):
    done = program(
        """
        import os, gort
        gort.Channel(1).send(1)
        print(len(os.listdir("/proc/self/task")))
        """,
        watched=False,
    )
    assert done.stdout == "1\n"
