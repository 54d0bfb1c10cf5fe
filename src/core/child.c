/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One child process: the same binary with another role, started through /proc/self/exe with a link
 * (3), its configuration as a sealed memfd (4) and its page (5), and nothing else open.
 *
 *   waiting -> starting -> running -> (ended, crashed, hung and killed) -> waiting
 *                                  '-> stuck: SIGKILL does not end it; no second one is started
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/say.h"
#include "core/private.h"

#define DELAY_FIRST_NS    (250 * NS_PER_MS)
#define DELAY_MAX_NS      (30 * NS_PER_S)
#define STEADY_NS         (10 * NS_PER_S) /* this long without a crash starts afresh */
#define HUNG_NS           (5 * NS_PER_S)  /* past alive or busy_until */
#define STUCK_NS          (2 * NS_PER_S)  /* after SIGKILL */
#define STORE_PATIENCE_NS (10 * NS_PER_S)
#define BUSY_MAX_NS       (600 * NS_PER_S) /* a page that claims more is not believed */
enum { BAD_MAX = 100 };

#if defined(__SANITIZE_ADDRESS__)
enum { LIMIT_MEMORY = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { LIMIT_MEMORY = 0 };
#else
enum { LIMIT_MEMORY = 1 };
#endif
#else
enum { LIMIT_MEMORY = 1 };
#endif

const char *child_role_name(enum child_role role)
{
    static const char *const names[] = {
        [ROLE_BUS] = "bus", [ROLE_UPLINK] = "uplink", [ROLE_STORE] = "store"
    };
    return names[role];
}

static void set_state(struct child *child, enum stats_child_state state, int64_t now_ns)
{
    child->page->state = (uint8_t)state;
    child->page->pid = child->pid;
    child->page->since_ns = now_ns;
    child->page->next_start_ns = state == CHILD_WAITING ? child->start_at_ns : 0;
}

struct child *child_find(struct core *core, enum child_role role, const char *name)
{
    for (size_t i = 0; i < core->child_count; i++) {
        if (core->children[i]->role == role && !strcmp(core->children[i]->name, name)) {
            return core->children[i];
        }
    }
    return NULL;
}

/* Pages of children lie in core's page in the order of the children. */
static void lay_pages(struct core *core)
{
    core->stats->child_count = (uint32_t)core->child_count;
    for (size_t i = 0; i < core->child_count; i++) {
        core->children[i]->page = &core->stats->children[i];
    }
}

struct child *child_add(struct core *core, enum child_role role, const char *name, char *section,
                        size_t len)
{
    struct child *child = calloc(1, sizeof *child);
    struct child **more = realloc(core->children, (core->child_count + 1) * sizeof(struct child *));
    if (more) {
        core->children = more;
    }
    if (!child || !more || core->child_count == STATS_CHILDREN) {
        free(child);
        return NULL;
    }
    child->core = core;
    child->role = role;
    snprintf(child->name, sizeof child->name, "%s", name);
    child->section = section;
    child->section_len = len;
    static const uint32_t sizes[] = { [ROLE_BUS] = sizeof(struct stats_bus),
                                      [ROLE_UPLINK] = sizeof(struct stats_uplink),
                                      [ROLE_STORE] = sizeof(struct stats_store) };
    child->stats_size = sizes[role];
    int r = stats_create(core->settings.ram, child_role_name(role), name, child->stats_size,
                         &child->stats_fd);
    child->head = r == 0 ? stats_map(child->stats_fd, child->stats_size, 1) : NULL;
    if (!child->head) {
        free(child);
        return NULL;
    }
    core->children[core->child_count++] = child;
    lay_pages(core);
    memset(child->page, 0, sizeof *child->page);
    stats_text(child->page->role, sizeof child->page->role, child_role_name(role));
    stats_text(child->page->name, sizeof child->page->name, name);
    return child;
}

void child_remove(struct core *core, struct child *child)
{
    size_t i = 0;
    while (i < core->child_count && core->children[i] != child) {
        i++;
    }
    size_t behind = core->child_count - i - 1;
    memmove(&core->children[i], &core->children[i + 1], behind * sizeof(struct child *));
    memmove(&core->stats->children[i], &core->stats->children[i + 1],
            behind * sizeof(struct stats_child));
    core->child_count--;
    lay_pages(core);
    link_destroy(child->link);
    stats_unmap(child->head, child->stats_size);
    close(child->stats_fd);
    free(child->section);
    free(child->next_section);
    free(child);
}

/* The configuration as a file that nobody can change or find by name. */
static int sealed(const char *text, size_t len)
{
    int fd = memfd_create("weir-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -errno;
    }
    ssize_t n = write(fd, text, len);
    if (n != (ssize_t)len ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0 ||
        lseek(fd, 0, SEEK_SET) != 0) {
        int r = n < 0 ? -errno : -ENOSPC;
        close(fd);
        return r;
    }
    return fd;
}

/* In the child, between fork and exec: only calls that are safe there. */
_Noreturn static void become(const struct child *child, int link, int config, pid_t parent)
{
    sigset_t none;
    const struct core *core = child->core;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(EXIT_AGAIN);
    }
    if (LIMIT_MEMORY && core->settings.memory_limit_bytes > 0) {
        rlim_t bytes = (rlim_t)core->settings.memory_limit_bytes;
        setrlimit(RLIMIT_DATA, &(struct rlimit){ bytes, bytes });
    }
    /* Out of the way first, then down to the numbers agreed. */
    int high_link = fcntl(link, F_DUPFD, 10), high_config = fcntl(config, F_DUPFD, 10);
    int high_stats = fcntl(child->stats_fd, F_DUPFD, 10);
    if (dup2(high_link, LINK_FD) < 0 || dup2(high_config, CONFIG_FD) < 0 ||
        dup2(high_stats, STATS_FD) < 0 || close_range(STATS_FD + 1, ~0u, 0) != 0) {
        _exit(EXIT_AGAIN);
    }
    setenv("WEIR_CHILD", "1", 1);
    char *argv[] = { "weir", (char *)(uintptr_t)child_role_name(child->role),
                     (char *)(uintptr_t)child->name, NULL };
    execv("/proc/self/exe", argv);
    _exit(EXIT_AGAIN);
}

