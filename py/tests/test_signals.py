"""Ctrl-C (K4): it ends main's wait, whoever was running, and kills no innocent task. Each program interrupts itself and prints what it saw."""

import pytest
from conftest import needs_greenlets

HEAD = """
import gort, os, signal, threading, time
def interrupt(after=0.1):
    def later():
        time.sleep(after)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=later, daemon=True).start()
"""

PLAIN = {
    "receive": "gort.Channel().recv()",
    "receive with a timeout": "gort.Channel().recv(timeout=30)",
    "send": "gort.Channel().send(1)",
    "wait group": "w = gort.WaitGroup(); w.add(1); w.wait()",
    "join": "gort.go(gort.Channel().recv).join()",
    "sleep": "gort.sleep(30)",
    "iteration": "list(gort.Channel())",
    "select": "gort.select(gort.recv(gort.Channel()), gort.send(gort.Channel(), 1))",
    "select with a timeout": "gort.select(gort.recv(gort.Channel()), gort.after(30), timeout=40)",
    "select of many": "gort.select(*[gort.recv(gort.Channel()) for _ in range(50)])",
    "selector": "s = gort.Selector(); s.add(gort.recv(gort.Channel())); s.wait()",
    "timer": "gort.Timer(30).recv()",
    "ticker": "list(gort.Ticker(30))",
    "select of timers": "gort.select(gort.recv(gort.Timer(30)), gort.recv(gort.Ticker(30)))",
    "batch": "gort.Channel().send_many([1, 2])",
    "mutex": "m = gort.Mutex(); m.lock(); m.lock()",
    "mutex with a timeout": "m = gort.Mutex(); m.lock(); m.lock(timeout=30)",
    "mutex in with": "m = gort.Mutex(); m.lock(); m.__enter__()",
    "buffer": "gort.Channel.of('B').recv_into(bytearray(1))",
}


@pytest.mark.parametrize("what", PLAIN)
def test_interrupt_ends_a_blocked_thread(program, what):
    done = program(
        HEAD
        + f"""
interrupt()
try:
    {PLAIN[what]}
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    )
    assert done.stdout == "interrupted\n"


@pytest.mark.parametrize("what", PLAIN)
def test_interrupt_ends_mains_wait_in_a_run(program, what):
    done = program(
        HEAD
        + f"""
def main():
    interrupt()
    try:
        {PLAIN[what]}
    except KeyboardInterrupt:
        print("in main", flush=True)
        raise
try:
    gort.run(main)
except KeyboardInterrupt:
    print("out of run", flush=True)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    )
    assert done.stdout == "in main\nout of run\n"


def test_interrupt_while_main_computes(program):
    done = program(
        HEAD
        + """
def main():
    interrupt()
    while True: pass
try:
    gort.run(main)
except KeyboardInterrupt:
    print("interrupted")
"""
    )
    assert done.stdout == "interrupted\n"


@needs_greenlets
def test_interrupt_kills_no_innocent_task(program):
    done = program(
        HEAD
        + """
log = []
def worker(c):
    for v in c:
        end = time.time() + 0.05
        while time.time() < end: pass
        log.append(v)
def main():
    c = gort.Channel(100)
    t = gort.go(worker, c)
    for i in range(20): c.send(i)
    interrupt()
    try:
        gort.Channel().recv()
    except KeyboardInterrupt:
        c.close()
        t.join()
        print(log == list(range(20)))
gort.run(main)
"""
    )
    assert done.stdout == "True\n"


@needs_greenlets
def test_second_interrupt_raises_in_the_running_task(program):
    done = program(
        HEAD
        + """
def compute():
    while True: pass
def stubborn():
    if threading.current_thread() is not threading.main_thread():
        return  # the background worker took it
    interrupt(0.1)
    interrupt(0.3)
    try:
        compute()  # (Python 3.11 leaves the loop of `try: while True: pass` out of the exception table.)
    except KeyboardInterrupt:
        print("task", flush=True)
def main():
    try:
        while True:
            gort.go(stubborn).join()
    except KeyboardInterrupt:
        print("main", flush=True)
gort.run(main)
"""
    )
    assert sorted(done.stdout.split()) == ["main", "task"]


