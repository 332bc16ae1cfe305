/* data_race: one counter, four tasks: a race, and three repairs.
 *
 * counter = counter + 1 is three steps: read, add, write. Two tasks that do it at the same time read the same number, and one step is
 * lost; for the language it is worse: a data race, and all bets are off. The repairs:
 *   1. a lock: a channel with one place. Who has sent owns the counter, who receives gives it back;
 *   2. an owner: one task has the counter, the others send it what to add;
 *   3. one counter for each task, added up after the wait.
 * ThreadSanitizer proves both: `./data_race racy` is reported, `./data_race repaired` is silent. (docs/memory-model.md says how to build it
 * for that; check.py does it.) Without an argument both are run.
 */
#include "../story.h"
#include <string.h>

enum { TASKS = 4, EACH = 1000, ALL = TASKS * EACH };

static int counter;      /* plain: no lock, no atomic */
static int own[TASKS];   /* plain too */
static gort_chan *ch;

static void add_one(void) { counter = counter + 1; }

static void racy(void *arg) {
    (void)arg;
    for (int i = 0; i < EACH; i++) {
        add_one();
        if (i % 100 == 0) gort_yield(); /* others run now and then; a yield orders nothing */
    }
}

static void locked(void *arg) {
    (void)arg;
    for (int i = 0; i < EACH; i++) {
        OK(gort_chan_send(ch, NULL)); /* waits until the place is free */
        add_one();
        OK(gort_chan_recv(ch, NULL)); /* frees it: what was written is seen by the next one */
    }
}

static void sending(void *arg) {
    (void)arg;
    int one = 1;
    for (int i = 0; i < EACH; i++) OK(gort_chan_send(ch, &one));
}

static void owner(void *arg) {
    int n;
    while (gort_chan_recv(ch, &n) == GORT_OK) counter = counter + n; /* nobody else touches it */
    (void)arg;
}

static void apart(void *arg) {
    int *mine = arg;
    for (int i = 0; i < EACH; i++) *mine = *mine + 1;
}

static void run_all(void (*fn)(void *)) {
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);
    for (int i = 0; i < TASKS; i++) OK(gort_wg_go(wg, fn, &own[i]));
    OK(gort_wg_wait(wg)); /* what they wrote is seen from here on */
    OK(gort_wg_free(wg));
}

static void the_race(void) {
    counter = 0;
    run_all(racy);
    if (counter <= ALL) printf("racy: not more than %d\n", ALL); /* how many, nobody knows */
}

static void the_repairs(void) {
    counter = 0;
    CHECK((ch = gort_chan_new(0, 1)) != NULL);
    run_all(locked);
    OK(gort_chan_release(ch));
    printf("a lock: %d\n", counter);

    counter = 0;
    CHECK((ch = gort_chan_new(sizeof(int), 16)) != NULL);
    gort_wg *done = gort_wg_new();
    CHECK(done != NULL);
    OK(gort_wg_go(done, owner, NULL));
    run_all(sending);
    OK(gort_chan_close(ch)); /* nothing more comes; the owner ends */
    OK(gort_wg_wait(done));
    OK(gort_wg_free(done));
    OK(gort_chan_release(ch));
    printf("an owner: %d\n", counter);

    int sum = 0;
    run_all(apart);
    for (int i = 0; i < TASKS; i++) sum += own[i];
    printf("one each: %d\n", sum);
}

static int app(void *arg) {
    const char *what = arg;
    if (strcmp(what, "repaired") != 0) the_race();
    if (strcmp(what, "racy") != 0) the_repairs();
    return 0;
}

int main(int argc, char **argv) {
    static char both[] = "both";
    return story_end(gort_run(app, argc > 1 ? argv[1] : both, NULL));
}

/* Go finds such races with -race, in Go code only; here the tool is the C compiler's, so it sees the C libraries of the program as well. */
