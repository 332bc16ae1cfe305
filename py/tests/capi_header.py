"""gort_python.h: the table of py/src/capi.rs with the declarations of include/gort.h.

``python py/tests/capi_header.py`` writes it; test_capi.py compares. So no fact stands in two places: the order is capi.rs's, the types are gort.h's.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = ROOT / "py/python/gort/include/gort_python.h"


def table():
    """The names in capi.rs, in order."""
    source = (ROOT / "py/src/capi.rs").read_text()
    body = re.search(r"^table! \{\n(.*?)^\}", source, re.S | re.M).group(1)
    body = re.sub(r"//[^\n]*", "", body)
    return [name.strip() for name in body.split(",") if name.strip()]


def declarations():
    """name -> (result, arguments) of every function of gort.h."""
    text = (ROOT / "include/gort.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
    found = {}
    for m in re.finditer(r"(?:^|[;}{])\s*(?:GORT_NODISCARD\s+)?(?!return\b)((?:const\s+)?\w+[\s*]+)(gort_\w+)\(([^;{}]*)\)(?=;)", text):
        found[m.group(2)] = (" ".join(m.group(1).split()), " ".join(m.group(3).split()))
    return found


def inline():
    """The functions of which gort.h has a macro too."""
    return set(re.findall(r"^#define (gort_\w+)\(", (ROOT / "include/gort.h").read_text(), re.M))


def abi():
    text = (ROOT / "core/src/sys/anchor.rs").read_text()
    return int(re.search(r"pub const ABI: u32 = (\d+);", text).group(1))


def render():
    names, types, inlined = table(), declarations(), inline()
    members, calls = [], []
    for name in names:
        result, arguments = types[name]
        short = name.removeprefix("gort_")
        members.append(f"    {result}{'' if result.endswith('*') else ' '}(*{short})({arguments});")
        if name in inlined:
            calls.append(f"#undef {name}")
        calls.append(f"#define {name} (GORT_PYTHON_TABLE->{short})")
    text = TEMPLATE.replace("@MEMBERS@", "\n".join(members)).replace("@CALLS@", "\n".join(calls))
    return text.replace("@ABI@", str(abi())).replace("@COUNT@", str(len(names)))


TEMPLATE = r"""/*
 * gort in extension modules of Python, without linking against anything.
 *
 * Written by py/tests/capi_header.py from py/src/capi.rs and gort.h; do not edit. gort.h says what each function does.
 *
 *   #define PY_SSIZE_T_CLEAN
 *   #include <Python.h>
 *   #include <gort_python.h>                 (in gort.get_include())
 *
 *   PyMODINIT_FUNC PyInit_mine(void) {
 *       if (gort_python_import() < 0) return NULL;
 *       ...
 *   static PyObject *start(PyObject *self, PyObject *channel) {
 *       gort_chan *q = gort_python_chan(channel);            a gort.Channel.of(...), or its as_capsule(); retained
 *       if (q == NULL) return NULL;
 *       if (gort_python_table->go(produce, q) != GORT_OK) ...    produce ends with gort_python_table->chan_release(q)
 *
 * With GORT_PYTHON_CALLS defined before the include, gort_chan_send(...) and all other names of gort.h go through the
 * table, typed channels (GORT_CHAN_DEFINE) too; nothing else in the source changes. With a GORT_PYTHON_TABLE defined
 * before it, several files share one table: it names a `const gort_python_api *` that one of them defines (see below).
 *
 * What may be called where
 *   A native task (gort_go, gort_spawn, gort_wg_go) runs on a thread of gort's and must never call Python: no
 *   PyGILState_Ensure, no ctypes callback, no Py_DECREF. It may go on on another thread after each call that blocks, and
 *   the interpreter would be held by a thread that is gone. Hand values over by a channel, and let a Python task or
 *   thread receive them.
 *   Every other function may be called on any thread, with the interpreter held or released, in a Python task or not,
 *   and on threads that Python has never seen.
 *
 * What blocks
 *   A blocking call made by a native task parks the task. Made anywhere else it blocks the OS thread, also when a Python
 *   task made it: so it may use `&x` of its own stack. If the thread holds the interpreter, it is released while the
 *   thread waits, as by Py_BEGIN_ALLOW_THREADS: other Python threads run, borrowed references may die. Python tasks that
 *   have started on that thread wait until it returns; others go on elsewhere. So do not wait in C for what a Python
 *   task of the same thread is to send: that hangs, and gort.dump() says so. Wait in Python, or with a deadline.
 *   When a call made on the main thread with the interpreter held returns GORT_CANCELED and PyErr_Occurred(), a signal
 *   handler has raised (Ctrl-C): return NULL. A call made with the interpreter released is not interrupted by signals.
 *   When a Python task is cancelled, by Task.cancel() or since its run has ended, its blocking calls in C return
 *   GORT_CANCELED, the one that waits and all later ones: return to Python soon, which raises TaskCanceled at its next wait.
 *
 * Who owns what
 *   The table lives as long as the process. The capsule of channel.as_capsule() holds its channel; the handle in it is
 *   borrowed, valid while the capsule lives. gort_python_chan() gives one that is yours: gort_chan_release() it, from any
 *   thread or task, without the interpreter. Only channels of a fixed kind (Channel.of) have a handle; elements are of the
 *   kind's size in C: gort_chan_elem_size().
 *   The runtime belongs to Python: there is no gort_shutdown here. It ends with the process; native tasks that still run
 *   then are not waited for.
 */

