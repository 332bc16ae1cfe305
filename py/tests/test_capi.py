"""C beside Python on one runtime: extensions through the capsule, ctypes, cffi, libraries linked with -lgort, programs that embed Python.

Each test runs in a process of its own, so that a crash or a hang is one failure, and what is loaded before gort is under control. The C sources are in capi/.
"""

import os
import re
import subprocess
import sysconfig

import pytest

import capi_header
import gort
from capi_support import HERE, WAYS, built, native, run  # noqa: F401 (fixtures)


# ---- the header and the table


def test_header_is_what_the_table_says():
    assert capi_header.HEADER.read_text() == capi_header.render(), "run python py/tests/capi_header.py"
    public = [n for n in capi_header.declarations() if n not in capi_header.table()]
    assert public == ["gort_shutdown"], "functions of gort.h without a place in the table"


def test_table_is_only_appended_to():
    listed = [x for x in (HERE / "capi/table.txt").read_text().split("\n") if x and not x.startswith("#")]
    assert capi_header.table() == listed, "append the new names to py/tests/capi/table.txt"


def test_header_compiles_as_c_and_cpp(tmp_path):
    (tmp_path / "h.c").write_text(
        "#include <Python.h>\n#define GORT_PYTHON_CALLS\n#include <gort_python.h>\nGORT_CHAN_DEFINE(int, ints);\n"
        "int f(ints *c); int f(ints *c) { return ints_send(c, 1) == GORT_OK && gort_python_import() == 0; }\n"
    )
    shared = tmp_path / "shared.c"
    shared.write_text(
        "#include <Python.h>\n#define GORT_PYTHON_TABLE my_table\n#include <gort_python.h>\n"
        "const gort_python_api *my_table; int g(void); int g(void) { return gort_python_import(); }\n"
    )
    include = ["-I" + gort.get_include(), "-isystem", sysconfig.get_path("include"), "-Wall", "-Wextra", "-Werror", "-c", "-o", os.devnull]
    for compiler in ["gcc -std=c11 -pedantic-errors", "g++ -x c++ -std=c++17 -pedantic-errors -Wold-style-cast"]:
        for source in (tmp_path / "h.c", shared):
            done = subprocess.run([*compiler.split(), *include, source], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


def test_table_of_another_abi_or_an_older_gort_is_refused(built, tmp_path):
    code = """
    import gort
    words = ctypes.cast(ctypes.pythonapi.PyCapsule_GetPointer, ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p))
    at = words(gort._gort._C_API, b"gort._gort._C_API")
    words_of_it = 2 + %d
    table = (ctypes.c_size_t * words_of_it).from_address(at)
    assert table[0] == 8 * words_of_it, table[0]
    fake = (ctypes.c_size_t * words_of_it)(*table)
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    for place, value, word in ((1, 9, "ABI 9"), (0, 100, "older")):
        old, fake[place] = fake[place], value
        gort._gort._C_API = new(ctypes.addressof(fake), b"gort._gort._C_API", None)
        try: import gort_ext
        except ImportError as e: assert word in str(e), e
        else: raise SystemExit("imported")
        fake[place] = old
    gort._gort._C_API = new(ctypes.addressof(fake), b"gort._gort._C_API", None)
    import gort_ext
    """
    run(code % len(capi_header.table()), built)


def test_capsule_is_of_fixed_kinds_only(built):
    code = """
    import gort, gort_ext
    try: gort.Channel(1).as_capsule()
    except gort.InvalidArgument as e: assert "Channel.of" in str(e)
    else: raise SystemExit("a channel of objects has a capsule")
    ch = gort.Channel.of("q", 4)
    for what in (ch, ch.as_capsule(), ch.sender):
        gort_ext.send(what, 5)
        assert gort_ext.recv(ch.receiver) == 5
    for wrong in (3, "x", ctypes.pythonapi):
        try: gort_ext.send(wrong, 1)
        except (AttributeError, ValueError): pass
        else: raise SystemExit(repr(wrong))
    # the capsule keeps the channel, a C handle outlives both
    capsule = gort.Channel.of("q", 1).as_capsule()
    gort_ext.send(capsule, 7); assert gort_ext.recv(capsule) == 7
    out = gort.Channel.of("q")
    gort_ext.add_up(capsule, out)
    gort_ext.produce(capsule, 0, 10)
    del capsule
    before = gort.metrics()["channels"]
    assert before >= 1
    """
    run(code, built)


# ---- native tasks and Python on one channel


@pytest.mark.parametrize("cap", [0, 64])
@pytest.mark.parametrize("name", WAYS)
def test_python_tasks_receive_from_native_tasks(built, name, cap):
    code = """
    import gort
    c = way(%r)
    def main():
        ch = gort.Channel.of("q", %d)
        sums = []
        def part(n): sums.append(sum(ch.recv() for _ in range(n)))
        tasks = [gort.go(part, N // 4) for _ in range(4)]
        for k in range(4): c.produce(ch, k * (N // 4), N // 4)
        for t in tasks: t.result()
        assert sum(sums) == SUM, sums
    gort.run(main)
    """
    run(code % (name, cap), built)


@pytest.mark.parametrize("name", WAYS)
def test_python_tasks_send_through_native_tasks(built, name):
    code = """
    import gort
    c = way(%r)
    def main():
        a, b = gort.Channel.of("q", 16), gort.Channel.of("q")
        c.twice(a, b)
        def send():
            for v in range(N): a.send(v)
            a.close()
        gort.go(send)
        assert sum(b) == 2 * SUM
    gort.run(main)
    """
    run(code % name, built)


@pytest.mark.parametrize("name", WAYS)
def test_plain_threads_and_native_tasks(built, name):
    code = """
    import gort
    c = way(%r)
    a, b, total = gort.Channel.of("q", 16), gort.Channel.of("q", 1), gort.Channel.of("q", 1)
    c.twice(a, b)
    c.add_up(b, total)
    def send():
        for v in range(N): a.send(v)
        a.close()
    t = threading.Thread(target=send); t.start()
    assert total.recv() == 2 * SUM
    t.join()
    ch = gort.Channel.of("q")
    c.produce(ch, 0, N)
    assert sum(ch.recv() for _ in range(N)) == SUM
    c.thread(ch, 0, N)  # a thread without a Python state
    assert sum(ch.recv() for _ in range(N)) == SUM
    """
    run(code % name, built)


@pytest.mark.parametrize("name", WAYS)
def test_asyncio_and_native_tasks(built, name):
    code = """
    import gort
    c = way(%r)
    async def main():
        ch = gort.Channel.of("q", 8)
        c.produce(ch, 0, N)
        total = 0
        for _ in range(N): total += await ch.recv_async()
        assert total == SUM
        a, b = gort.Channel.of("q", 4), gort.Channel.of("q", 4)
        c.twice(a, b)
        async def send():
            for v in range(N // 5): await a.send_async(v)
            a.close()
        t = asyncio.create_task(send())
        total = 0
        async for v in b: total += v
        await t
        n = N // 5
        assert total == n * (n - 1)
    asyncio.run(main())
    """
    run(code % name, built)


def test_cffi_and_ctypes_on_the_library_itself(built):
    code = """
    import gort, cffi
    ffi = cffi.FFI()
    ffi.cdef("int gort_chan_send(void *, const void *); int gort_chan_recv(void *, void *); const char *gort_version_string(void);")
    lib = ffi.dlopen(gort.get_library())
    assert ffi.string(lib.gort_version_string()).decode() == gort.__version__
    ch = gort.Channel.of("q", N)
    h = ffi.cast("void *", handle(ch))
    x = ffi.new("int64_t *")
    for v in range(N):
        x[0] = v
        assert lib.gort_chan_send(h, x) == 0
    got = ctypes.c_int64(); total = 0
    own = ctypes.CDLL(gort.get_library())
    own.gort_chan_recv.argtypes = ctypes.c_void_p, ctypes.c_void_p
    for _ in range(N):
        assert own.gort_chan_recv(handle(ch), ctypes.byref(got)) == 0
        total += got.value
    assert total == SUM
    """
    run(code, built)


# ---- D4: a foreign call of a Python task blocks the thread, never parks


@pytest.mark.parametrize("released", [False, True])
@pytest.mark.parametrize("sender", ["produce", "thread"])
@pytest.mark.parametrize("name", WAYS)
def test_receive_into_the_own_stack_in_a_python_task(built, name, sender, released):
    code = """
    import gort
    c = way(%r)
    beats = 0
    def beat():
        global beats
        while True:
            beats += 1; time.sleep(0.005)
    threading.Thread(target=beat, daemon=True).start()
    def main():
        ch = gort.Channel.of("q")
        c.%s(ch, 0, 20_000, 200)
        before = beats
        t0 = time.monotonic()
        assert c.recv(ch, 20_000, %r) == 20_000 * 19_999 // 2
        assert time.monotonic() - t0 > 0.15
        assert beats - before > 10, beats - before  # another Python thread went on
    gort.run(main)
    gort.go(main).result()  # and on the background worker
    """
    run(code % (name, sender, released), built)


@pytest.mark.parametrize("name", ["ext", "CDLL", "PyDLL"])
def test_tasks_that_have_not_started_go_on_elsewhere(built, name):
    code = """
    import gort
    c = way(%r)
    def main():
        ch, seen = gort.Channel.of("q"), []
        def sender():
            seen.append(threading.current_thread().name)
            for v in range(1000): ch.send(v)
        gort.go(sender)
        t0 = time.monotonic()
        assert c.recv(ch, 1000) == 499_500
        assert seen == ["gort-worker"], seen
        assert time.monotonic() - t0 < 2
    gort.run(main)
    """
    run(code % name, built)


@pytest.mark.parametrize("name", ["ext", "PyDLL", "CDLL"])
def test_the_case_that_hangs_is_explained_by_the_dump(built, name):
    """The sender has started on the thread that the receive blocks."""
    code = """
    import gort, io
    c = way(%r)
    ch = gort.Channel.of("q")
    go = gort.Channel()
    def watchdog():
        time.sleep(0.7)
        f = io.StringIO(); gort.dump(f); print(f.getvalue(), flush=True)
        ch.try_send(42)  # let it go
    def sender():
        go.recv()
        ch.try_send(1)
    def yielder():
        for _ in range(3): gort.yield_now()
        gort.sleep(1e9)
    def main():
        gort.go_named("the sender", sender)
        gort.go_named("sleeper", yielder)
        for _ in range(50): gort.yield_now()
        # both must have started here, not on the background worker
        go.send(None)
        print("thread", threading.get_native_id(), "main", gort.current_task().id)
        threading.Thread(target=watchdog, daemon=True).start()
        assert c.recv(ch) == 42
        print("went on")
    def start_here():
        # the other worker is kept busy, so what is started now starts on this thread
        hold = threading.Event()
        gort.go(hold.wait)
        time.sleep(0.1)
        try: main()
        finally: hold.set()
    gort.run(start_here)
    """
    out = run(code % name, built)
    m = re.search(r"thread (\d+) main (\d+)", out)
    thread, main = m.groups()
    assert "went on" in out
    blocked = [line for line in out.splitlines() if f"thread {thread} blocked in a foreign call of task {main}" in line]
    assert len(blocked) == 1, out
    assert "channel receive #" in blocked[0] and "2 started tasks wait for that thread: task " in blocked[0], out
    assert re.search(rf'task {main} .*running: blocks its thread {thread} in a foreign call: channel receive #\d+, \d+ ms', out), out
    sender = next(line for line in out.splitlines() if '"the sender"' in line)
    assert f"ready: waits for its thread {thread}, which task {main} blocks in a foreign call" in sender, out
    sleeper = next(line for line in out.splitlines() if '"sleeper"' in line)
    assert "parked: sleep" in sleeper and f"its thread {thread} is blocked by task {main}" in sleeper, out


@pytest.mark.parametrize("name", WAYS)
def test_every_blocking_call_from_everywhere(built, name):
    code = """
    import gort
    c = way(%r)
    def main():
        for i in range(3): assert c.try_all(False) == 0, c.try_all(False)
        gort.sleep(0.01)
    gort.run(main)
    assert gort.go(c.try_all, False).result() == 0   # on the background worker
    assert c.try_all(True) == 0                      # the main thread, and a run in it
    out = []
    t = threading.Thread(target=lambda: out.append(c.try_all(True))); t.start(); t.join()
    assert out == [0], out
    """
    run(code % name, built)


def test_shutdown_belongs_to_the_interpreter(built):
    code = """
    import gort
    lib = ctypes.CDLL(gort.get_library())
    assert gort.go(lambda: lib.gort_shutdown()).result() == -6
    assert lib.gort_shutdown() == -6     # MISUSE: there is a lane with threads of Python
    gort.run(lambda: None)
    assert gort.go(int).result() == 0
    """
    run(code, built)


@pytest.mark.parametrize("name", ["ext", "PyDLL", "CDLL"])
def test_a_thread_that_never_called_gort_waits_without_the_interpreter(built, name):
    """Its first call of gort is one of C, with the interpreter held (PyDLL, ext): the sender is another Python thread."""
    code = """
    import gort
    c = way(%r)
    ch = gort.Channel.of("q")
    h = ch.as_capsule() if %r == "ext" else ch
    out = []
    t = threading.Thread(target=lambda: out.append(c.recv(h, 2)), daemon=True); t.start()
    time.sleep(0.1)
    ch.send(20, timeout=10); ch.send(22, timeout=10)
    t.join(10)
    assert out == [42], out
    """
    run(code % (name, name), built)


@pytest.mark.parametrize("name", ["CDLL", "PyDLL", "ext"])
def test_with_a_subinterpreter_in_the_process(built, name):
    code = """
    import gort
    try: import _xxsubinterpreters as sub
    except ImportError: sub = None
    if sub: i = sub.create(); sub.destroy(i)
    c = way(%r)
    ch = gort.Channel.of("q")
    c.produce(ch, 0, 100, 50)
    assert c.recv(ch, 100, True) == 4950
    c.produce(ch, 0, 100, 50)
    assert c.recv(ch, 100) == 4950
    def main():
        c.produce(ch, 0, 100, 50)
        assert c.recv(ch, 100, True) == 4950
    gort.run(main)
    objects = gort.Channel(4)
    objects.send([1]); del objects
    """
    run(code % name, built)


@pytest.mark.parametrize("name", WAYS)
def test_cancelled_task_ends_its_wait_in_c(built, name):
    code = """
    import gort, warnings
    warnings.simplefilter("error")
    c = way(%r)
    seen = []
    def task(ch, n):
        for _ in range(n):
            try: c.recv(ch)
            except RuntimeError as e: seen.append(str(e))
        with gort.shield():
            c.thread(ch, 9, 1, 20)
            seen.append(c.recv(ch))
    def main():
        ch = gort.Channel.of("q")
        t = gort.go(task, ch, 3)
        time.sleep(0.1)          # it runs on the background worker
        t.cancel()
        try: t.result(timeout=5)
        except gort.Canceled: pass
        assert len(seen) == 4 and seen[3] == 9 and all(x in ("GORT_CANCELED", "-4") for x in seen[:3]), seen
        gort.go(task, gort.Channel.of("q"), 1)
        time.sleep(0.1)          # and the end of the run cancels this one
    t0 = time.monotonic()
    gort.run(main, grace=5)
    assert time.monotonic() - t0 < 4 and len(seen) == 6, seen
    """
    run(code % name, built)


def test_signal_handler_may_not_block_where_the_thread_waits(built):
    """It would use the thread's waiter, which the interrupted call has in a queue."""
    code = """
    import gort, gort_ext, signal
    a, q, b, seen = gort.Channel(), gort.Channel.of("q"), gort.Channel(), []
    def handler(*_):
        for f in (lambda: b.recv(timeout=1), lambda: gort.sleep(0.01), b.try_recv, gort.yield_now):
            try: f()
            except Exception as e: seen.append(type(e).__name__)
    signal.signal(signal.SIGALRM, handler)
    def waits():
        for wait, send in ((a.recv, a.send), (lambda: gort_ext.recv(q), q.send)):
            seen.clear()
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            t = threading.Timer(0.3, lambda: send(5, timeout=5)); t.start()
            assert wait() == 5
            t.join()
            assert seen == ["Misuse", "Misuse", "WouldBlock", "Misuse"], seen
    waits()
    gort.run(waits)
    """
    run(code, built)


@pytest.mark.parametrize("in_task", [False, True])
@pytest.mark.parametrize("name", ["ext", "PyDLL"])
def test_ctrl_c_ends_a_wait_in_c_on_the_main_thread(built, name, in_task):
    code = """
    import gort, signal
    c = way(%r)
    ch = gort.Channel.of("q")
    def main():
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        t0 = time.monotonic()
        try: c.recv(ch)
        except KeyboardInterrupt: assert time.monotonic() - t0 < 2
        else: raise SystemExit("no KeyboardInterrupt")
    gort.run(main) if %r else main()
    """
    run(code % (name, in_task), built)


@pytest.mark.parametrize("in_task", [False, True])
def test_ctrl_c_does_not_end_a_plain_lock_in_c(built, in_task):
    """Nobody in C looks at the result of a lock (K3): it is had, and then the exception is there."""
    code = """
    import gort, signal
    held, free = ctypes.PyDLL(gort.get_library()), ctypes.CDLL(gort.get_library())
    m, steps = (ctypes.c_uint32 * 2)(), []
    def main():
        assert held.gort_mutex_lock(m) == 0
        def others():
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)          # some looks at the signals later
            steps.append("unlock")
            steps.append(free.gort_mutex_unlock(m))
        t = threading.Thread(target=others); t.start()
        try: held.gort_mutex_lock(m)
        except KeyboardInterrupt: assert steps, "not had"
        else: raise SystemExit("no KeyboardInterrupt")
        t.join()
        assert steps == ["unlock", 0], steps
        assert held.gort_mutex_try_lock(m) == -2 and held.gort_mutex_unlock(m) == 0, "it was had"
    gort.run(main) if %r else main()
    """
    run(code % in_task, built)


# ---- C that calls back


@pytest.mark.parametrize("kind", ["CDLL", "PyDLL"])
def test_callbacks_of_python_tasks_park_with_frames_of_c_on_the_stack(built, kind):
    code = """
    import gort
    lib = library(ctypes.%s)
    FN = (ctypes.CFUNCTYPE if %r == "CDLL" else ctypes.PYFUNCTYPE)(ctypes.c_int, ctypes.c_int)
    def main():
        ch, obj = gort.Channel(), gort.Channel(2)
        def task(k):
            def back(i):
                gort.yield_now()
                v = ch.recv()
                if i %% 10 == 3: gort.sleep(0.001)
                return v
            fn = FN(back)
            total = 0
            for _ in range(5): total += lib.call_back(fn, 100)
            return total
        tasks = [gort.go(task, k) for k in range(8)]
        for _ in range(8 * 500): ch.send(1)
        assert sum(t.result() for t in tasks) == 8 * 500
        # nested: a callback whose task calls C that calls back
        def outer(i):
            inner = FN(lambda j: (gort.yield_now(), obj.recv())[1])
            return lib.call_back(inner, 3)
        fn = FN(outer)
        gort.go(lambda: [obj.send(2) for _ in range(3 * 4)])
        assert lib.call_back(fn, 4) == 24
    for _ in range(3): gort.run(main)
    """
    run(code % (kind, kind), built)


def test_callback_cancelled_while_it_is_parked(built):
    code = """
    import gort
    lib = library()
    FN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
    seen = []
    def main():
        def back(i):
            try: gort.Channel().recv()
            except gort.TaskCanceled: seen.append("canceled")
            return 7
        t = gort.go(lambda: lib.call_back(FN(back), 1))
        gort.sleep(0.02)
        t.cancel()
        assert t.result() == 7
    gort.run(main)
    assert seen == ["canceled"]
    """
    run(code, built)


def test_native_task_that_calls_python_by_mistake_gets_misuse(built):
    """Forbidden (gort_python.h). What blocks is refused; the test says no more than that."""
    code = """
    import gort
    lib = ctypes.CDLL(gort.get_library())
    FN = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    seen, told = [], threading.Event()
    ch = gort.Channel()
    def wrong(_):
        try: ch.recv()
        except BaseException as e: seen.append(type(e).__name__)
        told.set()
    fn = FN(wrong)
    assert lib.gort_go(fn, None) == 0
    assert told.wait(10)
    assert seen == ["Misuse"], seen
    """
    run(code, built)


# ---- the end of the process


@pytest.mark.parametrize("name", ["ext", "PyDLL", "CDLL"])
def test_interpreter_ends_while_threads_wait_in_c(built, name):
    """A daemon thread sits in a C call, and is woken when the interpreter has begun to end."""
    code = """
    import gort
    c = way(%r)
    ch = gort.Channel.of("q", 0)
    threading.Thread(target=lambda: c.recv(ch, 5), daemon=True).start()
    gort.go(lambda: c.recv(gort.Channel.of("q")))
    time.sleep(0.1)
    c.produce(ch, 0, 5, 60)
    class Late:
        def __init__(self): self.ch = ch; self.send = ch.try_send; self.sleep = time.sleep
        def __del__(self):
            try: self.send(1)
            except Exception: pass
            self.sleep(0.1)
    late = Late()
    """
    run(code % name, built)
