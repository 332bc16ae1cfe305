"""context_cancel: one cancellation ends all that works for it.

1. Three workers, each with a context of its own below one parent; the parent is cancelled and says why.
2. What is not below it goes on.
3. Cancelling again changes nothing: the first cause counts.
"""

import gort


def work(n: int, ctx: gort.Context, turn: gort.Receiver[None], after: gort.Sender[None]) -> None:
    try:
        gort.sleep(3600, ctx=ctx)  # any call that waits takes a context
    except gort.Canceled:
        turn.recv()  # they speak in order
        print(f"worker {n} stops: {ctx.cause}")
        after.send(None)


def main() -> None:
    parent, other = gort.Context.background().with_cancel(), gort.Context.background().with_cancel()
    children = [parent.with_cancel() for _ in range(3)]
    turns = [gort.Channel[None](1) for _ in range(4)]
    workers = [
        gort.go(work, n + 1, ctx, turns[n].receiver, turns[n + 1].sender) for n, ctx in enumerate(children)
    ]
    gort.yield_now()  # they wait now
    parent.cancel("the user left")  # when it returns, all below it have ended
    ended = all(ctx.done for ctx in children)
    turns[0].send(None)
    for w in workers:
        w.join()
    print("all below it have ended:", "yes" if ended else "no")
    print("another branch goes on:", "yes" if other.err is None else "no")
    assert not parent.cancel("too late") and parent.cause == "the user left"
    print("cancelled again: nothing changes")


if __name__ == "__main__":
    gort.run(main)

# In Go a child stays in its parent's list until one of them is cancelled; here a parent keeps no child, and one that is
# dropped leaves nothing behind. Dropping does not cancel; `with parent.with_cancel() as ctx:` does at its end.
