/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Links: every message goes through, garbage is counted, a full socket never blocks and loses only
 * what a newer message of its kind and bus has replaced.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/link.h"

static void both_ways(void **state)
{
    uint8_t buf[LINK_MESSAGE_MAX];
    struct link_message in = { .kind = LINK_MORE, .bus = "meters", .a = 75919561666, .b = 42 }, out;
    size_t len = link_encode(&in, buf);
    assert_int_equal(link_decode(buf, len, &out), 0);
    assert_memory_equal(&in.bus, &out.bus, sizeof in.bus == sizeof out.bus ? 7 : 0);
    assert_true(out.kind == in.kind && out.a == in.a && out.b == in.b);
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(link_decode(buf, cut, &out), -EBADMSG);
    }
    buf[0] = LINK_KIND_END;
    assert_int_equal(link_decode(buf, len, &out), -EBADMSG);
    memset(in.bus, 'b', WEIR_NAME_MAX);
    in.bus[WEIR_NAME_MAX] = 0;
    assert_int_equal(link_encode(&in, buf), LINK_MESSAGE_MAX);
}

struct got {
    uint64_t last[2];
    int count;
};

static void on_more(void *context, const struct link_message *message)
{
    struct got *got = context;
    uint64_t *last = &got->last[message->bus[0] - 'a'];
    assert_true(message->b > *last); /* newer only, in order */
    *last = message->b;
    got->count++;
}

static link_handler *const handlers[LINK_KIND_END] = { [LINK_MORE] = on_more };

static void full_socket(void **state)
{
    int pair[2];
    struct link *a, *b;
    struct got got = { 0 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(link_create(pair[0], &a), 0);
    assert_int_equal(link_create(pair[1], &b), 0);
    for (uint64_t i = 1; i <= 100000; i++) {
        struct link_message m = { .kind = LINK_MORE, .bus = { (char)('a' + i % 2) }, .b = i };
        assert_int_equal(link_send(a, &m), 0);
    }
    assert_true(link_pending(a));
    while (got.last[0] != 100000 || got.last[1] != 99999) {
        assert_int_equal(link_receive(b, handlers, &got), 0);
        assert_int_equal(link_flush(a), 0);
    }
    assert_false(link_pending(a));
    assert_true(got.count < 100000);
    link_destroy(a);
    assert_int_equal(link_receive(b, handlers, &got), -EPIPE);
    link_destroy(b);
}

static void garbage(void **state)
{
    int pair[2];
    struct link *b;
    struct got got = { 0 };
    uint8_t large[1000] = { LINK_MORE };
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(link_create(pair[1], &b), 0);
    assert_int_equal(send(pair[0], large, sizeof large, 0), sizeof large);
    assert_int_equal(send(pair[0], "junk", 4, 0), 4);
    struct link_message stop = { .kind = LINK_STOP }; /* decodes, but nobody takes it here */
    uint8_t buf[LINK_MESSAGE_MAX];
    size_t len = link_encode(&stop, buf);
    assert_int_equal(send(pair[0], buf, len, 0), len);
    assert_int_equal(link_receive(b, handlers, &got), 3);
    assert_int_equal(got.count, 0);
    close(pair[0]);
    link_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(full_socket),
        cmocka_unit_test(garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
