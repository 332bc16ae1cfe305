/* parallel_fetch: ask several servers at once, and follow links with a limit.
 *
 * 1. Three requests in parallel: a WaitGroup to wait, a channel for the answers; one of them fails, and the failure
 *    is an answer like any other.
 * 2. Three requests of which the first that fails stops the others, and is the result: a group.
 * 3. A crawler: a task for each page, at most two at once. Which pages are known is the business of main alone, which
 *    hears of links over a channel, so no lock is needed. (The pages are a table; a sleep stands for the network.)
 */
#include "../story.h"

#define PAGES 7
#define AT_ONCE 2

struct answer {
    int api;
    gort_status status;
};

struct page {
    int number, links[3]; /* links: page numbers, 0 ends them */
};

GORT_CHAN_DEFINE(struct answer, answers);
GORT_CHAN_DEFINE(struct page, found);

struct request {
    int api;
    answers *out;
};

static void fetch(void *arg) {
    struct request *r = arg;
    printf("Fetching: API-%d\n", r->api);
    OK(gort_sleep(GORT_MS(5)));
    OK(answers_send(r->out, (struct answer){.api = r->api, .status = r->api == 2 ? GORT_TIMED_OUT : GORT_OK}));
}

static void three_requests(void) {
    answers *out = answers_new(3); /* room for all: a fetch need not wait for its reader */
    gort_wg *wg = gort_wg_new();
    CHECK(out && wg);
    struct request r[3];
    for (int i = 0; i < 3; i++) {
        r[i] = (struct request){.api = i + 1, .out = out};
        OK(gort_wg_go(wg, fetch, &r[i]));
    }
    OK(gort_wg_wait(wg));
    OK(answers_close(out));
    struct answer a;
    while (answers_recv(out, &a) == GORT_OK) printf("Done: API-%d %s\n", a.api, gort_status_name(a.status));
    printf("All API calls finished!\n");
    OK(gort_wg_free(wg));
    answers_release(out);
}

static int request(void *arg) {
    int api = *(int *)arg;
    if (api == 2) return GORT_TIMED_OUT;
    gort_status answer = gort_sleep(GORT_SEC(3600)); /* a slow server */
    printf("Group: API-%d %s\n", api, gort_status_name(answer));
    return answer;
}

static void all_or_nothing(void) {
    gort_group *group = gort_group_new();
    int apis[] = {1, 2, 3};
    for (int i = 0; i < 3; i++) OK(gort_group_go(group, request, &apis[i]));
    printf("The group ended with %s\n", gort_status_name(gort_group_wait(group)));
    OK(gort_group_free(group));
}

static const struct page site[PAGES + 1] = {
    {0, {0}}, {1, {2, 3}}, {2, {1, 4}}, {3, {4, 5, 6}}, {4, {7}}, {5, {1}}, {6, {5, 7}}, {7, {3}},
};

struct visit {
    int page;
    gort_chan *places;
    found *out;
};

static void crawl_page(void *arg) {
    struct visit *v = arg;
    OK(gort_chan_send(v->places, NULL)); /* at most AT_ONCE tasks are past this line */
    OK(gort_sleep(GORT_MS(1)));
    OK(gort_chan_recv(v->places, NULL));
    OK(found_send(v->out, site[v->page]));
}

static void crawl(int start) {
    gort_chan *places = gort_chan_new(0, AT_ONCE);
    found *out = found_new(0);
    CHECK(places && out);
    int known[PAGES + 1] = {0}, todo = 1, pages = 0;
    struct page p = {.number = 0, .links = {start}}; /* as if a page 0 linked to the start */
    for (;;) {
        for (int i = 0; i < 3 && p.links[i]; i++) {
            int link = p.links[i];
            if (known[link]) continue;
            known[link] = 1;
            todo++;
            struct visit v = {.page = link, .places = places, .out = out};
            OK(gort_go_copy(crawl_page, &v, sizeof v)); /* the task gets a copy of its own */
        }
        if (--todo == 0) break; /* nothing under way */
        OK(found_recv(out, &p));
        printf("crawled page %d\n", p.number);
        pages++;
    }
    printf("%d pages, each once\n", pages);
    found_release(out);
    OK(gort_chan_release(places));
}

static int app(void *arg) {
    (void)arg;
    three_requests();
    all_or_nothing();
    crawl(1);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go. */
