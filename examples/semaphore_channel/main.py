"""semaphore_channel: a channel of capacity N as a limit of N at once.

What is sent does not matter; what counts is the room. A send takes a place and waits when all are taken, a receive
gives one back. Here ten tasks want to work and three may.
"""

import gort

TASKS = 10
PLACES = 3


def main() -> None:
    places = gort.Channel[None](PLACES)
    inside = most = 0  # inside now, and the most there ever were

    def work() -> None:
        nonlocal inside, most
        places.send(None)  # take a place; waits while all three are taken
        try:
            inside += 1
            most = max(most, inside)
            gort.sleep(0.002)  # the work
            inside -= 1
        finally:
            places.recv()  # give the place back

    with gort.Group() as tasks:
        for _ in range(TASKS):
            tasks.go(work)
    print(f"{TASKS} tasks have worked")
    print(f"more than {PLACES} at once: {'yes' if most > PLACES else 'never'}")
    print(f"places still taken: {len(places)}")

    # try_send asks for a place without waiting.
    for i in range(1, PLACES + 2):
        try:
            places.try_send(None)
            print(f"place {i}: GORT_OK")
        except gort.WouldBlock:
            print(f"place {i}: GORT_WOULD_BLOCK")


if __name__ == "__main__":
    gort.run(main)

# As in Go's `sem := make(chan struct{}, 3)`. `inside += 1` needs no lock while Python tasks share one processor; threads
# that did the same would need one.
