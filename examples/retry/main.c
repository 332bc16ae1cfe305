/* retry: try again, later each time.
 *
 * 1. By hand: a loop that doubles its wait.
 * 2. With the ready-made piece: growing waits up to a bound, a part of them left to chance.
 * 3. It gives up: no attempts are left, or the next one would come after the deadline.
 */
#include "../story.h"

/* Answers at the third call. */
static bool ask(uint64_t attempt) { return attempt >= 3; }

static void by_hand(void) {
    uint64_t attempt = 1;
    int64_t wait = GORT_MS(1);
    while (!ask(attempt)) {
        printf("attempt %d: refused\n", (int)attempt);
        OK(gort_sleep(wait));
        wait *= 2;
        attempt++;
    }
    printf("attempt %d: accepted\n", (int)attempt);
}

/* Counts the attempts; GORT_WOULD_BLOCK means "again". */
static gort_status try_to(void *arg, uint64_t attempt) {
    *(uint64_t *)arg = attempt;
    return ask(attempt) ? GORT_OK : GORT_WOULD_BLOCK;
}

static gort_status in_vain(void *arg, uint64_t attempt) {
    *(uint64_t *)arg = attempt;
    return GORT_WOULD_BLOCK;
}

static int app(void *arg) {
    (void)arg;
    uint64_t attempts;
    by_hand();
    gort_backoff b = GORT_BACKOFF_INIT;
    b.first = GORT_MS(1);
    OK(gort_retry(&b, try_to, &attempts, GORT_NEVER, NULL));
    printf("with the piece: accepted at attempt %d\n", (int)attempts);
    gort_status s = gort_retry(&b, in_vain, &attempts, GORT_NEVER, NULL);
    printf("gave up after %d attempts, %s: refused\n", (int)attempts, gort_status_name(s));
    b.first = b.longest = GORT_SEC(60);
    s = gort_retry(&b, in_vain, &attempts, gort_in(GORT_MS(10)), NULL);
    printf("gave up after %d attempt, %s: refused\n", (int)attempts, gort_status_name(s));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }
