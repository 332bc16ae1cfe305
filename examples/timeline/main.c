/* timeline: what the scheduler does, step by step, when a task sends to another.
 *
 * A run with a seed has one processor, and its schedule is a function of the program and the seed. With GORT_LOG it
 * writes every event of the scheduler to a file at its end. This program reads that file and says it in words: who was
 * put to sleep, on what, and who made whom ready.
 *
 * Unbuffered: the sender (G1) finds no receiver and parks. Main receives: it takes 42 straight from the parked sender
 * and makes it ready; nobody retries anything. Buffered, capacity 2: two sends pass and leave no trace in the log, for
 * the scheduler has no part in them. The third parks. The first receive makes room, puts the 3 into it, and makes the
 * sender ready; the other two receives are between main and the buffer.
 */
#define _POSIX_C_SOURCE 200809L
#include "../story.h"
#include <string.h>
#include <unistd.h>

GORT_CHAN_DEFINE(int, ints);

static void send_42(void *arg) {
    OK(ints_send(arg, 42));
    printf("G1: sent 42\n");
}

static int unbuffered(void *arg) {
    ints *ch = ints_new(0);
    CHECK(ch != NULL);
    (void)arg;
    OK(gort_go(send_42, ch));
    gort_yield(); /* G1's turn: it finds nobody */
    int value;
    OK(ints_recv(ch, &value));
    printf("main: received %d\n", value);
    gort_yield(); /* G1's turn: its send has returned */
    OK(ints_release(ch));
    return 0;
}

static void send_three(void *arg) {
    for (int i = 1; i <= 3; i++) {
        OK(ints_send(arg, i));
        printf("G1: sent %d\n", i);
    }
}

static int buffered(void *arg) {
    ints *ch = ints_new(2);
    CHECK(ch != NULL);
    (void)arg;
    OK(gort_go(send_three, ch));
    gort_yield();
    for (int i = 0; i < 3; i++) {
        int value;
        OK(ints_recv(ch, &value));
        printf("main: received %d, %zu left in the buffer\n", value, ints_len(ch));
    }
    gort_yield();
    OK(ints_release(ch));
    return 0;
}

/* A line of the log is: number, event, task, and for a park what it waits for. Main is the first task there is. */
static void say(const char *line) {
    static const char *const event[][2] = {{"spawn", "is spawned"}, {"start", "runs"},       {"park", "parks"},
                                           {"ready", "is ready"},   {"yield", "lets others run"}, {"exit", "ends"}};
    char word[16], reason[32] = "";
    int task;
    CHECK(sscanf(line, "%*d %15s t%d %31[^#\n]", word, &task, reason) >= 2);
    for (size_t i = 0; i < sizeof event / sizeof *event; i++) {
        if (strcmp(event[i][0], word) != 0) continue;
        size_t n = strlen(reason);
        if (n > 0 && reason[n - 1] == ' ') reason[n - 1] = '\0';
        printf("  %-4s %s%s%s\n", task == 0 ? "main" : "G1", event[i][1], reason[0] ? ": " : "", reason);
    }
}

static gort_status show(const char *title, int (*app)(void *), const char *log) {
    gort_config config = GORT_CONFIG_INIT;
    config.has_seed = 1; /* counts for a run that starts the runtime */
    config.seed = 1;
    printf("%s\n", title);
    gort_status run = gort_run(app, NULL, &config);
    FILE *file = fopen(log, "r");
    CHECK(file != NULL);
    char line[128];
    while (fgets(line, sizeof line, file)) say(line);
    fclose(file);
    return run;
}

int main(void) {
    char log[] = "/tmp/gort-timeline-XXXXXX";
    int fd = mkstemp(log);
    CHECK(fd >= 0);
    close(fd);
    CHECK(setenv("GORT_LOG", log, 1) == 0);

    OK(show("unbuffered", unbuffered, log));
    OK(gort_shutdown()); /* the next run shall start a runtime of its own, with a log of its own */
    gort_status run = show("buffered, capacity 2", buffered, log);
    remove(log);
    return story_end(run);
}

/* As in Go: a sender parks on the channel's queue, a receiver completes its operation and readies it. Go shows it by
 * runtime/trace, and not twice the same. */
