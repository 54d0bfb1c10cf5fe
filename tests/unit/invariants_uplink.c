/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A gateway in one process: see invariants_rig.h. This file has the uplinks.
 */
#include "invariants_rig.h"

#include "cmocka_all.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/spool_reader.h"
#include "uplink/private.h"

enum { SENT_MAX = 256 };

struct gate_uplink {
    struct uplink up;
    struct uplink_config config;
    struct stats_uplink stats;
    const struct weir_uplink_env *env;
    uint64_t waiting[SENT_MAX]; /* tokens */
    size_t waiting_count;
    int index;
};

/* What outlives the process of an uplink. */
static struct far {
    char *sent[SENT_MAX];
    size_t count;
    struct receiver *receiver;
    bool deaf;
} far[UPLINKS];

void (*gate_before_look)(void);

/* ---- in place of what reads flash from a folder */

int __real_spool_reader_create(struct disk *disk, const char *bus, uint32_t size,
                               struct spool_reader **ret_reader);
int __wrap_spool_reader_create(struct disk *disk, const char *bus, uint32_t size,
                               struct spool_reader **ret_reader);
int __wrap_spool_reader_create(struct disk *disk, const char *bus, uint32_t size,
                               struct spool_reader **ret_reader)
{
    return __real_spool_reader_create(memdisk_disk(gate.flash), bus, GATE_SEGMENT, ret_reader);
}

int __real_reader_next(struct reader *reader, struct item *ret_item);
int __wrap_reader_next(struct reader *reader, struct item *ret_item);
int __wrap_reader_next(struct reader *reader, struct item *ret_item)
{
    void (*hook)(void) = gate_before_look;
    if (hook) {
        gate_before_look = NULL; /* what it does looks into the queue too */
        hook();
    }
    return __real_reader_next(reader, ret_item);
}

/* ---- the plugin */

static int fake_open(const struct weir_uplink_env *env, void **ret_self, char *err, size_t err_size)
{
    struct gate_uplink *u = gate.uplinks[!strcmp(env->name, "a") ? A : B];
    u->env = env;
    *ret_self = u;
    return 0;
}

static void fake_close(void *self)
{
}

static void fake_connect(void *self)
{
    struct gate_uplink *u = self;
    u->waiting_count = 0;
    u->env->host->connected(u->env->link, NULL);
}

static void fake_disconnect(void *self)
{
}

static unsigned fake_window(void *self)
{
    return SENT_MAX;
}

static int fake_route(void *self, const struct weir_source *source)
{
    return 0;
}

static void fake_announce(void *self, int route, const struct weir_source *source, const char *json,
                          size_t len)
{
}

static int fake_send(void *self, uint64_t token, int route, const char *payload, size_t len)
{
    struct gate_uplink *u = self;
    struct far *f = &far[u->index];
    assert_true(f->count < SENT_MAX && u->waiting_count < SENT_MAX);
    char *text = strndup(payload, len);
    assert_non_null(text);
    f->sent[f->count++] = text;
    u->waiting[u->waiting_count++] = token;
    f->receiver = f->receiver ? f->receiver : receiver_create();
    if (!f->deaf) {
        receiver_take(f->receiver, text);
    }
    return 0;
}

static const struct weir_uplink fake = { .abi = WEIR_UPLINK_ABI,
                                         .size = sizeof fake,
                                         .name = "fake",
                                         .open = fake_open,
                                         .close = fake_close,
                                         .connect = fake_connect,
                                         .disconnect = fake_disconnect,
                                         .window = fake_window,
                                         .route = fake_route,
                                         .announce = fake_announce,
                                         .send = fake_send };

/* ---- life */

void gate_connect(int uplink)
{
    static const char *const wanted[] = { "meter" };
    struct gate_uplink *u = calloc(1, sizeof *u);
    struct stream *stream;
    char err[64];
    int pid;
    assert_non_null(u);
    assert_null(gate.uplinks[uplink]);
    gate.uplinks[uplink] = u;
    u->index = uplink;
    u->config = (struct uplink_config){ .batch_records = 1,
                                        .inflight = SENT_MAX,
                                        .reconnect_delay_max_ns = NS_PER_MS };
    if (uplink == A) {
        u->config.devices = (struct weir_names){ .names = wanted, .count = 1 };
    }
    u->up.name = uplink == A ? "a" : "b";
    u->up.options = &u->config;
    u->up.stats = &u->stats;
    u->up.plugin.uplink = &fake;
    u->up.settings.gateway = "gw";
    u->up.settings.ram = u->up.settings.directory = gate.ram;
    u->up.settings.persist_after_ns = 5 * NS_PER_S;
    u->up.clock = u->up.synced = clock_read((enum clock_source)0, NULL);
    assert_int_equal(cursor_open(gate.ram, u->up.name, &u->up.cursors, &pid), 0);
    assert_int_equal(carrier_open(&u->up, err, sizeof err), 0);
    assert_int_equal(stream_add(&u->up, gate_bus, &stream), 0);
    carrier_tend(&u->up, boot_now().ns);
    assert_int_equal(u->up.state, CARRIER_UP);
}

