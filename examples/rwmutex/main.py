"""rwmutex: many readers, or one writer.

Reading together does no harm; writing needs to be alone. A writer that waits keeps new readers out, so readers that come
all the time do not starve it.
"""

import gort

READERS = 3

lock = gort.RWMutex()
value = 0  # guarded by lock
alone = False
together = gort.Barrier(READERS + 1)
leave = gort.Event()


def reader() -> None:
    with lock.reading():
        together.wait()  # passes only when all readers are in
        leave.wait()


def writer() -> None:
    global value, alone
    with lock:
        alone = not lock.try_rlock()
        value += 1


def yes(done: bool) -> str:
    return "yes" if done else "no"


def main() -> None:
    with gort.Group() as tasks:
        for _ in range(READERS):
            tasks.go(reader)
        together.wait()
        print("three readers are in together")
        print(f"a writer that tries: {yes(lock.try_lock())}")
        print(f"a reader that tries, beside them: {yes(lock.try_rlock())}")
        lock.runlock()

        tasks.go(writer)
        while lock.try_rlock():  # until the writer waits
            lock.runlock()
            gort.sleep(0.0001)
        print("a writer waits, so a reader that tries: no")
        leave.set()
    print(f"the writer was alone: {yes(alone)}")
    with lock.reading():
        print(f"after the writer a reader sees: {value}")


gort.run(main)

# Go differs: an unlock of what is not locked ends the program there; here it raises Misuse.
