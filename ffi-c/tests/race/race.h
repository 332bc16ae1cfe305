/*
 * race.h: what the programs of this folder stand on. Each row of docs/memory-model.md is a rule with two parties: `first`
 * writes a plain variable, `second` reads it, and what they call of gort orders the two, or does not. A right program must
 * be silent under ThreadSanitizer; its broken twin must be reported, with the two places that race.
 *
 *   ./channels              every rule, in every company; the last line is "N passed, N failed"
 *   ./channels close        the rules whose name contains "close"
 *   ./channels --list       their names
 *   RACE_FORMS=right        only the right programs (for a library that promises more: tools/deep.sh)
 *   RACE_SHOW=1             the reports of the broken ones, as a user sees them
 *
 * The parties are tasks or plain threads (RACE_COMPANY, a list of tt tp pt pp: first, second; -- for the rules without parties), and one of
 * them may come late, so that the other one waits (RACE_LATE: 0 nobody, 1 the first, 2 the second).
 *
 * What happens in time is arranged by mark() and await(): relaxed atomics, which order nothing for the tool or for the language.
 *
 * Invariants: (1) Each run has a process of its own, forked by a parent that never calls gort. (2) A broken program must
 * give exactly one report, and it must name write_data and read_data (or what its rule says); so nothing passes by chance. (3) Every
 * run ends asserting from gort_metrics that nothing is left alive.
 */
#ifndef RACE_H
#define RACE_H

#include <gort.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 20
#define TSAN_EXIT 66 /* what a program ends with that was reported */

#define CHECK(condition) ((condition) ? (void)0 : die(#condition, __LINE__))
#define OK(call) CHECK((call) == GORT_OK)

static inline void die(const char *text, int line) {
    fprintf(stderr, "line %d: does not hold: %s (%s)\n", line, text, gort_last_error());
    _exit(1);
}

/* At its end the tool waits a second for what may still race; each run here is a process. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "atexit_sleep_ms=10 die_after_fork=0 exitcode=66"; }

/* ---- what the parties share */

/* The plain variable, in 8 bytes of its own: the tool remembers four accesses of each 8 bytes. */
static _Alignas(8) int data;
static _Alignas(8) int broken; /* set before anybody runs */
static _Alignas(8) int marks[8];
static gort_chan *chan;
static gort_wg *wg;

/* In time, and in nothing else. */
static inline void mark(int i) { __atomic_store_n(&marks[i], 1, __ATOMIC_RELAXED); }
static inline int marked(int i) { return __atomic_load_n(&marks[i], __ATOMIC_RELAXED); }
static inline void await(int i) {
    while (!marked(i)) gort_yield();
}

/* Places that a report names. */
__attribute__((noinline)) static void write_data(void) { data = 1; }
__attribute__((noinline)) static void read_data(void) { CHECK(data == 1); }

/* ---- a rule */

enum { FIRST = 6, SECOND = 7 }; /* marks of the two, set when they have started */
enum { TASK = 1, THREAD = 2, ANY = TASK | THREAD };

typedef struct {
    const char *name;
    void (*make)(void);  /* or NULL; by main, before the two start. Without parties: the whole rule, on the main thread */
    void (*first)(void); /* NULL: no parties */
    void (*second)(void);
    void (*end)(void); /* or NULL; by main, when the two have ended */
    int forms;         /* RIGHT, BROKEN or both */
    int who_first, who_second;
    const char *places; /* what the report names; NULL: write_data and read_data */
} rule;

enum { RIGHT = 1, BROKEN = 2, BOTH = RIGHT | BROKEN };

/* The usual row: both forms, any company, channel and group given back. */
#define ROW(name, make, first, second, end) {name, make, first, second, end, BOTH, ANY, ANY, NULL}
#define RULE(name, make, first, second) ROW(name, make, first, second, give_back)

static inline void give_back(void) {
    if (chan != NULL) OK(gort_chan_release(chan));
    if (wg != NULL) OK(gort_wg_free(wg));
    chan = NULL;
    wg = NULL;
}

static const rule *current;
static int late;      /* 0, or who comes late */
static char company[3]; /* who is a task, who a thread */

static void body(int me) {
    if (late == 1 && me == FIRST) await(SECOND);
    if (late == 2 && me == SECOND) await(FIRST);
    if ((late == 1 && me == FIRST) || (late == 2 && me == SECOND)) (void)gort_sleep(GORT_MS(1));
    mark(me);
    (me == FIRST ? current->first : current->second)();
}

static void *as_thread(void *arg) {
    body(*(int *)arg);
    return NULL;
}

static void *as_task(void *arg) { return as_thread(arg); }

static int numbers[2] = {FIRST, SECOND};
static gort_task *tasks[2];

/* Starts party i; gort_spawn and pthread_create order only what main did before. */
static void start(int i, pthread_t *thread) {
    if (company[i] == 't') {
        OK(gort_spawn(NULL, as_task, &numbers[i], &tasks[i]));
    } else {
        CHECK(pthread_create(thread, NULL, as_thread, &numbers[i]) == 0);
    }
}

static void join_thread(void *thread) { CHECK(pthread_join(*(pthread_t *)thread, NULL) == 0); }

