"""What the tests with C code share: the compiler, the programs, and the ways into the C ABI."""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import textwrap

import pytest

import capi_header
import gort

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CC = shutil.which(os.environ.get("CC", "cc"))
STRICT = ["-std=c11", "-D_GNU_SOURCE", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-O2", "-g", "-pthread"]
# These tests compile C; users of the wheel need no compiler, so a machine may have none.
pytestmark = pytest.mark.skipif(CC is None, reason="no C compiler")
N = 50_000


def compile_c(out, source, *args, shared=True):
    include = ["-I" + gort.get_include(), "-isystem", sysconfig.get_path("include")]
    how = ["-shared", "-fPIC"] if shared else []
    command = [CC, *STRICT, *how, *include, "-o", str(out), str(HERE / "capi" / source), *args]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, " ".join(command) + "\n" + done.stderr
    return out


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The extension, and the library linked with the module under its own file name (it asks for the soname)."""
    d = tmp_path_factory.mktemp("capi")
    compile_c(d / ("gort_ext" + sysconfig.get_config_var("EXT_SUFFIX")), "ext.c")
    module = pathlib.Path(gort.get_library())
    compile_c(d / "libwork.so", "work.c", f"-L{module.parent}", f"-l:{module.name}")
    return d


@pytest.fixture(scope="session")
def native():
    """The directory with libgort.so and libgort.a, built by `make build`."""
    d = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    # `make python` does not build the C library; `make test` builds both.
    if not (d / "libgort.so").exists():
        pytest.skip(f"no libgort.so in {d}: make build")
    soname = d / f"libgort.so.{capi_header.abi()}"
    if not soname.exists():
        soname.symlink_to("libgort.so")
    notes = subprocess.run(["readelf", "-n", d / "libgort.so"], capture_output=True, text=True).stdout
    assert "gort" in notes, f"{d}/libgort.so is from before the anchor: make build"
    return d


def run(code, path=None, timeout=60, env=None, python=sys.executable):
    """Runs Python code in a process of its own and returns what it printed."""
    env = {**os.environ, **(env or {})}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [path and str(path), str(pathlib.Path(gort.__file__).parents[1]), env.get("PYTHONPATH")]))
    env["HERE"] = str(path or "")
    program = PRELUDE + textwrap.dedent(code)
    done = subprocess.run([python, "-X", "faulthandler", "-c", program], capture_output=True, text=True, env=env, timeout=timeout)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


PRELUDE = """
import asyncio, ctypes, os, sys, threading, time
N = %d
SUM = N * (N - 1) // 2
def library(kind=ctypes.CDLL, file=None, mode=ctypes.DEFAULT_MODE):
    import gort
    lib = kind(file or os.environ["HERE"] + "/libwork.so", mode=mode)
    p, i = ctypes.c_void_p, ctypes.c_int64
    lib.start_produce.argtypes = p, i, i, i
    lib.start_thread.argtypes = p, p, i, i, i
    lib.start_twice.argtypes = lib.start_add_up.argtypes = p, p
    lib.recv_here.argtypes = p, i, p
    lib.recv_within.argtypes = p, i, p
    lib.send_here.argtypes = p, i, i
    return lib
def handle(ch):
    f = ctypes.pythonapi.PyCapsule_GetPointer
    f.restype, f.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    return f(ch.as_capsule(), b"gort_chan")
class C:
    # ctypes: the same calls as gort_ext's, with the interpreter released (CDLL) or held (PyDLL)
    def __init__(self, kind): self.lib = library(kind)
    def ok(self, s):
        if s: raise RuntimeError(s)
    def produce(self, ch, first, n, delay=0): self.ok(self.lib.start_produce(handle(ch), first, n, delay))
    def thread(self, ch, first, n, delay=0): self.ok(self.lib.start_thread(None, handle(ch), first, n, delay))
    def twice(self, a, b): self.ok(self.lib.start_twice(handle(a), handle(b)))
    def add_up(self, a, b): self.ok(self.lib.start_add_up(handle(a), handle(b)))
    def recv(self, ch, n=1, released=False):
        v = ctypes.c_int64()
        self.ok(self.lib.recv_here(handle(ch), n, ctypes.byref(v)))
        return v.value
    def send(self, ch, first, n=1): self.ok(self.lib.send_here(handle(ch), first, n))
    def try_all(self, runs): return self.lib.try_all(int(runs))
class Cffi(C):
    def __init__(self):
        import cffi, gort
        ffi = self.ffi = cffi.FFI()
        ffi.cdef('''int start_produce(void *, int64_t, int64_t, int64_t); int start_thread(void *, void *, int64_t, int64_t, int64_t);
            int start_twice(void *, void *); int start_add_up(void *, void *); int recv_here(void *, int64_t, int64_t *);
            int send_here(void *, int64_t, int64_t); int try_all(int);''')
        lib = ffi.dlopen(os.environ["HERE"] + "/libwork.so")
        class Lib: pass
        self.lib = Lib()
        for name in "start_produce start_thread start_twice start_add_up recv_here send_here try_all".split():
            setattr(self.lib, name, self.wrap(getattr(lib, name)))
    def wrap(self, f):
        def call(*args): return f(*[self.ffi.cast("void *", a or 0) if self.pointer(f, i) else a for i, a in enumerate(args)])
        return call
    def pointer(self, f, i): return self.ffi.typeof(f).args[i].cname == "void *"
    def recv(self, ch, n=1, released=False):
        v = self.ffi.new("int64_t *")
        self.ok(self.lib.recv_here(handle(ch), n, v))
        return v[0]
def way(name):
    import gort
    if name == "ext":
        import gort_ext
        return gort_ext
    return Cffi() if name == "cffi" else C(getattr(ctypes, name))
""" % N

WAYS = ["ext", "CDLL", "PyDLL", "cffi"]
