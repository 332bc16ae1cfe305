/* connections: several connections, one loop.
 *
 * What arrives on a connection comes through a channel of its own, and each connection is a task that fills it. The
 * loop selects over these channels: it takes a message from whoever has one, answers it, and takes the next. The index
 * of the case says whose it is. A connection that hangs up closes its channel, and the loop switches its case off.
 */
#include "../story.h"
#include <string.h>

enum { CONNECTIONS = 3 };

GORT_CHAN_DEFINE(const char *, texts);
GORT_CHAN_DEFINE(size_t, lengths);

struct connection {
    int id;
    texts *data;
    lengths *answers;
};

static void connection(void *arg) {
    static const char *const lines[] = {"hello", "how are you", "bye"};
    struct connection *c = arg;
    for (int i = 0; i < 3; i++) {
        size_t length;
        OK(texts_send(c->data, lines[i]));
        OK(lengths_recv(c->answers, &length)); /* only this connection waits, the others go on */
        printf("connection %d: \"%s\" has %zu letters\n", c->id, lines[i], length);
    }
    OK(texts_close(c->data)); /* hangs up */
}

static int serve(struct connection *c) {
    const char *text[CONNECTIONS];
    gort_case cases[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) cases[i] = texts_case_recv(c[i].data, &text[i]);

    int served = 0;
    for (int open = CONNECTIONS; open > 0;) { /* the loop */
        int32_t i = gort_select(cases, CONNECTIONS);
        CHECK(i >= 0);
        if (cases[i].status == GORT_CLOSED) {
            printf("connection %d has hung up\n", c[i].id);
            cases[i].chan = NULL; /* never ready again */
            open--;
        } else {
            OK(lengths_send(c[i].answers, strlen(text[i])));
            served++;
        }
    }
    return served;
}

static int app(void *arg) {
    (void)arg;
    struct connection c[CONNECTIONS];
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);
    for (int i = 0; i < CONNECTIONS; i++) {
        c[i] = (struct connection){.id = i + 1, .data = texts_new(0), .answers = lengths_new(0)};
        CHECK(c[i].data && c[i].answers);
        OK(gort_wg_go(wg, connection, &c[i]));
    }

    int served = serve(c);
    printf("all connections are closed, %d messages served\n", served);

    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    for (int i = 0; i < CONNECTIONS; i++) {
        lengths_release(c[i].answers);
        texts_release(c[i].data);
    }
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* In Go the cases of a select are written out; for a number that is known at run time only it has reflect.Select, which
 * is slow. Here the cases are an array anyway. For hundreds of connections see selector. */
