"""select_producers: a fast and a slow producer, and one loop that serves both.

Each produces at its own pace on a channel of its own. The loop takes what is there: the fast one is never kept waiting
by the slow one, and the slow one is not forgotten.
"""

import gort


def producer(name: str, delay: float, out: gort.Sender[str]) -> None:
    for i in range(1, 4):
        gort.sleep(delay)
        out.send(f"{name} produced {i}")


def main() -> None:
    ch1, ch2 = gort.Channel[str](), gort.Channel[str]()
    gort.go(producer, "Fast", 0.02, ch1.sender)
    gort.go(producer, "Slow", 0.04, ch2.sender)

    cases = gort.recv(ch1), gort.recv(ch2)  # cases can be used again and again
    for _ in range(6):
        match gort.select(*cases):
            case (0, msg):
                print(f"ch1: {msg}")
            case (1, msg):
                print(f"ch2: {msg}")


if __name__ == "__main__":
    gort.run(main)

# As in Go.
