/* map: a map that many tasks use at the same time; and one made by hand, of plain maps with a lock each.
 *
 * load_or_store is "only if there is none": of several that store first, one does, and all go on with its value.
 * compare_and_swap changes a value only if it is still the one that was seen. By hand, a key picks one of several plain
 * maps, and only those who want the same one wait for each other.
 */
#include "../story.h"

#include <stdint.h>
#include <string.h>

#define TASKS 4
#define STRIPES 4

static const char *words[] = {"go", "task", "go", "channel", "go", "task"};
#define WORDS (sizeof words / sizeof words[0])

static gort_map *map;
static gort_counter *stored;
static void *chosen[TASKS];

/* Values are numbers here; they could be pointers to anything, with functions that keep and drop them. */
static void *number(intptr_t n) { return (void *)n; }

static void choose(void *arg) {
    intptr_t me = *(int *)arg;
    if (gort_map_load_or_store(map, "leader", 6, number(me), &chosen[me]) == 0) {
        chosen[me] = number(me);
        OK(gort_counter_add(stored, 1));
    }
}

static void count_words(void *arg) {
    (void)arg;
    for (size_t i = 0; i < WORDS; i++) {
        size_t size = strlen(words[i]);
        void *n;
        while (gort_map_load_or_store(map, words[i], size, number(1), &n) == 1 &&
               gort_map_compare_and_swap(map, words[i], size, n, number((intptr_t)n + 1)) == 0) {
        } /* another was quicker: look again */
    }
}

/* By hand: a stripe is a plain map (here a list of words) and its lock. */
struct stripe {
    gort_mutex lock;
    struct {
        const char *word;
        int n;
    } of[WORDS];
    int used;
};

static struct stripe stripes[STRIPES];

static struct stripe *stripe_of(const char *word) { return &stripes[(unsigned char)word[0] % STRIPES]; }

static void count_by_hand(void *arg) {
    (void)arg;
    for (size_t i = 0; i < WORDS; i++) {
        struct stripe *s = stripe_of(words[i]);
        GORT_GUARD(&s->lock);
        int at = 0;
        while (at < s->used && strcmp(s->of[at].word, words[i]) != 0) at++;
        if (at == s->used) s->of[s->used++].word = words[i];
        s->of[at].n++;
    }
}

static bool check_by_hand(const void *key, size_t size, void *value, void *arg) {
    for (int s = 0; s < STRIPES; s++) {
        for (int i = 0; i < stripes[s].used; i++) {
            if (strlen(stripes[s].of[i].word) == size && memcmp(stripes[s].of[i].word, key, size) == 0) {
                *(int *)arg += stripes[s].of[i].n == (intptr_t)value;
            }
        }
    }
    return true; /* go on */
}

static void all(gort_wg *wg, void (*fn)(void *)) {
    static int me[TASKS];
    for (int t = 0; t < TASKS; t++) {
        me[t] = t;
        OK(gort_wg_go(wg, fn, &me[t]));
    }
    OK(gort_wg_wait(wg));
}

static int app(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    void *n;
    int same = 0;
    CHECK(wg && (map = gort_map_new()) && (stored = gort_counter_new()));

    all(wg, choose);
    for (int t = 0; t < TASKS; t++) same += chosen[t] == chosen[0];
    printf("%lld stored it, %d have its value\n", (long long)gort_counter_value(stored), same);
    CHECK(gort_map_delete(map, "leader", 6) == 1);

    all(wg, count_words);
    static const char *distinct[] = {"channel", "go", "task"};
    for (int i = 0; i < 3; i++) {
        CHECK(gort_map_load(map, distinct[i], strlen(distinct[i]), &n) == 1);
        printf("%s: %d\n", distinct[i], (int)(intptr_t)n);
    }
    printf("%zu words\n", gort_map_len(map));

    all(wg, count_by_hand);
    same = 0;
    OK(gort_map_range(map, check_by_hand, &same));
    printf("by hand: the same for %d\n", same);

    CHECK(gort_map_load_and_delete(map, "go", 2, &n) == 1);
    printf("taken out: %d; again: %d\n", (int)(intptr_t)n, gort_map_load_and_delete(map, "go", 2, &n));
    OK(gort_map_clear(map));
    printf("cleared: %zu\n", gort_map_len(map));
    OK(gort_map_free(map));
    OK(gort_counter_free(stored));
    return (int)gort_wg_free(wg);
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As Go's sync.Map. Its map of any kind under a mutex is the stripe here; two tasks in one plain map crash there. */
