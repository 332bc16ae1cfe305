"""deadlock: every task sleeps and nothing can wake one.

gort notices. main's blocked call raises `Deadlock`, and main may catch it; what is still asleep is cancelled, as at the
end of any run. The run ends with `Deadlock`, too, and its message carries the census: who slept, and on what. Three
ways into it, each in a run of its own.
"""

from collections.abc import Callable

import gort


def send_nobody_receives() -> None:
    """1."""
    ch = gort.Channel[int]()
    task = gort.go_named("lonely sender", ch.send, 1)  # a name for the census; nobody comes
    try:
        task.join()  # main waits for it in turn
    except gort.Deadlock:
        print("join of the sender: GORT_DEADLOCK")


def full_buffer() -> None:
    """2. A buffer that is full, and nobody empties it."""
    ch = gort.Channel[int](2)
    ch.send(1)
    ch.send(2)
    try:
        ch.send(3)
    except gort.Deadlock:
        print("third send into a buffer of two: GORT_DEADLOCK")
    print(f"  the first value is still there: {ch.recv()}")  # the channel is as good as before


def forgotten_done() -> None:
    """3. A WaitGroup that waits for two, and one forgets done()."""
    wg = gort.WaitGroup()
    wg.add(2)
    gort.go(wg.done)
    gort.go(lambda: None)
    try:
        wg.wait()
    except gort.Deadlock:
        print("wait with a forgotten done: GORT_DEADLOCK")


def run(story: Callable[[], None], sleeper: str) -> None:
    try:
        gort.run(story)
    except gort.Deadlock as e:
        print("  the run: GORT_DEADLOCK")
        print(f'  the census says "{sleeper}": {"yes" if sleeper in str(e) else "no"}')


if __name__ == "__main__":
    run(send_nobody_receives, "lonely sender")
    run(full_buffer, "channel send")
    run(forgotten_done, "wait group")

# Go differs: it ends the process with "all goroutines are asleep - deadlock!", and with cgo in the program it does not
# look at all. Here main gets an exception and decides. A thread of the program that gort does not know (a pool, an
# event loop) could still send something: while there is one, nobody is accused.