static void finish(int i, pthread_t *thread) {
    if (company[i] == 't') {
        OK(gort_task_join(tasks[i], NULL));
        OK(gort_task_release(tasks[i]));
    } else {
        OK(gort_blocking(join_thread, thread));
    }
}

static void begin_round(void) {
    data = 0;
    memset(marks, 0, sizeof marks);
}

static void round_of(void) {
    pthread_t threads[2];
    begin_round();
    if (current->make != NULL) current->make();
    start(0, &threads[0]);
    start(1, &threads[1]);
    finish(0, &threads[0]);
    finish(1, &threads[1]);
    if (current->end != NULL) current->end();
}

static int app(void *rounds) {
    for (int i = 0; i < *(int *)rounds; i++) round_of();
    return 0;
}

/* A child's whole life. */
static int live(void) {
    int rounds = broken ? 1 : ROUNDS;
    alarm(60);
    if (current->first != NULL) {
        OK(gort_run(app, &rounds, NULL));
    } else {
        for (int i = 0; i < rounds; i++) {
            begin_round();
            current->make();
        }
    }
    gort_metrics_t m = GORT_METRICS_INIT;
    for (int i = 0; i < 2000; i++) {
        OK(gort_metrics(&m));
        if (!m.tasks && !m.channels && !m.wait_groups && !m.runs && !m.timers && !m.stacks_in_use) return 0;
        usleep(1000);
    }
    die("nothing is left alive", __LINE__);
    return 1;
}

/* ---- the parent */

static int passed, failed;

static char *slurp(FILE *file) {
    static char text[65536];
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    return text;
}

static int count(const char *text, const char *word) {
    int n = 0;
    for (const char *p = text; (p = strstr(p, word)) != NULL; p++) n++;
    return n;
}

/* Are all the words of `places` in the text? */
static int names(const char *text, const char *places) {
    char words[128];
    snprintf(words, sizeof words, "%s", places);
    for (char *w = strtok(words, " "); w != NULL; w = strtok(NULL, " "))
        if (strstr(text, w) == NULL) return 0;
    return 1;
}

static void run_one(const rule *r, int form) {
    if (getenv("RACE_TALK") != NULL) printf("%s, %s, company %s, late %d\n", r->name, form == BROKEN ? "broken" : "right", company, late);
    FILE *log = tmpfile();
    if (log == NULL) exit(2);
    current = r;
    broken = form == BROKEN;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(log), 2);
        exit(live()); /* exit: the tool sums up there */
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0) exit(2);
    const char *text = slurp(log);
    int warnings = count(text, "WARNING: ThreadSanitizer");
    int good;
    if (broken) {
        good = WIFEXITED(status) && WEXITSTATUS(status) == TSAN_EXIT && warnings == 1 &&
               names(text, r->places != NULL ? r->places : "write_data read_data");
    } else {
        good = WIFEXITED(status) && WEXITSTATUS(status) == 0 && warnings == 0;
    }
    *(good ? &passed : &failed) += 1;
    if (!good) {
        printf("FAILED: %s, %s, company %s, late %d: ended with %d, %d reports\n", r->name,
               broken ? "broken: was not reported as it should" : "right: must be silent", company, late, status, warnings);
        printf("%.6000s\n", text);
    } else if (broken && getenv("RACE_SHOW") != NULL) {
        printf("---- %s, company %s, late %d\n%s\n", r->name, company, late, text);
    }
    fclose(log);
}

static int run_rules(const rule *rules, size_t n, int argc, char **argv) {
    const char *forms = getenv("RACE_FORMS"), *companies = getenv("RACE_COMPANY"), *lates = getenv("RACE_LATE");
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < n; i++) puts(rules[i].name);
        return 0;
    }
    if (companies == NULL) companies = "tt tp pt pp --";
    if (lates == NULL) lates = "0 1 2";
    for (size_t i = 0; i < n; i++) {
        const rule *r = &rules[i];
        if (argc > 1 && strstr(r->name, argv[1]) == NULL) continue;
        for (const char *c = companies; *c != 0; c += c[2] == 0 ? 2 : 3) {
            int first = c[0] == 't' ? TASK : THREAD, second = c[1] == 't' ? TASK : THREAD;
            if ((r->first == NULL) != (c[0] == '-')) continue;
            if (!(r->who_first & first) || !(r->who_second & second)) continue;
            memcpy(company, c, 2);
            for (const char *l = lates; *l != 0; l++) {
                if (*l == ' ' || (r->first == NULL && l != lates)) continue;
                late = *l - '0';
                for (int form = RIGHT; form <= BROKEN; form++) {
                    if (!(r->forms & form) || (forms != NULL && strcmp(forms, "right") == 0 && form != RIGHT)) continue;
                    run_one(r, form);
                }
            }
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1; /* a company may have no rule; run.sh counts */
}

/* The program: its table of rules. */
#define RULES(...)                                                                                                     \
    int main(int argc, char **argv) {                                                                                  \
        static const rule rules[] = {__VA_ARGS__};                                                                     \
        return run_rules(rules, sizeof rules / sizeof rules[0], argc, argv);                                           \
    }

#endif
