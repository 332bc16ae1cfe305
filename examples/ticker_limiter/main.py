"""ticker_limiter: requests at the pace of a ticker: with a ticker, and with the limiter that is paced as by one."""

import gort
from gort import limit


def main() -> None:
    ticker = gort.Ticker(0.005)
    for i in range(1, 4):
        ticker.recv()
        print(f"a ticker: request {i}")
    ticker.stop()

    paced = limit.Paced(0.02, origin=0)
    assert not paced.allow_at(0.019)
    print("paced: nothing before the first tick")
    for ms in range(20, 46, 5):
        if paced.allow_at(ms / 1000):
            print(f"paced: one at {ms} ms")
    assert paced.allow_at(0.13) and not paced.allow_at(0.13)
    print("paced: after a pause until 130 ms one, not four")


if __name__ == "__main__":
    gort.run(main)
