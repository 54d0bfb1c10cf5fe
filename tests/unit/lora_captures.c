/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Every capture of tests/captures/lora, replayed: what the module heard is what the records say.
 * And damaged: the line between module and gateway has no checksum, so a packet that is hit may
 * become another one, or none; but never two, and no other packet changes for it.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture.h"
#include "config/config.h"
#include "lora_rig.h"

extern const struct weir_adapter weir_adapter;

static void until(void *rig, double seconds)
{
    lora_rig_until(rig, seconds);
}

static void hex(void *rig, const char *bytes)
{
    lora_rig_hex(rig, bytes);
}

static const char *sent(void *rig)
{
    return lora_rig_sent(rig);
}

static const char *records(void *rig)
{
    return lora_rig_records(rig);
}

#define STRETCH 4 /* packets of damaged captures are so much further apart: beyond half a line */

enum { SOME = 13 /* each thirteenth bit of a line but the first, or it takes minutes */ };

/* ---- the module, set up as it was */

struct module_setup {
    json_t *setup;
    struct config *config;
    struct findings *findings;
    struct lora_rig_setup rig;
};

static void load(const char *capture, struct module_setup *m)
{
    struct bus_config *made = NULL;
    int fd = memfd_create("weir.conf", MFD_CLOEXEC);
    m->setup = capture_setup(capture);
    dprintf(fd,
            "buses = { b = { adapter = \"lora\"; port = \"/dev/null\"; model = \"%s\"; %s "
            "devices = ( %s ); }; };",
            json_string_value(json_object_get(m->setup, "model")),
            json_string_value(json_object_get(m->setup, "bus")),
            json_string_value(json_object_get(m->setup, "devices")));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    m->findings = findings_create();
    int r = config_load_fd(fd, "weir.conf", m->findings, &m->config);
    close(fd);
    r = r < 0 ? r : config_bus(m->config, "b", &weir_adapter, m->findings, &made);
    findings_print(m->findings, stderr);
    assert_int_equal(r, 0);
    m->rig = (struct lora_rig_setup){ .bus = &made->bus };
}

static void unload(struct module_setup *m)
{
    config_unload(m->config);
    findings_destroy(m->findings);
    json_decref(m->setup);
}

static void replay(const char *capture)
{
    struct module_setup m;
    load(capture, &m);
    struct lora_rig *rig = lora_rig_open(&m.rig);
    const struct capture_rig whole = { rig, until, hex, sent, records };
    json_t *expected = capture_expected(capture), *came = capture_play(capture, &whole);
    printf("%s: %zu packets\n", capture, capture_check(capture, expected, came));
    lora_rig_close(rig);
    json_decref(came);
    json_decref(expected);
    unload(&m);
}

/* ---- damage: of a packet's line the end is missing, or a bit is turned. Requests are answered as
 * the module has answered the same ones, whenever they come. */

struct damage {
    const char *begin; /* of the lines that tell packets */
    size_t line, seen, bit;
    bool cut, done;
};

struct dialogue {
    struct lora_rig *rig;
    struct capture_line *lines;
    size_t count, at; /* the newest request that was answered */
    const char *begin;
    double now;
};

static bool is_packet(const struct dialogue *d, size_t i)
{
    return !d->lines[i].ours && !strncmp(d->lines[i].hex, d->begin, strlen(d->begin));
}

/* Is this what was sent? "radio rx 0" of "72 61 ... 0d 0a". */
static bool is_request(const struct capture_line *line, const char *text, size_t len)
{
    char *end = line->hex;
    for (size_t i = 0; i < len; i++) {
        if (strtol(end, &end, 16) != (unsigned char)text[i]) {
            return false;
        }
    }
    return line->ours && (!strcmp(end, " 0d 0a") || !strcmp(end, " 0a"));
}

static void answer(struct dialogue *d, const char *text, size_t len)
{
    for (size_t k = 1; k <= d->count; k++) {
        size_t i = (d->at + k) % d->count;
        if (is_request(&d->lines[i], text, len)) {
            d->at = i;
            while (++i < d->count && !d->lines[i].ours && !is_packet(d, i)) {
                lora_rig_hex(d->rig, d->lines[i].hex);
            }
            return;
        }
    }
}

