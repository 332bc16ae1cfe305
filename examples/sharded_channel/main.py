"""sharded_channel: one hot channel, or N of them picked by key.

A channel that everybody uses is a place where everybody queues. If only values of one key have to stay in order, a
channel for each group of keys does as well: the same key always takes the same way, different keys do not wait for each
other. The result is the same; what is gained is time, and that is a matter for a benchmark.
"""

import gort

SHARDS = 4
KEYS = 16
EACH = 250  # messages a key


def consume(shard: gort.Receiver[tuple[int, int]]) -> dict[int, int]:
    """Takes (key, number) until the shard is closed; gives the sums of the keys it has seen."""
    sums: dict[int, int] = {}
    last: dict[int, int] = {}
    for key, number in shard:
        assert number == last.get(key, 0) + 1  # they must come in order
        last[key] = number
        sums[key] = sums.get(key, 0) + key * number
    return sums


def produce(key: int, way: gort.Sender[tuple[int, int]]) -> None:
    for number in range(1, EACH + 1):
        way.send((key, number))


def run_with(shards: int) -> dict[int, int]:
    ways = [gort.Channel[tuple[int, int]](16) for _ in range(shards)]
    consumers = [gort.go(consume, way.receiver) for way in ways]
    with gort.Group() as producers:
        for key in range(KEYS):
            producers.go(produce, key, ways[key % shards].sender)  # the key picks the shard
    for way in ways:
        way.close()
    sums: dict[int, int] = {}
    for consumer in consumers:
        sums |= consumer.result()
    return sums


def main() -> None:
    hot = run_with(1)
    print(f"one channel: {sum(hot.values())}")
    sharded = run_with(SHARDS)
    print(f"{SHARDS} shards: {sum(sharded.values())}")
    same = sum(hot[key] == sharded[key] for key in range(KEYS))
    print(f"the same for {same} keys of {KEYS}, each in order")


if __name__ == "__main__":
    gort.run(main)

# As in Go; but Python tasks share one processor, so shards gain nothing here unless threads or native tasks take part.
