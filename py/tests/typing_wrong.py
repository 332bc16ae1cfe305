"""Programs that are wrong, one a line: each line that ends in a comment "wrong" must be refused by a type checker, for the reason
that stands there (typing.sh). The lines without the mark are right, so it is the marked one that is wrong and nothing else.
"""

import asyncio

import gort

ch = gort.Channel[int](1)
out, source = ch.sender, ch.receiver

# ---- the direction
out.recv()  # wrong: attr-defined
out.recv_async()  # wrong: attr-defined
source.send(1)  # wrong: attr-defined
source.close()  # wrong: attr-defined
out.abandon()  # wrong: attr-defined
for v in out:  # wrong: attr-defined
    pass
with source:  # wrong: attr-defined
    pass

# ---- the elements
ch.send("one")  # wrong: arg-type
out.send("one")  # wrong: arg-type
ch.try_send(None)  # wrong: arg-type
ch.send_many(["one"])  # wrong: list-item
text: str = source.recv()  # wrong: assignment
text = ch.try_recv()  # wrong: assignment
for text in source:  # wrong: assignment
    pass
number: int = source.recv(default=None)  # wrong: arg-type
number = source.recv(default=0)
number, more = ch.recv_ok()  # wrong: assignment
maybe, more = ch.recv_ok()
gort.Channel[str]().send(number)  # wrong: arg-type
gort.Channel.of("q", 16).send("x")  # wrong: arg-type
gort.Channel.of("d", 16).send(1)
gort.Channel.of("d", 16).send("x")  # wrong: arg-type
ch.send_from([1, 2])  # wrong: arg-type
ch.recv_into([1, 2])  # wrong: arg-type


# ---- one direction stands for another element type only where that is safe
def reads(source: gort.Receiver[object]) -> None: ...
def writes(out: gort.Sender[bool]) -> None: ...
def writes_any(out: gort.Sender[object]) -> None: ...
def both(ch: gort.Channel[object]) -> None: ...


reads(source)
writes(out)
writes_any(out)  # wrong: arg-type
both(ch)  # wrong: arg-type
reads(out)  # wrong: arg-type
reads(ch)  # wrong: arg-type


# ---- timers
timer = gort.Timer(1)
text = timer.recv()  # wrong: assignment
gort.send(timer, 1.0)  # wrong: arg-type
for text in gort.Ticker(1):  # wrong: assignment
    pass
gort.Timer("soon")  # wrong: arg-type
gort.tick(1).recv()  # wrong: union-attr
gort.after_func(1, timer.reset, "x")  # wrong: arg-type
gort.debounce(1)(timer.reset)("x")  # wrong: arg-type
gort.debounce(1)(timer.reset)(1.0)
text = gort.retry(lambda: 1, attempts=3)  # wrong: assignment
gort.retry(attempts=3)(timer.reset)("x")  # wrong: arg-type
number = gort.retry(attempts=3)(timer.reset)(1.0)
gort.heartbeat(1, timer.reset)  # wrong: arg-type
gort.periodic(1, timer.reset)

# ---- select
words = gort.Channel[str](None)
room: int = ch.capacity  # wrong: assignment
gort.recv(out)  # wrong: call-overload
gort.send(source, 1)  # wrong: arg-type
gort.send(ch, "one")  # wrong: misc
gort.select(ch)  # wrong: call-overload
gort.select(gort.recv(ch), timeout="soon")  # wrong: call-overload
match gort.select(gort.recv(ch), gort.recv(words), gort.send(out, 5), default=b""):
    case (0, int(n)):
        n += 1
        n += "x"  # wrong: operator
    case (1, str(word)):
        word += "x"
        word += 1  # wrong: operator
    case (2, nothing):
        nothing.real  # wrong: attr-defined
    case (-1, data):
        data.decode()
        data.upper().encode()  # wrong: attr-defined
got = gort.select(gort.recv(ch))
number = got.value  # wrong: assignment
if got.value is not None:
    number = got.value
number, maybe = gort.select(gort.recv(ch))
number = maybe  # wrong: assignment
got.index = 5  # wrong: misc
selector = gort.Selector[int]()
selector.add(gort.recv(ch))
maybe_selector = gort.Selector[int | None]()
maybe_selector.add(gort.recv(ch))
maybe_selector.add(gort.send(words, "one"))
selector.add(gort.recv(words))  # wrong: arg-type
selector.add(ch)  # wrong: arg-type
text = selector.wait().value  # wrong: assignment
ch.on_ready(ch.try_recv)
ch.on_ready(gort.sleep, "a while")  # wrong: arg-type


# ---- tasks
def twice(n: int, *, loud: bool = False) -> int:
    return 2 * n


