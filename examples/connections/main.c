/* connections: several connections, one loop.
 *
 * Each connection is a task that turns what arrives into messages on one shared channel. A message says who sent it
 * and where the answer goes. The loop knows nothing of tasks or threads: it takes a message, answers it, takes the
 * next. It ends when the last connection has hung up and the channel is closed.
 */
#include "../story.h"
#include <string.h>

#define CONNECTIONS 3

struct message {
    int from;
    char text[16];
    gort_chan *answer; /* carries a length */
};

GORT_CHAN_DEFINE(struct message, inbox);

struct connection {
    int id;
    inbox *to_server;
};

static void connection(void *arg) {
    static const char *const lines[] = {"hello", "how are you", "bye"};
    struct connection *c = arg;
    gort_chan *answer = gort_chan_new(sizeof(size_t), 0);
    CHECK(answer != NULL);
    for (int i = 0; i < 3; i++) {
        struct message m = {.from = c->id, .answer = answer};
        memcpy(m.text, lines[i], strlen(lines[i]) + 1);
        OK(inbox_send(c->to_server, m));
        size_t length;
        OK(gort_chan_recv(answer, &length)); /* only this connection waits, the others go on */
        printf("connection %d: \"%s\" has %zu letters\n", c->id, lines[i], length);
    }
    OK(gort_chan_release(answer));
}

struct ending {
    gort_wg *open;
    inbox *in;
};

static void close_when_all_hung_up(void *arg) {
    struct ending *e = arg;
    OK(gort_wg_wait(e->open));
    OK(inbox_close(e->in));
}

static int app(void *arg) {
    (void)arg;
    inbox *in = inbox_new(0);
    gort_wg *open = gort_wg_new();
    CHECK(in && open);
    struct connection c[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        c[i] = (struct connection){.id = i + 1, .to_server = in};
        OK(gort_wg_go(open, connection, &c[i]));
    }
    struct ending e = {.open = open, .in = in};
    OK(gort_go(close_when_all_hung_up, &e));

    int served = 0;
    struct message m;
    while (inbox_recv(in, &m) == GORT_OK) { /* the loop */
        size_t length = strlen(m.text);
        OK(gort_chan_send(m.answer, &length));
        served++;
    }
    printf("all connections are closed, %d messages served\n", served);
    OK(gort_wg_free(open));
    inbox_release(in);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go. A channel for each connection and a select over all of them does the same where the connections have to
 * stay apart. */