void gate_kill(int uplink)
{
    struct gate_uplink *u = gate.uplinks[uplink];
    if (!u) {
        return;
    }
    carrier_close(&u->up);
    stream_destroy(u->up.streams[0]);
    free(u->up.streams);
    cursor_close(u->up.cursors);
    free(u);
    gate.uplinks[uplink] = NULL;
}

void gate_window(int uplink, int messages)
{
    gate.uplinks[uplink]->config.inflight = messages;
}

void gate_pump(int uplink)
{
    struct gate_uplink *u = gate.uplinks[uplink];
    while (stream_pump(u->up.streams[0], boot_now().ns)) {
    }
    stream_settle(u->up.streams[0]);
}

void gate_ack(int uplink)
{
    struct gate_uplink *u = gate.uplinks[uplink];
    for (size_t i = 0; i < u->waiting_count; i++) {
        u->env->host->accepted(u->env->link, u->waiting[i]);
    }
    u->waiting_count = 0;
    stream_settle(u->up.streams[0]);
}

void gate_deliver(int uplink)
{
    gate_pump(uplink);
    gate_ack(uplink);
}

void gate_lose(int uplink)
{
    struct gate_uplink *u = gate.uplinks[uplink];
    u->env->host->disconnected(u->env->link, "lost", false);
    carrier_tend(&u->up, boot_now().ns);
    carrier_tend(&u->up, boot_now().ns + 60 * NS_PER_S);
    assert_int_equal(u->up.state, CARRIER_UP);
}

void gate_deaf(int uplink, bool deaf)
{
    far[uplink].deaf = deaf;
}

void gate_forget_receivers(void);
void gate_forget_receivers(void)
{
    for (int u = 0; u < UPLINKS; u++) {
        for (size_t i = 0; i < far[u].count; i++) {
            free(far[u].sent[i]);
        }
        if (far[u].receiver) {
            receiver_destroy(far[u].receiver);
        }
        far[u] = (struct far){ 0 };
    }
}

/* ---- asking */

struct confirmed {
    uint64_t epoch, seq;
};

static void note(void *context, const struct cursor_entry *entry)
{
    *(struct confirmed *)context =
        (struct confirmed){ entry->confirmed.epoch, entry->confirmed.seq };
}

bool gate_confirmed(int uplink, uint64_t epoch, uint64_t seq)
{
    struct confirmed c = { 0 };
    assert_int_equal(cursor_visit(gate.ram, uplink == A ? "a" : "b", note, &c), 0);
    return c.epoch == epoch && c.seq == seq;
}

size_t gate_sent(int uplink)
{
    return far[uplink].count;
}

const char *gate_text(int uplink, size_t index)
{
    return index < far[uplink].count ? far[uplink].sent[index] : "";
}

__attribute__((format(printf, 3, 0))) static bool newest_has(int uplink, bool wished,
                                                             const char *format, va_list args)
{
    char wanted[512];
    vsnprintf(wanted, sizeof wanted, format, args);
    const char *text = gate_text(uplink, gate_sent(uplink) - 1);
    bool there = strstr(text, wanted) != NULL;
    if (there != wished) {
        print_error("%s %s in %s\n", wanted, there ? "is" : "is not", text);
    }
    return there;
}

void gate_says(int uplink, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool there = newest_has(uplink, true, format, args);
    va_end(args);
    assert_true(there);
}

void gate_says_not(int uplink, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool there = newest_has(uplink, false, format, args);
    va_end(args);
    assert_false(there);
}

void gate_newest(int uplink, uint64_t epoch, uint64_t seq)
{
    gate_says(uplink, "\"epoch\":%llu,\"seq\":%llu,", (unsigned long long)epoch,
              (unsigned long long)seq);
}

void gate_proof(int uplink)
{
    bool good;
    assert_non_null(far[uplink].receiver);
    char *text = receiver_verdict(far[uplink].receiver, &good);
    if (!good) {
        print_error("%s", text);
    }
    free(text);
    assert_true(good);
}

void gate_verdict(int uplink, const char *format, ...)
{
    char wanted[512];
    bool good;
    va_list args;
    va_start(args, format);
    vsnprintf(wanted, sizeof wanted, format, args);
    va_end(args);
    assert_non_null(far[uplink].receiver);
    char *text = receiver_verdict(far[uplink].receiver, &good);
    bool there = strstr(text, wanted) != NULL;
    if (!there) {
        print_error("%s is not in:\n%s", wanted, text);
    }
    free(text);
    assert_true(there);
}
