/* wrong.c: the wrong direction does not compile.
 *
 * check.py compiles this file with -DWRONG=0, which must succeed, and with 1, 2, 3, each of which must be refused by
 * the compiler. So it is the one line that is wrong, and nothing else. (-Werror makes the warning an error.)
 */
#include <gort.h>

gort_status wrong(gort_sender *out, gort_receiver *in, int v);

gort_status wrong(gort_sender *out, gort_receiver *in, int v) {
    (void)out, (void)in, (void)v;
#if WRONG == 1
    return gort_receiver_recv(out, &v); /* receiving from a sender */
#elif WRONG == 2
    return gort_sender_send(in, &v); /* sending to a receiver */
#elif WRONG == 3
    return gort_sender_close(in); /* closing from the receiving side */
#else
    gort_status s = gort_sender_send(out, &v);
    return s == GORT_OK ? gort_receiver_recv(in, &v) : s;
#endif
}
