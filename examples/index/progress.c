/* progress.c: one line on a terminal that says how far the job is. A task of its own, woken ten times a second.
 *
 * It waits on a channel nobody sends on, with a deadline: TIMED_OUT means draw again, CLOSED means the job is over. So the bar
 * goes away at once and nobody polls a flag. It reads two counters and stops nobody. */
#include <stdio.h>

#include "pipeline.h"

#define WIDTH 32

static void draw(uint64_t done, uint64_t todo, int64_t elapsed) {
    char bar[WIDTH + 1];
    double part = todo == 0 ? 0 : done >= todo ? 1 : (double)done / (double)todo;
    int full = (int)(part * WIDTH);
    for (int i = 0; i < WIDTH; i++) bar[i] = i < full ? '#' : '.';
    bar[WIDTH] = '\0';
    if (todo == 0) fprintf(stderr, "\r\033[Klisting the files ...");
    else
        fprintf(stderr, "\r\033[K[%s] %3d %%  %.1f of %.1f MB  %.1f s", bar, (int)(part * 100), (double)done / 1e6, (double)todo / 1e6,
                (double)elapsed / 1e9);
    fflush(stderr);
}

void stage_progress(void *arg) {
    struct pipeline *line = arg;
    char nothing;
    while (bell_recv_until(line->bell, &nothing, gort_in(GORT_MS(100)), NULL) == GORT_TIMED_OUT)
        draw(atomic_load(&line->bytes_done), atomic_load(&line->bytes_todo), gort_now() - line->t_start);
    fprintf(stderr, "\r\033[K");
    fflush(stderr);
}
