/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir receive` is a program of its own, weir-receive: it shares no code with the sending side,
 * and its libraries (JSON, MQTT, TLS) stay out of the daemon's memory.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "cli/cli.h"

int cmd_receive(int argc, char **argv)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);
    if (n > 0) { /* a build tree has it beside this program */
        path[n] = 0;
        char *name = strrchr(path, '/');
        memcpy(name ? name : path, "/weir-receive", sizeof "/weir-receive");
        execv(path, argv);
    }
    execv(WEIR_LIBEXEC_DIR "/weir-receive", argv);
    fprintf(stderr, "weir: cannot run %s/weir-receive: %s\n", WEIR_LIBEXEC_DIR, strerror(errno));
    return EXIT_CANNOT;
}
