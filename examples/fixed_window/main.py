"""fixed_window: so many in each window of 100 ms. Around the edge of two windows twice as many pass in a moment; a window that
slides has no edge.
"""

import gort
from gort import limit


def again(name: str, limiter: limit.FixedWindow) -> None:
    ms = 95
    assert limiter.allow_at(ms / 1000, 5)
    while not limiter.allow_at(ms / 1000):
        ms += 1
    print(f"{name}, full at 95 ms: again at {ms} ms")


def edge(name: str, limiter: limit.FixedWindow | limit.SlidingWindow) -> None:
    passed = sum(limiter.allow_at((95 + i / 2) / 1000) for i in range(20))
    print(f"around the edge, within 10 ms: {passed} of 20 in {name} of 5")


def main() -> None:
    again("aligned", limit.FixedWindow(5, 0.1))
    again("lazy", limit.FixedWindow(5, 0.1, lazy=True))
    edge("fixed windows", limit.FixedWindow(5, 0.1))
    edge("a sliding window", limit.SlidingWindow(5, 0.1))


if __name__ == "__main__":
    gort.run(main)
