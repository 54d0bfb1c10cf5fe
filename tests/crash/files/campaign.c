/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Running and counting: see campaign.h. Distinct states are counted in a table of hashes that all
 * processes share.
 */
#include "campaign.h"

#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TABLE_SIZE = 1 << 23, VIOLATIONS_SHOWN = 20, JOBS_MAX = 64, SLICE_S = 10 };

static struct shared {
    atomic_uint_fast64_t states, distinct, judged, violations, next;
    atomic_bool over;
    _Atomic uint64_t present[JOBS_MAX]; /* seeds */
    _Atomic uint64_t table[TABLE_SIZE];
} * shared;

static struct campaign_options options;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* True if it is new. The table is never full: a campaign stops long before. */
static bool insert(uint64_t hash)
{
    hash = hash ? hash : 1;
    for (uint64_t i = hash;; i++) {
        uint64_t found = 0;
        _Atomic uint64_t *slot = &shared->table[i % TABLE_SIZE];
        if (atomic_compare_exchange_strong(slot, &found, hash)) {
            return true;
        }
        if (found == hash) {
            return false;
        }
    }
}

void campaign_state(uint64_t hash)
{
    atomic_fetch_add(&shared->states, 1);
    if (insert(hash)) {
        atomic_fetch_add(&shared->distinct, 1);
    }
}

bool campaign_is_new(uint64_t key)
{
    if (!insert(key)) {
        return options.step >= 0;
    }
    uint64_t judged = atomic_fetch_add(&shared->judged, 1) + 1;
    if (judged + atomic_load(&shared->distinct) > TABLE_SIZE / 4 * 3) {
        atomic_store(&shared->over, true);
    }
    return true;
}

void campaign_violation(const char *format, ...)
{
    char line[600];
    va_list args;
    if (atomic_fetch_add(&shared->violations, 1) >= VIOLATIONS_SHOWN) {
        return;
    }
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    printf("VIOLATION %s\n", line);
    fflush(stdout);
}

bool campaign_over(void)
{
    return atomic_load(&shared->over);
}

static _Noreturn void work(unsigned job, void (*round)(uint64_t seed))
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The store takes and gives back buffers all the time; the kernel need not hear of it. */
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    while (!campaign_over()) {
        uint64_t n = atomic_fetch_add(&shared->next, 1);
        if (options.rounds && n >= options.rounds) {
            break;
        }
        atomic_store(&shared->present[job], options.seed + n);
        round(options.seed + n);
    }
    fflush(NULL);
    _exit(0);
}

static void print_line(const char *prefix, double seconds)
{
    printf("%s%s: %" PRIu64 " states (%" PRIu64 " distinct), %" PRIu64 " violations, %.0f s\n",
           prefix, options.name, (uint64_t)atomic_load(&shared->states),
           (uint64_t)atomic_load(&shared->distinct), (uint64_t)atomic_load(&shared->violations),
           seconds);
    fflush(stdout);
}

/* One of them has ended. A crash is a violation too. */
static void note_end(const pid_t *pids, unsigned jobs, pid_t pid, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return;
    }
    for (unsigned i = 0; i < jobs; i++) {
        if (pids[i] == pid) {
            campaign_violation("the process crashed, status %d (--seed %" PRIu64 ")", status,
                               (uint64_t)atomic_load(&shared->present[i]));
        }
    }
}

static void wait_for_all(const pid_t *pids, unsigned jobs, double start)
{
    double said = start;
    for (unsigned left = jobs; left > 0;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid > 0) {
            left--;
            note_end(pids, jobs, pid, status);
            continue;
        }
        usleep(50 * 1000);
        double now = now_s();
        bool enough = (options.seconds > 0 && now - start >= options.seconds) ||
                      (options.states && atomic_load(&shared->distinct) >= options.states) ||
                      atomic_load(&shared->violations) >= (options.first ? 1 : VIOLATIONS_SHOWN);
        if (enough) {
            atomic_store(&shared->over, true);
        }
        if (now - said >= 2) {
            said = now;
            print_line("  ", now - start);
        }
    }
}

bool campaign_parse(int argc, char **argv, const char *usage, struct campaign_options *o)
{
    static const struct option longs[] = { { "states", 1, NULL, 'n' }, { "seconds", 1, NULL, 't' },
                                           { "seed", 1, NULL, 's' },   { "step", 1, NULL, 'k' },
                                           { "jobs", 1, NULL, 'j' },   { "slice", 0, NULL, 'q' },
                                           { "first", 0, NULL, 'f' },  { 0 } };
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    o->jobs = cpus > 0 ? (unsigned)cpus : 1;
    o->step = -1;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) >= 0;) {
        switch (c) {
        case 'n':
            o->states = strtoull(optarg, NULL, 10);
            break;
        case 't':
            o->seconds = strtod(optarg, NULL);
            o->states = 0;
            break;
        case 's':
            o->seed = strtoull(optarg, NULL, 10);
            break;
        case 'k':
            o->step = strtoll(optarg, NULL, 10);
            break;
        case 'j':
            o->jobs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'q':
            o->seconds = SLICE_S;
            o->states = 0;
            break;
        case 'f':
            o->first = true;
            break;
        default:
            fputs(usage, stderr);
            return false;
        }
    }
    if (optind != argc) {
        fputs(usage, stderr);
        return false;
    }
    return true;
}

int campaign_run(const struct campaign_options *wanted, void (*round)(uint64_t seed))
{
    double start = now_s();
    options = *wanted;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (shared == MAP_FAILED) {
        perror(options.name);
        return 2;
    }
    if (options.step >= 0) {
        options.rounds = options.jobs = 1;
    }
    pid_t pids[JOBS_MAX];
    unsigned jobs = 0;
    fflush(NULL);
    for (; jobs < options.jobs && jobs < JOBS_MAX; jobs++) {
        pid_t pid = pids[jobs] = fork();
        if (pid == 0) {
            work(jobs, round);
        }
        if (pid < 0) {
            perror(options.name);
            break;
        }
    }
    wait_for_all(pids, jobs, start);
    print_line("", now_s() - start);
    return atomic_load(&shared->violations) || !atomic_load(&shared->states);
}
