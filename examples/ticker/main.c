/* ticker: something that happens again and again, until it is done.
 *
 * 1. Ticks until a channel says done; stop, and nothing comes any more; reset to another period.
 * 2. A reader that is slow loses ticks and keeps the phase: the due times are whole periods apart.
 * 3. A job that compensates how long it takes itself.
 * 4. A tick is a monotonic time; for people there is the wall clock's.
 */
#include "../story.h"
#include <time.h>

GORT_CHAN_DEFINE(int64_t, times);

static void finish(void *arg) {
    OK(gort_sleep(GORT_MS(20)));
    OK(times_close(arg));
}

static void until_done(void) {
    int ticks = 0;
    int64_t due, nothing;
    gort_ticker *ticker = gort_ticker_new(GORT_MS(2));
    times *done = times_new(0);
    CHECK(ticker && done);
    OK(gort_go(finish, done));
    gort_case cases[] = {gort_case_ticker(ticker, &due), times_case_recv(done, &nothing)};
    while (gort_select(cases, 2) == 0) ticks++;
    CHECK(ticks >= 1 && cases[1].status == GORT_CLOSED);
    printf("ticked until done\n");
    OK(gort_ticker_stop(ticker, NULL));
    OK(gort_sleep(GORT_MS(5)));
    CHECK(gort_ticker_try_recv(ticker, &due) == GORT_WOULD_BLOCK);
    printf("stopped: no tick is left\n");
    OK(gort_ticker_reset(ticker, GORT_MS(1)));
    OK(gort_ticker_recv(ticker, &due));
    printf("reset: ticks again\n");
    printf("a period of nothing: %s\n", gort_status_name(gort_ticker_reset(ticker, 0)));
    CHECK(!gort_ticker_new(0) && !gort_tick(0));
    OK(gort_ticker_free(ticker));
    times_release(done);
}

static void slow_reader(void) {
    int64_t first, due;
    gort_ticker *ticker = gort_ticker_new(GORT_MS(2));
    OK(gort_ticker_recv(ticker, &first));
    for (int i = 0; i < 3; i++) {
        OK(gort_sleep(GORT_MS(5))); /* longer than the period */
        OK(gort_ticker_recv(ticker, &due));
        CHECK((due - first) % GORT_MS(2) == 0);
    }
    OK(gort_ticker_free(ticker));
    printf("slow reader: ticks are lost, the phase is kept\n");
}

static void job(void *arg, int64_t due) {
    gort_status said = gort_sleep(GORT_MS(1)); /* the job's own time */
    if (said == GORT_OK) said = times_try_send(arg, due);
    CHECK(said == GORT_OK || said == GORT_WOULD_BLOCK || said == GORT_CANCELED);
}

static void compensated(void) {
    int64_t a, b;
    times *runs = times_new(2);
    gort_periodic *p = gort_periodic_new(GORT_MS(4), job, runs);
    CHECK(runs && p);
    OK(times_recv(runs, &a));
    OK(times_recv(runs, &b));
    CHECK((b - a) % GORT_MS(4) == 0);
    OK(gort_periodic_free(p)); /* waits for a run that has begun */
    times_release(runs);
    printf("periodic job: its own time does not add up\n");
}

static void wall_clock(void) {
    int64_t due;
    gort_receiver *tick = gort_after(GORT_MS(1));
    CHECK(tick);
    OK(gort_receiver_recv(tick, &due));
    OK(gort_receiver_release(tick));
    CHECK(time(NULL) - (time_t)(gort_wall_time(due) / GORT_SEC(1)) < 60);
    printf("a tick, as the wall clock shows it: just now\n");
}

static int app(void *arg) {
    (void)arg;
    until_done();
    slow_reader();
    compensated();
    wall_clock();
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* In Go a period of nothing panics, and a ticker that is not stopped lived for ever before 1.23; here it is freed like
 * anything else. Go's ticks are wall-clock times that carry a monotonic one; here it is the other way round. */
