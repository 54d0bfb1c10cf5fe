/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * docs/invariants.md, trace 1, the other half: a bus has no epoch, so that it can make no record,
 * until store has answered.
 */
#include "cmocka_all.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/host.h"

enum { GIVEN = 77 };

/* Core's and store's side: answers some time after it was asked. */
static void answer(int fd)
{
    const struct link_message message = { .kind = LINK_EPOCH, .bus = "meters", .a = GIVEN, .b = 1 };
    uint8_t asked[LINK_MESSAGE_MAX];
    struct link *link;
    bool good = link_create(fd, &link) == 0 && recv(fd, asked, sizeof asked, 0) > 0 &&
                poll(NULL, 0, 300) == 0 && link_send(link, &message) == 0;
    _exit(!good);
}

static void a_bus_waits_for_its_epoch(void **state)
{
    static struct stats_bus stats;
    static struct settings settings = { .ram = "/nonexistent" };
    struct host host = { .stats = &stats, .settings = &settings, .bus = { .name = "meters" } };
    uint64_t epoch = 0;
    int fds[2], status;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        answer(fds[1]);
    }
    close(fds[1]);
    assert_int_equal(link_create(fds[0], &host.link), 0);
    assert_int_equal(loop_ask_epoch(&host, 0, &epoch), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(epoch, GIVEN);
    link_destroy(host.link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bus_waits_for_its_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
