/* worker_pool: a fixed number of workers takes jobs from a channel.
 *
 * A task for each of a hundred thousand jobs works, but a few workers that take job after job need less and put a
 * bound on what goes on at once. Four ways: results counted by main; a WaitGroup and no results; one worker for each
 * processor, with a closer for the results; and a gort_worker_pool, which is all of that, made.
 */
#include "../story.h"

#define WORKERS 3

struct result {
    int job, value;
};

GORT_CHAN_DEFINE(int, jobs);
GORT_CHAN_DEFINE(struct result, results);

struct pool {
    jobs *in;
    results *out; /* NULL: nobody wants results */
    gort_wg *workers;
};

static void worker(void *arg) {
    struct pool *p = arg;
    int job;
    while (jobs_recv(p->in, &job) == GORT_OK) { /* ends when closed and drained */
        OK(gort_sleep(GORT_MS(1)));             /* the work */
        if (p->out) OK(results_send(p->out, (struct result){.job = job, .value = job * 2}));
        else printf("processed job %d\n", job);
    }
}

static void closer(void *arg) {
    struct pool *p = arg;
    OK(gort_wg_wait(p->workers)); /* nobody sends any more */
    OK(results_close(p->out));
}

static void feed(struct pool *p, int workers, int first, int last) {
    for (int w = 0; w < workers; w++) OK(gort_wg_go(p->workers, worker, p));
    for (int j = first; j <= last; j++) OK(jobs_send(p->in, j));
    OK(jobs_close(p->in)); /* no more jobs */
}

static struct pool open_pool(int with_results) {
    struct pool p = {.in = jobs_new(10), .out = with_results ? results_new(10) : NULL, .workers = gort_wg_new()};
    CHECK(p.in && p.workers && (p.out || !with_results));
    return p;
}

static void close_pool(struct pool *p) {
    OK(gort_wg_wait(p->workers));
    OK(gort_wg_free(p->workers));
    jobs_release(p->in);
    if (p->out) results_release(p->out);
}

static void work(void *arg, void *state) {
    struct result *r = arg; /* the result goes to its place; one that is wanted as it comes would be sent */
    (void)state;
    OK(gort_sleep(GORT_MS(1)));
    r->value = r->job * 2;
}

static void made(void) {
    gort_worker_pool_options options = GORT_WORKER_POOL_OPTIONS_INIT;
    options.workers = WORKERS;
    gort_worker_pool *pool = gort_worker_pool_new(&options);
    struct result r[5];
    for (int i = 0; i < 5; i++) {
        r[i].job = 31 + i;
        OK(gort_worker_pool_submit(pool, work, &r[i]));
    }
    OK(gort_worker_pool_free(pool)); /* what is queued is run, then the workers end */
    printf("a WorkerPool gives");
    for (int i = 0; i < 5; i++) printf(" %d", r[i].value);
    printf(" in this order\n");
}

static int app(void *arg) {
    (void)arg;
    struct result r;

    struct pool counted = open_pool(1);
    feed(&counted, WORKERS, 1, 10);
    for (int i = 0; i < 10; i++) {
        OK(results_recv(counted.out, &r));
        printf("job %d gives %d\n", r.job, r.value);
    }
    close_pool(&counted);

    struct pool silent = open_pool(0);
    feed(&silent, WORKERS, 11, 19);
    close_pool(&silent); /* waits for the workers */
    printf("All jobs done\n");

    struct pool sized = open_pool(1);
    feed(&sized, gort_num_cpu(), 21, 30); /* right for work that computes; work that waits may have more */
    OK(gort_go(closer, &sized));
    int sum = 0;
    while (results_recv(sized.out, &r) == GORT_OK) sum += r.value;
    close_pool(&sized);
    printf("one worker a processor: the results add up to %d\n", sum);

    made();
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go. Who does which job is not promised. */
