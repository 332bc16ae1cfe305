"""New tasks start soon, whatever the running one does."""

import subprocess
import sys


def test_a_task_that_only_yields_lets_new_ones_start():
    """Fresh tasks begin from the hub; a task that yielded there once was resumed first, up to 64 times."""
    code = """
import gort, threading
def main():
    go, started = gort.Channel(), []
    def first():
        started.append(1)
        go.recv()
    def second():
        started.append(2)
        gort.sleep(100)
    gort.go(threading.Event().wait, 0.5)
    threading.Event().wait(0.1)
    gort.go(first); gort.go(second)
    n = 0
    while len(started) < 2: gort.yield_now(); n += 1
    assert n <= 8, n
gort.run(main)
"""
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
