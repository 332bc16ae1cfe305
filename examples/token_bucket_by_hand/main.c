/* token_bucket_by_hand: what a token bucket is.
 *
 * 1. A struct: how many tokens there were, and when; what has come since is added when somebody asks. Five a second, three at most.
 * 2. A channel of three tokens, into which a ticker puts another one.
 */
#include "../story.h"

typedef struct {
    double tokens, most, rate;
    int64_t last;
} bucket;

static bool allow(bucket *b, int64_t now) {
    b->tokens += (double)(now - b->last) / 1e9 * b->rate;
    if (b->tokens > b->most) b->tokens = b->most;
    b->last = now;
    if (b->tokens < 1) return false;
    b->tokens -= 1;
    return true;
}

static void with_a_struct(void) {
    int at[] = {0, 200, 60000};
    bucket b = {3, 3, 5, 0};
    for (int i = 0; i < 3; i++) {
        int allowed = 0;
        for (int n = 0; n < 5; n++) allowed += allow(&b, GORT_MS(at[i]));
        printf("a struct, at %d ms: %d of 5\n", at[i], allowed);
    }
}

GORT_CHAN_DEFINE(char, tokens);

static int take(tokens *t) {
    int allowed = 0;
    char token;
    for (int n = 0; n < 5; n++) allowed += tokens_try_recv(t, &token) == GORT_OK;
    return allowed;
}

static void with_a_channel(void) {
    int64_t due;
    tokens *t = tokens_new(3);
    gort_ticker *ticker = gort_ticker_new(GORT_MS(5));
    CHECK(t && ticker);
    while (tokens_try_send(t, 1) == GORT_OK) {} /* it starts full */
    printf("a channel: %d of 5\n", take(t));
    OK(gort_ticker_recv(ticker, &due));
    OK(tokens_try_send(t, 1)); /* into a full one it would run over */
    printf("a channel, when a token was put in: %d of 5\n", take(t));
    OK(gort_ticker_free(ticker));
    tokens_release(t);
}

static int app(void *arg) {
    (void)arg;
    with_a_struct();
    with_a_channel();
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }
