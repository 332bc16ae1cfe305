/* first_channel: one task sends, another receives.
 *
 * Instead of sharing memory and locking it, tasks pass messages. A channel carries values of one type;
 * GORT_CHAN_DEFINE makes a typed one, so that sending the wrong type does not compile.
 */
#include "../story.h"

GORT_CHAN_DEFINE(const char *, texts);

static void worker(void *arg) {
    texts *ch = arg;
    texts_send(ch, "task finished");
}

static void slow_worker(void *arg) {
    texts *ch = arg;
    OK(gort_sleep(GORT_MS(20)));
    texts_send(ch, "done");
}

static int app(void *arg) {
    (void)arg;
    texts *ch = texts_new(0); /* capacity 0: a send and a receive wait for each other */
    CHECK(ch != NULL);
    const char *msg;

    OK(gort_go(worker, ch));
    OK(texts_recv(ch, &msg)); /* waits until the worker sends */
    printf("Message: %s\n", msg);

    OK(gort_go(slow_worker, ch));
    printf("Waiting for worker...\n");
    OK(texts_recv(ch, &msg));
    printf("Worker says: %s\n", msg);

    texts_release(ch);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go. What is sent is copied: here the pointer, not the text it points to. */
