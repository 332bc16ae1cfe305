/* per_user: one a second for each user, and three at once.
 *
 * 1. By hand: a table of limiters under a mutex. Nobody ever leaves it.
 * 2. gort_keyed: a bucket for each key; who is idle is forgotten, and nobody notices.
 * 3. All of them within a limiter that they share.
 */
#include "../story.h"

#include <string.h>

static gort_mutex lock = GORT_MUTEX_INIT;
static struct { const char *name; gort_limiter *limiter; } users[8]; /* under the lock */

static gort_limiter *limiter_of(const char *name) {
    int i = 0;
    OK(gort_mutex_lock(&lock));
    while (users[i].name && strcmp(users[i].name, name) != 0) i++;
    if (!users[i].name) {
        users[i].name = name;
        users[i].limiter = gort_limiter_token_bucket_new(1, 3);
        CHECK(users[i].limiter);
    }
    OK(gort_mutex_unlock(&lock));
    return users[i].limiter;
}

static int by_hand(const char *name, int64_t now) {
    int allowed = 0;
    for (int i = 0; i < 5; i++) allowed += gort_limiter_allow_at(limiter_of(name), now, 1) == GORT_OK;
    return allowed;
}

static int keyed(gort_keyed *k, const char *name, int64_t now) {
    int allowed = 0;
    for (int i = 0; i < 5; i++) allowed += gort_keyed_allow_at(k, now, name, strlen(name), 1) == GORT_OK;
    return allowed;
}

static int app(void *arg) {
    int64_t now = gort_now();
    (void)arg;
    int ada = by_hand("ada", now), bob = by_hand("bob", now);
    printf("by hand: ada %d of 5, bob %d of 5\n", ada, bob);
    for (int i = 0; users[i].name; i++) OK(gort_limiter_free(users[i].limiter));

    gort_keyed *each = gort_keyed_new(1, 3, NULL);
    CHECK(each);
    ada = keyed(each, "ada", now);
    bob = keyed(each, "bob", now);
    printf("keyed: ada %d of 5, bob %d of 5\n", ada, bob);
    printf("a second later: ada %d of 5\n", keyed(each, "ada", now + GORT_SEC(1)));

    gort_limiter *all = gort_limiter_token_bucket_new(1, 4);
    gort_keyed *within = gort_keyed_new(1, 3, all);
    CHECK(all && within);
    ada = keyed(within, "ada", now);
    bob = keyed(within, "bob", now);
    printf("all within 4: ada %d of 5, bob %d of 5\n", ada, bob);

    OK(gort_keyed_evict(each, now + GORT_SEC(3600), NULL));
    CHECK(gort_keyed_len(each) == 0);
    printf("an hour later nobody is remembered\n");
    OK(gort_keyed_free(each));
    OK(gort_keyed_free(within));
    OK(gort_limiter_free(all));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go has the limiter, and leaves the table of users, and who is to be thrown out of it, to the program. */
