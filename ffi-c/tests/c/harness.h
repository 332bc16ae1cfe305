/*
 * harness.h: what every C test program stands on. One table of named tests; each runs in a child process of its own, so
 * that a crash or a hang is one failed test, and the runtime starts afresh in each. It has a time limit (alarm), and
 * ends asserting from gort_metrics that nothing is left alive.
 *
 * What it is NOT: a framework. A program is tests and `TESTS(...)`; run.sh builds and counts.
 *
 *   ./chan                run all        ./chan NAME...         run those whose name contains one of NAME
 *   GORT_TEST_NOFORK=1    all in one process (for a debugger)
 *   GORT_TEST_SEED=n      the seed of random tests (default: the clock); printed by each that uses it
 *
 * Invariants: (1) EXPECT may be used in any task or thread; it counts and goes on. (2) Everything here is C11 and C++17,
 * since one program is compiled as both. (3) The parent never calls gort, so no child inherits a runtime.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <gort.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Failures of the test that is running. */
static int test_failures;
/* Its name, for the handler of the alarm. */
static const char *test_name = "";
/* One line of what it measured, or "". */
static char test_note[160];

#define COUNT(n) __atomic_load_n(&(n), __ATOMIC_SEQ_CST)
#define ADD(n, by) __atomic_add_fetch(&(n), (by), __ATOMIC_SEQ_CST)
#define SET(n, to) __atomic_store_n(&(n), (to), __ATOMIC_SEQ_CST)

#define EXPECT(condition) expect((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#define EXPECT_IS(call, status) expect_is((call), (status), #call, __FILE__, __LINE__)
#define EXPECT_OK(call) EXPECT_IS(call, GORT_OK)

static inline int expect(int holds, const char *text, const char *file, int line) {
    if (!holds) {
        ADD(test_failures, 1);
        fprintf(stderr, "%s:%d: %s: expected: %s\n", file, line, test_name, text);
    }
    return holds;
}

static inline int expect_is(gort_status got, gort_status wanted, const char *text, const char *file, int line) {
    if (got != wanted) {
        ADD(test_failures, 1);
        fprintf(stderr, "%s:%d: %s: %s is %s, expected %s; last error: %s\n", file, line, test_name, text,
                gort_status_name(got), gort_status_name(wanted), gort_last_error());
    }
    return got == wanted;
}

/* Whether the caller's last error says this. */
static inline int error_says(const char *words) {
    return strstr(gort_last_error(), words) != NULL;
}

/* Waits, without gort, until a flag that another task or thread sets is what it should be. */
#define AWAIT(condition)                                                                                               \
    do {                                                                                                               \
        for (int tries_ = 0; !(condition) && tries_ < 10000; tries_++) usleep(500);                                    \
        EXPECT(condition);                                                                                             \
    } while (0)

/* The same, for tasks: lets others run. */
#define AWAIT_IN_TASK(condition)                                                                                       \
    do {                                                                                                               \
        for (int tries_ = 0; !(condition) && tries_ < 10000; tries_++) (void)gort_sleep(GORT_US(500));                 \
        EXPECT(condition);                                                                                             \
    } while (0)

/* Runs a test's main as a task; the run must end well. */
static inline int in_run(int (*main_task)(void *), void *arg) {
    EXPECT_OK(gort_run(main_task, arg, NULL));
    EXPECT(strcmp(gort_run_report(), "") == 0);
    return gort_run_result();
}

/* Nothing may be left alive. What is on its way out gets two seconds. */
static inline void expect_settled(void) {
    gort_metrics_t m = GORT_METRICS_INIT;
    for (int i = 0; i < 2000; i++) {
        if (gort_metrics(&m) != GORT_OK) break;
        if (!m.tasks && !m.channels && !m.wait_groups && !m.selectors && !m.runs && !m.timers && !m.stacks_in_use) return;
        usleep(1000);
    }
    expect(0, "nothing is left alive", __FILE__, __LINE__);
    fprintf(stderr, "  tasks %llu, channels %llu, wait groups %llu, selectors %llu, runs %llu, timers %llu, stacks %llu\n",
            (unsigned long long)m.tasks, (unsigned long long)m.channels, (unsigned long long)m.wait_groups,
            (unsigned long long)m.selectors, (unsigned long long)m.runs, (unsigned long long)m.timers,
            (unsigned long long)m.stacks_in_use);
    (void)gort_dump(stderr);
}

