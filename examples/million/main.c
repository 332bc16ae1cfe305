/* million: a million tasks asleep at the same time, woken by one close.
 *
 * A thread costs megabytes of address space and the kernel's time; a task costs a small stack and a few words.
 * Every task here reports for duty, then waits on the same channel. Closing it wakes all of them.
 * The environment variable STORY_TASKS asks for fewer where memory is scarce.
 */
#define _POSIX_C_SOURCE 200809L
#include "../story.h"
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_BYTES 6000 /* what one sleeping task may cost, all included */

static gort_chan *gate;  /* nothing is ever sent: tasks wait for the close */
static gort_wg *on_duty; /* counts those that have started */
static gort_wg *ended;   /* counts those that have ended */
static atomic_long woken;

/* Resident memory of this process in bytes (Linux). */
static long long resident(void) {
    long long total = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f != NULL && fscanf(f, "%lld %lld", &total, &pages) == 2);
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static void sleeper(void *arg) {
    (void)arg;
    OK(gort_wg_done(on_duty));
    if (gort_chan_recv(gate, NULL) == GORT_CLOSED) atomic_fetch_add_explicit(&woken, 1, memory_order_relaxed);
}

static int app(void *arg) {
    long n = *(long *)arg;
    long long before = resident();

    OK(gort_wg_add(on_duty, n));
    for (long i = 0; i < n; i++) OK(gort_wg_go(ended, sleeper, NULL));
    OK(gort_wg_wait(on_duty));

    gort_metrics_t m = GORT_METRICS_INIT;
    OK(gort_metrics(&m));
    CHECK(m.tasks == (uint64_t)n + 1); /* they and main */
    printf("%ld tasks are alive\n", n);

    long long each = (resident() - before) / n;
    if (each < LIMIT_BYTES) printf("under %d bytes each\n", LIMIT_BYTES);
    else printf("%lld bytes each\n", each);

    OK(gort_chan_close(gate));
    OK(gort_wg_wait(ended));
    printf("%ld tasks were woken by one close\n", atomic_load(&woken));
    return 0;
}

int main(void) {
    const char *fewer = getenv("STORY_TASKS");
    long n = fewer ? atol(fewer) : 1000000;
    gate = gort_chan_new(0, 0);
    on_duty = gort_wg_new();
    ended = gort_wg_new();
    CHECK(n > 0 && gate && on_duty && ended);
    gort_status run = gort_run(app, &n, NULL);
    OK(gort_wg_free(ended));
    OK(gort_wg_free(on_duty));
    OK(gort_chan_release(gate));
    return story_end(run);
}

/* Go differs: its stacks start at 2 KiB, and grow by being copied. C and Rust stacks cannot be copied (pointers lead
 * into them), so a task's stack is address space, of which only touched pages cost memory: as a rule one of 4 KiB. */
