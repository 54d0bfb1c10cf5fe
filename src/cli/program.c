/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Subcommands that are programs of their own: they share no code with the gateway, and their
 * libraries (JSON, MQTT, TLS) stay out of its memory.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "cli/cli.h"

int program_run(const char *name, char **argv)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    if (n > 0) { /* a build tree has it beside this program */
        path[n] = 0;
        char *slash = strrchr(path, '/');
        char *end = slash ? slash + 1 : path;
        snprintf(end, (size_t)(path + sizeof path - end), "%s", name);
        execv(path, argv);
    }
    snprintf(path, sizeof path, WEIR_LIBEXEC_DIR "/%s", name);
    execv(path, argv);
    fprintf(stderr, "weir: cannot run %s: %s\n", path, strerror(errno));
    return EXIT_CANNOT;
}
