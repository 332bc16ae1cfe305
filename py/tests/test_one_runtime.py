"""One runtime in a process (H1): who binds to the module, and which second copy is found and refused."""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

import pytest

import capi_header
import gort
from capi_support import built, compile_c, native, run  # noqa: F401 (fixtures)


# ---- H1: one runtime


@pytest.mark.parametrize("mode", ["RTLD_LOCAL", "RTLD_GLOBAL"])
def test_library_linked_with_lgort_binds_to_the_module(built, native, tmp_path, mode):
    """Linked with the real libgort.so, loaded after import gort, without a libgort.so on the path and with one."""
    lib = compile_c(tmp_path / "libapp.so", "work.c", f"-L{native}", "-lgort", f"-Wl,-rpath,{native}")
    code = """
    import gort
    lib = library(file=%r, mode=ctypes.%s)
    ch = gort.Channel.of("q")
    assert lib.start_produce(handle(ch), 0, N, 0) == 0
    assert sum(ch.recv() for _ in range(N)) == SUM
    maps = open("/proc/self/maps").read()
    assert "libgort.so" not in maps, "a second runtime was loaded"
    assert gort.info()["other_runtimes"] == []
    """
    run(code % (str(lib), mode), built)


def test_library_with_libgort_loaded_first_makes_the_import_fail(native, tmp_path):
    lib = compile_c(tmp_path / "libapp.so", "work.c", f"-L{native}", "-lgort", f"-Wl,-rpath,{native}")
    code = """
    lib = ctypes.CDLL(%r)
    assert lib.try_all(1) == 0
    try: import gort
    except ImportError as e: print(e)
    else: raise SystemExit("imported")
    assert lib.try_all(1) == 0
    """
    out = run(code % str(lib))
    assert "libgort.so" in out and gort.get_library() in out, out
    assert f"ABI {capi_header.abi()}" in out


@pytest.mark.parametrize("name", ["hidden.so", "libgort.so.0.bak"])
def test_copies_under_other_names_are_found(native, tmp_path, name):
    copy = tmp_path / name
    shutil.copy(native / "libgort.so", copy)
    subprocess.run(["strip", copy], check=False)
    out = run("ctypes.CDLL(%r)\ntry: import gort\nexcept ImportError as e: print(e)" % str(copy))
    assert str(copy) in out and gort.get_library() in out, out
    later = run("import gort\nctypes.CDLL(%r)\nprint(gort.info()['other_runtimes'])" % str(copy))
    assert str(copy) in later


def test_copy_of_the_module_is_found(tmp_path):
    copy = tmp_path / "_gort.abi3.so"
    shutil.copy(gort.get_library(), copy)
    code = """
    import gort, importlib.util
    spec = importlib.util.spec_from_file_location("_gort", %r)
    m = importlib.util.module_from_spec(spec)
    try: spec.loader.exec_module(m)
    except ImportError as e: print(e)
    """
    out = run(code % str(copy))
    assert str(copy) in out and gort.get_library() in out, out


def embed_flags():
    config = sysconfig.get_config_vars()
    name = config.get("LDLIBRARY") or ""
    d = config.get("LIBDIR")
    if not config.get("Py_ENABLE_SHARED") or not os.path.exists(os.path.join(d, name)):
        # Embedding links libpython; a Python without it can only be the program.
        pytest.skip("this Python has no shared library to embed")
    return [f"-L{d}", f"-Wl,-rpath,{d}", "-l" + name.removeprefix("lib").split(".so")[0], "-ldl", "-lm"]


@pytest.mark.parametrize("how", ["static", "shared"])
def test_program_that_embeds_python_and_has_a_gort(native, tmp_path, how):
    gort_flags = [str(native / "libgort.a")] if how == "static" else [f"-L{native}", "-lgort", f"-Wl,-rpath,{native}"]
    program = compile_c(tmp_path / "embed", "embed.c", *gort_flags, *embed_flags(), shared=False)
    notes = subprocess.run(["readelf", "-lnW", program], capture_output=True, text=True).stdout
    assert ("gort " in notes) == (how == "static")
    site = importlib.util.find_spec("greenlet").origin
    env = {
        **os.environ,
        "PYTHONHOME": sys.base_prefix,
        "PYTHONPATH": os.pathsep.join([str(pathlib.Path(gort.__file__).parents[1]), str(pathlib.Path(site).parents[1])]),
    }
    done = subprocess.run([program], capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.stdout.startswith("ImportError:"), done.stdout
    other = str(program) if how == "static" else "libgort.so"
    assert other in done.stdout and gort.get_library() in done.stdout
