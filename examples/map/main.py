"""map: a map that many tasks use at the same time; and one made by hand, of plain dicts with a lock each.

load_or_store is "only if there is none": of several that store first, one does, and all go on with its value.
compare_and_swap changes a value only if it is still the one that was seen. By hand, a key picks one of several plain dicts,
and only those who want the same one wait for each other.
"""

import threading
from collections.abc import Callable

import gort

TASKS = 4
STRIPES = 4
WORDS = ["go", "task", "go", "channel", "go", "task"]


def all_tasks(work: Callable[[int], None]) -> None:
    with gort.Group() as group:
        for task in range(TASKS):
            group.go(work, task)


class Stripe:
    """By hand: a plain dict and its lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # of threads: nothing in it makes the task wait
        self.counts: dict[str, int] = {}


def main() -> None:
    leader, stored, have = gort.Map[str, int](), gort.Counter(), list[int]()

    def choose(me: int) -> None:
        chosen, there = leader.load_or_store("leader", me)
        stored.add(not there)
        have.append(chosen)

    all_tasks(choose)
    print(f"{stored.value()} stored it, {have.count(have[0])} have its value")

    words = gort.Map[str, int]()

    def count_words(me: int) -> None:
        for word in WORDS:
            while True:
                n, there = words.load_or_store(word, 1)
                if not there or words.compare_and_swap(word, n, n + 1):
                    break  # else another was quicker: look again

    all_tasks(count_words)
    for word in ["channel", "go", "task"]:
        print(f"{word}: {words.load(word)}")
    print(f"{len(words)} words")

    stripes = [Stripe() for _ in range(STRIPES)]

    def count_by_hand(me: int) -> None:
        for word in WORDS:
            stripe = stripes[ord(word[0]) % STRIPES]
            with stripe.lock:
                stripe.counts[word] = stripe.counts.get(word, 0) + 1

    all_tasks(count_by_hand)
    same = sum(stripes[ord(word[0]) % STRIPES].counts[word] == n for word, n in words.items())
    print(f"by hand: the same for {same}")

    taken = words.load_and_delete("go")
    print(f"taken out: {taken}; again: {words.load_and_delete('go', 0)}")
    words.clear()
    print(f"cleared: {len(words)}")


if __name__ == "__main__":
    gort.run(main)

# As Go's sync.Map. A dict of Python's survives two threads in one call; what takes two calls, as counting does, needs the lock.
