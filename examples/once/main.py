"""once: one initialisation for many callers.

Whoever comes first does it; whoever comes meanwhile waits until it is done. So everybody who has asked may use what it made.
For a value there is the decorator `gort.once`, which keeps it.
"""

import gort

starts = 0


@gort.once
def start() -> int:
    global starts
    gort.sleep(0.001)  # the others come meanwhile, and wait
    starts += 1
    return starts


def main() -> None:
    with gort.Group() as tasks:
        found = [tasks.go(start) for _ in range(5)]
    print(f"five came, it was started {starts} time")
    assert [t.result() for t in found] == [1] * 5
    print("each of them found it started")
    once = gort.Once()
    once.do(lambda: None)
    once.do(start)
    assert once.done and start() == 1
    print("a second call does nothing")


gort.run(main)

# Go differs in nothing that shows here; gort also has a limit for those who wait.