gort.go(twice, 1)
gort.go(twice, 1, loud=True)
gort.go(twice)  # wrong: call-arg
gort.go(twice, "1")  # wrong: arg-type
gort.go(twice, 1, quiet=True)  # wrong: call-arg
gort.go(twice(1))  # wrong: arg-type
gort.go_named(twice, 1)  # wrong: arg-type
number = gort.go(twice, 1).result()
text = gort.go(twice, 1).result()  # wrong: assignment
gort.go(twice, 1).join().bit_length()  # wrong: func-returns-value
gort.WaitGroup().go(twice, "1")  # wrong: arg-type
gort.WaitGroup().add("1")  # wrong: arg-type
with gort.Group() as group:
    group.go(twice, 1)
    group.go(twice, "1")  # wrong: arg-type
    text = group.go(twice, 1).result()  # wrong: assignment
if gort.current_task().done:  # wrong: union-attr
    pass

# ---- locks, and what is waited for
flag: bool = gort.Mutex().try_lock()
gort.Mutex().lock("soon")  # wrong: arg-type
rw = gort.RWMutex()
with rw.reading() as nothing:
    pass
flag = rw.try_rlock()
flag = rw.rlock()  # wrong: func-returns-value
rw.lock(wait=1)  # wrong: call-arg
with rw.reading:  # wrong: attr-defined
    pass
cond = gort.Cond(gort.Mutex())
number = cond.wait_for(lambda: 1, timeout=2)
text = cond.wait_for(lambda: 1)  # wrong: assignment
cond.wait_for(twice)  # wrong: arg-type
gort.Cond(rw)  # wrong: arg-type
cond.mutex = gort.Mutex()  # wrong: misc
gort.Once().do(twice, 1)
gort.Once().do(twice, "1")  # wrong: arg-type
gort.Once().done()  # wrong: operator
number = gort.once(lambda: 1)()
text = gort.once(lambda: 1)()  # wrong: assignment
gort.once(twice)  # wrong: arg-type
gort.once(lambda: 1)(1)  # wrong: call-arg
gort.Semaphore()  # wrong: call-arg
gort.Semaphore(1).acquire(0.5)  # wrong: arg-type
gort.Semaphore(1).available = 2  # wrong: misc
flag = gort.Barrier(2).wait(timeout=1)
gort.Barrier(2).arrived()  # wrong: operator
flag = gort.Event().set()
flag = gort.Event().wait()  # wrong: func-returns-value

# ---- run
number = gort.run(twice, 1)
number = gort.run(twice, 1, grace=2, workers=2)
text = gort.run(twice, 1)  # wrong: assignment
gort.run(twice)  # wrong: arg-type
gort.run(twice, "1")  # wrong: arg-type
gort.run(twice, 1, grace="long")  # wrong: arg-type
gort.run(twice, 1, grce=1)  # wrong: call-arg
gort.sleep("1")  # wrong: arg-type
gort.sleep(seconds=1)  # wrong: call-arg


# ---- asyncio
async def loop() -> None:
    number = await ch.recv_async()
    await ch.send_async(number)
    await ch.send_async("one")  # wrong: arg-type
    text: str = await source.recv_async()  # wrong: assignment
    async for number in source:
        pass
    async for text in source:  # wrong: assignment
        pass
    await source.recv()  # wrong: misc
    await asyncio.wait_for(ch.recv_async(), 1)
    with await ch:  # wrong: misc
        pass
    async with gort.Mutex(), gort.RWMutex(), gort.RWMutex().reading(), gort.Semaphore(1):
        pass
    async with gort.Cond():  # wrong: attr-defined
        pass
    await gort.Event().wait_async()
    await gort.Event().wait()  # wrong: func-returns-value
    await gort.Semaphore(1).acquire_async("1")  # wrong: arg-type


# ---- errors
try:
    pass
except gort.TaskCanceled as canceled:
    error: Exception = canceled  # wrong: assignment
except gort.TimedOut as timed_out:
    timeout: TimeoutError = timed_out
except gort.InvalidArgument as invalid:
    value: ValueError = invalid
except gort.Misuse as misuse:
    runtime: RuntimeError = misuse
except gort.Error as other:
    error = other


class Mine(gort.Channel[int]):  # wrong: misc
    pass


# ---- what goes through functions
def half(n: int) -> float:
    return n / 2


gort.pipeline(["a"], half)  # wrong: arg-type
gort.pipeline([1], half, half)  # wrong: misc
for text in gort.pipeline([1], half):  # wrong: assignment
    pass
gort.WorkerPool().submit(half, "x")  # wrong: arg-type
text = gort.WorkerPool().submit(half, 1).result()  # wrong: assignment
gort.SingleFlight[str, float]().do(1, half, 1)  # wrong: arg-type
gort.SingleFlight[str, str]().do("a", half, 1)  # wrong: arg-type
gort.Group().try_go(half, "x")  # wrong: arg-type