static void advance(struct dialogue *d, double to)
{
    for (; d->now < to; d->now += 0.01) {
        char text[1024];
        lora_rig_until(d->rig, d->now);
        while (snprintf(text, sizeof text, "%s", lora_rig_sent(d->rig)) > 0) {
            for (char *at = text, *next; *at; at = next + (*next == '\n')) {
                next = at + strcspn(at, "\n");
                answer(d, at, (size_t)(next - at));
            }
        }
    }
}

/* The line as it comes. */
static void give(struct dialogue *d, const char *line, struct damage *damage)
{
    static const char digits[] = "0123456789abcdef";
    char text[4096];
    size_t bytes = (strlen(line) + 1) / 3, byte = damage->bit / 8;
    snprintf(text, sizeof text, "%s", line);
    if (damage->seen++ == damage->line && byte < bytes) {
        damage->done = true;
        char *digit = &text[3 * byte + (damage->bit % 8 < 4)];
        *digit = digits[(strchr(digits, *digit) - digits) ^ (1 << damage->bit % 4)];
        text[damage->cut ? 3 * byte : strlen(text)] = 0;
    }
    if (text[0]) {
        lora_rig_hex(d->rig, text);
    }
}

static json_t *play_damaged(const struct module_setup *m, const char *capture,
                            struct damage *damage)
{
    struct dialogue d = { .rig = lora_rig_open(&m->rig), .begin = damage->begin };
    d.lines = capture_lines(capture, &d.count);
    double begun = 0, first = 0;
    for (size_t i = 0; i < d.count; i++) {
        if (is_packet(&d, i)) {
            if (begun == 0) { /* it has been set up by then */
                advance(&d, 5);
                begun = d.now;
                first = d.lines[i].at;
            }
            advance(&d, begun + STRETCH * (d.lines[i].at - first));
            d.at = i; /* what is asked next was answered behind it */
            give(&d, d.lines[i].hex, damage);
        }
    }
    advance(&d, d.now + 3);
    json_t *came = capture_records(lora_rig_records(d.rig));
    capture_lines_free(d.lines, d.count);
    lora_rig_close(d.rig);
    return came;
}

/* Expected ones that did not come, and the other way round; one that comes twice may come later if
 * it is the first that was hit. */
static size_t not_in(const json_t *from, const json_t *in, bool from_is_expected)
{
    size_t missing = 0;
    for (size_t i = 0; i < json_array_size(from); i++) {
        const json_t *one = json_array_get(from, i);
        bool found = false;
        for (size_t k = 0; k < json_array_size(in) && !found; k++) {
            const json_t *other = json_array_get(in, k);
            found =
                !capture_differs(from_is_expected ? one : other, from_is_expected ? other : one);
        }
        missing += !found;
    }
    return missing;
}

static void check_damaged(const char *capture, const struct module_setup *m, const json_t *expected,
                          struct damage *d)
{
    d->seen = 0;
    d->done = false;
    json_t *came = play_damaged(m, capture, d);
    size_t lost = not_in(expected, came, true), made = not_in(came, expected, false);
    if (lost > 1 || made > 1) {
        fail_msg("%s: packet %zu %s %zu: %zu packets lost, %zu made: %s", capture, d->line,
                 d->cut ? "cut at bit" : "hit in bit", d->bit, lost, made, json_dumps(came, 0));
    }
    json_decref(came);
}

/* A lost packet shows in the next one of its sender. */
static void forget_missed(json_t *expected)
{
    for (size_t i = 0; i < json_array_size(expected); i++) {
        json_object_del(json_object_get(json_array_get(expected, i), "values"), "missed");
    }
}

static void mangle(const char *capture)
{
    struct module_setup m;
    size_t count = 0;
    load(capture, &m);
    json_t *expected = capture_expected(capture);
    forget_missed(expected);
    struct damage d = { .begin = json_string_value(json_object_get(m.setup, "packet")) };
    do {
        for (int cut = 0; cut < 2; cut++) {
            d.cut = cut;
            d.done = true;
            for (d.bit = 0; d.done; d.bit += cut ? 8 : d.line ? SOME : 1, count++) {
                check_damaged(capture, &m, expected, &d);
            }
        }
    } while (d.seen > d.line++); /* there was such a line */
    assert_true(count > 8);
    printf("%s: %zu times damaged\n", capture, count);
    json_decref(expected);
    unload(&m);
}

static void captures(void **state)
{
    capture_each("lora", replay);
}

static void damaged(void **state)
{
    capture_each("lora", mangle);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(captures), cmocka_unit_test(damaged) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
