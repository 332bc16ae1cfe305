"""retry: try again, later each time.

1. By hand: a loop that doubles its wait.
2. With the ready-made piece: growing waits up to a bound, a part of them left to chance.
3. It gives up: no attempts are left, or the next one would come after the timeout.
"""

import gort

MS = 0.001


class Server:
    """Answers at the third call."""

    calls = 0

    def ask(self) -> str:
        self.calls += 1
        if self.calls < 3:
            raise OSError("refused")
        return "accepted"


def refuse() -> None:
    raise OSError("refused")


def by_hand() -> None:
    server, wait = Server(), MS
    while True:
        try:
            answer = server.ask()
            break
        except OSError as why:
            print(f"attempt {server.calls}: {why}")
        gort.sleep(wait)
        wait *= 2
    print(f"attempt {server.calls}: {answer}")


def main() -> None:
    by_hand()
    server = Server()
    answer = gort.retry(server.ask, first=MS)
    print(f"with the piece: {answer} at attempt {server.calls}")

    try:
        gort.retry(refuse, first=MS, on=OSError)
    except gort.RetryError as e:
        assert not e.timed_out
        print(f"gave up after {e.attempts} attempts, GORT_LIMIT: {e.last}")

    try:
        gort.retry(refuse, first=60, longest=60, timeout=10 * MS)
    except gort.RetryError as e:
        assert e.timed_out
        print(f"gave up after {e.attempts} attempt, GORT_TIMED_OUT: {e.last}")


if __name__ == "__main__":
    gort.run(main)
