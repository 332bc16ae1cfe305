/* concurrent_parallel: the same two tasks on one processor and on two.
 *
 * Concurrency is structure: two tasks are in progress, and one processor may serve both in turns.
 * Parallelism is execution: both run at the same instant. What tells them apart is a meeting: each task says "here"
 * and watches for the other without letting go of its processor. On one processor the other cannot come while it
 * watches. On two processors they meet.
 */
#include "../story.h"
#include <stdatomic.h>

#define STEPS 4
#define A_GLANCE 100L
#define AS_LONG_AS_IT_TAKES (-1L)

struct scene {
    long patience;            /* how many times to look for the other one */
    atomic_int here;          /* how many stand at the meeting point now */
    atomic_int met;           /* how many have seen the other */
    atomic_int steps;         /* number of entries in the log */
    char log[2 * STEPS];      /* who made which step */
};

static void meet(struct scene *s) {
    atomic_fetch_add(&s->here, 1);
    for (long i = 0; i != s->patience; i++) {
        if (atomic_load(&s->here) == 2) { /* looking, and calling nothing that would let the other run here */
            atomic_fetch_add(&s->met, 1);
            return; /* and stay "here", so that the other sees us too */
        }
    }
    atomic_fetch_sub(&s->here, 1); /* nobody came: away again */
}

static void task(struct scene *s, char name) {
    meet(s);
    for (int i = 0; i < STEPS; i++) {
        s->log[atomic_fetch_add(&s->steps, 1)] = name;
        gort_yield(); /* the other's turn, if it waits for one */
    }
}

static void task_a(void *arg) { task(arg, 'A'); }
static void task_b(void *arg) { task(arg, 'B'); }

static int app(void *arg) {
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);
    OK(gort_wg_go(wg, task_a, arg));
    OK(gort_wg_go(wg, task_b, arg));
    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    return 0;
}

static gort_status on(int processors, struct scene *s) {
    gort_config config = GORT_CONFIG_INIT;
    config.workers = processors; /* counts for a run that starts the runtime */
    return gort_run(app, s, &config);
}

int main(void) {
    struct scene one = {.patience = A_GLANCE};
    OK(on(1, &one));
    OK(gort_shutdown()); /* the runtime outlives a run; the next one shall start it anew */
    int turns = 0;
    for (int i = 1; i < 2 * STEPS; i++) turns += one.log[i] != one.log[i - 1];
    printf("one processor: they %s, and %s\n", one.met == 0 ? "did not meet" : "met",
           turns > 1 ? "took turns" : "went one after the other");

    struct scene two = {.patience = AS_LONG_AS_IT_TAKES};
    gort_status run = on(2, &two);
    printf("two processors: they %s\n", two.met == 2 ? "met" : "did not meet");
    return story_end(run);
}

/* As in Go, where GOMAXPROCS is the number of processors. Without a number gort takes what the machine has. */
