"""selector: hundreds of channels, registered once.

A select looks at each of its cases each time it is called. That is right for a few. A selector keeps its cases from
wait to wait, so a wait costs what has happened, whatever the number of channels. They may come and go between the
waits.
"""

import gort

CHANNELS = 300
EACH = 10


def source(ch: gort.Sender[int]) -> None:
    for n in range(EACH):
        ch.send(n)
    ch.close()


def late_guest(selector: gort.Selector[int]) -> None:
    """Registers one channel more, before the others speak, and hears it."""
    ch = gort.Channel[int]()
    index = selector.add(gort.recv(ch))
    gort.go(ch.send, 7)
    got = selector.wait()
    assert got.index == index
    print(f"one that joins later is heard: {got.value}")
    selector.remove(index)


def listen(selector: gort.Selector[int]) -> int:
    """Receives until all are closed."""
    received = 0
    expected = [0] * CHANNELS
    while len(selector) > 0:
        i, value = selector.wait()  # the index that `add` gave
        if value is None:
            selector.remove(i)  # closed; else it would be ready each time
        else:
            assert value == expected[i]
            expected[i] += 1
            received += 1
    return received


def main() -> None:
    channels = [gort.Channel[int]() for _ in range(CHANNELS)]
    with gort.Selector[int]() as selector:
        for i, ch in enumerate(channels):
            assert selector.add(gort.recv(ch)) == i  # 0, 1, 2, ...
        print(f"{len(selector)} channels are registered")
        late_guest(selector)

        for ch in channels:
            gort.go(source, ch.sender)
        print(f"{listen(selector)} values received, those of each channel in their order")
        print("all channels are closed, and taken out")

        try:
            selector.wait(timeout=0.005)
        except gort.TimedOut:
            print("nobody is left to wait for: GORT_TIMED_OUT")


if __name__ == "__main__":
    gort.run(main)

# Go has no such thing. There every channel gets a goroutine that passes its values on to a shared one; or
# reflect.Select takes the list of cases, and looks at all of them, each time.