#ifndef GORT_PYTHON_H
#define GORT_PYTHON_H

#ifndef Py_PYTHON_H
#include <Python.h>
#endif
#include "gort.h"

#if defined(__cplusplus)
extern "C" {
#endif

/** The ABI that this header is for; gort_python_import() compares. */
#define GORT_PYTHON_ABI @ABI@

/** The capsule's name. */
#define GORT_PYTHON_CAPSULE "gort._gort._C_API"

/** The functions of gort.h, without their `gort_`. Later versions add some at the end; `size` tells them apart. */
typedef struct gort_python_api {
    /** sizeof the table of the module that is loaded, at least that of this header. */
    size_t size;
    /** GORT_PYTHON_ABI of that module. */
    size_t abi;
@MEMBERS@
} gort_python_api;

#if defined(GORT_PYTHON_TABLE)
extern const gort_python_api *GORT_PYTHON_TABLE;
#else
#define GORT_PYTHON_TABLE gort_python_table
/** The table, once gort_python_import() has found it. One for each file. */
GORT_UNUSED static const gort_python_api *gort_python_table = NULL;
#endif

/**
 * Imports gort and fetches its table. 0, or -1 with an exception: ImportError when gort is not installed, or when it is
 * older than this header or of another ABI. With the interpreter held.
 */
GORT_UNUSED static inline int gort_python_import(void) {
    const gort_python_api *table = GORT_PYTHON_TABLE;
    PyObject *module;
    if (table != NULL) return 0;
    module = PyImport_ImportModule("gort");
    if (module == NULL) return -1;
    Py_DECREF(module);
    table = GORT_CAST_POINTER(const gort_python_api *, PyCapsule_Import(GORT_PYTHON_CAPSULE, 0));
    if (table == NULL) return -1;
    if (table->abi != GORT_PYTHON_ABI) {
        PyErr_Format(PyExc_ImportError, "gort has ABI %zu, this module was compiled for ABI %d; compile it again", table->abi,
                     GORT_PYTHON_ABI);
        return -1;
    }
    if (table->size < sizeof(gort_python_api)) {
        PyErr_Format(PyExc_ImportError, "gort is older than the gort_python.h that this module was compiled with: its table has %zu bytes, not %zu",
                     table->size, sizeof(gort_python_api));
        return -1;
    }
    GORT_PYTHON_TABLE = table;
    return 0;
}

/**
 * The C channel of a gort.Channel, Sender or Receiver, or of the capsule of as_capsule(): a handle of your own, to be given
 * up by gort_chan_release(). NULL with an exception otherwise. With the interpreter held, after gort_python_import().
 */
GORT_UNUSED static inline gort_chan *gort_python_chan(PyObject *channel) {
    gort_chan *raw;
    PyObject *capsule = channel;
    if (PyCapsule_CheckExact(channel)) {
        Py_INCREF(channel);
    } else {
        capsule = PyObject_CallMethod(channel, "as_capsule", NULL);
        if (capsule == NULL) return NULL;
    }
    raw = GORT_CAST_POINTER(gort_chan *, PyCapsule_GetPointer(capsule, "gort_chan"));
    if (raw != NULL && GORT_PYTHON_TABLE->chan_retain(raw) != GORT_OK) {
        PyErr_SetString(PyExc_RuntimeError, GORT_PYTHON_TABLE->last_error());
        raw = NULL;
    }
    Py_DECREF(capsule);
    return raw;
}

#if defined(GORT_PYTHON_CALLS)
@CALLS@
#endif

#if defined(__cplusplus)
} /* extern "C" */
#endif

#endif /* GORT_PYTHON_H */
"""

if __name__ == "__main__":
    HEADER.write_text(render())
