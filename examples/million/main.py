"""million: a great many tasks asleep at the same time, woken by one close.

A thread costs megabytes of address space and the kernel's time; a task costs the Python frames it has and a copy of the
little C stack it uses. Every task here reports for duty, then waits on the same channel. Closing it wakes all of them.
The environment variable `STORY_TASKS` asks for fewer where memory is scarce.
"""

import os

import gort

LIMIT_BYTES = 12000  # what one sleeping task may cost, all included


def resident() -> int:
    """Resident memory of this process in bytes (Linux)."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(n: int) -> None:
    before = resident()
    gate = gort.Channel[None]()  # nothing is ever sent: tasks wait for the close
    on_duty = gort.WaitGroup()  # counts those that have started
    ended = gort.WaitGroup()  # counts those that have ended
    woken = 0

    def sentry() -> None:
        nonlocal woken
        on_duty.done()
        _, open = gate.recv_ok()
        if not open:
            woken += 1  # Python tasks take turns at gort's calls only, so this needs no lock
        ended.done()

    on_duty.add(n)
    ended.add(n)
    for _ in range(n):
        gort.go(sentry)
    on_duty.wait()
    assert gort.metrics()["tasks"] == n + 1  # they and main
    print(f"{n} tasks are alive")

    each = (resident() - before) // n
    print(f"under {LIMIT_BYTES} bytes each" if each < LIMIT_BYTES else f"{each} bytes each")

    gate.close()
    ended.wait()
    print(f"{woken} tasks were woken by one close")


if __name__ == "__main__":
    gort.run(main, int(os.environ.get("STORY_TASKS", 1_000_000)))

# Go differs: its stacks start at 2 KiB, and grow by being copied. A Python task has no C stack of its own: it runs on the
# thread's, and while it sleeps the part it used is kept aside; its Python frames need a page of 4 KiB. C and Rust tasks are
# cheaper: under 6000 bytes.
