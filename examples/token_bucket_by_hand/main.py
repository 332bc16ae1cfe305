"""token_bucket_by_hand: what a token bucket is.

1. A class: how many tokens there were, and when; what has come since is added when somebody asks. Five a second, three at most.
2. A channel of three tokens, into which a ticker puts another one.
"""

import gort


class Bucket:
    def __init__(self, rate: float, most: float) -> None:
        self.rate, self.most, self.tokens, self.last = rate, most, most, 0.0

    def allow(self, now: float) -> bool:
        self.tokens = min(self.most, self.tokens + (now - self.last) * self.rate)
        self.last = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def with_a_struct() -> None:
    bucket = Bucket(5, 3)
    for ms in (0, 200, 60000):
        allowed = sum(bucket.allow(ms / 1000) for _ in range(5))
        print(f"a struct, at {ms} ms: {allowed} of 5")


def take(tokens: gort.Channel[None]) -> int:
    allowed = 0
    for _ in range(5):
        try:
            tokens.try_recv()
            allowed += 1
        except gort.WouldBlock:
            pass
    return allowed


def with_a_channel() -> None:
    tokens = gort.Channel[None](3)
    ticker = gort.Ticker(0.005)
    for _ in range(3):
        tokens.send(None)  # it starts full
    print(f"a channel: {take(tokens)} of 5")
    ticker.recv()
    tokens.try_send(None)
    print(f"a channel, when a token was put in: {take(tokens)} of 5")
    ticker.stop()


def main() -> None:
    with_a_struct()
    with_a_channel()


if __name__ == "__main__":
    gort.run(main)