static void later(struct child *child, int64_t now_ns)
{
    child->start_at_ns = now_ns + child->delay_ns;
    child->delay_ns = child->delay_ns == 0                 ? DELAY_FIRST_NS
                      : child->delay_ns < DELAY_MAX_NS / 2 ? child->delay_ns * 2
                                                           : DELAY_MAX_NS;
    set_state(child, CHILD_WAITING, now_ns);
}

static char *own_trouble(const struct child *child)
{
    return child->role == ROLE_BUS     ? ((struct stats_bus *)child->head)->trouble
           : child->role == ROLE_STORE ? ((struct stats_store *)child->head)->trouble
                                       : ((struct stats_uplink *)child->head)->trouble;
}

void child_start(struct child *child, int64_t now_ns)
{
    int pair[2];
    pid_t parent = getpid();
    child->held = child->role == ROLE_UPLINK && core_store_pending(child->core, now_ns);
    if (child->held) {
        set_state(child, CHILD_STARTING, now_ns);
        return;
    }
    if (child->role == ROLE_STORE) {
        child->core->store_patience_ns = now_ns + STORE_PATIENCE_NS;
    }
    int config = sealed(child->section, child->section_len);
    if (config < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        say(SAY_ERROR, "cannot start %s %s: %s", child_role_name(child->role), child->name,
            strerror(config < 0 ? -config : errno));
        if (config >= 0) {
            close(config);
        }
        later(child, now_ns);
        return;
    }
    child->why[0] = 0;
    own_trouble(child)[0] = 0; /* the page outlives its owner */
    child->head->alive_ns = now_ns;
    child->head->busy_until_ns = now_ns + 15 * NS_PER_S; /* until its loop turns */
    pid_t pid = fork();
    if (pid == 0) {
        become(child, pair[1], config, parent);
    }
    close(pair[1]);
    close(config);
    if (pid < 0 || link_create(pair[0], &child->link) < 0) {
        say(SAY_ERROR, "cannot start %s %s: %s", child_role_name(child->role), child->name,
            strerror(errno));
        close(pair[0]);
        later(child, now_ns);
        return;
    }
    child->pid = pid;
    child->started_ns = now_ns;
    child->killed_ns = child->stop_at_ns = 0;
    child->bad = 0;
    child->ready = child->stopping = false;
    set_state(child, CHILD_STARTING, now_ns);
}

