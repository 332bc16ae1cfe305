/* semaphore_channel: a channel of capacity N as a limit of N at once.
 *
 * Elements of size 0 need no memory; what counts is the room. A send takes a place and waits when all are taken, a
 * receive gives one back. Here ten tasks want to work and three may.
 */
#include "../story.h"
#include <stdatomic.h>

#define TASKS 10
#define PLACES 3

struct room {
    gort_chan *places;
    atomic_int inside, most;
};

static void task(void *arg) {
    struct room *r = arg;
    OK(gort_chan_send(r->places, NULL)); /* take a place; waits while all three are taken */

    int now = atomic_fetch_add(&r->inside, 1) + 1;
    int most = atomic_load(&r->most);
    while (now > most && !atomic_compare_exchange_weak(&r->most, &most, now)) { }
    OK(gort_sleep(GORT_MS(2))); /* the work */
    atomic_fetch_sub(&r->inside, 1);

    OK(gort_chan_recv(r->places, NULL)); /* give the place back */
}

static int app(void *arg) {
    struct room *r = arg;
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);
    for (int i = 0; i < TASKS; i++) OK(gort_wg_go(wg, task, r));
    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    printf("%d tasks have worked\n", TASKS);
    printf("more than %d at once: %s\n", PLACES, atomic_load(&r->most) > PLACES ? "yes" : "never");
    printf("places still taken: %zu\n", gort_chan_len(r->places));

    /* try_send asks for a place without waiting. */
    for (int i = 1; i <= PLACES + 1; i++)
        printf("place %d: %s\n", i, gort_status_name(gort_chan_try_send(r->places, NULL)));
    return 0;
}

int main(void) {
    struct room r = {.places = gort_chan_new(0, PLACES)};
    CHECK(r.places != NULL);
    gort_status run = gort_run(app, &r, NULL);
    OK(gort_chan_release(r.places));
    return story_end(run);
}

/* As in Go's `sem := make(chan struct{}, 3)`. */
