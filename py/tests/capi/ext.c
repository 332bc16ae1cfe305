/* An extension module that is linked with nothing: gort by the capsule. Compiled by test_capi.py. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#define GORT_PYTHON_CALLS
#include <gort_python.h>

#include "work.c"

static PyObject *status(int s) {
    if (s == GORT_OK) Py_RETURN_NONE;
    if (s == GORT_CANCELED && PyErr_Occurred()) return NULL;
    return PyErr_Format(PyExc_RuntimeError, "%s", gort_status_name(s));
}

static PyObject *py_produce(PyObject *self, PyObject *args) {
    PyObject *o;
    long long first, n, delay = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OLL|L", &o, &first, &n, &delay)) return NULL;
    gort_chan *out = gort_python_chan(o);
    if (out == NULL) return NULL;
    int s = start_produce(out, first, n, delay);
    gort_chan_release(out);
    return status(s);
}

static PyObject *two(PyObject *args, int (*fn)(gort_chan *, gort_chan *)) {
    PyObject *a, *b;
    if (!PyArg_ParseTuple(args, "OO", &a, &b)) return NULL;
    gort_chan *in = gort_python_chan(a);
    if (in == NULL) return NULL;
    gort_chan *out = gort_python_chan(b);
    if (out == NULL) return NULL;
    int s = fn(in, out);
    gort_chan_release(in);
    gort_chan_release(out);
    return status(s);
}

static PyObject *py_twice(PyObject *self, PyObject *args) {
    (void)self;
    return two(args, start_twice);
}

static PyObject *py_add_up(PyObject *self, PyObject *args) {
    (void)self;
    return two(args, start_add_up);
}

static PyObject *py_thread(PyObject *self, PyObject *args) {
    PyObject *o;
    long long first, n, delay = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OLL|L", &o, &first, &n, &delay)) return NULL;
    gort_chan *out = gort_python_chan(o);
    if (out == NULL) return NULL;
    int s = start_thread(NULL, out, first, n, delay);
    gort_chan_release(out);
    return status(s);
}

/* recv(channel, n, released): the interpreter is held, or released by us. */
static PyObject *py_recv(PyObject *self, PyObject *args) {
    PyObject *o;
    long long n = 1;
    int64_t sum = 0;
    int released = 0, s;
    (void)self;
    if (!PyArg_ParseTuple(args, "O|Lp", &o, &n, &released)) return NULL;
    gort_chan *ch = gort_python_chan(o);
    if (ch == NULL) return NULL;
    if (released) {
        Py_BEGIN_ALLOW_THREADS
        s = recv_here(ch, n, &sum);
        Py_END_ALLOW_THREADS
    } else {
        s = recv_here(ch, n, &sum);
    }
    gort_chan_release(ch);
    return s == GORT_OK ? PyLong_FromLongLong(sum) : status(s);
}

static PyObject *py_send(PyObject *self, PyObject *args) {
    PyObject *o;
    long long first, n = 1;
    (void)self;
    if (!PyArg_ParseTuple(args, "OL|L", &o, &first, &n)) return NULL;
    gort_chan *ch = gort_python_chan(o);
    if (ch == NULL) return NULL;
    int s = send_here(ch, first, n);
    gort_chan_release(ch);
    return status(s);
}

static PyObject *py_try_all(PyObject *self, PyObject *args) {
    int runs;
    (void)self;
    if (!PyArg_ParseTuple(args, "p", &runs)) return NULL;
    return PyLong_FromLong(try_all(runs));
}

static PyMethodDef methods[] = {
    {"produce", py_produce, METH_VARARGS, NULL}, {"twice", py_twice, METH_VARARGS, NULL},
    {"add_up", py_add_up, METH_VARARGS, NULL},   {"thread", py_thread, METH_VARARGS, NULL},
    {"recv", py_recv, METH_VARARGS, NULL},       {"send", py_send, METH_VARARGS, NULL},
    {"try_all", py_try_all, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "gort_ext", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_gort_ext(void);
PyMODINIT_FUNC PyInit_gort_ext(void) {
    if (gort_python_import() < 0) return NULL;
    return PyModule_Create(&module);
}
