"""timer_stop_reset: a timer is stopped and set again, and nothing is ever drained.

1. Stop says whether it prevented a value from being received; a second one prevents nothing.
2. A timer that is due and that nobody has read can still be stopped: its value is gone.
3. Reset replaces what was set, also a value that is due: what is received is of the new setting.
4. A value says when it was due, not when it was read.
"""

import gort

MS = 0.001
HOUR = 3600.0


def said(what: bool) -> str:
    return "yes" if what else "no"


def main() -> None:
    t = gort.Timer(HOUR)
    print(f"stopped in time: {said(t.stop())}")
    print(f"stopped again: {said(t.stop())}")

    t.reset(0)
    gort.sleep(MS)  # due for a while, and unread
    print(f"stopped when due and unread: {said(t.stop())}")
    try:
        t.try_recv()
        print("something is left")
    except gort.WouldBlock:
        print("nothing is left to drain")

    t.reset(0)
    gort.sleep(MS)
    begin = gort.now()
    print(f"reset when due and unread: {said(t.reset(2 * MS))}")
    assert t.recv() >= begin
    print("received: the new setting")
    print(f"stopped after it was received: {said(t.stop())}")

    t.reset(MS)
    gort.sleep(10 * MS)
    due, read = t.recv(), gort.now()
    assert read - due >= 5 * MS
    print("read late, and it says when it was due")


if __name__ == "__main__":
    gort.run(main)

# Go has had these rules since 1.23. threading.Timer is another thing: a thread that calls a function; see `gort.after_func`,
# which starts a task when the time has come, and has no thread until then.
