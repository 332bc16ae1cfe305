/* A program with a gort of its own that embeds Python and imports gort. Prints what import says. Compiled by test_capi.py. */

#include <Python.h>
#include <gort.h>

static void one(void *arg) {
    int v = 1;
    gort_chan_send(arg, &v);
}

static int check(void) {
    int v = 0;
    gort_chan *c = gort_chan_new(sizeof v, 1);
    if (gort_go(one, c) != GORT_OK || gort_chan_recv(c, &v) != GORT_OK || v != 1) return 1;
    return gort_chan_release(c);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    if (check() != 0) return 10;
    Py_Initialize();
    int s = PyRun_SimpleString("import sys\n"
                               "try:\n"
                               "    import gort\n"
                               "    print('imported')\n"
                               "except ImportError as e:\n"
                               "    print('ImportError:', e)\n");
    if (check() != 0) return 11;
    if (s != 0) return 12;
    if (Py_FinalizeEx() != 0) return 13;
    return check() == 0 ? 0 : 14;
}