void child_stop(struct child *child, int64_t deadline_ns)
{
    child->stopping = true;
    child->stop_at_ns = deadline_ns;
    if (child->link) {
        link_send(child->link,
                  &(struct link_message){ .kind = LINK_STOP, .a = (uint64_t)deadline_ns });
    }
}

void child_kill(struct child *child, const char *why)
{
    if (child->pid > 0 && !child->killed_ns) {
        stats_text(child->why, sizeof child->why, why);
        child->killed_ns = boot_now().ns;
        kill(child->pid, SIGKILL);
    }
}

/* Says in words how it ended: core's reason, its own, or what the kernel tells. */
static void explain(const struct child *child, int status, char *buf, size_t size)
{
    if (child->why[0]) {
        snprintf(buf, size, "%s", child->why);
    } else if (WIFEXITED(status) && !strcmp(own_trouble(child), "core is gone")) {
        snprintf(buf, size, "closed its link to core, which is still here");
    } else if (WIFEXITED(status) && own_trouble(child)[0]) {
        snprintf(buf, size, "%.*s", STATS_TEXT - 1, own_trouble(child));
    } else if (WIFSIGNALED(status)) {
        snprintf(buf, size, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else {
        snprintf(buf, size, "ended with status %d", WEXITSTATUS(status));
    }
}

void child_reaped(struct child *child, int status, int64_t now_ns)
{
    char why[STATS_TEXT];
    bool waits = WIFEXITED(status) &&
                 (WEXITSTATUS(status) == EXIT_CONFIG || WEXITSTATUS(status) == EXIT_PERMANENT);
    explain(child, status, why, sizeof why);
    child->pid = 0;
    child->wants_epoch = false;
    link_destroy(child->link);
    child->link = NULL;
    if (child->stopping) {
        set_state(child, CHILD_ENDED, now_ns);
        return;
    }
    stats_text(child->page->why, sizeof child->page->why, why);
    child->page->restarts++;
    if (waits) {
        say(SAY_ERROR, "%s %s: %s, waits for a reload", child_role_name(child->role), child->name,
            why);
        set_state(child, CHILD_REFUSED, now_ns);
        return;
    }
    if (now_ns - child->started_ns > STEADY_NS) {
        child->delay_ns = 0;
    }
    say(SAY_ERROR, "%s %s: %s, starts again in %lld ms", child_role_name(child->role), child->name,
        why, (long long)(child->delay_ns / NS_PER_MS));
    later(child, now_ns);
}

static void check_hung(struct child *child, int64_t now_ns)
{
    const struct stats_head *head = child->head;
    int64_t busy = head->busy_until_ns;
    busy = busy > now_ns + BUSY_MAX_NS ? now_ns : busy;
    int64_t until = head->alive_ns > busy ? head->alive_ns : busy;
    if (until > now_ns || now_ns - until < HUNG_NS) {
        return;
    }
    char why[STATS_TEXT], doing[STATS_TEXT];
    stats_text(doing, sizeof doing, head->doing);
    snprintf(why, sizeof why, "hung in %.100s, killed", doing[0] ? doing : "its own loop");
    child_kill(child, why);
}

void child_tend(struct child *child, int64_t now_ns)
{
    if (child->pid == 0) {
        bool due = child->page->state == CHILD_WAITING && now_ns >= child->start_at_ns;
        bool free = child->held && !core_store_pending(child->core, now_ns);
        if ((due || free) && !child->core->stop) {
            child_start(child, now_ns);
        }
        return;
    }
    if (child->killed_ns) {
        if (now_ns - child->killed_ns > STUCK_NS && child->page->state != CHILD_STUCK) {
            say(SAY_ERROR,
                "%s %s: does not end at SIGKILL (%s): stuck in the kernel, no second one",
                child_role_name(child->role), child->name, child->why);
            set_state(child, CHILD_STUCK, now_ns);
            stats_text(child->page->why, sizeof child->page->why, child->why);
        }
        return;
    }
    if (child->stopping) {
        if (now_ns > child->stop_at_ns + 2 * NS_PER_S) {
            child_kill(child, "did not end in time, killed");
        }
        return;
    }
    if (!child->link && now_ns - child->link_lost_ns > NS_PER_S) {
        child_kill(child, "closed its link, killed"); /* it was not on its way out */
    }
    check_hung(child, now_ns);
}

bool child_in_trouble(const struct child *child, int64_t now_ns)
{
    return child->page->state == CHILD_WAITING || child->page->state == CHILD_REFUSED ||
           child->page->state == CHILD_STUCK ||
           (child->page->restarts && now_ns - child->started_ns < STEADY_NS);
}

/* ---- messages of a child, a table */

static void on_more(void *context, const struct link_message *message)
{
    struct child *child = context;
    if (child->role == ROLE_BUS && !strcmp(message->bus, child->name)) {
        core_more(child->core, message);
        if (child->core->settings.persist_after_ns == 0) {
            core_to_store(child->core, message);
        }
    } else {
        child->bad++;
    }
}

/* Store has just begun, and was asked before, or another one that died before it answered. */
static void ask_again(struct core *core)
{
    struct link_message again = { .kind = LINK_OPEN, .bus = "weir" };
    if (core->wants_epoch) {
        core_to_store(core, &again);
    }
    for (size_t i = 0; i < core->child_count; i++) {
        if (core->children[i]->wants_epoch) {
            memcpy(again.bus, core->children[i]->name, sizeof again.bus);
            core_to_store(core, &again);
        }
    }
}

static void on_ready(void *context, const struct link_message *message)
{
    struct child *child = context;
    struct core *core = child->core;
    child->ready = true;
    set_state(child, CHILD_RUNNING, boot_now().ns);
    if (child->role == ROLE_STORE) {
        ask_again(core);
    }
}

static void on_open(void *context, const struct link_message *message)
{
    struct child *child = context;
    if (child->role != ROLE_BUS || strcmp(message->bus, child->name) != 0) {
        child->bad++;
        return;
    }
    const struct child *store = child_find(child->core, ROLE_STORE, STORE_NAME);
    child->wants_epoch = true;
    if (store && store->ready) { /* else ask_again() does when it is; never both */
        core_to_store(child->core, message);
    }
}

static void on_epoch(void *context, const struct link_message *message)
{
    struct child *child = context;
    struct child *bus = child_find(child->core, ROLE_BUS, message->bus);
    if (child->role != ROLE_STORE) {
        child->bad++;
    } else if (!strcmp(message->bus, "weir")) {
        child->core->given_epoch = message->a;
    } else if (bus && bus->link) {
        bus->wants_epoch = false;
        link_send(bus->link, message);
    }
}

static void on_persisted(void *context, const struct link_message *message)
{
    struct child *child = context;
    if (child->role == ROLE_STORE) {
        core_more(child->core, message);
    }
}

static void on_sync(void *context, const struct link_message *message)
{
    struct child *child = context;
    child->core->synced |= child->role == ROLE_STORE;
}

static void on_trouble(void *context, const struct link_message *message)
{
    struct child *child = context;
    child->core->second_ns = 0; /* look at the pages now, not in a second */
}

static void on_refused(void *context, const struct link_message *message)
{
    struct child *child = context;
    if (child->role == ROLE_UPLINK) {
        events_add(child->core, &(struct event){ .event = "refused",
                                                 .of_bus = message->bus,
                                                 .of_epoch = message->a,
                                                 .first = message->b,
                                                 .last = message->b,
                                                 .uplink = child->name });
    }
}

static link_handler *const handlers[LINK_KIND_END] = {
    [LINK_MORE] = on_more,           [LINK_READY] = on_ready, [LINK_TROUBLE] = on_trouble,
    [LINK_REFUSED] = on_refused,     [LINK_OPEN] = on_open,   [LINK_EPOCH] = on_epoch,
    [LINK_PERSISTED] = on_persisted, [LINK_SYNC] = on_sync
};

void child_serve(struct child *child, short revents)
{
    if (!child->link) {
        return;
    }
    int bad = link_flush(child->link) == -EPIPE ? -EPIPE : 0;
    if (bad == 0 && revents) {
        bad = link_receive(child->link, handlers, child);
    }
    if (bad < 0) {
        link_destroy(child->link);
        child->link = NULL;
        child->link_lost_ns = boot_now().ns;
        return;
    }
    child->bad += (uint64_t)bad;
    child->page->bad_messages += (uint64_t)bad;
    if (child->bad > BAD_MAX) {
        child_kill(child, "garbage on its link, killed");
    }
}
