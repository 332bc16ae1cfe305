/* rwmutex: many readers, or one writer.
 *
 * Reading together does no harm; writing needs to be alone. A writer that waits keeps new readers out, so readers that come
 * all the time do not starve it.
 */
#include "../story.h"

enum { READERS = 3 };

static gort_rwmutex lock = GORT_RWMUTEX_INIT;
static int value; /* guarded by lock */
static int alone = 1;
static gort_barrier together = GORT_BARRIER_INIT(READERS + 1);
static gort_event leave = GORT_EVENT_INIT;

static void reader(void *arg) {
    (void)arg;
    GORT_RLOCKED(&lock) {
        OK(gort_barrier_wait(&together, NULL)); /* passes only when all readers are in */
        OK(gort_event_wait(&leave));
    }
}

static void writer(void *arg) {
    (void)arg;
    GORT_WLOCKED(&lock) {
        alone = gort_rwmutex_try_rlock(&lock) == GORT_WOULD_BLOCK;
        value++;
    }
}

static const char *yes(gort_status status) { return status == GORT_OK ? "yes" : "no"; }

static int app(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);
    for (int i = 0; i < READERS; i++) OK(gort_wg_go(wg, reader, NULL));
    OK(gort_barrier_wait(&together, NULL));
    printf("three readers are in together\n");
    printf("a writer that tries: %s\n", yes(gort_rwmutex_try_lock(&lock)));
    gort_status beside = gort_rwmutex_try_rlock(&lock);
    printf("a reader that tries, beside them: %s\n", yes(beside));
    OK(gort_rwmutex_runlock(&lock));

    OK(gort_wg_go(wg, writer, NULL));
    while (gort_rwmutex_try_rlock(&lock) == GORT_OK) { /* until the writer waits */
        OK(gort_rwmutex_runlock(&lock));
        OK(gort_sleep(GORT_US(100)));
    }
    printf("a writer waits, so a reader that tries: no\n");
    OK(gort_event_set(&leave));
    OK(gort_wg_wait(wg));
    printf("the writer was alone: %s\n", alone ? "yes" : "no");
    GORT_RLOCKED(&lock) printf("after the writer a reader sees: %d\n", value);
    OK(gort_wg_free(wg));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go differs: an unlock of what is not locked ends the program there; here it is GORT_MISUSE. */