/* The seed of this test, printed so that a failure can be run again. */
static inline uint64_t seed_of_test(void) {
    const char *given = getenv("GORT_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)gort_now();
    snprintf(test_note, sizeof test_note, "GORT_TEST_SEED=%llu", (unsigned long long)seed);
    return seed;
}

/* xorshift: enough for tests. */
static inline uint64_t next_random(uint64_t *state) {
    uint64_t x = *state | 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* How many threads of this process do not sleep, besides the calling one. */
static inline int threads_awake(void) {
    int n = -1;
    DIR *threads = opendir("/proc/self/task");
    for (struct dirent *e = threads ? readdir(threads) : NULL; e != NULL; e = readdir(threads)) {
        char path[300], text[300] = "";
        FILE *file;
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/stat", e->d_name);
        if ((file = fopen(path, "r")) == NULL) continue;
        if (fgets(text, sizeof text, file) != NULL) {
            const char *state = strrchr(text, ')');
            n += state != NULL && state[1] != 0 && state[2] != 'S';
        }
        fclose(file);
    }
    if (threads) closedir(threads);
    return n;
}

/* fork(), for a process in which gort's threads run. AddressSanitizer's allocator may be locked by one of them, which is then
 * not there in the child to unlock it (glibc's allocator has handlers for that): so under it all must sleep. */
static inline pid_t fork_among_threads(void) {
#ifdef __SANITIZE_ADDRESS__
    for (int quiet = 0, looks = 0; quiet < 5 && looks < 2000; looks++) {
        usleep(1000);
        quiet = threads_awake() > 0 ? 0 : quiet + 1;
    }
#endif
    return fork();
}

typedef struct {
    const char *name;
    void (*run)(void);
    unsigned seconds;
} test_case;

/* A row of the table: a test, and its time limit in seconds. */
#define CASE(name) {#name, name, 30}
#define SLOW_CASE(name, seconds) {#name, name, seconds}

static inline void on_alarm(int signal_number) {
    (void)signal_number;
    static const char text[] = ": time is up in ";
    if (write(2, text, sizeof text - 1) < 0 || write(2, test_name, strlen(test_name)) < 0 || write(2, "\n", 1) < 0) _exit(125);
    if (getenv("GORT_TEST_DUMP") != NULL) (void)gort_dump(stderr); /* not allowed here, and worth a try */
    _exit(124);
}

static inline int run_here(const test_case *test) {
    test_failures = 0;
    test_note[0] = 0;
    signal(SIGALRM, on_alarm);
    alarm(test->seconds);
    test->run();
    expect_settled();
    alarm(0);
    return COUNT(test_failures) == 0 ? 0 : 1;
}

static inline int run_in_child(const test_case *test) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int failed = run_here(test);
        if (test_note[0]) printf("note %s: %s\n", test->name, test_note);
        fflush(NULL);
        _exit(failed);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0) return 1;
    if (WIFSIGNALED(status)) fprintf(stderr, "%s: killed by signal %d\n", test->name, WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

static inline int run_tests(const test_case *tests, size_t n, int argc, char **argv) {
    int passed = 0, failed = 0;
    for (size_t i = 0; i < n; i++) {
        int chosen = argc < 2;
        for (int a = 1; a < argc; a++) chosen |= strstr(tests[i].name, argv[a]) != NULL;
        if (!chosen) continue;
        test_name = tests[i].name;
        int bad = getenv("GORT_TEST_NOFORK") != NULL ? run_here(&tests[i]) : run_in_child(&tests[i]);
        if (bad) printf("FAILED %s\n", tests[i].name);
        *(bad ? &failed : &passed) += 1;
    }
    printf("sum %d %d\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

/* The program: its table of tests. */
#define TESTS(...)                                                                                                     \
    int main(int argc, char **argv) {                                                                                  \
        static const test_case tests[] = {__VA_ARGS__};                                                                \
        return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);                                           \
    }

#endif
