/* once: one initialisation for many callers.
 *
 * Whoever comes first does it; whoever comes meanwhile waits until it is done. So everybody who has called gort_once_do()
 * may use what it made.
 */
#include "../story.h"

enum { CALLERS = 5 };

static gort_once once = GORT_ONCE_INIT;
static int starts;         /* written in the call alone */
static int found[CALLERS]; /* one each */

static void start(void *arg) {
    (void)arg;
    OK(gort_sleep(GORT_MS(1))); /* the others come meanwhile, and wait */
    starts++;
}

static void use(void *arg) {
    OK(gort_once_do(&once, start, NULL));
    *(int *)arg = starts;
}

static int app(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);
    for (int i = 0; i < CALLERS; i++) OK(gort_wg_go(wg, use, &found[i]));
    OK(gort_wg_wait(wg));
    printf("five came, it was started %d time\n", starts);
    for (int i = 0; i < CALLERS; i++) CHECK(found[i] == 1);
    printf("each of them found it started\n");
    OK(gort_once_do(&once, start, NULL));
    CHECK(starts == 1 && gort_once_is_done(&once));
    printf("a second call does nothing\n");
    OK(gort_wg_free(wg));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go differs in nothing that shows here; gort also has a form that does not wait, and one with a limit. */