def test_handler_of_the_users_own_is_kept_and_its_exception_reaches_main(program):
    done = program(
        HEAD
        + """
class Stop(Exception): pass
def handler(*a): raise Stop
signal.signal(signal.SIGINT, handler)
def main():
    interrupt()
    try:
        gort.Channel().recv()
    except Stop:
        print("stop")
gort.run(main)
assert signal.getsignal(signal.SIGINT) is handler
"""
    )
    assert done.stdout == "stop\n"


def test_handler_runs_while_every_task_sleeps(program):
    done = program(
        HEAD
        + """
seen = []
signal.signal(signal.SIGALRM, lambda *a: seen.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
def main():
    gort.sleep(0.5)
gort.run(main)
signal.setitimer(signal.ITIMER_REAL, 0)
print(len(seen) >= 4)
"""
    )
    assert done.stdout == "True\n"


@needs_greenlets
def test_handler_that_blocks_is_refused(program):
    done = program(
        HEAD
        + """
def handler(*a):
    try:
        gort.sleep(1)
    except gort.Misuse:
        print("misuse", flush=True)
signal.signal(signal.SIGUSR1, handler)
def main():
    threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
    gort.sleep(0.3)
gort.run(main)
"""
    )
    assert done.stdout == "misuse\n"


def test_interrupt_of_a_task_without_run_leaves_it_alone(program):
    done = program(
        HEAD
        + """
c = gort.Channel()
t = gort.go(c.recv)
interrupt()
try:
    t.join()
except KeyboardInterrupt:
    c.send("alive")
    print(t.result())
"""
    )
    assert done.stdout == "alive\n"


@needs_greenlets
def test_program_that_waits_for_a_signal_is_not_dead(program):
    done = program(
        HEAD
        + """
stop = gort.Channel(1)
signal.signal(signal.SIGTERM, lambda *a: stop.try_send("bye"))
import subprocess, sys
subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -TERM {os.getpid()}"])
print(gort.run(stop.recv))
""",
        watched=False,
    )
    assert done.stdout == "bye\n"


@needs_greenlets
def test_interrupt_after_main_has_returned_ends_the_run(program):
    done = program(
        HEAD
        + """
def main():
    gort.go(gort.sleep, 30)
    interrupt()
try:
    gort.run(main, wait_all=True)
except KeyboardInterrupt:
    print("interrupted")
"""
    )
    assert done.stdout == "interrupted\n"


def test_handler_that_blocks_in_a_threads_wait_is_refused_and_the_wait_goes_on(program):
    done = program(
        HEAD
        + """
def handler(*a):
    try: gort.sleep(1)
    except gort.Misuse: print("misuse", flush=True)
signal.signal(signal.SIGUSR1, handler)
c = gort.Channel()
threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
threading.Timer(0.3, lambda: c.send("value")).start()
print(c.recv())
"""
    )
    assert done.stdout == "misuse\nvalue\n"


@pytest.mark.parametrize("run", ["gort.run(main)", "main()"])
def test_value_that_comes_with_a_handlers_exception_is_not_lost(program, run):
    done = program(
        HEAD
        + f"""
class Stop(Exception): pass
c, w, d = gort.Channel(), gort.WaitGroup(), gort.Channel()
def deliver(f):
    def handler(*a):
        f()
        raise Stop
    signal.signal(signal.SIGUSR1, handler)
    threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGUSR1]).start()
def stopped(f):
    try: f()
    except Stop: print("stop", flush=True)
def main():
    deliver(lambda: c.try_send("value"))
    stopped(c.recv)
    print(c.try_recv(), flush=True)
    w.add()
    deliver(w.done)
    stopped(lambda: (w.wait(), gort.sleep(0.001)))
    deliver(d.close)
    stopped(lambda: (d.recv(default=1), gort.sleep(0.001)))
    got = []
    deliver(lambda: got.append(c.try_recv()))
    stopped(lambda: (c.send("sent"), gort.sleep(0.001)))
    print(got)
{run}
"""
    )
    assert done.stdout == "stop\nvalue\nstop\nstop\nstop\n['sent']\n"
