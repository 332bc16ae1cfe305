"""cond_queue: a queue of bounded length between producers and consumers, by hand.

A condition is for waiting until something that a mutex guards has changed. The wait unlocks the mutex, and has it again when
it returns; so what was true under the lock must be looked at again, which `wait_for` does.
(A buffered channel is this, ready made.)
"""

import gort

ROOM, EACH = 4, 50

lock = gort.Mutex()
not_empty, not_full = gort.Cond(lock), gort.Cond(lock)
queued = most = consumed = 0  # guarded by lock


def produce() -> None:
    global queued, most
    for _ in range(EACH):
        with lock:
            not_full.wait_for(lambda: queued < ROOM)
            queued += 1
            most = max(most, queued)
        not_empty.signal()  # one who waits goes on, in the order of coming


def consume() -> None:
    global queued, consumed
    for _ in range(EACH):
        with lock:
            not_empty.wait_for(lambda: queued > 0)
            queued -= 1
            consumed += 1
        not_full.signal()


def main() -> None:
    with gort.Group() as tasks:
        for _ in range(2):
            tasks.go(produce)
            tasks.go(consume)
    print(f"produced {2 * EACH}, consumed {consumed}")
    print(f"the queue never held more than {most}")
    with lock:
        try:
            not_empty.wait(timeout=0.001)
        except gort.TimedOut:
            assert not lock.try_lock()
            print("nobody comes: timed out, and the mutex is locked again")


gort.run(main)

# Go differs: its Wait has no limit.
