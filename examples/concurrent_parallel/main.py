"""concurrent_parallel: the same work in two tasks of one processor, and on two threads.

Concurrency is structure: two tasks are in progress, and one processor may serve both in turns. Parallelism is
execution: both run at the same instant. What tells them apart is a meeting: each says "here" and watches for the other
without letting go of its processor. On one processor the other cannot come while it watches. On two they meet.

Python tasks share ONE processor, since CPython runs one thread of Python code at a time. The second processor here is
a plain thread: it calls gort as a task does, and runs beside the tasks while one of the two is outside Python code.
"""

import threading
import time
from collections.abc import Callable
from itertools import pairwise

import gort

STEPS = 50
A_GLANCE = 100
AS_LONG_AS_IT_TAKES = 1_000_000_000


class Scene:
    def __init__(self, look: Callable[[], None], patience: int) -> None:
        self.look = look
        self.patience = patience  # how many times to look for the other one
        self.here: set[str] = set()  # who stands at the meeting point now
        self.met: set[str] = set()  # who has seen the other
        self.log: list[str] = []  # who made which step

    def meet(self, name: str) -> None:
        self.here.add(name)
        for _ in range(self.patience):
            self.look()  # calls nothing that would let another task run here
            if len(self.here) == 2:
                self.met.add(name)
                return  # and stay "here", so that the other sees us too
        self.here.remove(name)  # nobody came: away again

    def work(self, name: str) -> None:
        self.meet(name)
        for _ in range(STEPS):
            self.log.append(name)
            gort.yield_now()  # the other's turn, if it waits for one


def one_processor(scene: Scene) -> None:
    with gort.Group() as both:
        both.go(scene.work, "A")
        both.go(scene.work, "B")


def two_processors(scene: Scene) -> None:
    other = threading.Thread(target=scene.work, args=("B",))
    other.start()
    scene.work("A")
    other.join()


if __name__ == "__main__":
    one = Scene(lambda: None, A_GLANCE)
    gort.run(one_processor, one)
    turns = sum(a != b for a, b in pairwise(one.log))
    did = "took turns" if turns > 1 else "went one after the other"
    print(f"one processor: they {'met' if one.met else 'did not meet'}, and {did}")

    two = Scene(lambda: time.sleep(0), AS_LONG_AS_IT_TAKES)  # time.sleep: outside Python code, and the thread is kept
    gort.run(two_processors, two)
    print(f"two processors: they {'met' if len(two.met) == 2 else 'did not meet'}")

# Go differs: GOMAXPROCS is the number of processors for every goroutine. In Python work that computes gains from a second
# processor only outside Python code: hashlib, zlib, NumPy on threads, or native tasks of a C extension, which gort runs on
# all processors (`gort.workers()`) and which use the same channels.
